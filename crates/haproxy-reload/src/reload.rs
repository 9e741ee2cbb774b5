//! The seamless reload: tried first, asked for, confirmed.

use std::collections::BTreeMap;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};

use crate::bind;
use crate::master::{self, Answer, Processes};
use crate::refused::Refused;
use crate::running::Running;
use crate::runtime::{Socket, look, pause};
use crate::wanted::Wanted;

/// With so many old workers the memory of a small machine is at stake.
const MOST_OLD: usize = 5;
/// A reload takes 60 ms.
const TURN: Duration = Duration::from_millis(5);
/// These would make `haproxy -c` believe to be a worker of that master.
const MASTERS_OWN: [&str; 4] = [
    "HAPROXY_MWORKER_REEXEC",
    "HAPROXY_MWORKER_WAIT_ONLY",
    "HAPROXY_PROCESSES",
    "HAPROXY_STARTUPLOGS_FD",
];
/// More mistakes than that are not told at once.
const MOST_ALERTS: usize = 5;
/// For how long HAProxy's words are waited for; `haproxy -c` takes 0.03 s.
const WORDS: Duration = Duration::from_secs(5);

/// The two sockets of a HAProxy.
pub(crate) struct Haproxy {
    pub(crate) worker: Socket,
    pub(crate) master: Socket,
}

impl Haproxy {
    /// Has HAProxy read its file again, and returns when the new worker
    /// answers. The old one goes on where that fails.
    pub(crate) fn reload(
        &self,
        config: &Path,
        wanted: &Wanted,
        running: &Running,
        refused: &Refused,
    ) -> anyhow::Result<()> {
        refused.check(&wanted.digest)?;
        let before = self.room_for_another()?;
        let environment = self.environment();
        bind::probe(&wanted.binds, &environment, running.pid)
            .context("try the addresses of the file, before HAProxy does")?;
        let Some(words) = self.ask_for_it(&before)? else {
            return Ok(());
        };
        refused.remember(&wanted.digest)?;
        let words = match alerts(&words) {
            none if none.is_empty() => alerts(&check(config, &environment).unwrap_or_default()),
            words => words,
        };
        let words = if words.is_empty() {
            "its log says why"
        } else {
            &words
        };
        Err(anyhow!("{words}").context("HAProxy refused the file, and the old worker goes on"))
    }

    fn room_for_another(&self) -> anyhow::Result<Processes> {
        loop {
            let processes = Processes::ask(&self.master)?;
            if processes.old.len() < MOST_OLD {
                return Ok(processes);
            }
            if Instant::now() >= self.master.deadline {
                bail!("{} old workers are still finishing", processes.old.len());
            }
            pause(4 * TURN);
        }
    }

    /// HAProxy's words if it refused, None if the new worker is there.
    fn ask_for_it(&self, before: &Processes) -> anyhow::Result<Option<String>> {
        loop {
            match master::reload(&self.master)? {
                Answer::Refused(words) => return Ok(Some(words)),
                Answer::Nothing | Answer::Taken => return self.confirm(before),
                Answer::Busy if Instant::now() >= self.master.deadline => {
                    bail!("another reload is still in progress");
                }
                Answer::Busy => pause(TURN * 4),
            }
        }
    }

    /// Only its answer shows that a worker is there; the master refuses
    /// connections for 40 to 80 ms while it starts itself anew.
    fn confirm(&self, before: &Processes) -> anyhow::Result<Option<String>> {
        let mut last = anyhow!("the master process does not say that it is done");
        while Instant::now() < self.master.deadline {
            match Processes::ask(&self.master) {
                Ok(now) if now.is_after(before) && now.failed > 0 => {
                    return Ok(Some(String::new()));
                }
                Ok(now) if now.is_after(before) => match self.answers(now.successor(before)) {
                    Ok(()) => return Ok(None),
                    Err(error) => last = error,
                },
                Ok(_) => {}
                Err(error) => last = error,
            }
            pause(TURN);
        }
        Err(last.context("confirm the reload"))
    }

    fn answers(&self, successor: Option<u32>) -> anyhow::Result<()> {
        let successor = successor.context("there is no new worker")?;
        let running = look(&self.worker)?;
        if running.pid != successor || running.stopping {
            bail!("worker {successor} does not answer yet");
        }
        Ok(())
    }

    /// HAProxy's own environment, in which `"${HAPROXY_HTTP-*:80}"` is meant.
    fn environment(&self) -> BTreeMap<String, String> {
        let answer = self.worker.ask("show env").unwrap_or_default();
        let pairs = answer.lines().filter_map(|line| line.split_once('='));
        pairs
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }
}

/// What HAProxy has against the file, without what it only remarks.
fn alerts(words: &str) -> String {
    let alerts = words.lines().filter(|line| line.starts_with("[ALERT]"));
    alerts.take(MOST_ALERTS).collect::<Vec<_>>().join("\n")
}

/// What `haproxy -c` says: 2.6 gives its reasons only to its own log.
fn check(config: &Path, environment: &BTreeMap<String, String>) -> anyhow::Result<String> {
    let (mut ours, theirs) = UnixStream::pair()?;
    let mut command = Command::new("haproxy");
    command.args(["-c", "-f"]).arg(config).envs(environment);
    for name in MASTERS_OWN {
        command.env_remove(name);
    }
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(OwnedFd::from(theirs));
    let mut child = command.spawn().context("run haproxy -c")?;
    // With the command goes our copy of their end, so that the words end with it.
    drop(command);
    ours.set_read_timeout(Some(WORDS))?;
    let mut words = Vec::new();
    let read = (&mut ours).take(1 << 16).read_to_end(&mut words);
    // It has said all, or it hangs at a name that nobody resolves.
    let _ = child.kill();
    child.wait()?;
    read?;
    Ok(String::from_utf8_lossy(&words).into_owned())
}
