//! The working directory and the environment of the HAProxy that is to read the
//! configuration.

use std::fs;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::{ffi::OsString, iter};

use haproxy_config::{FINGERPRINT, Surroundings, hash_of};
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, UnixAddr, connect, getsockopt, socket, sockopt,
};
use nix::unistd::geteuid;

/// The largest environment of a process that is read, in bytes.
const MAX_ENVIRONMENT: u64 = 1 << 20;
/// What HAProxy's processes are called.
const HAPROXY: &str = "haproxy";
/// Variables that change without a change of what a configuration means: HAProxy sets
/// them anew at each start (and a reload starts it with those that it has set), or a
/// shell does at each command. A configuration that names one of them is checked again
/// with each of its values all the same.
const FLEETING: [&str; 13] = [
    "HAPROXY_BRANCH",
    "HAPROXY_CFGFILES",
    "HAPROXY_CLI",
    "HAPROXY_HTTPS_LOG_FMT",
    "HAPROXY_HTTP_CLF_LOG_FMT",
    "HAPROXY_HTTP_LOG_FMT",
    "HAPROXY_LOCALPEER",
    "HAPROXY_MASTER_CLI",
    "HAPROXY_STARTUP_VERSION",
    "HAPROXY_TCP_CLF_LOG_FMT",
    "HAPROXY_TCP_LOG_FMT",
    "OLDPWD",
    "PWD",
];
/// Names that begin so are those of an event, of which a Serf agent tells its handler.
const EVENT: &str = "SERF_";
/// Variables that decide nothing: the file sets the first one itself, the check has our
/// own PATH and nothing that a master tells its worker, and shells count in the others.
const UNSEEN: [&str; 9] = [
    FINGERPRINT,
    "HAPROXY_MWORKER",
    "HAPROXY_MWORKER_REEXEC",
    "HAPROXY_MWORKER_WAIT_ONLY",
    "HAPROXY_PROCESSES",
    "HAPROXY_STARTUPLOGS_FD",
    "PATH",
    "SHLVL",
    "_",
];

/// The surroundings of the HAProxy whose master listens at `socket`, or, if there is
/// none or it is not ours to ask, our own: the service that starts HAProxy runs us
/// first.
pub(crate) fn surroundings(socket: &Path) -> Surroundings {
    let running = master(socket).and_then(of_haproxy);
    running.unwrap_or_else(Surroundings::own)
}

/// Those of the process with this number, if it is a HAProxy of our own user.
///
/// An environment can make a program run somebody's code (`LD_PRELOAD`), so it is taken
/// only from a process of our own user.
fn of_haproxy(pid: i32) -> Option<Surroundings> {
    let folder = PathBuf::from(format!("/proc/{pid}"));
    let is_ours = fs::metadata(&folder).ok()?.uid() == geteuid().as_raw();
    let name = files::read(&folder.join("comm"), 64).ok()??;
    // A master that has gone into the background after it opened its socket has another
    // number, and its old one may be anybody's.
    if !is_ours || !name.starts_with(HAPROXY.as_bytes()) {
        return None;
    }
    let environment = files::read(&folder.join("environ"), MAX_ENVIRONMENT).ok()??;
    let directory = fs::read_link(folder.join("cwd")).ok()?;
    Some(Surroundings {
        directory: directory.is_dir().then_some(directory),
        environment: pairs(&environment),
    })
}

/// The number of the process that listens at `socket`, if it belongs to our own user.
/// This waits for nobody: the kernel knows the number from when it began to listen.
fn master(path: &Path) -> Option<i32> {
    let socket = socket(
        AddressFamily::Unix,
        SockType::Stream,
        SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
        None,
    )
    .ok()?;
    connect(socket.as_raw_fd(), &UnixAddr::new(path).ok()?).ok()?;
    let peer = getsockopt(&socket, sockopt::PeerCredentials).ok()?;
    // It has no number in another PID namespace than its own.
    (peer.uid() == geteuid().as_raw() && peer.pid() > 0).then_some(peer.pid())
}

fn pairs(environment: &[u8]) -> Vec<(OsString, OsString)> {
    let text = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
    let pair = |entry: &[u8]| {
        let end = entry.iter().position(|byte| *byte == b'=')?;
        let name = entry.get(..end).filter(|name| !name.is_empty())?;
        Some((text(name), text(entry.get(end + 1..)?)))
    };
    environment
        .split(|byte| *byte == 0)
        .filter_map(pair)
        .collect()
}

