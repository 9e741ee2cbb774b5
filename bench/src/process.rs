//! Programs that are run to be measured, and processes that are looked at.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, bail};

/// Runs a program to its end, and tells how many milliseconds it took. A program that ends
/// with 0 or 1 did its work.
pub(crate) fn timed(command: &mut Command) -> anyhow::Result<f64> {
    let name = command.get_program().to_string_lossy().into_owned();
    let start = Instant::now();
    let output = command.output().with_context(|| format!("run {name}"))?;
    let took = milliseconds(start);
    match output.status.code() {
        Some(0 | 1) => Ok(took),
        _ => bail!(
            "{name} ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim_end()
        ),
    }
}

pub(crate) fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

/// A file as the stdin of a program.
pub(crate) fn stdin_from(path: &Path) -> anyhow::Result<Stdio> {
    let file = fs::File::open(path).with_context(|| format!("open {}", path.display()))?;
    Ok(file.into())
}

/// The name of the program that a process runs; empty when the process is gone.
pub(crate) fn name(pid: u32) -> String {
    fs::read_to_string(format!("/proc/{pid}/comm"))
        .map(|text| text.trim_end().to_string())
        .unwrap_or_default()
}

/// Memory in kB: what is resident, and the share of it that is its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    pub(crate) rss: u64,
    pub(crate) pss: u64,
}

impl std::ops::AddAssign for Memory {
    fn add_assign(&mut self, other: Self) {
        self.rss += other.rss;
        self.pss += other.pss;
    }
}

pub(crate) fn memory(pid: u32) -> Memory {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    Memory {
        rss: field(&text, "Rss:"),
        pss: field(&text, "Pss:"),
    }
}

/// How often the process went to sleep of its own accord, and therefore woke.
pub(crate) fn wakeups(pid: u32) -> u64 {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return 0;
    };
    tasks
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("status")).ok())
        .map(|text| field(&text, "voluntary_ctxt_switches:"))
        .sum()
}

fn field(text: &str, name: &str) -> u64 {
    text.lines()
        .find_map(|line| {
            line.strip_prefix(name)?
                .split_whitespace()
                .next()?
                .parse()
                .ok()
        })
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness::{Owned, family};
    use std::time::Duration;

    #[test]
    fn what_did_not_work_is_told_in_its_own_words() {
        let error = timed(Command::new("sh").args(["-c", "echo no room >&2; exit 111"]));
        let error = error.unwrap_err().to_string();
        assert!(
            error.starts_with("sh ended with ") && error.ends_with(": no room"),
            "{error}"
        );
        assert!(timed(Command::new("sh").args(["-c", "exit 1"])).unwrap() > 0.0);
    }

    #[test]
    fn a_process_ends_with_its_owner_and_its_children_do_as_well() {
        let mut command = Command::new("sh");
        let owned = Owned::spawn(command.args(["-c", "sleep 1000 & wait"])).unwrap();
        let sleeper = harness::wait_for("the child", Duration::from_secs(30), || {
            let all = family(owned.pid());
            all.into_iter().find(|&pid| name(pid) == "sleep")
        });
        let seen = memory(sleeper);
        assert!(seen.rss >= seen.pss);
        drop(owned);
        harness::wait_for("its end", Duration::from_secs(30), || {
            (name(sleeper) != "sleep" || memory(sleeper).rss == 0).then_some(())
        });
    }

    #[test]
    fn this_process_can_be_looked_at() {
        let pid = std::process::id();
        assert!(memory(pid).rss > 0);
        harness::wait::pass(Duration::from_millis(1));
        assert!(wakeups(pid) > 0);
    }
}
