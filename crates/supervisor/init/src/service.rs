//! One service: its directory, its files, its process. What is to be done is
//! decided in [`crate::service::machine`]; here it is done.
//!
//! Every operation happens standing in the service's directory, held open, so
//! that a directory that is renamed is still the one.

mod act;
pub(crate) mod layout;
mod life;
pub(crate) mod machine;
mod restarts;

use std::fs::File;
use std::io::{self, PipeReader, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use servicedir::{Held, KillMode, Layout, Letter, Servicedir, Settings};

use crate::output::{self, Lines, Stream};
use crate::process::spawn::Nursery;
use crate::process::sys;
use crate::service::machine::{Machine, Moment, State};
use crate::service::restarts::Restarts;

/// What makes a directory the same one under another name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Id {
    device: u64,
    inode: u64,
}

/// The two ends of the pipe between a service and its logger; both are kept, so
/// that nothing is lost when one of the two is started again.
#[derive(Debug, Default)]
pub(crate) struct Plumbing {
    pub(crate) stdin: Option<OwnedFd>,
    pub(crate) stdout: Option<OwnedFd>,
}

/// What its scan directory, or we, have to do with a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Listed,
    /// The scan directory does not have it any more.
    Vanished,
    /// It was told to stop for good.
    Told,
}

/// A supervised service.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) id: Id,
    /// The services that have to be there first.
    pub(crate) needs: Vec<String>,
    pub(crate) is_logger: bool,
    pub(crate) standing: Standing,
    directory: File,
    /// That of the records which its clients read.
    layout: Layout,
    held: Option<Held>,
    machine: Machine,
    plumbing: Plumbing,
    /// Its readiness comes here.
    notification: Option<PipeReader>,
    lines: Vec<Lines>,
    restarts: Restarts,
    started_at: Instant,
    /// How long its last run was, without the time of `finish`.
    lasted: Duration,
    /// Whoever sent the down signal expects the death.
    is_expected: bool,
    /// The code with which everything has to end.
    verdict: Option<u8>,
    kill_at: Option<Instant>,
    finish_kill_at: Option<Instant>,
    /// Writing the status did not succeed and is tried again.
    status_at: Option<Instant>,
    /// It was told to go, is still listed, and comes back then.
    back_at: Option<Instant>,
}

impl Id {
    pub(crate) fn of(file: &std::fs::Metadata) -> Self {
        Self {
            device: file.dev(),
            inode: file.ino(),
        }
    }
}

impl Service {
    /// Takes the directory at `path`; its status is there when this returns.
    pub(crate) fn take(
        name: &str,
        path: &Path,
        plumbing: Plumbing,
        layout: Layout,
    ) -> anyhow::Result<Self> {
        let directory = File::open(path).with_context(|| format!("open {}", path.display()))?;
        if sys::is_among_last(&directory) {
            let kept = "Too many open files, the last ones are kept for starting services";
            anyhow::bail!("supervise {name}: {kept}");
        }
        let id = Id::of(&directory.metadata()?);
        let now = Moment::now();
        let mut service = Self {
            name: name.to_string(),
            id,
            needs: Vec::new(),
            is_logger: plumbing.stdin.is_some(),
            standing: Standing::Listed,
            directory,
            layout,
            held: None,
            machine: Machine::new(false, now),
            plumbing,
            notification: None,
            lines: Vec::new(),
            restarts: Restarts::default(),
            started_at: now.at,
            lasted: Duration::ZERO,
            is_expected: false,
            verdict: None,
            kill_at: None,
            finish_kill_at: None,
            status_at: None,
            back_at: None,
        };
        service.hold()?;
        Ok(service)
    }

    /// The directory's files, for whoever stands in it.
    fn files() -> Servicedir {
        Servicedir::new(".")
    }

    fn enter(&self) -> io::Result<()> {
        Ok(nix::unistd::fchdir(&self.directory)?)
    }

    /// Reads settings, standing in the directory, and tells what is wrong.
    fn ask<T>(&self, question: impl FnOnce(&mut Settings) -> T) -> T {
        let mut settings = Self::files().settings();
        let answer = question(&mut settings);
        for complaint in settings.complaints() {
            output::say(format_args!("{}: {complaint}", self.name));
        }
        answer
    }

    fn hold(&mut self) -> anyhow::Result<()> {
        self.enter()?;
        let files = Self::files();
        let held = files
            .hold()
            .with_context(|| format!("supervise {}", self.name))?;
        let Some(held) = held else {
            let name = &self.name;
            anyhow::bail!("supervise {name}: another supervisor has it");
        };
        self.needs = self.ask(|settings| settings.dependencies());
        self.machine = Machine::new(files.is_normally_up(), Moment::now());
        self.held = Some(held);
        self.write_status(*self.machine.status());
        self.tell(b"s");
        Ok(())
    }

    pub(crate) fn state(&self) -> State {
        self.machine.state()
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.state() == State::Gone
    }