/// The hash of what a configuration with this text can see of them. The order of the
/// environment does not count.
pub(crate) fn hash(surroundings: &Surroundings, text: &str) -> String {
    let telling: Vec<&str> = text.lines().filter(|line| can_name(line)).collect();
    let is_seen = |name: &str| {
        let is_fleeting = FLEETING.contains(&name) || name.starts_with(EVENT);
        !UNSEEN.contains(&name) && (!is_fleeting || telling.iter().any(|line| names(line, name)))
    };
    let environment = surroundings.environment.iter();
    let mut seen: Vec<_> = environment
        .filter(|(name, _)| is_seen(&name.to_string_lossy()))
        .collect();
    seen.sort_unstable();
    let directory = surroundings.directory.as_deref().unwrap_or(Path::new(""));
    let all = seen
        .into_iter()
        .flat_map(|(name, value)| [name.as_os_str(), value])
        .chain(iter::once(directory.as_os_str()));
    let all: Vec<&[u8]> = all.map(OsStrExt::as_bytes).collect();
    hash_of(&all.join(&0))
}

/// Whether the line can name a variable. Thousands of servers do not.
fn can_name(line: &str) -> bool {
    !line.trim_start().starts_with("server ") || line.contains('$')
}

/// Whether `name` stands in the line as a whole word.
fn names(line: &str, name: &str) -> bool {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let bytes = line.as_bytes();
    line.match_indices(name).any(|(start, _)| {
        let before = start.checked_sub(1).and_then(|at| bytes.get(at));
        let after = bytes.get(start + name.len());
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "global\n bind \"${HAPROXY_CLI_BIND-*:1}\"\n log $SERF_TAG_LOG\n";

    fn hash_with(directory: &str, environment: &[&str]) -> String {
        let environment = pairs(environment.join("\0").as_bytes());
        let directory = Some(directory.into());
        hash(
            &Surroundings {
                directory,
                environment,
            },
            TEXT,
        )
    }

    #[test]
    fn a_variable_or_a_directory_more_or_another_is_another_hash() {
        let before = hash_with("/a", &["A=1", "B=2"]);
        assert_eq!(hash_with("/a", &["B=2", "A=1"]), before);
        for (directory, environment) in [
            ("/b", &["A=1", "B=2"][..]),
            ("/a", &["A=1"]),
            ("/a", &["A=1", "B=3"]),
            ("/a", &["A=1", "B=2", "C="]),
            ("/a", &["A=1", "B=2", "SERF_TAG_LOG=x"]),
        ] {
            assert_ne!(hash_with(directory, environment), before, "{environment:?}");
        }
    }

    #[test]
    fn what_every_reload_event_or_command_changes_does_not_count_unless_it_is_named() {
        let before = hash_with("/", &[]);
        for name in [
            "CONFIG_FINGERPRINT",
            "HAPROXY_CLI",
            "SERF_EVENT",
            "PWD",
            "SHLVL",
            "PATH",
        ] {
            assert_eq!(hash_with("/", &[&format!("{name}=x")]), before, "{name}");
        }
    }

    #[test]
    fn an_environment_is_read_as_the_kernel_shows_it() {
        let pair = |name: &str, value: &str| (name.into(), value.into());
        assert_eq!(
            pairs(b"A=1\0B=\0no\0=x\0C=a=b\0"),
            [pair("A", "1"), pair("B", ""), pair("C", "a=b")]
        );
        assert_eq!(pairs(b""), []);
    }

    #[test]
    fn a_process_that_is_no_haproxy_tells_us_nothing() {
        for pid in [
            1,
            std::os::unix::process::parent_id().cast_signed(),
            i32::MAX,
        ] {
            assert!(of_haproxy(pid).is_none());
        }
    }

    #[test]
    fn where_no_master_listens_our_own_surroundings_count() {
        let scratch = harness::scratch();
        let path = scratch.path().join("m");
        assert!(surroundings(&path) == Surroundings::own());
        let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        assert_eq!(master(&path), Some(std::process::id().cast_signed()));
    }
}
