//! Our descendants: which processes they are, and a signal to all of them.

use std::collections::HashMap;
use std::fs;

use nix::libc;
use nix::sys::signal::Signal;

use crate::process::sys;

/// Sends `signal` to all of our descendants that still run. For the first process of a
/// namespace these are all processes; otherwise they are looked up in `/proc`, so that
/// others in the same namespace get no signal.
pub(crate) fn signal_all(signal: Signal) {
    if std::process::id() == 1 {
        sys::kill_all(signal);
        sys::kill_all(Signal::SIGCONT);
        return;
    }
    for pid in descendants(std::process::id(), &parents()) {
        let number = pid.cast_signed();
        let _ = sys::kill(number, signal as libc::c_int);
        let _ = sys::kill(number, libc::SIGCONT);
    }
}

/// Each process and its parent.
fn parents() -> HashMap<u32, u32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return HashMap::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|pid: u32| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            Some((pid, parent(&stat)?))
        })
        .collect()
}

/// The parent in a line of `/proc/PID/stat`. The name in brackets may have brackets and
/// spaces in it.
fn parent(stat: &str) -> Option<u32> {
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(1)?.parse().ok()
}

fn descendants(of: u32, parents: &HashMap<u32, u32>) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for (child, parent) in parents {
        children.entry(*parent).or_default().push(*child);
    }
    let mut found = vec![of];
    let mut next = 0;
    while let Some(parent) = found.get(next) {
        // Taken out, so that nobody is found twice.
        found.extend(children.remove(parent).unwrap_or_default());
        next += 1;
    }
    found.split_off(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_may_have_any_name() {
        assert_eq!(parent("12 (sh) S 7 12 12 0"), Some(7));
        assert_eq!(parent("12 (a) S 1 (b c)) R 9 1"), Some(9));
        assert_eq!(parent("nonsense"), None);
    }

    #[test]
    fn descendants_are_children_and_theirs_but_nobody_else() {
        let parents = HashMap::from([(2, 1), (3, 2), (4, 3), (5, 1), (6, 5), (7, 0)]);
        let mut found = descendants(2, &parents);
        found.sort_unstable();
        assert_eq!(found, [3, 4]);
        assert_eq!(descendants(7, &parents), Vec::<u32>::new());
    }

    #[test]
    fn our_own_children_are_found() {
        let mut child = std::process::Command::new("cat")
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let found = descendants(std::process::id(), &parents());
        assert!(found.contains(&child.id()));
        drop(child.stdin.take());
        child.wait().unwrap();
    }
}
