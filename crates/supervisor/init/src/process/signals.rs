//! Signals as data: a descriptor that says when some have arrived, and what each asks
//! for.

use std::iter;
use std::os::fd::AsFd;

use nix::libc::{self, c_int};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::process::sys;

/// Signals that have a meaning for us. With a command all are heard, since they are
/// passed to it.
const SIGNALS: [Signal; 11] = [
    Signal::SIGCHLD,
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGABRT,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGALRM,
    Signal::SIGTERM,
    Signal::SIGWINCH,
    Signal::SIGPWR,
];

/// No more than this are read at a time, so that a flood of them keeps nobody waiting.
const AT_ONCE: usize = 100;

/// The signals that have arrived. They are blocked, and so wait to be read: none ends
/// us, whatever its number, and the first process of a namespace gets them too. A fault
/// of our own still ends us, since the kernel does not wait for one that is blocked.
#[derive(Debug)]
pub(crate) struct Signals {
    queue: SignalFd,
}

impl Signals {
    /// From now on no signal is lost.
    pub(crate) fn listen(has_command: bool) -> nix::Result<Self> {
        let heard = if has_command {
            SigSet::all()
        } else {
            SIGNALS.into_iter().collect()
        };
        let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
        let queue = SignalFd::with_flags(&heard, flags)?;
        sys::hear_of_children();
        // These would stop us for using the terminal from the background.
        let blocked = heard | Signal::SIGTTIN | Signal::SIGTTOU;
        blocked.thread_set_mask()?;
        Ok(Self { queue })
    }

    /// The descriptor that is readable when signals have arrived.
    pub(crate) fn descriptor(&self) -> &impl AsFd {
        &self.queue
    }

    pub(crate) fn arrived(&self) -> Vec<Arrived> {
        let own = std::process::id();
        iter::from_fn(|| self.queue.read_signal().ok().flatten())
            .take(AT_ONCE)
            .filter_map(|info| {
                let signal = info.ssi_signo.cast_signed();
                what(signal, info.ssi_code, info.ssi_pid != own)
            })
            .collect()
    }
}

/// What a signal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrived {
    Signal(c_int),
    /// Another process of our group is being stopped by this signal, since it uses the
    /// terminal, which the command may have got from us.
    TerminalWanted(c_int),
}

/// Nothing where the kernel tells us of a write of our own, as if we had sent it:
/// SIGPIPE and SIGXFSZ, which are without effect while they are blocked.
fn what(signal: c_int, code: c_int, is_from_others: bool) -> Option<Arrived> {
    let is_terminals = matches!(signal, libc::SIGTTIN | libc::SIGTTOU) && code == libc::SI_KERNEL;
    is_from_others.then_some(if is_terminals {
        Arrived::TerminalWanted(signal)
    } else {
        Arrived::Signal(signal)
    })
}

/// What there is to supervise, on which the meaning of a signal depends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Role {
    pub(crate) has_services: bool,
    pub(crate) has_command: bool,
}

/// What is to be done about a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reaction {
    Nothing,
    /// Send it to the command.
    Forward,
    /// The command may have stopped: then so do we.
    FollowStop,
    /// The command goes on, with the terminal if we have been given it.
    GoOn,
    /// Look for new services.
    Scan,
    /// Look for new services, and dismiss those that have vanished.
    ScanAndDismiss,
    /// Stop everything. With `loggers` they get a signal too; otherwise they end when
    /// their input does.
    Stop {
        loggers: bool,
    },
    /// End without waiting for anybody.
    Abort,
}

/// The table: signal and role to reaction.
pub(crate) fn reaction(signal: c_int, role: Role) -> Reaction {
    match (role.has_services, role.has_command) {
        (false, _) => before_command(signal),
        (true, true) => beside_command(signal),
        (true, false) => alone(signal),
    }
}

/// A plain init is the command for whoever started it, also for a shell with job
/// control. A supervisor must not stop, and leaves that out.
fn before_command(signal: c_int) -> Reaction {
    match signal {
        libc::SIGCHLD => Reaction::FollowStop,
        libc::SIGCONT => Reaction::GoOn,
        _ => Reaction::Forward,
    }
}

fn beside_command(signal: c_int) -> Reaction {
    match signal {
        libc::SIGCHLD => Reaction::Nothing,
        libc::SIGTERM | libc::SIGINT | libc::SIGQUIT => Reaction::Stop { loggers: false },
        _ => Reaction::Forward,
    }
}

