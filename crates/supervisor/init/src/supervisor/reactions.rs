//! What a signal, a letter of `s6-svscanctl` and a death lead to.

use nix::libc::c_int;
use servicedir::WaitStatus;

use super::Supervisor;
use super::phase::Phase;
use crate::output;
use crate::overlay::IfScriptFails;
use crate::process::signals::{self, Reaction, Role};

impl Supervisor {
    pub(super) fn on_signal(&mut self, signal: c_int) {
        let role = Role {
            has_services: self.scandir.is_some(),
            has_command: self.command.exists(),
        };
        if !role.has_command && self.run_script_for(signal) {
            return;
        }
        match signals::reaction(signal, role) {
            Reaction::Nothing => {}
            Reaction::Forward => self.command.signal(signal),
            Reaction::FollowStop => self.command.follow_stop(),
            Reaction::GoOn => self.command.go_on(),
            Reaction::Scan => self.scan(),
            Reaction::ScanAndDismiss => {
                self.scan();
                self.dismiss_vanished();
            }
            Reaction::Stop { loggers } => self.stop(None, loggers),
            Reaction::Abort => self.phase = Phase::Done,
        }
    }

    /// A job of the shell stops as a whole: where the terminal is not the command's, the
    /// command of a plain init stops too.
    pub(super) fn on_terminal_wanted(&self, signal: c_int) {
        if !self.command.lend_terminal() && self.scandir.is_none() {
            self.command.signal(signal);
        }
    }

    /// True if there is a script in `.s6-svscan` that stands in for the signal.
    fn run_script_for(&self, signal: c_int) -> bool {
        let script = signals::script(signal)
            .zip(self.scandir.as_ref())
            .and_then(|(name, scandir)| scandir.script(name));
        let Some(path) = script else {
            return false;
        };
        if let Err(failed) = self.nursery.script(&[path.clone().into()]) {
            output::say(format_args!("start {}: {}", path.display(), failed.why));
        }
        true
    }

    pub(super) fn on_scandir_letter(&mut self, letter: u8) {
        match letter {
            b'a' => self.scan(),
            // Ended children are reaped at every turn.
            b'z' => {}
            b'n' => self.dismiss_vanished(),
            b'N' => self.dismiss_all(),
            b'h' => {
                self.scan();
                self.dismiss_vanished();
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

    pub(super) fn on_death(&mut self, pid: i32, status: WaitStatus) {
        if let Some(index) = self.services.iter().position(|it| it.owns(pid)) {
            self.has_settled = false;
            self.services[index].ended(status, &self.nursery);
            self.on_essential_end(index);
        } else if let Some(code) = self.command.ended(pid, status) {
            if matches!(self.phase, Phase::Stopping(_)) {
                self.stopped_command = Some(code);
            } else {
                self.stop(Some(code), false);
            }
        } else if let Phase::Setup(scripts) | Phase::Finishing(scripts) = &mut self.phase
            && let Some(code) = scripts.ended(pid, status)
        {
            self.on_script_result(code);
        }
    }

    /// Everything ends with an essential service.
    pub(super) fn on_essential_end(&mut self, index: usize) {
        let service = &mut self.services[index];
        if let Some(code) = service.final_code() {
            output::say(format_args!("{} has ended: so do we", service.name));
            self.stop(Some(code), false);
        }
    }

    /// What needs a oneshot that has failed waits in vain; whether the rest goes on
    /// without it is asked of the same variable as for scripts.
    pub(super) fn on_failed_oneshot(&mut self, code: u8) {
        if self.variables.if_script_fails == IfScriptFails::Stop {
            output::say("a oneshot failed: we stop");
            self.stop(Some(code), false);
        }
    }

    /// A script of `cont-init.d` that fails matters only where that is asked for.
    pub(super) fn on_script_result(&mut self, code: u8) {
        let Phase::Setup(scripts) = &self.phase else {
            return;
        };
        if code == 0 {
            return;
        }
        if scripts.is_converting() {
            output::say("the services of s6-overlay/s6-rc.d could not be made: we stop");
            self.stop(Some(code), false);
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
}
