//! One service: its directory, its files, its process.
//!
//! [`machine`] decides, `act` does what it says, and `life` takes the directory,
//! passes on what happens to the service, and leaves the directory again.
//! Whatever touches a file enters the directory first, which is held open, so
//! that a directory that is renamed stays the same service.

mod act;
mod group;
pub(crate) mod layout;
mod life;
mod lines;
pub(crate) mod machine;
mod restarts;

use std::fs::File;
use std::io::{self, PipeReader, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

use servicedir::{Held, KillMode, Layout, Letter, Servicedir, Settings};

use crate::output::{self, Lines};
use crate::process::sys;
use machine::{Machine, State};
use restarts::Restarts;

/// A process that still runs this long after SIGKILL is not waited for.
pub(crate) const AFTER_KILL: Duration = Duration::from_secs(1);

/// What identifies a directory: it stays the same when the directory is renamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Id {
    device: u64,
    inode: u64,
}

/// What a service gets of the pipe to its logger: the service its writing end, the
/// logger its reading end. The supervisor keeps both open, so that nothing is lost
/// when one of the two is started again.
#[derive(Debug, Default)]
pub(crate) struct Plumbing {
    pub(crate) stdin: Option<OwnedFd>,
    pub(crate) stdout: Option<OwnedFd>,
}

/// Whether a service is to go on being supervised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The scan directory has it.
    Listed,
    /// The scan directory does not have it any more.
    Vanished,
    /// It was asked to stop for good: see [`Service::dismiss`].
    Dismissed,
}

/// How far a service is when everything stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    /// It was not asked yet.
    No,
    /// It was asked.
    Asked,
    /// It was killed, and is not waited for after this moment.
    AbandonAt(Instant),
    /// It is not waited for.
    Abandoned,
}

/// A supervised service.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) id: Id,
    /// The names of the services that have to be there before it starts.
    pub(crate) needs: Vec<String>,
    pub(crate) standing: Standing,
    directory: File,
    /// The layout of the status records that its clients read.
    layout: Layout,
    /// Its lock and its control FIFO, for as long as it is supervised.
    held: Option<Held>,
    machine: Machine,
    plumbing: Plumbing,
    /// The pipe on which `run` says that it is ready.
    notification: Option<PipeReader>,
    /// Its last `run` was given such a pipe.
    announces: bool,
    /// Its output, where each line gets a label, the time, or both.
    lines: Vec<Lines>,
    group: group::Group,
    restarts: Restarts,
    started_at: Instant,
    /// How long its last `run` ran; the time of `finish` does not count.
    lasted: Duration,
    /// How often its `run` has ended.
    deaths: u64,
    /// Somebody has asked for a restart, so the next death is no failure.
    is_expected: bool,
    /// An essential service has died: everything ends with this code.
    final_code: Option<u8>,
    /// A oneshot has failed with this code, and nobody has dealt with that yet.
    failure: Option<u8>,
    /// When the `run` of a oneshot has run for too long and is asked to end.
    run_until: Option<Instant>,
    stop: Stop,
    /// How long it may take to end when everything stops, where its own files do not say; none
    /// is for ever.
    grace: Option<Duration>,
    /// When a logger gets its signal, which had all of its input to read first.
    signal_at: Option<Instant>,
    /// When `run`, which was to stop, is killed.
    kill_at: Option<Instant>,
    /// When `finish` has run for too long and is killed.
    finish_kill_at: Option<Instant>,
    /// When the status is written again that could not be written.
    status_at: Option<Instant>,
    /// When a service that was dismissed is supervised again, if it is still listed.
    back_at: Option<Instant>,
}

impl Stop {
    fn deadline(self) -> Option<Instant> {
        match self {
            Self::AbandonAt(at) => Some(at),
            Self::No | Self::Asked | Self::Abandoned => None,
        }
    }
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
    /// The files of the service whose directory was entered last.
    fn files() -> Servicedir {
        Servicedir::new(".")
    }

    fn enter(&self) -> io::Result<()> {
        nix::unistd::fchdir(&self.directory).map_err(|error| {
            // Where we are now is another service's, whose files are not to be taken for its own.
            let _ = nix::unistd::chdir("/");
            error.into()
        })
    }

    /// Reads settings of the directory that was entered, and says what is wrong in them.
    fn ask<T>(&self, question: impl FnOnce(&mut Settings) -> T) -> T {
        let mut settings = Self::files().settings();
        let answer = question(&mut settings);
        for complaint in settings.complaints() {
            output::say(format_args!("{}: {complaint}", self.name));
        }
        answer
    }

