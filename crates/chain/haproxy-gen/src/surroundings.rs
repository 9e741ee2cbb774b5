//! The working directory and the environment of the HAProxy that is to read the
//! configuration.

use std::ffi::OsString;
use std::fs;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use haproxy_config::Surroundings;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, UnixAddr, connect, getsockopt, socket, sockopt,
};
use nix::unistd::geteuid;

/// The largest environment of a process that is read, in bytes.
const MAX_ENVIRONMENT: u64 = 1 << 20;
/// What HAProxy's processes are called.
const HAPROXY: &str = "haproxy";
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

#[cfg(test)]
mod tests {
    use super::*;

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
