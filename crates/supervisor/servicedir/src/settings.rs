//! The configuration files of a service directory. Each is read when it is
//! needed, so a change counts from the next time on.

use std::io;
use std::str::FromStr;
use std::time::Duration;

use crate::{Servicedir, Signal, read_beginning, regular};

/// No more than this, in bytes, is read of the first line of a configuration file.
const MAX_LINE: u64 = 4096;
const DEFAULT_MAX_DEATHS: usize = 100;
/// s6 remembers no more deaths than this.
const MAX_DEATHS: usize = 4096;
const DEFAULT_FINISH: Duration = Duration::from_secs(5);
const DEFAULT_DELAY: Duration = Duration::from_secs(1);
const DEFAULT_WINDOW: Duration = Duration::from_secs(60);

/// Whom the signals of the control letters reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KillMode {
    /// The process of `run` alone, as in s6.
    Pid,
    /// Its process group; what is left of it when `run` has died has to end too.
    Group,
}

/// Reads configuration files. Where one is wrong its default holds, and
/// [`complaints`](Self::complaints) says what is wrong.
#[derive(Debug)]
pub struct Settings {
    directory: Servicedir,
    complaints: Vec<String>,
}

impl Settings {
    pub(crate) fn new(directory: &Servicedir) -> Self {
        Self {
            directory: directory.clone(),
            complaints: Vec::new(),
        }
    }

    /// What was wrong in the files read so far.
    #[must_use]
    pub fn complaints(self) -> Vec<String> {
        self.complaints
    }

    /// `down-signal`: what `d` and `r` send.
    pub fn down_signal(&mut self) -> Signal {
        self.signal("down-signal", Signal::SIGTERM)
    }

    /// `reload-signal`: what `l` sends (s6 2.15.1 and later).
    pub fn reload_signal(&mut self) -> Signal {
        self.signal("reload-signal", Signal::SIGHUP)
    }

    fn signal(&mut self, name: &str, default: Signal) -> Signal {
        let Some(line) = self.line(name) else {
            return default;
        };
        parse_signal(&line).unwrap_or_else(|| {
            self.complain(name, &line, "no signal");
            default
        })
    }

    /// `timeout-kill`: how long after the down signal SIGKILL follows; after 0 never.
    pub fn timeout_kill(&mut self) -> Option<Duration> {
        self.milliseconds("timeout-kill")
    }

    /// `timeout-finish`: how long `finish` may run; none means for ever.
    pub fn timeout_finish(&mut self) -> Option<Duration> {
        let time = self
            .milliseconds("timeout-finish")
            .unwrap_or(DEFAULT_FINISH);
        Some(time).filter(|time| !time.is_zero())
    }

    /// `notification-fd`: the descriptor on which the service says it is ready.
    pub fn notification_fd(&mut self) -> Option<i32> {
        self.descriptor("notification-fd")
    }

    /// `lock-fd`: the descriptor on which the service inherits its lock.
    pub fn lock_fd(&mut self) -> Option<i32> {
        self.descriptor("lock-fd")
    }

    /// `max-death-tally`: how many deaths are remembered.
    pub fn max_death_tally(&mut self) -> usize {
        self.number("max-death-tally")
            .unwrap_or(DEFAULT_MAX_DEATHS)
            .min(MAX_DEATHS)
    }

    /// `restart-delay`: how long after its end a service is started again.
    pub fn restart_delay(&mut self) -> Duration {
        self.milliseconds("restart-delay").unwrap_or(DEFAULT_DELAY)
    }

    /// `restart-delay-max`: the delay doubles from death to death up to this; without it
    /// the delay is always the same.
    pub fn restart_delay_max(&mut self) -> Option<Duration> {
        self.milliseconds("restart-delay-max")
    }

    /// `restart-limit`: how many restarts are allowed within `restart-window`; at the
    /// next death the service is given up.
    pub fn restart_limit(&mut self) -> Option<usize> {
        self.number("restart-limit")
    }

    /// `restart-window`: the time in which `restart-limit` counts.
    pub fn restart_window(&mut self) -> Duration {
        self.milliseconds("restart-window")
            .unwrap_or(DEFAULT_WINDOW)
    }

    /// Whether there is a `restart-delay`, which replaces s6's throttle.
    #[must_use]
    pub fn has_restart_delay(&self) -> bool {
        self.directory.join("restart-delay").exists()
    }