    pub(crate) fn is_held(&self) -> bool {
        self.machine.is_held()
    }

    pub(crate) fn wants_up(&self) -> bool {
        self.machine.status().want_up
    }

    /// What needs it may start: it is up, and ready if it is one to say so.
    pub(crate) fn is_there(&self) -> bool {
        if !self.machine.is_up() {
            return false;
        }
        let status = self.machine.status();
        status.ready || self.enter().is_err() || !Self::files().join("notification-fd").exists()
    }

    /// The code with which everything has to end because of this service.
    pub(crate) fn verdict(&mut self) -> Option<u8> {
        self.verdict.take()
    }

    pub(crate) fn control(&self) -> Option<&File> {
        self.held.as_ref().map(|held| &held.control)
    }

    pub(crate) fn notification(&self) -> Option<&PipeReader> {
        self.notification.as_ref()
    }

    /// The pipes whose lines can be passed on now, by their index.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &PipeReader)> {
        let all = self.lines.iter().enumerate();
        all.filter(|(_, lines)| output::has_room(lines.stream()))
            .map(|(index, lines)| (index, lines.reader()))
    }

    pub(crate) fn pass_on(&mut self, index: usize) {
        if let Some(lines) = self.lines.get_mut(index) {
            lines.read();
        }
    }

    /// The letters that have come.
    pub(crate) fn letters(&mut self) -> Vec<Letter> {
        let mut bytes = [0; 64];
        let held = self.held.as_mut();
        let length = held.and_then(|held| held.control.read(&mut bytes).ok());
        let bytes = &bytes[..length.unwrap_or(0)];
        bytes.iter().filter_map(|it| Letter::parse(*it)).collect()
    }

    /// It says something: a line feed is that it is ready.
    pub(crate) fn says_that_it_is_ready(&mut self) -> bool {
        let mut bytes = [0; 512];
        let Some(pipe) = &mut self.notification else {
            return false;
        };
        let read = pipe.read(&mut bytes);
        let is_ready = matches!(read, Ok(length) if bytes[..length].contains(&b'\n'));
        let may_say_more = match read {
            Ok(length) => length > 0 && !is_ready,
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        };
        if !may_say_more {
            self.notification = None;
        }
        is_ready
    }

    /// The next time at which [`Self::due`] has something to do.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let times = [
            self.machine.starts_at(),
            self.kill_at,
            self.finish_kill_at,
            self.status_at,
            self.back_at,
        ];
        times.into_iter().flatten().min()
    }

    fn pid(&self) -> i32 {
        i32::try_from(self.machine.status().pid).unwrap_or(0)
    }

    /// The end of one of its processes is its own business.
    pub(crate) fn owns(&self, pid: i32) -> bool {
        pid > 0 && pid == self.pid()
    }

    /// What [`Self::ended`] does is missing: it counts on the end of a process that
    /// is none of our children, or it is gone and has not left.
    pub(crate) fn has_missed_an_end(&self) -> bool {
        match self.state() {
            State::Down => false,
            State::Gone => self.held.is_some(),
            _ => !sys::is_child(self.pid()),
        }
    }

    /// Kills what runs of it, `run` or `finish`.
    pub(crate) fn kill(&self) {
        let pid = self.pid();
        if self.enter().is_ok() && self.ask(Settings::kill_mode) == KillMode::Group {
            let _ = sys::kill(-pid, nix::libc::SIGKILL);
        }
        let _ = sys::kill(pid, nix::libc::SIGKILL);
        let _ = sys::kill(pid, nix::libc::SIGCONT);
    }

    fn open_lines(&mut self, nursery: &Nursery) {
        let label = self.ask(Settings::output_prefix);
        let Some(label) = label.or_else(|| nursery.label_all.then(String::new)) else {
            return;
        };
        if !self.lines.is_empty() {
            return;
        }
        let label = if label.is_empty() { &self.name } else { &label };
        let mut streams = vec![Stream::Err];
        if self.plumbing.stdout.is_none() {
            streams.push(Stream::Out);
        }
        for stream in streams {
            match Lines::new(label, stream) {
                Ok(lines) => self.lines.push(lines),
                Err(error) => output::say(format_args!("{}: label its output: {error}", self.name)),
            }
        }
    }

    fn end_lines(&mut self) {
        for lines in &mut self.lines {
            lines.end();
        }
    }

    /// The logger sees the end of its input when nobody holds the pipe any more.
    pub(crate) fn unplug(&mut self) {
        self.plumbing = Plumbing::default();
    }

    fn stdin(&self) -> Option<OwnedFd> {
        self.plumbing.stdin.as_ref().and_then(copy)
    }

    fn stdout(&self) -> Option<OwnedFd> {
        self.plumbing.stdout.as_ref().and_then(copy)
    }
}

fn copy(file: &OwnedFd) -> Option<OwnedFd> {
    file.as_fd().try_clone_to_owned().ok()
}
