//! What is asked of the kernel where neither the standard library nor nix has a safe
//! function for it: the one file with `unsafe`.
#![expect(unsafe_code, reason = "the one file that is allowed to")]

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::errno::Errno;
use nix::libc::{self, c_int};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, pthread_sigmask, sigprocmask};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus as WaitEvent, waitid};
use nix::unistd::{Pid, SysconfVar, sysconf};
use servicedir::WaitStatus;

/// What we were started with and change for ourselves; the command gets it back.
#[derive(Clone, Debug)]
pub(crate) struct Inherited {
    /// The signals that were blocked.
    mask: SigSet,
    /// The signals that were ignored.
    ignored: Vec<c_int>,
    /// How many files may be open: the limit that holds, and the highest allowed.
    files: Option<(u64, u64)>,
}

/// Which session and process group a child gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Session {
    /// A new session, every signal as it is by default.
    New,
    /// A process group of its own, with the signals that we were started with, and
    /// with the terminal if it is ours to give.
    Command { terminal: bool },
}

impl Inherited {
    /// Remembers what we were started with, before we change any of it.
    pub(crate) fn look() -> Self {
        let mut mask = SigSet::empty();
        let _ = sigprocmask(SigmaskHow::SIG_BLOCK, None, Some(&mut mask));
        let files = getrlimit(Resource::RLIMIT_NOFILE).ok();
        Self {
            mask,
            // The standard library has ignored SIGPIPE before we can look.
            ignored: (1..=libc::SIGRTMAX())
                .filter(|signal| *signal != libc::SIGPIPE && is_ignored(*signal))
                .collect(),
            files,
        }
    }

    /// Allows as many open files as possible.
    pub(crate) fn change(&self) {
        if let Some((_, most)) = self.files {
            let _ = setrlimit(Resource::RLIMIT_NOFILE, most, most);
        }
    }

