//! Which faults there are at a position, and which of them a run of the tests tries.

use std::fmt;

use super::trace::{Position, Stream};

/// What can go wrong with a call that is about a file, a descriptor or a connection.
const ERRORS: [&str; 5] = ["EIO", "ENOSPC", "EMFILE", "EINTR", "ESTALE"];

/// Those that wait: the kernel ends the wait early, and has no other error for them.
const WAIT: [&str; 11] = [
    "epoll_pwait",
    "epoll_wait",
    "nanosleep",
    "pause",
    "poll",
    "ppoll",
    "pselect6",
    "rt_sigsuspend",
    "select",
    "wait4",
    "waitid",
];
/// Those that make a process or a thread, for which there is no room.
const BEGIN: [&str; 4] = ["clone", "clone3", "fork", "vfork"];
/// Those about memory, signals, clocks, threads and the process itself. None of the errors
/// is ever theirs, but the program can be killed there.
const NEVER: [&str; 50] = [
    "alarm",
    "arch_prctl",
    "brk",
    "capget",
    "clock_gettime",
    "clock_nanosleep",
    "execve",
    "exit",
    "exit_group",
    "futex",
    "getegid",
    "geteuid",
    "getgid",
    "getgroups",
    "getpgid",
    "getpgrp",
    "getpid",
    "getppid",
    "getrandom",
    "getrlimit",
    "gettid",
    "gettimeofday",
    "getuid",
    "kill",
    "madvise",
    "membarrier",
    "mmap",
    "mprotect",
    "mremap",
    "munmap",
    "prctl",
    "prlimit64",
    "restart_syscall",
    "rseq",
    "rt_sigaction",
    "rt_sigpending",
    "rt_sigprocmask",
    "rt_sigreturn",
    "rt_sigtimedwait",
    "sched_getaffinity",
    "sched_yield",
    "set_robust_list",
    "set_tid_address",
    "setitimer",
    "setpgid",
    "setsid",
    "sigaltstack",
    "tgkill",
    "umask",
    "uname",
];
/// Those by which a stream is read: its other end may be gone. `recvmsg` asks the kernel
/// itself, which is never gone.
const READ: [&str; 2] = ["read", "recvfrom"];

/// What happens at a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// It fails with this error, and does nothing.
    Error(&'static str),
    /// A stream has ended: nothing is read.
    End,
    /// The program is killed before the call is made.
    Kill,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error(name) => name,
            Self::End => "end",
            Self::Kill => "kill",
        })
    }
}

/// One fault at one position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) position: Position,
    pub(super) kind: Kind,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Position { call, number, .. } = &self.position;
        write!(f, "{} at {call} {number}", self.kind)
    }
}

impl Fault {
    /// What strace is told.
    pub(super) fn rule(&self) -> String {
        let Position { call, number, .. } = &self.position;
        let what = match self.kind {
            Kind::Error(name) => format!("error={name}"),
            Kind::End => "retval=0".to_owned(),
            Kind::Kill => "signal=KILL".to_owned(),
        };
        format!("inject={call}:{what}:when={number}")
    }
}

/// All faults at these positions.
pub(super) fn faults(positions: &[Position]) -> Vec<Fault> {
    let at = |position: &Position| {
        let kinds = kinds(position).into_iter();
        let position = position.clone();
        kinds.map(move |kind| Fault {
            position: position.clone(),
            kind,
        })
    };
    positions.iter().flat_map(at).collect()
}

fn kinds(position: &Position) -> Vec<Kind> {
    let call = position.call.as_str();
    let errors: &[&str] = match call {
        _ if NEVER.contains(&call) => &[],
        _ if WAIT.contains(&call) => &["EINTR"],
        _ if BEGIN.contains(&call) => &["EAGAIN"],
        // What strace lets fail is not done. A kernel closes in any case, and the other end
        // of a stream that stays open would wait.
        "close" if position.stream != Stream::None => &[],
        _ => &ERRORS,
    };
    let mut kinds: Vec<Kind> = errors.iter().map(|name| Kind::Error(name)).collect();
    if position.stream == Stream::All && READ.contains(&call) {
        kinds.push(Kind::End);
    }
    kinds.push(Kind::Kill);
    kinds
}

/// One of each `every` in a row, chosen by the seed; with 1 it is all.
pub(super) fn share<T>(all: Vec<T>, every: usize, seed: u64) -> Vec<T> {
    let mut dice = fastrand::Rng::with_seed(seed);
    let (mut chosen, mut rows) = (Vec::new(), all.into_iter());
    loop {
        let mut row: Vec<T> = rows.by_ref().take(every.max(1)).collect();
        if row.is_empty() {
            return chosen;
        }
        // The last row is shorter, and each of its own has the same chance as the others.
        let at = dice.usize(..every.max(1));
        if at < row.len() {
            chosen.push(row.swap_remove(at));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(call: &str, stream: Stream) -> Position {
        Position {
            call: call.to_owned(),
            number: 3,
            stream,
        }
    }

    fn words(call: &str, stream: Stream) -> Vec<String> {
        let faults = faults(&[at(call, stream)]).into_iter();
        faults.map(|fault| fault.kind.to_string()).collect()
    }

    #[test]
    fn each_call_has_the_faults_that_the_kernel_has_for_it_and_a_kill() {
        let of_files = ["EIO", "ENOSPC", "EMFILE", "EINTR", "ESTALE", "kill"];
        assert_eq!(words("openat", Stream::None), of_files);
        assert_eq!(words("read", Stream::None), of_files);
        assert_eq!(words("read", Stream::All)[5..], ["end", "kill"]);
        assert_eq!(words("write", Stream::All), of_files);
        assert_eq!(words("close", Stream::None), of_files);
        assert_eq!(words("close", Stream::Some), ["kill"]);
        assert_eq!(words("poll", Stream::None), ["EINTR", "kill"]);
        assert_eq!(words("clone3", Stream::None), ["EAGAIN", "kill"]);
        assert_eq!(words("mmap", Stream::None), ["kill"]);
    }

    #[test]
    fn strace_is_told_what_where_and_when() {
        let rules: Vec<String> = faults(&[at("read", Stream::All)])
            .iter()
            .map(Fault::rule)
            .collect();
        assert_eq!(rules[0], "inject=read:error=EIO:when=3");
        assert_eq!(rules[5], "inject=read:retval=0:when=3");
        assert_eq!(rules[6], "inject=read:signal=KILL:when=3");
        let shown = faults(&[at("read", Stream::None)])[0].to_string();
        assert_eq!(shown, "EIO at read 3");
    }

    #[test]
    fn a_share_has_one_of_each_row_and_the_same_with_the_same_seed() {
        let all: Vec<usize> = (0..45).collect();
        assert_eq!(share(all.clone(), 1, 7), all);
        for seed in 0..50 {
            let some = share(all.clone(), 20, seed);
            assert_eq!(some, share(all.clone(), 20, seed));
            assert!(matches!(some.len(), 2 | 3), "{some:?}");
            assert!(some[0] < 20 && (20..40).contains(&some[1]), "{some:?}");
        }
    }

    #[test]
    fn in_time_every_one_has_its_turn() {
        let mut seen: Vec<usize> = (0..200)
            .flat_map(|seed| share((0..45).collect(), 20, seed))
            .collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 45);
    }
}
