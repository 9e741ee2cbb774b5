//! The loop: waits for whatever happens next, and hands it to whom it concerns.

pub(crate) mod command;
mod order;
mod phases;
mod recovery;
mod scan;
pub(crate) mod scandir;
pub(crate) mod sequence;
mod shutdown;
mod wait;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::Instant;

use nix::libc::c_int;
use servicedir::{Layout, WaitStatus};

use crate::output;
use crate::overlay::{IfScriptFails, Variables};
use crate::process::signals::{self, Reaction, Role, Signals};
use crate::process::spawn::Nursery;
use crate::process::sys::{self, Reaped};
use crate::service::Service;
use crate::supervisor::command::MainCommand;
use crate::supervisor::order::Order;
use crate::supervisor::scandir::Scandir;
use crate::supervisor::sequence::Scripts;
use crate::supervisor::shutdown::{Draining, Stopping};
use recovery::Happening;
use wait::Ready;

/// So many ended children are reaped before others get their turn.
const REAPED_AT_ONCE: usize = 500;

/// Where we are in our life.
#[derive(Debug)]
pub(crate) enum Phase {
    /// The scripts of `cont-init.d` run.
    Setup(Scripts),
    Running,
    Stopping(Stopping),
    /// The scripts of `cont-finish.d` run.
    Finishing(Scripts),
    Draining(Draining),
    Done,
}

/// Everything that is supervised, and how.
#[derive(Debug)]
pub(crate) struct Supervisor {
    pub(crate) nursery: Nursery,
    pub(crate) variables: Variables,
    pub(crate) signals: Signals,
    /// None: a plain init for a command.
    pub(crate) scandir: Option<Scandir>,
    /// That of the services' status records.
    layout: Layout,
    pub(crate) services: Vec<Service>,
    pub(crate) order: Order,
    /// Those that could not be taken, by name.
    refused: Vec<String>,
    pub(crate) command: MainCommand,
    pub(crate) phase: Phase,
    /// Where the scripts are that run at the end.
    pub(crate) at_end: Option<PathBuf>,
    /// With what we end.
    pub(crate) code: Option<u8>,
    pub(crate) is_childless: bool,
    /// What is being dealt with: a bug must not make it unheard.
    at_hand: Option<Happening>,
    /// What has come with it and is next.
    waiting: VecDeque<Happening>,
    /// The start is over: nothing was due once.
    has_settled: bool,
    more_to_reap: bool,
    scan_at: Option<Instant>,
    command_waits_until: Option<Instant>,
}

impl Supervisor {
    pub(crate) fn new(
        nursery: Nursery,
        variables: Variables,
        signals: Signals,
        scandir: Option<Scandir>,
        layout: Layout,
        command: MainCommand,
    ) -> Self {
        Self {
            nursery,
            variables,
            signals,
            scandir,
            layout,
            services: Vec::new(),
            order: Order::default(),
            refused: Vec::new(),
            command,
            phase: Phase::Setup(Scripts::default()),
            at_end: None,
            code: None,
            is_childless: false,
            at_hand: None,
            waiting: VecDeque::new(),
            has_settled: false,
            more_to_reap: false,
            scan_at: None,
            command_waits_until: None,
        }
    }

    /// One turn of the loop; true when it was the last one.
    pub(crate) fn turn(&mut self, after_bug: bool) -> bool {
        if after_bug {
            self.recover();
        }
        self.proceed();
        if matches!(self.phase, Phase::Done) {
            return true;
        }
        if let Some(scandir) = &self.scandir {
            let _ = scandir.enter();
        }
        self.settle();
        for ready in self.wait() {
            self.handle(&ready);
        }
        self.reap();
        self.due(Instant::now());
        self.forget_vanished();
        false
    }

    fn settle(&mut self) {
        if !self.has_settled && self.deadline().is_none() {
            self.has_settled = true;
            sys::forget_code();
        }
    }

    fn handle(&mut self, ready: &Ready) {
        match *ready {
            Ready::Signals => {
                let signals = self.signals.arrived();
                self.treat_all(signals.into_iter().map(Happening::Signal));
            }
            Ready::Scandir => {
                let commands = self.scandir.as_mut().map(Scandir::commands);
                let commands = commands.unwrap_or_default();
                self.treat_all(commands.into_iter().map(Happening::Command));
            }
            Ready::Control(index) => {
                let letters = self.services[index].letters();
                let letter = |letter| Happening::Letter(index, letter);
                self.treat_all(letters.into_iter().map(letter));
            }
            Ready::Notification(index) => {
                if self.services[index].says_that_it_is_ready() {
                    self.treat_all([Happening::Ready(index)]);
                }
            }
            Ready::Lines(index, which) => self.services[index].pass_on(which),
            Ready::Output => output::flush(),
        }
    }