    /// Restores it all for a program that replaces this one.
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

/// This many descriptors are kept free, since starting a program takes some for a
/// while.
const RESERVE: u64 = 16;

/// Whether `file`, which was just opened, has got one of the last descriptors.
pub(crate) fn is_among_last(file: &impl AsRawFd) -> bool {
    let number = u64::try_from(file.as_raw_fd()).unwrap_or(0);
    getrlimit(Resource::RLIMIT_NOFILE).is_ok_and(|(most, _)| number + RESERVE >= most)
}

/// Owns a descriptor that the kernel has just given us.
pub(crate) fn own(number: RawFd) -> io::Result<OwnedFd> {
    if number < 0 {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    // SAFETY: nothing else has this descriptor yet, and it is not -1.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

unsafe extern "C" {
    /// The linker puts one at the program's first byte, and the other at the end of
    /// its code.
    static __executable_start: u8;
    static etext: u8;
}

/// Lets go of the memory that holds our own code. What is needed again comes back from
/// the file, and the parser of the arguments is never needed again.
///
/// A supervisor is in every container. With two services it takes 1.0 to 1.3 MB with
/// this and 1.7 MB without.
pub(crate) fn forget_code() {
    let first = &raw const __executable_start as usize;
    let Ok(Some(page)) = sysconf(SysconfVar::PAGE_SIZE) else {
        return;
    };
    let page = usize::try_from(page).unwrap_or(usize::MAX);
    // Only whole pages: behind the code the last one may have something else.
    let length = (&raw const etext as usize).saturating_sub(first) / page * page;
    // SAFETY: the range has headers, constants and code, which nobody writes to and
    // which the kernel reads from the file again.
    unsafe {
        libc::madvise(first as *mut libc::c_void, length, libc::MADV_DONTNEED);
    }
}

fn is_ignored(signal: c_int) -> bool {
    // SAFETY: a sigaction of zeros is a valid one, and only that is written to.
    unsafe {
        let mut now: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, std::ptr::null(), &raw mut now) == 0
            && now.sa_sigaction == libc::SIG_IGN
    }
}

/// A child that ends or stops is told to us, also where we were started with SIGCHLD
/// ignored.
pub(crate) fn hear_of_children() {
    // SAFETY: no handler of ours is set, only a constant.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
}

/// Starts `command`. Each of `descriptors` is one of ours and the number that it has
/// to have in the child.
///
/// Every signal is blocked from before the fork until just before the exec: a signal
/// for the child must not be lost.
pub(crate) fn spawn(
    command: &mut Command,
    session: Session,
    inherited: &Inherited,
    descriptors: Vec<(RawFd, RawFd)>,
) -> io::Result<i32> {
    let child = inherited.clone();
    let prepare = move || {
        enter_session(session);
        for (from, to) in &descriptors {
            // SAFETY: dup2 takes any two numbers.
            if unsafe { libc::dup2(*from, *to) } == -1 {
                return Err(io::Error::last_os_error());
            }
        }
        child.give_back_files();
        reset_signals(session, &child)
    };
    // SAFETY: the closure only makes system calls, and allocates nothing.
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

/// Runs in the child. It starts even if it cannot get the terminal.
fn enter_session(session: Session) {
    // SAFETY: none of these takes a pointer.
    unsafe {
        match session {
            Session::New => {
                libc::setsid();
                // The files that we were started with are not for our children.
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

/// Runs in the child, last of all: signals that were blocked arrive after it.
fn reset_signals(session: Session, inherited: &Inherited) -> io::Result<()> {
    for signal in 1..=libc::SIGRTMAX() {
        let keep = session != Session::New && inherited.ignored.contains(&signal);
        let disposition = if keep { libc::SIG_IGN } else { libc::SIG_DFL };
        // SAFETY: no handler of ours is set, only one of two constants. For signals
        // that cannot be changed it fails, and they stay as they are.
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
/// nix's `waitpid` is of no use here: for a child that a real-time signal has killed it
/// gives an error, after it has reaped it.
pub(crate) fn reap_one() -> Reaped {
    let mut status = 0;
    // SAFETY: the status is a local variable.
    match unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG) } {
        0 => Reaped::NoneEnded,
        pid if pid > 0 => Reaped::One {
            pid,
            status: WaitStatus::from_raw(status),
        },
        _ => Reaped::NoChildren,
    }
}

/// Whether `pid` is a child of ours that was not reaped yet.
pub(crate) fn is_child(pid: i32) -> bool {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    pid > 0 && waitid(Id::Pid(Pid::from_raw(pid)), flags) != Err(Errno::ECHILD)
}

/// The signal that has stopped `pid`, if it has stopped since we were told of it last.
pub(crate) fn has_stopped(pid: i32) -> Option<Signal> {
    let flags = WaitPidFlag::WSTOPPED | WaitPidFlag::WNOHANG;
    match waitid(Id::Pid(Pid::from_raw(pid)), flags) {
        Ok(WaitEvent::Stopped(_, signal)) => Some(signal),
        _ => None,
    }
}

/// Stops our process group as the terminal's key for that does, until it is continued.
/// False if it is not: the kernel stops neither the first process of a namespace nor a
/// group that no shell could continue.
pub(crate) fn stop_job() -> bool {
    // SAFETY: kill takes any two numbers.
    unsafe { libc::kill(0, libc::SIGTSTP) };
    let stop = SigSet::from(Signal::SIGTSTP);
    // Here is where we stop.
    let _ = stop.thread_unblock();
    let _ = stop.thread_block();
    // SAFETY: a set of zeros is a valid one, and only that is written to.
    unsafe {
        let mut pending: libc::sigset_t = std::mem::zeroed();
        libc::sigpending(&raw mut pending) == 0
            && libc::sigismember(&raw const pending, libc::SIGCONT) == 1
    }
}

/// Continues those of our process group that were stopped.
pub(crate) fn continue_job() {
    // SAFETY: kill takes any two numbers.
    unsafe { libc::kill(0, libc::SIGCONT) };
}

/// What [`reap_one`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reaped {
    One { pid: i32, status: WaitStatus },
    NoneEnded,
    NoChildren,
}

/// Sends a signal to a process, or to a process group by its negative number; never to
/// all processes or to our own group, whatever number the caller has come to.
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

/// Sends a signal to all other processes, which only the first process of a namespace
/// may do: they are all its own.
pub(crate) fn kill_all(signal: Signal) {
    if std::process::id() == 1 {
        // SAFETY: kill takes any two numbers.
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
        assert!(is_ignored(libc::SIGPIPE), "the standard library does that");
    }
}