/// Without a command the meanings are those of `s6-svscan`.
fn alone(signal: c_int) -> Reaction {
    match signal {
        libc::SIGTERM | libc::SIGINT => Reaction::Stop { loggers: false },
        libc::SIGQUIT => Reaction::Stop { loggers: true },
        libc::SIGHUP => Reaction::ScanAndDismiss,
        libc::SIGALRM => Reaction::Scan,
        libc::SIGABRT => Reaction::Abort,
        _ => Reaction::Nothing,
    }
}

/// The name of the script in `.s6-svscan` that replaces what the signal means.
pub(crate) fn script(signal: c_int) -> Option<&'static str> {
    Some(match signal {
        libc::SIGHUP => "SIGHUP",
        libc::SIGINT => "SIGINT",
        libc::SIGTERM => "SIGTERM",
        libc::SIGQUIT => "SIGQUIT",
        libc::SIGUSR1 => "SIGUSR1",
        libc::SIGUSR2 => "SIGUSR2",
        libc::SIGPWR => "SIGPWR",
        libc::SIGWINCH => "SIGWINCH",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(signal: c_int, has_services: bool, has_command: bool) -> Reaction {
        let role = Role {
            has_services,
            has_command,
        };
        reaction(signal, role)
    }

    #[test]
    fn a_plain_init_forwards_everything_but_what_is_job_control() {
        for signal in 1..=libc::SIGRTMAX() {
            let expected = match signal {
                libc::SIGCHLD => Reaction::FollowStop,
                libc::SIGCONT => Reaction::GoOn,
                _ => Reaction::Forward,
            };
            assert_eq!(on(signal, false, true), expected, "{signal}");
        }
    }

    #[test]
    fn what_the_kernel_says_of_our_own_writes_is_no_news() {
        let sent = |signal| Some(Arrived::Signal(signal));
        assert_eq!(
            what(libc::SIGPIPE, libc::SI_USER, true),
            sent(libc::SIGPIPE)
        );
        assert_eq!(what(libc::SIGPIPE, libc::SI_USER, false), None);
        // The key of a terminal, and two kinds of the signal for its use.
        assert_eq!(
            what(libc::SIGINT, libc::SI_KERNEL, true),
            sent(libc::SIGINT)
        );
        assert_eq!(
            what(libc::SIGTTIN, libc::SI_USER, true),
            sent(libc::SIGTTIN)
        );
        let wanted = Some(Arrived::TerminalWanted(libc::SIGTTIN));
        assert_eq!(what(libc::SIGTTIN, libc::SI_KERNEL, true), wanted);
    }

    #[test]
    fn alone_the_signals_are_those_of_s6_svscan() {
        let stop = |loggers| Reaction::Stop { loggers };
        for (signal, expected) in [
            (libc::SIGTERM, stop(false)),
            (libc::SIGINT, stop(false)),
            (libc::SIGQUIT, stop(true)),
            (libc::SIGHUP, Reaction::ScanAndDismiss),
            (libc::SIGALRM, Reaction::Scan),
            (libc::SIGABRT, Reaction::Abort),
            (libc::SIGUSR1, Reaction::Nothing),
            (libc::SIGWINCH, Reaction::Nothing),
        ] {
            assert_eq!(on(signal, true, false), expected, "{signal}");
        }
    }

    #[test]
    fn beside_a_command_the_stop_is_ours_and_the_rest_its() {
        assert_eq!(
            on(libc::SIGTERM, true, true),
            Reaction::Stop { loggers: false }
        );
        assert_eq!(on(libc::SIGHUP, true, true), Reaction::Forward);
        assert_eq!(on(libc::SIGCONT, true, true), Reaction::Forward);
        assert_eq!(on(libc::SIGCHLD, true, true), Reaction::Nothing);
        assert_eq!(on(libc::SIGCHLD, true, false), Reaction::Nothing);
        assert_eq!(on(libc::SIGUSR1, true, true), Reaction::Forward);
    }

    #[test]
    fn scripts_stand_in_for_the_signals_that_s6_lets_them() {
        assert_eq!(script(libc::SIGPWR), Some("SIGPWR"));
        for signal in [libc::SIGCHLD, libc::SIGALRM, libc::SIGABRT] {
            assert_eq!(script(signal), None);
        }
    }
}