    /// It reads what the service beside whose files its own are writes.
    pub(crate) fn is_logger(&self) -> bool {
        self.name.ends_with("/log")
    }

    pub(crate) fn state(&self) -> State {
        self.machine.state()
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.state() == State::Gone
    }

    pub(crate) fn waits_for_needs(&self) -> bool {
        self.machine.waits_for_needs()
    }

    pub(crate) fn wants_up(&self) -> bool {
        self.machine.status().want_up
    }

    /// Whether the services that need it may start: it is up, and if it announces
    /// readiness, it is ready.
    pub(crate) fn is_there(&self) -> bool {
        if self.state() == State::Done {
            return true;
        }
        self.machine.is_up()
            && !self.group.has_rest()
            && (self.machine.status().ready || !self.announces)
    }

    /// The code of a oneshot that has failed; it is given once.
    pub(crate) fn failure(&mut self) -> Option<u8> {
        self.failure.take()
    }

    /// Everything stops, and it was asked to.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stop != Stop::No
    }

    /// The stop has not to wait for it.
    pub(crate) fn is_over(&self) -> bool {
        self.is_gone() || self.stop == Stop::Abandoned
    }

    /// It is down until somebody starts it.
    pub(crate) fn is_missing_for_good(&self) -> bool {
        !self.wants_up() && !self.machine.is_up() && !self.is_there()
    }

    /// Its name, for one that was asked to end, and whether it is killed if it does not.
    pub(crate) fn how_it_ends(&self) -> String {
        let name = &self.name;
        match self.kill_at.or(self.finish_kill_at).or(self.signal_at) {
            Some(_) => name.clone(),
            None => format!("{name}, which has no limit"),
        }
    }

    /// Why those that need it wait, as the end of a sentence.
    pub(crate) fn why_not_there(&self) -> String {
        let why = if self.is_missing_for_good() {
            "which is down until somebody starts it"
        } else if self.machine.is_up() {
            "which is not ready"
        } else if self.waits_for_needs() {
            "which waits itself"
        } else {
            "which is not up"
        };
        match self.deaths {
            0 => why.into(),
            1 => format!("{why} (it has died once)"),
            deaths => format!("{why} (it has died {deaths} times)"),
        }
    }

    /// The code with which everything ends because this essential service has died;
    /// it is given once.
    pub(crate) fn final_code(&mut self) -> Option<u8> {
        self.final_code.take()
    }

    pub(crate) fn control(&self) -> Option<&File> {
        self.held.as_ref().map(|held| &held.control)
    }

    pub(crate) fn notification(&self) -> Option<&PipeReader> {
        self.notification.as_ref()
    }

    /// The letters that `s6-svc` has sent.
    pub(crate) fn letters(&mut self) -> Vec<Letter> {
        let mut bytes = [0; 64];
        let held = self.held.as_mut();
        let length = held.and_then(|held| held.control.read(&mut bytes).ok());
        let bytes = &bytes[..length.unwrap_or(0)];
        bytes.iter().filter_map(|it| Letter::parse(*it)).collect()
    }

    /// Reads what it has written to its `notification-fd`: a line feed means ready.
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
            self.stop.deadline(),
            self.run_until,
            self.signal_at,
            self.kill_at,
            self.finish_kill_at,
            self.status_at,
            self.back_at,
            self.rest_deadline(),
            self.tells_at(),
        ];
        times.into_iter().flatten().min()
    }

    fn pid(&self) -> i32 {
        i32::try_from(self.machine.status().pid).unwrap_or(0)
    }

    /// Whether `pid` is its `run` or its `finish`.
    pub(crate) fn owns(&self, pid: i32) -> bool {
        pid > 0 && pid == self.pid() && !self.group.has_rest()
    }

    /// A bug has kept [`Self::ended`] from its work: the service waits for the end of a
    /// process that is no child any more, or it is gone and still has its lock.
    pub(crate) fn has_missed_an_end(&self) -> bool {
        match self.state() {
            State::Down | State::Done => false,
            State::Gone => self.held.is_some(),
            _ if self.group.has_rest() => false,
            _ => !sys::is_child(self.pid()),
        }
    }

    /// Kills its process, be it `run` or `finish`.
    pub(crate) fn kill(&self) {
        let pid = self.pid();
        if self.enter().is_ok() && self.ask(Settings::kill_mode) == KillMode::Group {
            let _ = sys::kill(-pid, nix::libc::SIGKILL);
        }
        let _ = sys::kill(pid, nix::libc::SIGKILL);
        let _ = sys::kill(pid, nix::libc::SIGCONT);
    }

    /// Closes its end of the pipe: once nobody has the writing end any more, the
    /// logger reads the end of its input.
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
