//! The supervisors, and how each is started.

use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::signal::Signal;

use crate::setting::Setting;

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
    /// Tini and dumb-init run one command, and restart nothing.
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

    pub(super) fn command(self, setting: &Setting, directory: &Path) -> Command {
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

    pub(super) fn stop_signal(self) -> Signal {
        match self {
            Self::Runit => Signal::SIGHUP,
            _ => Signal::SIGTERM,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_stopped_by_the_signal_that_ends_its_services_too() {
        assert_eq!(Kind::Runit.stop_signal(), Signal::SIGHUP);
        assert_eq!(Kind::Init.stop_signal(), Signal::SIGTERM);
        assert!(Kind::Init.supervises() && !Kind::Tini.supervises());
    }
}
