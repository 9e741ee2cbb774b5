//! Our `init` and the others, each with two services that only sleep.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use chain::{Sync, replace};
use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::process::{self, Memory, Owned, milliseconds};
use crate::setting::Setting;
use crate::wait;

/// Ten times what the slowest needs.
const PATIENCE: Duration = Duration::from_secs(30);
/// Who dies younger is held back by most supervisors, so they get older.
const AGE: Duration = Duration::from_millis(1_200);

/// A supervisor, and how it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Ours, with a service that asks for a restart at once.
    Init,
    /// Ours, with the pause between two starts that is s6's.
    InitPausing,
    S6,
    Runit,
    Supervisord,
    /// These two run one command, and start nothing anew.
    Tini,
    DumbInit,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Init => "init (`restart-delay` 0)",
            Self::InitPausing => "init",
            Self::S6 => "s6-svscan",
            Self::Runit => "runsvdir (runit)",
            Self::Supervisord => "supervisord",
            Self::Tini => "tini (one command, no supervision)",
            Self::DumbInit => "dumb-init (one command, no supervision)",
        }
    }

    pub(crate) fn supervises(self) -> bool {
        !matches!(self, Self::Tini | Self::DumbInit)
    }

    fn command(self, setting: &Setting, directory: &Path) -> Command {
        let services = directory.join("services");
        let (program, arguments): (PathBuf, Vec<PathBuf>) = match self {
            Self::Init | Self::InitPausing => {
                (setting.program("init"), vec!["--scan".into(), services])
            }
            Self::S6 => ("s6-svscan".into(), vec![services]),
            Self::Runit => ("runsvdir".into(), vec![services]),
            Self::Supervisord => {
                let file = directory.join("supervisord.conf");
                ("supervisord".into(), vec!["-n".into(), "-c".into(), file])
            }
            Self::Tini => ("tini".into(), vec!["--".into(), services.join("a/run")]),
            Self::DumbInit => ("dumb-init".into(), vec![services.join("a/run")]),
        };
        let mut command = Command::new(program);
        command.args(arguments).current_dir(directory);
        command
    }

    fn stop_signal(self) -> Signal {
        match self {
            Self::Runit => Signal::SIGHUP,
            _ => Signal::SIGTERM,
        }
    }
}

/// Two services that tell each of their starts, and who runs them.
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
            .prefix("bench-")
            .tempdir_in("/tmp")
            .context("make a scratch directory")?;
        let fifo = directory.path().join("starts");
        process::timed(Command::new("mkfifo").arg(&fifo))?;
        for name in ["a", "b"] {
            write_service(&directory.path().join("services").join(name), &fifo, kind)?;
        }
        let file = directory.path().join("supervisord.conf");
        let text = supervisord_configuration(directory.path());
        replace(&file, text.as_bytes(), Sync::None)?;
        // Open for both, so that it never ends.
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

    /// Starts the supervisor: how long until all services run, in milliseconds.
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
    /// Kills a service that is old enough: how long until it runs again, in milliseconds.
    pub(crate) fn restart(&mut self) -> anyhow::Result<f64> {
        wait::pass(AGE);
        let victim = self
            .services
            .pop()
            .context("kill a service: there is none")?;
        let start = Instant::now();
        process::send(victim, Signal::SIGKILL);
        self.services.push(self.set.next_start()?);
        Ok(milliseconds(start))
    }

    /// Ends it: how long until it has ended, in milliseconds.
    pub(crate) fn stop(mut self) -> anyhow::Result<f64> {
        let start = Instant::now();
        self.supervisor.signal(self.set.kind.stop_signal());
        let supervisor = &mut self.supervisor;
        wait::until("the end of a supervisor", PATIENCE, || {
            (!supervisor.runs()).then_some(())
        })?;
        let took = milliseconds(start);
        // What a supervisor leaves behind is ours to end.
        for service in &self.services {
            process::send(*service, Signal::SIGTERM);
        }
        Ok(took)
    }

    /// The processes that are there for supervision.
    fn processes(&self) -> Vec<u32> {
        let mut all = process::family(self.supervisor.pid());
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

    /// How often they woke in that time.
    pub(crate) fn wakeups(&self, time: Duration) -> u64 {
        let count = || {
            self.processes()
                .into_iter()
                .map(process::wakeups)
                .sum::<u64>()
        };
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
    replace(&run, text.as_bytes(), Sync::None)?;
    fs::set_permissions(&run, fs::Permissions::from_mode(0o755))
        .with_context(|| format!("make {} a program", run.display()))?;
    if kind == Kind::Init {
        replace(&directory.join("restart-delay"), b"0\n", Sync::None)?;
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

/// Passes on the process id of each service that starts.
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
    /// Lets the thread that listens end.
    fn drop(&mut self) {
        let _ = (&self.told).write_all(b"end\n");
    }
}

/// Makes sure that everybody is there who is measured.
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
        let path = std::env::var_os("PATH").unwrap_or_default();
        if !std::env::split_paths(&path).any(|folder| folder.join(program).is_file()) {
            bail!("{program} is not installed: scripts/require {program}");
        }
    }
    Ok(())
}
