//! Which layout of the status record the installed tools of s6 read. The tools of 2.13
//! need one of their own: with the other one they fail or show nonsense.
//!
//! It is found once, at the start, by looking at a few files: no program is run, and
//! no directory is listed.

use std::env::consts::ARCH;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use servicedir::Layout;

/// The variable that sets the length of the records, whatever is installed.
pub(crate) const SETTING: &str = "INIT_S6_RECORD";

/// s6-overlay's tools are static, and come first in its PATH. Its link leads to
/// `/package/admin/s6-VERSION/command/s6-svc`.
const OVERLAYS: &str = "/command/s6-svc";
/// The tool that reads records, at the paths where packages install it.
const TOOLS: [&str; 3] = [
    "/usr/local/bin/s6-svstat",
    "/usr/bin/s6-svstat",
    "/bin/s6-svstat",
];
/// No more than this is read of a tool. A dynamic s6-svstat has 19 kB; a larger program
/// of that name is another one, perhaps ours.
const TOOL_MAX: u64 = 64 * 1024;
/// Where the dynamic linker looks, besides Debian's directories for one machine.
const LIBRARIES: [&str; 5] = ["/usr/lib", "/usr/lib64", "/usr/local/lib", "/lib", "/lib64"];
/// The library as programs ask for it, and as the releases of 2.13 install it.
const NAMES: [&str; 4] = [
    "libs6.so.2.13",
    "libs6.so.2.13.0.0",
    "libs6.so.2.13.1.0",
    "libs6.so.2.13.2.0",
];
/// How the name of the library begins that a dynamically linked tool needs, such as
/// `libs6.so.2.13`.
const NEEDED: &[u8] = b"libs6.so.";

/// The first two numbers of a version of s6.
type Release = (u32, u32);

/// What is installed of s6.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Found {
    /// The file to which s6-overlay's link leads.
    overlay: Option<PathBuf>,
    /// The release that an installed tool is linked with.
    tool: Option<Release>,
    /// The library of 2.13 is there, and nothing else shows a release.
    library: bool,
}

/// The layout to write, and what is wrong with the setting.
pub(crate) fn find(setting: Option<&OsStr>) -> (Layout, Option<String>) {
    match setting.map(asked) {
        Some(Ok(Some(layout))) => (layout, None),
        Some(Err(complaint)) => (Found::look(Path::new("/")).layout(), Some(complaint)),
        None | Some(Ok(None)) => (Found::look(Path::new("/")).layout(), None),
    }
}

/// An empty value counts as not set, since that is how a compose file unsets a variable.
fn asked(setting: &OsStr) -> Result<Option<Layout>, String> {
    let said = setting.to_string_lossy();
    let said = said.trim();
    if said.is_empty() {
        return Ok(None);
    }
    let layout = said.parse().ok().and_then(Layout::of);
    layout.map(Some).ok_or_else(|| {
        let shown: String = said.chars().take(20).collect();
        let [short, long] = Layout::ALL.map(Layout::size);
        format!(
            "{SETTING} is {shown:?}, which is neither {short} nor {long}: left to what is installed"
        )
    })
}

impl Found {
    /// What is installed below `root`. The library is looked for only if nothing else
    /// shows the release.
    fn look(root: &Path) -> Self {
        let at = |path: &str| root.join(path.trim_start_matches('/'));
        let overlay = fs::canonicalize(at(OVERLAYS)).ok();
        let tool = TOOLS.iter().find_map(|path| linked_with(&at(path)));
        let found = Self {
            overlay,
            tool,
            library: false,
        };
        Self {
            library: found.release().is_none() && has_library(at),
            ..found
        }
    }

    /// The release of the tools.
    fn release(&self) -> Option<Release> {
        self.overlay.as_deref().and_then(in_path).or(self.tool)
    }

    /// The tools count before the library, which a package manager leaves behind
    /// when it replaces them.
    fn layout(&self) -> Layout {
        let release = self.release();
        if release.map_or(self.library, |release| release == (2, 13)) {
            Layout::Long
        } else {
            Layout::Short
        }
    }
}

fn has_library(at: impl Fn(&str) -> PathBuf) -> bool {
    // Debian's name for the directories of one machine: x86_64-linux-gnu.
    let debians = ["/usr/lib", "/lib"].map(|path| at(path).join(format!("{ARCH}-linux-gnu")));
    let mut all = debians.into_iter().chain(LIBRARIES.map(at));
    all.any(|path| NAMES.iter().any(|name| path.join(name).exists()))
}

/// The release in a path of slashpackage: `/package/admin/s6-2.13.1.0/command/s6-svc`.
fn in_path(path: &Path) -> Option<Release> {
    path.iter()
        .find_map(|name| release(name.to_str()?.strip_prefix("s6-")?))
}

fn linked_with(tool: &Path) -> Option<Release> {
    let bytes = servicedir::read_beginning(tool, TOOL_MAX).ok()?;
    let mut texts = bytes.split(|byte| *byte == 0);
    let version = texts.find_map(|text| text.strip_prefix(NEEDED))?;
    release(std::str::from_utf8(version).ok()?)
}

