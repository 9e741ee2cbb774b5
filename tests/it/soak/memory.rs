//! How much memory the long-running programs have, over time.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

/// Ours, and by how much, in kB, each may have grown in the end. What they remember is as
/// large as the cluster, and that stays as it is: so it is what an allocator keeps of the
/// busiest moment, and pages of the code that were not needed before. The web application
/// keeps 10,000 sessions besides.
const OURS: [(&str, u64); 5] = [
    ("init", 1024),
    ("serf-watch", 1024),
    ("haproxy-hangup", 1024),
    ("muster-page", 2 * 1024),
    ("webapp", 1024 + 2 * 1024),
];
/// From this age on a program has run all that it runs again and again: the chain comes
/// every 10 s, and a fault that a balancer sees every 30 s.
const WARM: Duration = Duration::from_secs(60);

/// A program on a host, from its start to its end.
type Life = (u8, String, u32);

/// The samples of all of them, in kB, in the order in which they were taken.
#[derive(Debug, Default)]
pub(super) struct Memory {
    all: BTreeMap<Life, Vec<u64>>,
    warm: BTreeMap<Life, Vec<u64>>,
}

impl Memory {
    pub(super) fn add(&mut self, host: u8, program: &str, pid: u32, age: Duration, kb: u64) {
        let life = (host, program.to_owned(), pid);
        if age >= WARM {
            self.warm.entry(life.clone()).or_default().push(kb);
        }
        self.all.entry(life).or_default().push(kb);
    }

    /// Those of ours that grow, which none should.
    pub(super) fn growing(&self) -> Vec<String> {
        let told = |((host, program, pid), samples): (&Life, &Vec<u64>)| {
            let (_, growth) = OURS.into_iter().find(|(name, _)| name == program)?;
            let first = *samples.first()?;
            let last = median(samples.get(samples.len() / 2..)?);
            (last > first + growth).then(|| {
                format!("{program} ({pid}) on n{host} has grown from {first} kB to {last} kB")
            })
        };
        self.warm.iter().filter_map(told).collect()
    }

    /// A line for each program.
    pub(super) fn table(&self) -> String {
        let mut programs: BTreeMap<&str, Vec<&Vec<u64>>> = BTreeMap::new();
        for ((_, program, _), samples) in &self.all {
            programs.entry(program).or_default().push(samples);
        }
        let mut table = format!(
            "{:<16} {:>6} {:>9} {:>9} {:>9} {:>9}\n",
            "memory, kB", "lives", "first", "median", "last", "max"
        );
        for (program, lives) in programs {
            let firsts: Vec<u64> = lives.iter().filter_map(|it| it.first().copied()).collect();
            let lasts: Vec<u64> = lives.iter().filter_map(|it| it.last().copied()).collect();
            let all: Vec<u64> = lives.iter().flat_map(|it| it.iter().copied()).collect();
            let max = all.iter().max().copied().unwrap_or_default();
            let (first, middle, last) = (median(&firsts), median(&all), median(&lasts));
            let _ = writeln!(
                table,
                "{program:<16} {:>6} {first:>9} {middle:>9} {last:>9} {max:>9}",
                lives.len()
            );
        }
        table
    }
}

fn median(samples: &[u64]) -> u64 {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable();
    sorted
        .get(sorted.len().saturating_sub(1) / 2)
        .copied()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lived(program: &str, kbs: &[u64]) -> Memory {
        let mut memory = Memory::default();
        for (number, kb) in (0..).zip(kbs) {
            memory.add(1, program, 7, Duration::from_secs(30 * number), *kb);
        }
        memory
    }

    #[test]
    fn a_program_of_ours_that_grows_on_and_on_is_told() {
        let leak = [1000, 1500, 2000, 2500, 3000, 3500, 4000, 4500];
        let told = lived("serf-watch", &leak).growing();
        assert_eq!(
            told,
            ["serf-watch (7) on n1 has grown from 2000 kB to 4000 kB"]
        );
        // It may fill its sessions, and HAProxy is not ours.
        for other in ["webapp", "haproxy"] {
            assert_eq!(lived(other, &leak).growing(), [""; 0]);
        }
    }

    #[test]
    fn what_grows_at_first_or_for_a_moment_is_not() {
        assert_eq!(
            lived("init", &[500, 900, 3000, 3100, 3000, 3000]).growing(),
            [""; 0]
        );
        assert_eq!(
            lived("init", &[900, 900, 900, 900, 900, 5000]).growing(),
            [""; 0]
        );
    }

    #[test]
    fn the_table_has_a_line_for_each_program() {
        let table = lived("init", &[900, 1100, 1000]).table();
        let line: Vec<&str> = table.lines().nth(1).unwrap().split_whitespace().collect();
        assert_eq!(line, ["init", "1", "900", "1000", "1000", "1100"]);
    }
}
