//! Our `init` and the others, each with two services that only sleep.

mod kind;

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context;
use files::{Durability, replace};
use harness::{Owned, has_ended, wait};
use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::process::{self, Memory, milliseconds};
use crate::setting::{Setting, scratch_prefix};
pub(crate) use kind::Kind;

/// Ten times what the slowest needs.
const PATIENCE: Duration = Duration::from_secs(30);
/// Most supervisors hold a service back that dies younger, so services are killed at this age.
const AGE: Duration = Duration::from_millis(1_200);
/// After this time a supervisor has done everything that a restart asks of it.
const BETWEEN: Duration = Duration::from_millis(20);

/// After this time the start is over.
const SETTLED: Duration = Duration::from_secs(1);

/// A supervisor, and two services of it that report each of their starts.
pub(crate) struct Set<'a> {
    setting: &'a Setting,
    kind: Kind,
    directory: TempDir,
    starts: Receiver<u32>,
    told: File,
}

impl<'a> Set<'a> {
    pub(crate) fn new(setting: &'a Setting, kind: Kind) -> anyhow::Result<Self> {
        let directory = tempfile::Builder::new()
            .prefix(&scratch_prefix())
            .tempdir_in("/tmp")
            .context("make a scratch directory")?;
        let fifo = directory.path().join("starts");
        process::timed(Command::new("mkfifo").arg(&fifo))?;
        for name in ["a", "b"] {
            write_service(&directory.path().join("services").join(name), &fifo, kind)?;
        }
        let file = directory.path().join("supervisord.conf");
        let text = supervisord_configuration(directory.path());
        replace(&file, text.as_bytes(), Durability::Unsynced)?;
        // It is open for reading and writing, so that it never comes to an end.
        let told = OpenOptions::new().read(true).write(true).open(&fifo);
        let told = told.context("open the FIFO of the starts")?;
        Ok(Self {
            setting,
            kind,
            starts: listen(&told)?,
            directory,
            told,
        })
    }

    /// Starts the supervisor, and measures how long it takes until all services run.
    pub(crate) fn start(&self) -> anyhow::Result<Running<'_>> {
        let start = Instant::now();
        let supervisor = Owned::spawn(&mut self.kind.command(self.setting, self.directory.path()))?;
        let services = if self.kind.supervises() { 2 } else { 1 };
        let mut running = Running {
            set: self,
            supervisor,
            services: Vec::new(),
            took: 0.0,
        };
        for _ in 0..services {
            running.services.push(self.next_start()?);
        }
        running.took = milliseconds(start);
        Ok(running)
    }

    fn next_start(&self) -> anyhow::Result<u32> {
        self.starts
            .recv_timeout(PATIENCE)
            .with_context(|| format!("wait for a service of {}", self.kind.name()))
    }
}

/// A supervisor that runs.
pub(crate) struct Running<'a> {
    set: &'a Set<'a>,
    supervisor: Owned,
    services: Vec<u32>,
    /// How long it took until all services ran, in milliseconds.
    pub(crate) took: f64,
}

impl Running<'_> {
    /// Kills one service after the other, once they are old enough, and tells after how many
    /// milliseconds each runs again.
    pub(crate) fn restarts(&mut self) -> anyhow::Result<Vec<f64>> {
        wait::pass(AGE);
        let mut took = Vec::new();
        for victim in std::mem::take(&mut self.services) {
            let start = Instant::now();
            harness::send(victim, Signal::SIGKILL);
            self.services.push(self.set.next_start()?);
            took.push(milliseconds(start));
            wait::pass(BETWEEN);
        }
        Ok(took)
    }

    /// Ends the supervisor, and tells after how many milliseconds all of its processes have
    /// ended, services included.
    pub(crate) fn stop(mut self) -> anyhow::Result<f64> {
        let all = harness::family(self.supervisor.pid());
        let start = Instant::now();
        self.supervisor.signal(self.set.kind.stop_signal());
        let supervisor = &mut self.supervisor;
        wait::watch_for("the end of a supervisor", PATIENCE, || {
            let ended = !supervisor.runs() && all.iter().all(|pid| has_ended(*pid));
            ended.then(|| milliseconds(start))
        })
    }

    /// The processes of the supervisor itself, without its services.
    fn processes(&self) -> Vec<u32> {
        let mut all = harness::family(self.supervisor.pid());
        all.retain(|pid| !self.services.contains(pid));
        all
    }

    pub(crate) fn memory(&self) -> Memory {
        let mut sum = Memory::default();
        for pid in self.processes() {
            sum += process::memory(pid);
        }
        sum
    }

    /// How often these processes wake in so much time.
    pub(crate) fn wakeups(&self, time: Duration) -> u64 {
        let count = || {
            self.processes()
                .into_iter()
                .map(process::wakeups)
                .sum::<u64>()
        };
        wait::pass(SETTLED);
        let before = count();
        wait::pass(time);
        count().saturating_sub(before)
    }
}

