//! What a test works in: a scan directory with services in it, a supervisor that runs it, and the s6 tools.

mod container;
mod process;
mod service;
mod supervisor;

use std::env;
use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::releases::{self, Difference};
pub(crate) use container::Container;
pub(crate) use harness::Clock;
use process::descendants;
use process::pause;
pub(crate) use process::{
    children, held_in, is_alive, kill_hard, processes_below, sleeps_after, wait_gone,
};
pub(crate) use service::{Service, write_file};
pub(crate) use supervisor::World;

/// The deadline for facts that take milliseconds when the machine is idle.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// A tool that takes this many seconds hangs: its own deadline is earlier.
const HANGS: &str = "120";

/// The grace time of services, unless a test sets another one. To stop takes them
/// milliseconds, but on a busy machine more than the 3 s that init gives by itself.
pub(crate) const GRACE: (&str, &str) = ("S6_SERVICES_GRACETIME", "30000");

/// Which supervisor a test runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Ours,
    S6,
}

impl Kind {
    pub(crate) fn from_environment() -> Kind {
        match env::var("SUPERVISOR").as_deref() {
            Err(_) => Kind::Ours,
            Ok("s6-svscan") => Kind::S6,
            Ok(other) => panic!("SUPERVISOR is {other:?}; it is unset (ours) or s6-svscan"),
        }
    }

    pub(crate) fn command(self, scandir: &Path) -> Command {
        let mut command = match self {
            Kind::Ours => init(),
            Kind::S6 => hearing_all_signals(harness::require("s6-svscan")),
        };
        if self == Kind::Ours {
            command.env(GRACE.0, GRACE.1).arg("--scan");
        }
        command.arg(scandir);
        command
    }
}

/// A command that starts our `init`.
pub(crate) fn init() -> Command {
    hearing_all_signals(env!("CARGO_BIN_EXE_init"))
}

/// A program that starts with no signal ignored, even where the tests run by `nohup` or in the background of a script,
/// which ignore some.
fn hearing_all_signals(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(harness::require("env"));
    command.arg("--default-signal").arg(program);
    command
}

/// True if the supervisor under test is the real s6-svscan, which cannot pass this test; the reason is printed.
pub(crate) fn ours_alone(reason: &str) -> bool {
    let skip = Kind::from_environment() == Kind::S6;
    if skip {
        eprintln!("not for s6-svscan: {reason}");
    }
    skip
}

/// Whether the supervisor under test is the real one, of a release that has this difference.
pub(crate) fn the_real_one_has(difference: Difference) -> bool {
    Kind::from_environment() == Kind::S6 && releases::has(difference)
}

/// Whether the supervisor under test does this: ours always does, and the real one in the releases that have it.
pub(crate) fn does_what_it_does_since(difference: Difference) -> bool {
    Kind::from_environment() == Kind::Ours || releases::has(difference)
}

/// The line that `s6-svstat` has to show for a service that was never started, with these remarks.
pub(crate) fn not_started(remarks: &str) -> String {
    if the_real_one_has(Difference::NotStartedYet) {
        format!("down (not started yet){remarks}")
    } else {
        format!("down (exitcode 0) N seconds{remarks}, ready N seconds")
    }
}

/// The exit code of `s6-svc` where nobody listens.
pub(crate) fn nobody_listens() -> i32 {
    if releases::has(Difference::NobodyListens) {
        102
    } else {
        100
    }
}

/// What a tool said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs a tool to its end; one that hangs fails the test.
pub(crate) fn run(program: &Path, args: &[&str]) -> Answer {
    let output = Command::new("timeout")
        .arg(HANGS)
        .arg(program)
        .args(args)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let code = output.status.code().expect("timeout(1) ends with a code");
    assert_ne!(code, 124, "{} {args:?} hangs", program.display());
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    Answer {
        code,
        out: text(&output.stdout),
        err: text(&output.stderr),
    }
}

/// The line without its numbers, such as `up (pid N) N seconds`: that is what two runs have in common.
pub(crate) fn without_numbers(line: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for word in line.split(' ') {
        let after_pid = words.last().is_some_and(|last| last == "(pid");
        let is_number = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
        words.push(match word {
            _ if after_pid => "N)".into(),
            _ if is_number => "N".into(),
            _ => word.into(),
        });
    }
    words.join(" ")
}
