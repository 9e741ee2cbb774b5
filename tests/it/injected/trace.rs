//! What strace wrote of a run: the calls of each thread, and at which of them a fault can
//! strike.

use std::collections::{BTreeMap, BTreeSet};

/// With this, Rust's runtime has started, and `main` begins.
pub(super) const RUNTIME: &str = "rt_sigaction(SIGBUS, {sa_handler=";

/// One call, as strace finds it again: it counts in every thread by itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    /// Its name.
    pub(super) call: String,
    /// Which of the calls of that name it is, from 1.
    pub(super) number: usize,
    /// Whether it is about a socket or a pipe.
    pub(super) stream: Stream,
}

/// In which of the threads that make a call it is about a socket or a pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stream {
    All,
    Some,
    None,
}

/// The positions of a run, in the order in which they came.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Positions {
    /// Each once, although several threads may have it.
    pub(super) all: Vec<Position>,
    /// How many calls have none: a fault there would strike the start-up as well.
    pub(super) hidden: usize,
}

/// The positions behind the first line of the program that has `begins` in it, where the
/// program itself starts.
pub(super) fn positions(log: &str, begins: &str) -> Positions {
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let mut at_start: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut has_begun, mut hidden) = (false, BTreeSet::new());
    let mut all: Vec<Position> = Vec::new();
    for (thread, line) in log.lines().map(thread_and_rest) {
        let Some((call, arguments)) = call_of(line) else {
            continue;
        };
        let count = counts.entry((thread, call)).or_default();
        *count += 1;
        let number = *count;
        if !has_begun {
            at_start.insert(call, number);
            has_begun = line.contains(begins);
        } else if number <= at_start.get(call).copied().unwrap_or_default() {
            hidden.insert((thread, call, number));
        } else {
            add(&mut all, call, number, stream(arguments));
        }
    }
    Positions {
        all,
        hidden: hidden.len(),
    }
}

fn add(all: &mut Vec<Position>, call: &str, number: usize, stream: Stream) {
    let same = all
        .iter_mut()
        .find(|it| it.number == number && it.call == call);
    match same {
        Some(position) if position.stream != stream => position.stream = Stream::Some,
        Some(_) => {}
        None => all.push(Position {
            call: call.to_owned(),
            number,
            stream,
        }),
    }
}

/// A line begins with the number of its thread, where there can be several.
fn thread_and_rest(line: &str) -> (&str, &str) {
    match line.split_once(' ') {
        Some((thread, rest)) if thread.bytes().all(|byte| byte.is_ascii_digit()) => {
            (thread, rest.trim_start())
        }
        _ => ("", line),
    }
}

/// The name and the arguments; `None` for a signal, an end, and the rest of a call that
/// has been told of.
fn call_of(line: &str) -> Option<(&str, &str)> {
    let (name, arguments) = line.split_once('(')?;
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (!name.is_empty() && name.bytes().all(is_name)).then_some((name, arguments))
}

/// Whether the first argument is a descriptor of a stream: `3<socket:[7]>`, `4<pipe:[8]>`.
fn stream(arguments: &str) -> Stream {
    let (number, what) = arguments.split_once('<').unwrap_or_default();
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    let kinds = ["socket:", "pipe:"];
    if is_number && kinds.iter().any(|kind| what.starts_with(kind)) {
        Stream::All
    } else {
        Stream::None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
7 execve(\"/serf-nodes\", [\"/serf-nodes\"], 0x7ffe /* 37 vars */) = 0
7 read(3</proc/7/maps>, \"5555\"..., 1024) = 965
7 rt_sigaction(SIGBUS, NULL, {sa_handler=SIG_DFL}, 8) = 0
7 rt_sigaction(SIGBUS, {sa_handler=0x7f, sa_mask=[]}, NULL, 8) = 0
7 read(4</nodes/s1>, \"s1\", 1024) = 2
7 clone3({flags=CLONE_VM} => {parent_tid=[8]}, 88) = 8
8 read(5<socket:[9]>,  <unfinished ...>
7 read(6<pipe:[3]>, \"\", 1) = 0
8 <... read resumed>\"\", 8) = 0
8 read(5<socket:[9]>, \"\", 8) = 0
8 read(5<socket:[9]>, \"\", 8) = 0
8 read(5<socket:[9]>, \"\", 8) = 0
7 --- SIGCHLD {si_signo=SIGCHLD} ---
8 +++ exited with 0 +++
";

    fn at(call: &str, number: usize, stream: Stream) -> Position {
        Position {
            call: call.to_owned(),
            number,
            stream,
        }
    }

    #[test]
    fn what_comes_before_main_is_no_position_and_what_would_strike_there_is_counted() {
        let found = positions(LOG, RUNTIME);
        let expected = [
            // The main thread reads a file at the place where the other one reads a socket.
            at("read", 2, Stream::Some),
            at("clone3", 1, Stream::None),
            at("read", 3, Stream::All),
            at("read", 4, Stream::All),
        ];
        assert_eq!(found.all, expected);
        // The first read of the second thread: the loader's has the same number.
        assert_eq!(found.hidden, 1);
    }

    #[test]
    fn the_calls_of_one_thread_need_no_number() {
        let alone = "rt_sigaction(SIGBUS, {sa_handler=0x7f}, NULL, 8) = 0\nread(0</x>, \"\", 1) = 0\n+++ exited with 0 +++\n";
        let found = positions(alone, RUNTIME).all;
        assert_eq!(found, [at("read", 1, Stream::None)]);
    }

    #[test]
    fn a_program_that_never_begins_has_none() {
        assert_eq!(positions(LOG, "banana"), Positions::default());
    }

    #[test]
    fn a_name_with_a_bracket_in_an_argument_is_no_stream() {
        assert_eq!(stream("AT_FDCWD</run>, \"a<socket:\")"), Stream::None);
        assert_eq!(stream("\"/x<socket:\""), Stream::None);
        assert_eq!(stream("3<socket:[7]>, 0"), Stream::All);
    }
}
