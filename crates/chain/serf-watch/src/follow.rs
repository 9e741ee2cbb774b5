//! The main loop: waits for the agent, the end of the command, signals and the next due time,
//! and does what `watch` says.

use std::hash::RandomState;
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, Result};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::signal::Signal;
use nix::sys::time::TimeSpec;
use serf_rpc::read_key;

use crate::due;
use crate::link::{Link, Redial};
use crate::runner::{self, Runner};
use crate::session::News;
use crate::signals::Signals;
use crate::told::Told;
use crate::watch::{Due, Watch};

/// When the program ends, a command that is running has this long to finish, then it gets TERM
/// and has [`OBEY`] before it gets KILL.
const LAST_RUN: Duration = Duration::from_secs(5);
const OBEY: Duration = Duration::from_secs(1);

pub(crate) struct Agent {
    pub(crate) address: String,
    pub(crate) key_file: Option<PathBuf>,
}

pub(crate) struct Follow {
    agent: Agent,
    watch: Watch,
    runner: Runner,
    signals: Signals,
    due_file: Option<PathBuf>,
    link: Option<Link>,
    redial: Redial,
    keys: RandomState,
    agent_told: Told,
    run_told: Told,
    due_told: Told,
}

impl Follow {
    /// `due_file` is where the command says when it wants to be run again.
    pub(crate) fn new(
        agent: Agent,
        watch: Watch,
        runner: Runner,
        signals: Signals,
        due_file: Option<PathBuf>,
    ) -> Follow {
        Follow {
            agent,
            watch,
            runner,
            signals,
            due_file,
            link: None,
            redial: Redial::new(Instant::now()),
            keys: RandomState::new(),
            agent_told: Told::default(),
            run_told: Told::default(),
            due_told: Told::default(),
        }
    }

    /// Runs until a signal asks the program to end.
    pub(crate) fn run(&mut self) -> Result<()> {
        while !self.signals.is_told_to_end() {
            self.redial(Instant::now());
            self.act(Instant::now());
            let ready = self.wait(self.wake_at())?;
            self.reap()?;
            let result = self.listen(ready);
            self.note(result);
        }
        self.end()
    }

    fn redial(&mut self, now: Instant) {
        if self.link.is_some() || self.redial.at() > now {
            return;
        }
        match self.connect() {
            Ok(link) => {
                self.link = Some(link);
                self.watch.up(now);
            }
            Err(error) => {
                self.agent_told.say(&format!("{error:#}"));
                self.redial.failed(Duration::ZERO, Instant::now());
            }
        }
    }

    fn connect(&self) -> Result<Link> {
        // Read for each connection, since the file may be made after we start, or change when the
        // agent is restarted.
        let key = self.agent.key_file.as_deref().map(read_key).transpose()?;
        Link::connect(&self.agent.address, key.as_deref(), self.keys.clone())
    }

    fn act(&mut self, now: Instant) {
        while let Some(step) = self.watch.next(now) {
            match step {
                Due::Ask => {
                    let result = self.link.as_mut().map_or(Ok(()), |link| link.ask(now));
                    self.note(result);
                }
                Due::Run => {
                    if let Err(error) = self.runner.start() {
                        self.run_told.say(&format!("{error:#}"));
                        let due = self.due();
                        self.watch.ended(false, due, now);
                    }
                }
            }
        }
    }

    fn wake_at(&self) -> Option<Instant> {
        let link = match &self.link {
            Some(link) => link.overdue_at(),
            None => Some(self.redial.at()),
        };
        link.into_iter().chain(self.watch.wake_at()).min()
    }