    fn on_signal(&mut self, signal: c_int) {
        let role = Role {
            has_services: self.scandir.is_some(),
            has_command: self.command.exists(),
        };
        if !role.has_command
            && let Some(path) = signals::script(signal)
                .and_then(|name| self.scandir.as_ref().and_then(|dir| dir.script(name)))
        {
            if let Err(failed) = self.nursery.script(&[path.clone().into()]) {
                output::say(format_args!("start {}: {}", path.display(), failed.why));
            }
            return;
        }
        match signals::reaction(signal, role) {
            Reaction::Nothing => {}
            Reaction::Forward => self.command.signal(signal),
            Reaction::Scan => self.scan(),
            Reaction::ScanAndDrop => {
                self.scan();
                self.drop_unlisted();
            }
            Reaction::Stop { loggers } => self.stop(None, loggers),
            Reaction::Abort => self.phase = Phase::Done,
        }
    }

    /// What `s6-svscanctl` says.
    fn obey(&mut self, command: u8) {
        match command {
            b'a' => self.scan(),
            b'z' => self.reap(),
            b'n' => self.drop_unlisted(),
            b'N' => self.drop_all(),
            b'h' => {
                self.scan();
                self.drop_unlisted();
            }
            b't' | b'i' => self.stop(None, false),
            b'q' => self.stop(None, true),
            b'b' => self.phase = Phase::Done,
            other => output::say(format_args!(
                "unknown control command {}",
                std::ascii::escape_default(other)
            )),
        }
    }

    /// All that have ended by now, and only then what follows from it: a service that
    /// is started again and dies at once must not keep us from hearing anybody else.
    fn reap(&mut self) {
        let mut deaths = Vec::new();
        self.is_childless = false;
        while deaths.len() < REAPED_AT_ONCE {
            match sys::reap_one() {
                Reaped::One { pid, status } => deaths.push(Happening::Death { pid, status }),
                other => {
                    self.is_childless = deaths.is_empty() && other == Reaped::NoChildren;
                    break;
                }
            }
        }
        // Who is left is known by a look at which nobody had ended.
        self.more_to_reap = !deaths.is_empty();
        self.treat_all(deaths);
    }

    fn ended(&mut self, pid: i32, status: WaitStatus) {
        if let Some(index) = self.services.iter().position(|it| it.owns(pid)) {
            let service = &mut self.services[index];
            service.ended(status, &self.nursery);
            if let Some(code) = service.final_code() {
                output::say(format_args!("{} has ended: so do we", service.name));
                self.stop(Some(code), false);
            }
        } else if let Some(code) = self.command.ended(pid, status) {
            self.stop(Some(code), false);
        } else {
            self.script_ended(pid, status);
        }
    }

    fn script_ended(&mut self, pid: i32, status: WaitStatus) {
        let code = match &mut self.phase {
            Phase::Setup(scripts) | Phase::Finishing(scripts) => scripts.ended(pid, status),
            _ => None,
        };
        if let Some(code) = code {
            self.setup_result(code);
        }
    }

    /// A script of `cont-init.d` that fails matters only where that is asked for.
    fn setup_result(&mut self, code: u8) {
        if code == 0 || !matches!(self.phase, Phase::Setup(_)) {
            return;
        }
        match self.variables.if_script_fails {
            IfScriptFails::GoOn => {}
            IfScriptFails::Stay => {
                output::say("a script of cont-init.d failed: nothing else is started");
                self.command.give_up();
                self.phase = Phase::Running;
            }
            IfScriptFails::Stop => {
                output::say("a script of cont-init.d failed: we stop");
                self.stop(Some(code), false);
            }
        }
    }

    fn due(&mut self, now: Instant) {
        // Its link may have gone since it was told to go.
        if self.services.iter().any(|service| service.comes_back(now)) {
            self.scan();
        }
        for service in &mut self.services {
            service.due(now, &self.nursery);
        }
        if let Phase::Setup(scripts) | Phase::Finishing(scripts) = &mut self.phase {
            scripts.due(now);
        }
        if self.scan_at.is_some_and(|at| at <= now) {
            self.scan();
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let phase = match &self.phase {
            Phase::Setup(scripts) | Phase::Finishing(scripts) => scripts.deadline(),
            Phase::Stopping(stopping) => Some(stopping.deadline),
            Phase::Draining(draining) => Some(draining.deadline),
            Phase::Running => self.command_waits_until.filter(|_| self.command.waits()),
            Phase::Done => None,
        };
        let services = self.services.iter().filter_map(Service::deadline);
        services.chain(phase).chain(self.scan_at).min()
    }
}
