//! What the releases of s6 do differently. The tests that run the real tools and the real supervisor of whatever release
//! is installed ask here and nowhere else. Each difference has its reason.

#![expect(
    clippy::print_stderr,
    reason = "people read why a check is another one here"
)]

use std::fmt::{self, Display};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

/// A version of s6, as in `libs6.so.2.13.1.0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Release([u32; 4]);

/// Something that a release does and an older one does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Difference {
    LongRecord,
    GroupInText,
    GroupForFinish,
    GroupLetters,
    EndsScan,
    NotStartedYet,
    NobodyListens,
    SeveralServices,
    ReloadLetter,
    DeafToQ,
}

use Difference::{
    DeafToQ, EndsScan, GroupForFinish, GroupInText, GroupLetters, LongRecord, NobodyListens,
    NotStartedYet, ReloadLetter, SeveralServices,
};

const STILL: Release = Release([u32::MAX; 4]);

/// Each difference, the first release that has it, the first one that does not have it any more, and the reason.
const DIFFERENCES: [(Difference, Release, Release, &str); 10] = [
    (
        LongRecord,
        Release([2, 13, 0, 0]),
        Release([2, 14, 0, 0]),
        "supervise/status is 43 bytes, with the process group behind the process: S6_SVSTATUS_SIZE",
    ),
    (
        GroupInText,
        Release([2, 13, 0, 0]),
        STILL,
        "s6-svstat prints `up (pid N pgid N)` where ours and older ones print `up (pid N)`",
    ),
    (
        GroupForFinish,
        Release([2, 13, 0, 0]),
        STILL,
        "finish gets the process group of run as its fourth argument",
    ),
    (
        GroupLetters,
        Release([2, 13, 0, 0]),
        STILL,
        "s6-svc has -P, -C and -K, and s6-supervise obeys them",
    ),
    (
        EndsScan,
        Release([2, 13, 0, 0]),
        STILL,
        "s6-svscan ends its scan at an entry that it cannot look at, such as a link to nowhere, and tries again",
    ),
    (
        NotStartedYet,
        Release([2, 13, 2, 0]),
        STILL,
        "the first record of s6-supervise says so, and s6-svstat prints `down (not started yet)`; init writes the \
         record of all releases, which is shown as `down (exitcode 0)`",
    ),
    (
        NobodyListens,
        Release([2, 14, 0, 0]),
        STILL,
        "s6-svc exits 102 where nobody listens, and 1 where supervise/ is broken; ours and older ones exit 100",
    ),
    (
        SeveralServices,
        Release([2, 14, 0, 0]),
        STILL,
        "s6-svc takes several service directories, as ours does; older ones ignore all but the first",
    ),
    (
        ReloadLetter,
        Release([2, 15, 1, 0]),
        STILL,
        "s6-svc has -l, and s6-supervise obeys it by the file reload-signal",
    ),
    (
        DeafToQ,
        Release([2, 15, 1, 0]),
        STILL,
        "a fault of s6-supervise: of its 25 letters it looks at 24, and the last one is Q",
    ),
];

/// Whether the installed release has this difference; if so, the reason is printed.
pub(crate) fn has(difference: Difference) -> bool {
    let installed = installed();
    let is_here = DIFFERENCES.iter().find(|(known, since, until, _)| {
        *known == difference && (*since..*until).contains(&installed)
    });
    if let Some((.., reason)) = is_here {
        eprintln!("s6 {installed}: {reason}");
    }
    is_here.is_some()
}

/// A line of `s6-svstat` in the words of 2.11, which are those of ours. The process group, which has to be the process,
/// is left out, and so is the space in place of the seconds of a service that was not started yet.
pub(crate) fn in_our_words(line: &str) -> String {
    if let Some((before, after)) = line.split_once("(not started yet) ") {
        assert!(has(NotStartedYet), "{line}");
        return format!("{before}(not started yet){after}");
    }
    let Some((before, rest)) = line.split_once(" pgid ") else {
        return line.to_string();
    };
    assert!(has(GroupInText), "{line}");
    let (group, after) = rest.split_once(')').unwrap_or((rest, ""));
    assert!(before.ends_with(&format!("up (pid {group}")), "{line}");
    format!("{before}){after}")
}

/// The release whose tools the tests run.
fn installed() -> Release {
    static FOUND: OnceLock<Release> = OnceLock::new();
    *FOUND.get_or_init(|| {
        let tool = fs::canonicalize(harness::require("s6-svstat")).unwrap();
        in_path(&tool)
            .or_else(|| of_library(&tool))
            .unwrap_or_else(|| panic!("{} does not tell its release", tool.display()))
    })
}

/// s6-overlay's tools are static: `/package/admin/s6-2.13.1.0/command/s6-svstat`.
fn in_path(tool: &Path) -> Option<Release> {
    tool.iter()
        .find_map(|name| Release::parse(name.to_str()?.strip_prefix("s6-")?))
}

/// The library's name has only two numbers of the version; the file to which it is a link has all of them.
fn of_library(tool: &Path) -> Option<Release> {
    let linked = Command::new(harness::require("ldd"))
        .arg(tool)
        .output()
        .unwrap();
    let linked = String::from_utf8_lossy(&linked.stdout).into_owned();
    let library = linked
        .split_whitespace()
        .find(|word| word.starts_with('/') && word.contains("/libs6.so."))?;
    let library = fs::canonicalize(library).unwrap();
    Release::parse(library.file_name()?.to_str()?.strip_prefix("libs6.so.")?)
}

impl Release {
    fn parse(text: &str) -> Option<Release> {
        let numbers: Vec<u32> = text
            .split('.')
            .map(str::parse)
            .collect::<Result<_, _>>()
            .ok()?;
        numbers.try_into().ok().map(Release)
    }
}

impl Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Release([first, second, third, fourth]) = self;
        write!(f, "{first}.{second}.{third}.{fourth}")
    }
}
