//! What the kernel offers past std and nix's safe half: the only `unsafe` here.
#![expect(unsafe_code, reason = "the one file that is allowed to")]

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::errno::Errno;
use nix::libc::{self, c_int};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, pthread_sigmask, sigprocmask};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;
use servicedir::WaitStatus;

/// The highest signal number of Linux.
const LAST_SIGNAL: c_int = 64;

/// What we were started with and a command gets back.
#[derive(Clone, Debug)]
pub(crate) struct Inherited {
    mask: SigSet,
    ignored: Vec<c_int>,
    files: Option<(u64, u64)>,
}

/// Which session and process group a child gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Session {
    /// A new session, every signal as it is by default.
    New,
    /// A process group of its own, signals as we were started with; the
    /// terminal, if standard input is one.
    Command { terminal: bool },
}

impl Inherited {
    /// Remembers what we were started with, before any handler of ours is set.
    pub(crate) fn look() -> Self {
        let mut mask = SigSet::empty();
        let _ = sigprocmask(SigmaskHow::SIG_BLOCK, None, Some(&mut mask));
        let files = getrlimit(Resource::RLIMIT_NOFILE).ok();
        Self {
            mask,
            // std itself ignores SIGPIPE before we can look.
            ignored: (1..=LAST_SIGNAL)
                .filter(|signal| *signal != libc::SIGPIPE && is_ignored(*signal))
                .collect(),
            files,
        }
    }

    /// Nothing blocked but what would stop a background process that writes to
    /// its terminal, and as many open files as are allowed. After the handlers
    /// are set, or a signal that waits would end us.
    pub(crate) fn change(&self) {
        let mut ours = SigSet::empty();
        ours.add(Signal::SIGTTIN);
        ours.add(Signal::SIGTTOU);
        let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&ours), None);
        if let Some((_, most)) = self.files {
            let _ = setrlimit(Resource::RLIMIT_NOFILE, most, most);
        }
    }

    /// For a program that takes our place.
    pub(crate) fn give_back(&self) {
        let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&self.mask), None);
        self.give_back_files();
    }

    fn give_back_files(&self) {
        if let Some((soft, hard)) = self.files {
            let _ = setrlimit(Resource::RLIMIT_NOFILE, soft, hard);
        }
    }
}

/// So many descriptors are kept free: starting a program takes some for a while.
const RESERVE: u64 = 16;

/// Whether `file`, just opened, got one of the last descriptors there are.
pub(crate) fn is_among_last(file: &impl AsRawFd) -> bool {
    let number = u64::try_from(file.as_raw_fd()).unwrap_or(0);
    getrlimit(Resource::RLIMIT_NOFILE).is_ok_and(|(most, _)| number + RESERVE >= most)
}

