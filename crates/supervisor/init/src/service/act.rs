//! Does what the table says is to be done.

use std::collections::VecDeque;
use std::io::{self, PipeReader};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;
use servicedir::{Death, KillMode, Settings, Signal, Status, WaitStatus};

use super::Service;
use super::machine::{Action, Event, Moment};
use super::restarts::{Rules, Verdict};
use crate::output::{self, Stream};
use crate::process::spawn::{self, NotStarted, Nursery, Program};
use crate::process::sys;

/// A status that could not be written, as on a full disk, is written again after this.
const STATUS_AGAIN: Duration = Duration::from_secs(1);

impl Service {
    /// Lets an event happen, with all that follows from it.
    pub(crate) fn feed(&mut self, event: Event, nursery: &Nursery) {
        if let Err(error) = self.enter() {
            output::say(format_args!("{}: enter its directory: {error}", self.name));
        }
        let now = Moment::now();
        let mut actions = VecDeque::from(self.machine.on(event, now));
        while let Some(action) = actions.pop_front() {
            if let Some(event) = self.act(action, nursery) {
                actions.extend(self.machine.on(event, now));
            }
        }
    }

    fn act(&mut self, action: Action, nursery: &Nursery) -> Option<Event> {
        match action {
            Action::Start => return Some(self.start(nursery)),
            Action::StartFinish => return Some(self.start_finish(nursery)),
            Action::Decide { give_up } => return Some(self.decide(give_up)),
            Action::Signal(signal) => self.signal(signal),
            Action::GroupSignal(signal) => self.signal_group(signal),
            Action::DownSignal => self.tell_to_end(),
            Action::ReloadSignal => self.signal(self.ask(Settings::reload_signal)),
            Action::ArmKill => {
                let time = self.time_to_end();
                self.kill_at = time.map(|time| Instant::now() + time);
            }
            Action::SetNormallyUp(up) => {
                if let Err(error) = Self::files().set_normally_up(up) {
                    output::say(format_args!("{}: change its file down: {error}", self.name));
                }
            }
            Action::WriteStatus(status) => self.write_status(status),
            Action::Notify(events) => self.notify(events),
            Action::Tally => self.tally(),
        }
        None
    }

    pub(super) fn tell_to_end(&mut self) {
        self.group.is_told = true;
        self.signal(self.ask(Settings::down_signal));
    }

    fn signal(&self, signal: Signal) {
        match self.ask(Settings::kill_mode) {
            KillMode::Pid => drop(sys::kill(self.pid(), signal as i32)),
            KillMode::Group => self.signal_group(signal),
        }
    }

    pub(super) fn signal_group(&self, signal: Signal) {
        let _ = sys::kill(-self.pid(), signal as i32);
    }

    pub(super) fn write_status(&mut self, status: Status) {
        match Self::files().write_status(&status, self.layout) {
            Ok(()) => self.status_at = None,
            Err(error) => {
                if self.status_at.is_none() {
                    output::say(format_args!("{}: write its status: {error:#}", self.name));
                }
                self.status_at = Some(Instant::now() + STATUS_AGAIN);
            }
        }
    }

    /// Says nothing if it fails again.
    pub(super) fn write_status_again(&mut self, now: Instant) {
        self.status_at = Some(now + STATUS_AGAIN);
        if self.enter().is_ok() {
            self.write_status(*self.machine.status());
        }
    }

    pub(super) fn notify(&self, events: &[u8]) {
        // Nobody can listen in a directory that was removed.
        if let Err(error) = Self::files().notify(events)
            && error.kind() != io::ErrorKind::NotFound
        {
            output::say(format_args!("{}: notify listeners: {error}", self.name));
        }
    }

    fn tally(&self) {
        let status = self.machine.status();
        let death = Death {
            stamp: status.stamp,
            code: status.wait_status.shell_code(),
            signal: status.wait_status.signal().unwrap_or(0),
        };
        let max = self.ask(Settings::max_death_tally);
        if let Err(error) = Self::files().add_death(&death, max) {
            output::say(format_args!("{}: write its death: {error:#}", self.name));
        }
    }

    fn start(&mut self, nursery: &Nursery) -> Event {
        self.started_at = Instant::now();
        self.group.is_told = false;
        let oneshot = self.ask(Settings::oneshot);
        // A link that leads nowhere is a `run`, which fails.
        if oneshot.is_some() && Self::files().join("run").symlink_metadata().is_err() {
            return Self::completed();
        }
        self.run_until = oneshot.flatten().map(|time| self.started_at + time);
        match self.start_run(nursery) {
            Ok(pid) => {
                self.is_expected = false;
                Event::Started {
                    pid: u64::from(pid.unsigned_abs()),
                }
            }
            Err(failed) => {
                self.run_until = None;
                let code = failed.code();
                let is_final = oneshot.is_some() && !failed.is_of_the_moment();
                let NotStarted { why, wait, .. } = failed;
                let name = &self.name;
                if is_final {
                    output::say(format_args!("{name}: start ./run: {why}"));
                    return self.failed(WaitStatus(u16::from(code) << 8));
                }
                output::say(format_args!(
                    "{name}: start ./run: {why}; trying again in {wait:?}"
                ));
                Event::NotStarted { wait }
            }
        }
    }