/// `2.13`, or `2.13.1.0`.
fn release(version: &str) -> Option<Release> {
    let mut numbers = version.split('.').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "fixtures")]

    use super::*;
    use std::os::unix::fs::symlink;

    fn put(root: &Path, path: &str, content: &[u8]) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn tool(library: &str) -> Vec<u8> {
        format!("\x7fELF\0libskarnet.so.2.14\0{library}\0libc.so.6\0").into()
    }

    fn link(root: &Path, to: &str, path: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(to, path).unwrap();
    }

    /// Lays out s6 as s6-overlay's archive does.
    fn overlay(root: &Path, version: &str) {
        let package = format!("package/admin/s6-{version}");
        put(root, &format!("{package}/command/s6-svc"), b"static");
        link(root, &format!("s6-{version}"), "package/admin/s6");
        link(root, "../package/admin/s6/command/s6-svc", "command/s6-svc");
    }

    fn layout(root: &Path) -> Layout {
        Found::look(root).layout()
    }

    #[test]
    fn without_s6_the_record_is_the_short_one() {
        let root = harness::scratch();
        assert_eq!(Found::look(root.path()), Found::default());
        assert_eq!(layout(root.path()), Layout::Short);
    }

    #[test]
    fn the_release_that_a_tool_is_linked_with_decides() {
        for (library, want) in [
            ("libs6.so.2.11", Layout::Short),
            ("libs6.so.2.13", Layout::Long),
            ("libs6.so.2.14", Layout::Short),
            ("libs6.so.2.130", Layout::Short),
        ] {
            let root = harness::scratch();
            put(root.path(), "usr/bin/s6-svstat", &tool(library));
            assert_eq!(layout(root.path()), want, "{library}");
        }
    }

    #[test]
    fn a_library_is_enough_wherever_the_linker_finds_it() {
        let debians = format!("usr/lib/{ARCH}-linux-gnu/libs6.so.2.13");
        for path in [
            debians.as_str(),
            "usr/lib/libs6.so.2.13",
            "usr/local/lib/libs6.so.2.13.2.0",
        ] {
            let root = harness::scratch();
            put(root.path(), path, b"");
            assert_eq!(layout(root.path()), Layout::Long, "{path}");
        }
    }

    #[test]
    fn a_library_that_an_upgrade_has_left_does_not_count() {
        let root = harness::scratch();
        put(root.path(), "usr/lib/libs6.so.2.13", b"");
        put(root.path(), "usr/bin/s6-svstat", &tool("libs6.so.2.15"));
        assert_eq!(layout(root.path()), Layout::Short);
    }

    #[test]
    fn a_tool_that_is_ours_says_nothing() {
        let root = harness::scratch();
        put(root.path(), "usr/bin/s6-svstat", b"\x7fELF\0libc.so.6\0");
        assert_eq!(Found::look(root.path()).tool, None);
    }

    #[test]
    fn the_links_of_s6_overlay_are_followed_to_their_version() {
        for (version, want) in [
            ("2.12.0.4", Layout::Short),
            ("2.13.1.0", Layout::Long),
            ("2.15.1.0", Layout::Short),
        ] {
            let root = harness::scratch();
            overlay(root.path(), version);
            assert_eq!(layout(root.path()), want, "{version}");
        }
    }

    #[test]
    fn s6_overlays_tools_come_before_the_others() {
        let root = harness::scratch();
        overlay(root.path(), "2.12.0.4");
        put(root.path(), "usr/bin/s6-svstat", &tool("libs6.so.2.13"));
        put(root.path(), "usr/lib/libs6.so.2.13", b"");
        assert_eq!(layout(root.path()), Layout::Short);
    }

    #[test]
    fn links_that_lead_nowhere_or_to_no_version_say_nothing() {
        let root = harness::scratch();
        link(
            root.path(),
            "../package/admin/s6/command/s6-svc",
            "command/s6-svc",
        );
        assert_eq!(Found::look(root.path()), Found::default());
        put(root.path(), "package/admin/s6/command/s6-svc", b"static");
        assert!(Found::look(root.path()).overlay.is_some());
        assert_eq!(layout(root.path()), Layout::Short);
    }

    #[test]
    fn a_fifo_in_a_tools_place_is_not_waited_for() {
        let root = harness::scratch();
        fs::create_dir_all(root.path().join("bin")).unwrap();
        let path = root.path().join("bin/s6-svstat");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert_eq!(layout(root.path()), Layout::Short);
    }

    #[test]
    fn the_setting_counts_whatever_is_found() {
        let set = |value: &str| find(Some(OsStr::new(value)));
        assert_eq!(set("35"), (Layout::Short, None));
        assert_eq!(set(" 43\n"), (Layout::Long, None));
        assert_eq!(set(""), find(None));
    }

    #[test]
    fn a_setting_that_is_no_length_is_told_and_what_is_found_counts() {
        let (layout, complaint) = find(Some(OsStr::new("2.13")));
        assert_eq!(layout, find(None).0);
        assert_eq!(
            complaint.unwrap(),
            "INIT_S6_RECORD is \"2.13\", which is neither 35 nor 43: left to what is installed"
        );
    }
}