    /// Sleeps until `until`, a signal, or news of the connection; returns what the connection is
    /// ready for.
    fn wait(&mut self, until: Option<Instant>) -> Result<PollFlags> {
        let wanted = self.link.as_mut().map(Link::waits_for);
        let mut fds = vec![PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
        if let (Some(link), Some(wanted)) = (&self.link, wanted) {
            fds.push(PollFd::new(link.as_fd(), wanted));
        }
        match ppoll(&mut fds, until.map(time_until), None) {
            Ok(_) | Err(Errno::EINTR) => (),
            Err(error) => return Err(error).context("wait for events"),
        }
        let ready = fds
            .get(1)
            .and_then(PollFd::revents)
            .unwrap_or(PollFlags::empty());
        self.signals.forget();
        Ok(ready)
    }

    fn listen(&mut self, ready: PollFlags) -> Result<()> {
        let Some(link) = &mut self.link else {
            return Ok(());
        };
        if ready.contains(PollFlags::POLLOUT) {
            link.send()?;
        }
        let mut news = Vec::new();
        // Reading also reports an error or the end of the connection.
        let result = if ready.is_empty() {
            Ok(())
        } else {
            link.receive(&mut news)
        };
        let now = Instant::now();
        let result = result.and_then(|()| link.check(now));
        for news in news {
            match news {
                News::Hint => self.watch.hint(now),
                News::Members(list) => {
                    self.agent_told
                        .say(&format!("follows the agent at {}", self.agent.address));
                    self.watch.answer(list, now);
                }
            }
        }
        result
    }

    /// After an error, ends the connection and plans a new one.
    fn note(&mut self, result: Result<()>) {
        let (Err(error), Some(link)) = (result, &self.link) else {
            return;
        };
        self.redial.failed(link.since.elapsed(), Instant::now());
        self.agent_told.say(&format!("{error:#}"));
        self.link = None;
        self.watch.down();
    }

    fn reap(&mut self) -> Result<()> {
        if let Some(status) = self.runner.reap()? {
            let due = self.due();
            self.watch
                .ended(runner::is_well(status), due, Instant::now());
            self.tell(status);
        }
        Ok(())
    }

    /// When the command wants to be run again.
    fn due(&mut self) -> Option<Instant> {
        let path = self.due_file.as_deref()?;
        match due::read(path) {
            Ok(due) => {
                let message = format!("{} can be read again", path.display());
                self.due_told.over(&message);
                due::instant(due?, SystemTime::now(), Instant::now())
            }
            Err(error) => {
                let what = "so what is to be done then is done later";
                self.due_told.say(&format!("{error:#}, {what}"));
                None
            }
        }
    }

    fn tell(&mut self, status: ExitStatus) {
        let name = self.runner.name();
        if runner::is_well(status) {
            self.run_told.over(&format!("{name} succeeds again"));
        } else {
            self.run_told
                .say(&format!("{name} failed ({status}) and will be tried again"));
        }
    }

    /// Ends the program. The connection is closed first, so that the agent does not wait for
    /// us to read while we wait for the command.
    fn end(&mut self) -> Result<()> {
        self.link = None;
        for (time, signal) in [(LAST_RUN, Signal::SIGTERM), (OBEY, Signal::SIGKILL)] {
            let until = Instant::now() + time;
            while self.runner.is_running() && Instant::now() < until {
                self.wait(Some(until))?;
                self.runner.reap()?;
            }
            self.runner.signal(signal);
        }
        Ok(())
    }
}

fn time_until(moment: Instant) -> TimeSpec {
    moment.saturating_duration_since(Instant::now()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_to_sleep_is_rounded_up() {
        for _ in 0..20 {
            let soon = Instant::now() + Duration::from_micros(1_500);
            assert_eq!(ppoll(&mut [], Some(time_until(soon)), None), Ok(0));
            assert!(Instant::now() >= soon);
        }
        assert_eq!(time_until(Instant::now()), TimeSpec::from(Duration::ZERO));
        let late = time_until(Instant::now() + Duration::from_secs(1 << 40));
        assert!(late > TimeSpec::from(Duration::from_secs((1 << 40) - 60)));
    }
}