    /// `kill-mode`: `pid` or `group`.
    pub fn kill_mode(&mut self) -> KillMode {
        match self.line("kill-mode").as_deref() {
            None | Some("pid") => KillMode::Pid,
            Some("group") => KillMode::Group,
            Some(other) => {
                self.complain("kill-mode", other, "neither pid nor group");
                KillMode::Pid
            }
        }
    }

    /// `output-prefix`: the label of each line of output; if it is empty, the name of the
    /// service is the label.
    pub fn output_prefix(&mut self) -> Option<String> {
        self.line("output-prefix")
    }

    /// `output-time`: each line of output gets the time.
    #[must_use]
    pub fn has_output_time(&self) -> bool {
        self.directory.join("output-time").exists()
    }

    /// `essential`: its death ends everything.
    #[must_use]
    pub fn is_essential(&self) -> bool {
        self.directory.join("essential").exists()
    }

    /// `oneshot`: `run` ends, and the service is up if it ended with 0. The first line
    /// may say how many ms `run` has; without a number, and with 0, it has no limit.
    /// Whatever else it is, it is there, and so this is a oneshot.
    pub fn oneshot(&mut self) -> Option<Option<Duration>> {
        if !self.is_oneshot() {
            return None;
        }
        if self.line("oneshot").is_none_or(|line| line.is_empty()) {
            return Some(None);
        }
        let limit = self.milliseconds("oneshot");
        Some(limit.filter(|time| !time.is_zero()))
    }

    /// Whether there is a file `oneshot`.
    #[must_use]
    pub fn is_oneshot(&self) -> bool {
        self.directory.join("oneshot").exists()
    }

    /// `dependencies.d/`: the services that this one needs, in name order.
    pub fn dependencies(&mut self) -> Vec<String> {
        let path = self.directory.join("dependencies.d");
        let entries = match std::fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
            Err(error) => {
                let found = path.metadata().ok().filter(|found| !found.is_dir());
                let why = found.map_or(error, |found| regular::not(&found, "a directory"));
                self.complaints.push(format!("read dependencies.d: {why}"));
                return Vec::new();
            }
        };
        let mut names: Vec<String> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| !name.starts_with('.'))
            .collect();
        names.sort_unstable();
        names
    }

    fn milliseconds(&mut self, name: &str) -> Option<Duration> {
        // s6 counts milliseconds in 32 bits, so it takes no more than 49 days either.
        let number: u32 = self.number(name)?;
        Some(Duration::from_millis(number.into()))
    }

    /// Descriptors 0 to 2 are the standard ones, which a service has in any case.
    fn descriptor(&mut self, name: &str) -> Option<i32> {
        let number: i32 = self.number(name)?;
        if number >= 3 {
            return Some(number);
        }
        let why = "below 3, and 0 to 2 are its standard streams";
        self.complain(name, &number.to_string(), why);
        None
    }

    fn number<T: FromStr>(&mut self, name: &str) -> Option<T> {
        let line = self.line(name)?;
        let number = line.parse().ok().filter(|_| !line.starts_with('+'));
        if number.is_none() {
            let is_digits = !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_digit());
            let why = if is_digits {
                "too large a number"
            } else {
                "no whole number"
            };
            self.complain(name, &line, why);
        }
        number
    }

    fn line(&mut self, name: &str) -> Option<String> {
        match first_line(&self.directory, name) {
            Ok(line) => line,
            Err(error) => {
                self.complaints.push(format!("read {name}: {error}"));
                None
            }
        }
    }

    fn complain(&mut self, name: &str, found: &str, why: &str) {
        let shown: String = found.chars().take(60).collect();
        self.complaints.push(format!("{name}: {shown:?} is {why}"));
    }
}

fn first_line(directory: &Servicedir, name: &str) -> io::Result<Option<String>> {
    let bytes = match read_beginning(&directory.join(name), MAX_LINE) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other?,
    };
    let text = String::from_utf8_lossy(&bytes);
    Ok(Some(text.lines().next().unwrap_or("").to_string()))
}

/// A signal by number or by name, with or without `SIG`, in either case.
#[must_use]
pub fn parse_signal(text: &str) -> Option<Signal> {
    if let Ok(number) = text.parse::<i32>() {
        return Signal::try_from(number).ok();
    }
    let name = text.to_ascii_uppercase();
    let name = name.strip_prefix("SIG").unwrap_or(&name);
    Signal::from_str(&format!("SIG{name}")).ok()
}
