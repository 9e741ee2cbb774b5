//! Signals as data: a descriptor that says when some have arrived, and what each asks
//! for.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use nix::libc::{self, c_int};
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::SignalOnly;

/// Signals that have a meaning for us, or are passed to the command. The first process
/// of a namespace gets no signal for which it has no handler.
const SIGNALS: &[c_int] = &[
    libc::SIGCHLD,
    libc::SIGHUP,
    libc::SIGINT,
    libc::SIGQUIT,
    libc::SIGABRT,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGALRM,
    libc::SIGTERM,
    libc::SIGWINCH,
    libc::SIGPWR,
];

/// Further signals that are passed to the command.
const FORWARDED: &[c_int] = &[
    libc::SIGCONT,
    libc::SIGTSTP,
    libc::SIGURG,
    libc::SIGXCPU,
    libc::SIGXFSZ,
    libc::SIGVTALRM,
    libc::SIGPROF,
    libc::SIGIO,
];

/// The signals that have arrived, each of them once however often it came.
#[derive(Debug)]
pub(crate) struct Signals {
    delivery: SignalDelivery<UnixStream, SignalOnly>,
}

impl Signals {
    /// Sets the handlers: from now on no signal is lost, and none ends us.
    pub(crate) fn listen(has_command: bool) -> io::Result<Self> {
        let (read, write) = UnixStream::pair()?;
        let mut numbers = SIGNALS.to_vec();
        if has_command {
            numbers.extend(FORWARDED);
            numbers.extend(libc::SIGRTMIN()..=libc::SIGRTMAX());
        }
        let delivery = SignalDelivery::with_pipe(read, write, SignalOnly, numbers)?;
        Ok(Self { delivery })
    }

    /// The descriptor that is readable when signals have arrived.
    pub(crate) fn descriptor(&self) -> &impl AsFd {
        self.delivery.get_read()
    }

    pub(crate) fn arrived(&mut self) -> Vec<c_int> {
        self.delivery.pending().collect()
    }
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
    if signal == libc::SIGCHLD {
        return Reaction::Nothing;
    }
    match (role.has_services, role.has_command) {
        (false, _) => Reaction::Forward,
        (true, true) => beside_command(signal),
        (true, false) => alone(signal),
    }
}

fn beside_command(signal: c_int) -> Reaction {
    match signal {
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
    fn a_plain_init_forwards_everything_but_sigchld() {
        for signal in SIGNALS.iter().chain(FORWARDED).skip(1) {
            assert_eq!(on(*signal, false, true), Reaction::Forward);
        }
        assert_eq!(on(libc::SIGCHLD, false, true), Reaction::Nothing);
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
