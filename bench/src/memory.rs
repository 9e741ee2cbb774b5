//! What every long-running program of a cluster takes.

use std::collections::BTreeMap;

use crate::cluster::Cluster;
use crate::process::{self, Memory};
use crate::sample::number;
use crate::setting::progress;
use crate::table::{Answer, Table};

/// Programs of ours that run for as long as a node does.
const OURS: [&str; 3] = ["init", "serf-watch", "webapp"];

pub(crate) fn question(cluster: &Cluster) -> anyhow::Result<Answer> {
    progress("memory: the programs of a cluster");
    let mut programs: BTreeMap<String, Vec<Memory>> = BTreeMap::new();
    for node in cluster.nodes()? {
        for pid in process::family(cluster.pid(&node)?) {
            let memory = process::memory(pid);
            if memory.rss > 0 {
                programs.entry(process::name(pid)).or_default().push(memory);
            }
        }
    }
    let mut table = Table::new(&[
        "program",
        "processes",
        "RSS of the largest, kB",
        "its PSS, kB",
    ]);
    for (name, processes) in &programs {
        let largest = processes.iter().max_by_key(|memory| memory.rss);
        let largest = largest.copied().unwrap_or_default();
        table.row(vec![
            if OURS.contains(&name.as_str()) {
                format!("**{name}**")
            } else {
                name.clone()
            },
            processes.len().to_string(),
            kilobytes(largest.rss),
            kilobytes(largest.pss),
        ]);
    }
    Ok(Answer::new("memory: the programs of a running cluster")
        .text("A balancer and three nodes on this machine; programs of muster in bold.")
        .table(table))
}

fn kilobytes(value: u64) -> String {
    number(f64::from(u32::try_from(value).unwrap_or(u32::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Owned;
    use std::process::Command;

    #[test]
    fn programs_are_told_by_name_with_their_number() {
        let scratch = harness::scratch();
        let cluster = Cluster::at(scratch.path());
        let sleeper = Owned::spawn(Command::new("sleep").arg("1000")).unwrap();
        harness::wait_for("the program", std::time::Duration::from_secs(30), || {
            (process::name(sleeper.pid()) == "sleep").then_some(())
        });
        for node in ["s1", "s2"] {
            std::fs::create_dir(scratch.path().join(node)).unwrap();
            let line = format!("{} 1\n", sleeper.pid());
            let file = cluster.file(node, "pid");
            chain::replace(&file, line.as_bytes(), chain::Sync::None).unwrap();
        }
        let told = question(&cluster).unwrap().to_string();
        assert!(told.contains("| sleep   | 2 "), "{told}");
    }
}