/// A descriptor that the kernel has just given us.
pub(crate) fn own(number: RawFd) -> io::Result<OwnedFd> {
    if number < 0 {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    // SAFETY: nobody else knows of it yet, and it is not -1.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

unsafe extern "C" {
    /// Where the linker has put the program's first byte, and the end of its code.
    static __executable_start: u8;
    static etext: u8;
}

/// Lets go of the pages of our own code: what is needed comes back from the
/// file, and the parser of the arguments never does. A supervisor is in every
/// container, so its memory counts as often.
pub(crate) fn forget_code() {
    let first = &raw const __executable_start as usize;
    let length = (&raw const etext as usize).saturating_sub(first) & !0xfff;
    // SAFETY: the range holds nothing that is ever written: headers, constants
    // and code, backed by the file.
    unsafe {
        libc::madvise(first as *mut libc::c_void, length, libc::MADV_DONTNEED);
    }
}

fn is_ignored(signal: c_int) -> bool {
    // SAFETY: all zeros are a valid sigaction, and nothing but it is written.
    unsafe {
        let mut now: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, std::ptr::null(), &raw mut now) == 0
            && now.sa_sigaction == libc::SIG_IGN
    }
}

/// Starts `command`; each of `descriptors` is a file of ours and the number that
/// it has to have in the child.
///
/// Every signal is blocked from before the fork until just before the exec: a
/// signal for the child must neither run our handlers in it nor be lost.
pub(crate) fn spawn(
    command: &mut Command,
    session: Session,
    inherited: &Inherited,
    descriptors: Vec<(RawFd, RawFd)>,
) -> io::Result<i32> {
    let child = inherited.clone();
    let prepare = move || {
        enter(session);
        for (from, to) in &descriptors {
            // SAFETY: dup2 takes any two numbers.
            if unsafe { libc::dup2(*from, *to) } == -1 {
                return Err(io::Error::last_os_error());
            }
        }
        child.give_back_files();
        reset_signals(session, &child)
    };
    // SAFETY: the closure makes system calls only, and allocates nothing.
    unsafe { command.pre_exec(prepare) };
    let mut before = SigSet::empty();
    pthread_sigmask(
        SigmaskHow::SIG_SETMASK,
        Some(&SigSet::all()),
        Some(&mut before),
    )?;
    let result = command.spawn();
    pthread_sigmask(SigmaskHow::SIG_SETMASK, Some(&before), None)?;
    Ok(result?.id().cast_signed())
}

/// In the child. A terminal that cannot be had is no reason not to start.
fn enter(session: Session) {
    // SAFETY: none of these takes a pointer.
    unsafe {
        match session {
            Session::New => {
                libc::setsid();
                // What we were given open is not theirs.
                libc::syscall(
                    libc::SYS_close_range,
                    libc::STDERR_FILENO + 1,
                    libc::c_uint::MAX,
                    libc::CLOSE_RANGE_CLOEXEC,
                );
            }
            Session::Command { terminal } => {
                libc::setpgid(0, 0);
                if terminal {
                    libc::tcsetpgrp(0, libc::getpid());
                }
            }
        }
    }
}

/// In the child, last of all: what waits for it arrives now.
fn reset_signals(session: Session, inherited: &Inherited) -> io::Result<()> {
    for signal in 1..=LAST_SIGNAL {
        let keep = session != Session::New && inherited.ignored.contains(&signal);
        let disposition = if keep { libc::SIG_IGN } else { libc::SIG_DFL };
        // SAFETY: no handler of ours is set, only one of the two constants.
        // Signals that cannot be changed are left.
        unsafe { libc::signal(signal, disposition) };
    }
    let mask = match session {
        Session::New => SigSet::empty(),
        Session::Command { .. } => inherited.mask,
    };
    Ok(sigprocmask(SigmaskHow::SIG_SETMASK, Some(&mask), None)?)
}

/// One child that has ended, whichever it is, and how.
///
/// nix's `waitpid` does not do: a child that a real-time signal killed is an
/// error there, after it has been reaped.
pub(crate) fn reap_one() -> Reaped {
    let mut status = 0;
    // SAFETY: the status is ours and writable.
    match unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG) } {
        0 => Reaped::NoneEnded,
        pid if pid > 0 => Reaped::One {
            pid,
            status: WaitStatus::from_raw(status),
        },
        _ => Reaped::NoChildren,
    }
}

/// Whether `pid` is a child of ours that has not been reaped.
pub(crate) fn is_child(pid: i32) -> bool {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    pid > 0 && waitid(Id::Pid(Pid::from_raw(pid)), flags) != Err(Errno::ECHILD)
}

/// What [`reap_one`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reaped {
    One { pid: i32, status: WaitStatus },
    NoneEnded,
    NoChildren,
}

/// Sends a signal by number to one process, or to a group by its negative.
/// Never to all or to our own group, whatever the caller has computed.
pub(crate) fn kill(pid: i32, signal: c_int) -> io::Result<()> {
    if matches!(pid, -1..=1) {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    // SAFETY: kill takes any two numbers.
    match unsafe { libc::kill(pid, signal) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Sends a signal to everybody but us: only as the first process, whose
/// namespace holds nothing else than its own.
pub(crate) fn kill_all(signal: Signal) {
    if std::process::id() == 1 {
        // SAFETY: as above, and guarded.
        unsafe { libc::kill(-1, signal as c_int) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_killed_by_a_number_that_is_no_process() {
        for pid in [-1, 0, 1] {
            assert!(kill(pid, 0).is_err());
        }
        assert!(kill(std::process::id().cast_signed(), 0).is_ok());
    }

    #[test]
    fn a_child_is_one_until_it_is_reaped() {
        let mut child = Command::new("true").spawn().unwrap();
        let pid = child.id().cast_signed();
        assert!(is_child(pid));
        child.wait().unwrap();
        assert!(!is_child(pid));
        assert!(!is_child(1) && !is_child(0) && !is_child(-1));
    }

    #[test]
    fn a_descriptor_has_to_be_one() {
        assert!(own(-1).is_err());
    }

    #[test]
    fn code_that_was_let_go_comes_back() {
        forget_code();
        assert!(!is_ignored(libc::SIGKILL));
        assert!(is_ignored(libc::SIGPIPE), "std does that");
    }
}