fn write_service(directory: &Path, fifo: &Path, kind: Kind) -> anyhow::Result<()> {
    fs::create_dir_all(directory).with_context(|| format!("make {}", directory.display()))?;
    let run = directory.join("run");
    let text = format!(
        "#!/bin/sh\necho $$ >{}\nexec sleep 100000\n",
        fifo.display()
    );
    replace(&run, text.as_bytes(), Durability::Unsynced)?;
    fs::set_permissions(&run, fs::Permissions::from_mode(0o755))
        .with_context(|| format!("make {} a program", run.display()))?;
    if kind == Kind::Init {
        replace(
            &directory.join("restart-delay"),
            b"0\n",
            Durability::Unsynced,
        )?;
    }
    Ok(())
}

fn supervisord_configuration(directory: &Path) -> String {
    let services = directory.join("services");
    let mut text = format!(
        "[supervisord]\nnodaemon=true\nlogfile=/dev/null\nlogfile_maxbytes=0\npidfile={}/pid\nuser=root\n",
        directory.display()
    );
    for name in ["a", "b"] {
        let run = services.join(name).join("run");
        let _ = write!(
            text,
            "[program:{name}]\ncommand={}\nautorestart=true\n",
            run.display()
        );
    }
    text
}

/// Passes on the number of each service's process, as the service reports it.
fn listen(fifo: &File) -> anyhow::Result<Receiver<u32>> {
    let reader = BufReader::new(fifo.try_clone().context("listen to the FIFO")?);
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in reader.lines() {
            let Some(pid) = line.ok().and_then(|line| line.trim().parse().ok()) else {
                return;
            };
            if sender.send(pid).is_err() {
                return;
            }
        }
    });
    Ok(receiver)
}

impl Drop for Set<'_> {
    /// Ends the thread that listens.
    fn drop(&mut self) {
        let _ = (&self.told).write_all(b"end\n");
    }
}

/// Makes sure that all supervisors are installed that are to be measured.
pub(crate) fn require(kinds: &[Kind]) -> anyhow::Result<()> {
    for kind in kinds {
        let program = match kind {
            Kind::Init | Kind::InitPausing => continue,
            Kind::S6 => "s6-svscan",
            Kind::Runit => "runsvdir",
            Kind::Supervisord => "supervisord",
            Kind::Tini => "tini",
            Kind::DumbInit => "dumb-init",
        };
        harness::find(program)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting() -> Setting {
        Setting::unchecked(harness::root())
    }

    #[test]
    fn the_life_of_a_set_of_services_is_measured() {
        let _ = harness::require("s6-svscan");
        let setting = setting();
        let set = Set::new(&setting, Kind::S6).unwrap();
        let mut running = set.start().unwrap();
        assert!(running.took > 0.0);
        let processes = running.processes();
        assert_eq!(
            processes.len(),
            3,
            "s6-svscan and an s6-supervise a service"
        );
        assert!(running.memory().rss > 0);
        let before = running.services.clone();
        let took = running.restarts().unwrap();
        assert!(took.len() == 2 && took.iter().all(|time| *time > 0.0));
        assert!(running.services.iter().all(|pid| !before.contains(pid)));
        assert!(running.stop().unwrap() > 0.0);
    }

    #[test]
    fn a_service_tells_its_start_and_stays_the_process_that_it_is() {
        let scratch = harness::scratch();
        let directory = scratch.path().join("a");
        write_service(&directory, Path::new("/fifo"), Kind::Init).unwrap();
        let run = fs::read_to_string(directory.join("run")).unwrap();
        assert_eq!(run, "#!/bin/sh\necho $$ >/fifo\nexec sleep 100000\n");
        assert!(directory.join("restart-delay").is_file());
        write_service(&scratch.path().join("b"), Path::new("/fifo"), Kind::S6).unwrap();
        assert!(!scratch.path().join("b/restart-delay").exists());
    }

    #[test]
    fn supervisord_is_given_both_services() {
        let text = supervisord_configuration(Path::new("/d"));
        for name in ["a", "b"] {
            assert!(text.contains(&format!(
                "[program:{name}]\ncommand=/d/services/{name}/run\n"
            )));
        }
    }

    #[test]
    fn a_process_has_ended_when_only_its_parent_knows_of_it() {
        let mut child = Command::new("true").spawn().unwrap();
        harness::wait_for("its end", PATIENCE, || has_ended(child.id()).then_some(()));
        child.wait().unwrap();
        assert!(!has_ended(std::process::id()));
    }
}
