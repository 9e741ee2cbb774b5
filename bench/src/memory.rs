//! The memory and the wake-ups of each program that runs for as long as its node.

use std::collections::BTreeMap;
use std::time::Duration;

use harness::cluster::Cluster;
use harness::wait;

use crate::process::{self, Memory};
use crate::sample::number;
use crate::setting::progress;
use crate::table::{Answer, Table};

/// Programs of ours that run for as long as a node does.
const OURS: [&str; 3] = ["init", "serf-watch", "webapp"];
/// Long enough for several rounds of what the programs do every second.
const WATCHED: Duration = Duration::from_secs(10);

pub(crate) fn question(cluster: &Cluster) -> anyhow::Result<Answer> {
    progress("memory: the programs of a cluster");
    let programs = watch(cluster, WATCHED)?;
    let mut table = Table::new(&[
        "program",
        "processes",
        "RSS of the largest, kB",
        "its PSS, kB",
        "most wake-ups in 10 s",
    ]);
    for (name, processes) in &programs {
        let largest = processes.iter().map(|process| process.memory);
        let largest = largest.max_by_key(|memory| memory.rss).unwrap_or_default();
        let woken = processes.iter().map(|process| process.woken).max();
        table.row(vec![
            if OURS.contains(&name.as_str()) {
                format!("**{name}**")
            } else {
                name.clone()
            },
            processes.len().to_string(),
            kilobytes(largest.rss),
            kilobytes(largest.pss),
            woken.unwrap_or_default().to_string(),
        ]);
    }
    Ok(Answer::new("memory: the programs of a running cluster")
        .text("A balancer and three nodes on this machine, without a request; programs of muster in bold. Wake-ups are voluntary context switches.")
        .table(table))
}

/// The memory and the wake-ups of one process.
struct Process {
    memory: Memory,
    woken: u64,
}

/// Watches all processes for so long, and gathers them by the names of their programs.
fn watch(cluster: &Cluster, time: Duration) -> anyhow::Result<BTreeMap<String, Vec<Process>>> {
    let mut before = Vec::new();
    for node in cluster.nodes()? {
        let family = harness::family(cluster.pid(&node)?);
        before.extend(family.into_iter().map(|pid| (pid, process::wakeups(pid))));
    }
    wait::pass(time);
    let mut programs: BTreeMap<String, Vec<Process>> = BTreeMap::new();
    for (pid, woken) in before {
        let memory = process::memory(pid);
        if memory.rss > 0 {
            let woken = process::wakeups(pid).saturating_sub(woken);
            let process = Process { memory, woken };
            programs
                .entry(process::name(pid))
                .or_default()
                .push(process);
        }
    }
    Ok(programs)
}

fn kilobytes(value: u64) -> String {
    number(f64::from(u32::try_from(value).unwrap_or(u32::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness::Owned;
    use std::process::Command;

    #[test]
    fn programs_are_told_by_name_with_their_number() {
        let scratch = harness::scratch();
        let cluster = Cluster::at(harness::root(), "127.0.43", scratch.path()).unwrap();
        let sleeper = Owned::spawn(Command::new("sleep").arg("1000")).unwrap();
        harness::wait_for("the program", Duration::from_secs(30), || {
            (process::name(sleeper.pid()) == "sleep").then_some(())
        });
        for node in ["s1", "s2"] {
            std::fs::create_dir(scratch.path().join(node)).unwrap();
            let line = format!("{} 1\n", sleeper.pid());
            let file = cluster.file(node, "pid");
            files::replace(&file, line.as_bytes(), files::Durability::Unsynced).unwrap();
        }
        let programs = watch(&cluster, Duration::ZERO).unwrap();
        assert_eq!(programs.keys().collect::<Vec<_>>(), ["sleep"]);
        assert_eq!(programs["sleep"].len(), 2);
        assert!(
            programs["sleep"]
                .iter()
                .all(|process| process.memory.rss > 0)
        );
    }
}
