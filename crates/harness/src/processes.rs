//! Processes that are tied to a folder, as `/proc` shows them.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::wait;

/// A process that SIGKILL has not ended after this time hangs in the kernel.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often we look whether they have ended.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The processes that work in `folder` or have its path in an argument or in the environment,
/// and all that descend from them. This process and those that it descends from are left out,
/// and so are processes that have ended, even if nobody has waited for them yet.
pub fn processes_of(folder: &Path) -> Vec<i32> {
    tied(folder).into_keys().collect()
}

/// Whether a process has ended, even if nobody has waited for it yet.
pub fn has_ended(pid: u32) -> bool {
    Life::of(pid.cast_signed()).is_none()
}

/// Ends all processes of `folder`, and those that they start meanwhile.
pub(crate) fn end(folder: &Path) {
    let start = Instant::now();
    loop {
        let found = tied(folder);
        if found.is_empty() || start.elapsed() > PATIENCE {
            return;
        }
        for (pid, seen) in found {
            // Its number may belong to another process by now.
            if Life::of(pid).is_some_and(|life| life.since == seen.since) {
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
        }
        wait::pass(LOOK_EVERY);
    }
}

fn tied(folder: &Path) -> HashMap<i32, Life> {
    let ours = ancestors();
    let all: HashMap<i32, Life> = numbers()
        .filter(|pid| !ours.contains(pid))
        .filter_map(|pid| Some((pid, Life::of(pid)?)))
        .collect();
    let tied: HashSet<i32> = all
        .keys()
        .copied()
        .filter(|pid| is_tied(*pid, folder))
        .collect();
    let line = |pid| std::iter::successors(Some(pid), |pid| Some(all.get(pid)?.parent));
    let theirs = |pid: &i32| line(*pid).any(|pid| tied.contains(&pid));
    let found = all.iter().filter(|(pid, _)| theirs(pid));
    found.map(|(pid, life)| (*pid, *life)).collect()
}

fn numbers() -> impl Iterator<Item = i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
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
    std::iter::successors(Some(own), |pid| Some(Life::of(*pid)?.parent)).collect()
}

/// What tells a process that has not ended from others.
#[derive(Clone, Copy, Debug)]
struct Life {
    parent: i32,
    /// When it began, in ticks since the machine was started.
    since: u64,
}

impl Life {
    fn of(pid: i32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name in parentheses may hold spaces and parentheses of its own.
        let (_, behind_the_name) = stat.rsplit_once(") ")?;
        let fields: Vec<&str> = behind_the_name.split(' ').collect();
        let life = Self {
            parent: fields.get(1)?.parse().ok()?,
            since: fields.get(19)?.parse().ok()?,
        };
        (!matches!(fields[0], "Z" | "X")).then_some(life)
    }
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

    #[test]
    fn who_runs_is_not_dead_and_who_was_not_reaped_is() {
        assert!(!has_ended(std::process::id()));
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = child.id();
        wait::wait_for("its end", PATIENCE, || has_ended(pid).then_some(()));
        child.wait().unwrap();
        assert!(has_ended(pid));
    }
}