    fn start_run(&mut self, nursery: &Nursery) -> Result<i32, NotStarted> {
        self.notification = None;
        let name = self.name.clone();
        let mut program = Program::new("./run", &[&name], nursery);
        self.connect(&mut program, nursery);
        let lock = self.ask(Settings::lock_fd);
        let notification = self.ask(Settings::notification_fd);
        let system = |error: io::Error| NotStarted::system(&error);
        if let Some(number) = lock {
            let path = Self::files().join("supervise/service-lock");
            program.pass(spawn::service_lock(&path).map_err(system)?, number);
        }
        let mut readiness = None;
        if let Some(number) = notification {
            let (reader, writer) = readiness_pipe().map_err(system)?;
            program.pass(writer, number);
            readiness = Some(reader);
        }
        let pid = program.start(nursery)?;
        self.announces = readiness.is_some() || self.is_oneshot();
        self.notification = readiness;
        Ok(pid)
    }

    fn connect(&mut self, program: &mut Program<'_>, nursery: &Nursery) {
        self.open_lines(nursery);
        if let Some(stdin) = self.stdin() {
            program.stdin(stdin);
        }
        if let Some(stdout) = self.stdout() {
            program.stdout(stdout);
        }
        for lines in &self.lines {
            match (lines.stream(), lines.writer()) {
                (Stream::Out, Ok(writer)) => program.stdout(writer),
                (Stream::Err, Ok(writer)) => program.stderr(writer),
                (_, Err(_)) => {}
            }
        }
    }

    fn start_finish(&mut self, nursery: &Nursery) -> Event {
        if !Self::files().join("finish").exists() {
            return Event::NoFinish;
        }
        let status = *self.machine.status();
        let code = status
            .wait_status
            .exit_code()
            .map_or(256, u16::from)
            .to_string();
        let signal = status.wait_status.signal().unwrap_or(0).to_string();
        let name = self.name.clone();
        // `run` leads its session, so its process group has the number of its process.
        let group = status.pid.to_string();
        let mut program = Program::new("./finish", &[&code, &signal, &name, &group], nursery);
        self.connect(&mut program, nursery);
        let time = self.ask(Settings::timeout_finish);
        let kill_at = time.map(|time| Instant::now() + time);
        match program.start(nursery) {
            Ok(pid) => {
                self.finish_kill_at = kill_at;
                Event::FinishStarted {
                    pid: u64::from(pid.unsigned_abs()),
                }
            }
            Err(NotStarted { why, errno, .. }) => {
                output::say(format_args!("{name}: start ./finish: {why}"));
                if errno == libc::EAGAIN || errno == libc::ENOMEM {
                    return Event::FinishNotStarted;
                }
                Event::NoFinish
            }
        }
    }

    /// Whether and when it starts again; asked when its death is recorded and its
    /// `finish` has ended. An essential service that is given up ends everything.
    fn decide(&mut self, mut give_up: bool) -> Event {
        let mut delay = None;
        if !give_up && self.wants_up() {
            match self.next_start() {
                Verdict::Again(after) => delay = after,
                Verdict::GiveUp => give_up = true,
            }
        }
        if give_up && self.ask(|settings| settings.is_essential()) {
            self.final_code = Some(self.machine.status().wait_status.shell_code());
        }
        Event::Decided { give_up, delay }
    }

    fn next_start(&mut self) -> Verdict {
        let rules = self.ask(|settings| Rules {
            delay: settings
                .has_restart_delay()
                .then(|| settings.restart_delay()),
            delay_max: settings.restart_delay_max(),
            limit: settings.restart_limit(),
            window: settings.restart_window(),
        });
        let verdict = self.restarts.after(self.lasted, &rules, Instant::now());
        if verdict == Verdict::GiveUp {
            let name = &self.name;
            output::say(format_args!(
                "{name}: it has died too often and stays down: svc -u starts it again"
            ));
        }
        verdict
    }
}

fn readiness_pipe() -> io::Result<(PipeReader, io::PipeWriter)> {
    let (reader, writer) = io::pipe()?;
    fcntl(&reader, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    Ok((reader, writer))
}
