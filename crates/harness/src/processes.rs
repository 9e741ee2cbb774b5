//! Processes that are tied to a folder, as `/proc` shows them.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A process that SIGKILL has not ended by then stands in the kernel.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whoever works in `folder`, or has its path in an argument or in the environment,
/// and whoever descends from them; but for this process and those that it descends
/// from. One that has ended and that nobody has waited for is not there any more.
#[must_use]
pub fn processes_of(folder: &Path) -> Vec<i32> {
    let ours = ancestors();
    let parents: HashMap<i32, i32> = all()
        .filter(|pid| !ours.contains(pid))
        .filter_map(|pid| Some((pid, parent(pid)?)))
        .collect();
    let tied: HashSet<i32> = parents
        .keys()
        .copied()
        .filter(|pid| is_tied(*pid, folder))
        .collect();
    let line = |pid| std::iter::successors(Some(pid), |pid| parents.get(pid).copied());
    parents
        .keys()
        .copied()
        .filter(|pid| line(*pid).any(|pid| tied.contains(&pid)))
        .collect()
}

fn all() -> impl Iterator<Item = i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Ends all of them, and those that they start meanwhile.
pub(crate) fn end(folder: &Path) {
    let start = Instant::now();
    loop {
        let found = processes_of(folder);
        if found.is_empty() || start.elapsed() > PATIENCE {
            return;
        }
        for pid in found {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        crate::pause();
    }
}

fn is_tied(pid: i32, folder: &Path) -> bool {
    let file = |name: &str| format!("/proc/{pid}/{name}");
    let is_said = |name| {
        let said = fs::read(file(name)).unwrap_or_default();
        String::from_utf8_lossy(&said).contains(&*folder.to_string_lossy())
    };
    fs::read_link(file("cwd")).is_ok_and(|cwd| cwd.starts_with(folder))
        || is_said("cmdline")
        || is_said("environ")
}

/// This process, its parent, and so on.
fn ancestors() -> Vec<i32> {
    let own = std::process::id().cast_signed();
    std::iter::successors(Some(own), |pid| parent(*pid)).collect()
}

/// The parent of one that has not ended.
fn parent(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold spaces and parentheses of its own.
    let (_, behind_the_name) = stat.rsplit_once(") ")?;
    let (state, rest) = behind_the_name.split_once(' ')?;
    let parent = rest.split(' ').next()?.parse().ok()?;
    (!matches!(state, "Z" | "X") && parent > 0).then_some(parent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_and_its_parents_are_never_among_them() {
        let own = std::process::id().cast_signed();
        assert!(!processes_of(Path::new("/")).contains(&own));
        assert_eq!(ancestors()[0], own);
        assert!(ancestors().len() > 1);
    }
}
