//! The processes of a host, and which of them should not be there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

/// No program that a service or the chain runs takes longer: `member-event` ends each of its
/// own after 65 s at most.
const LONGEST: Duration = Duration::from_secs(75);

/// A process as `/proc` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) pid: u32,
    pub(super) parent: u32,
    /// As in `ps`: `Z` has ended, and nobody has waited for it.
    pub(super) state: char,
    pub(super) age: Duration,
    pub(super) name: String,
    /// Its arguments with blanks between them.
    pub(super) words: String,
    /// How much of the memory it has, in kB.
    pub(super) memory: u64,
}

impl Process {
    /// The process of that number, if there is one.
    pub(super) fn of(pid: u32) -> Option<Self> {
        let read = |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}")).ok();
        let words = read("cmdline")?.replace('\0', " ");
        let uptime = fs::read_to_string("/proc/uptime").ok()?;
        let uptime: f64 = uptime.split(' ').next()?.parse().ok()?;
        Self::parse(pid, &read("stat")?, &words, Duration::from_secs_f64(uptime))
    }

    fn parse(pid: u32, stat: &str, words: &str, uptime: Duration) -> Option<Self> {
        let (name, rest) = stat.split_once('(')?.1.rsplit_once(") ")?;
        let fields: Vec<&str> = rest.split(' ').collect();
        // In hundredths of a second, and in pages of 4 kB: so it is on all Linux systems that
        // we have.
        let since: u64 = fields.get(19)?.parse().ok()?;
        let pages: u64 = fields.get(21)?.parse().ok()?;
        Some(Self {
            pid,
            parent: fields.get(1)?.parse().ok()?,
            state: fields.first()?.chars().next()?,
            age: uptime.saturating_sub(Duration::from_millis(since * 10)),
            name: name.to_owned(),
            words: words.trim_end().to_owned(),
            memory: pages * 4,
        })
    }
}

/// What a host's `init` and its services are.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) init: u32,
    /// The main process of each service that is up.
    pub(super) services: BTreeSet<u32>,
    /// The current worker of HAProxy, where there is one.
    pub(super) worker: Option<u32>,
}

/// The processes that should not be there, with why.
pub(super) fn strays(all: &[Process], known: &Known) -> BTreeMap<u32, String> {
    let pids: BTreeSet<u32> = all.iter().map(|it| it.pid).collect();
    let why = |it: &Process| {
        if it.pid == known.init {
            return None;
        }
        if it.state == 'Z' {
            return Some("has ended, and nobody has waited for it");
        }
        if matches!(it.state, 'T' | 't') {
            return Some("is stopped");
        }
        if it.parent != known.init && !pids.contains(&it.parent) {
            return Some("is nobody's child");
        }
        if it.parent == known.init && !known.services.contains(&it.pid) && it.age > LONGEST {
            return Some("is no service's, and does not end");
        }
        (it.parent != known.init && it.name != "haproxy" && it.age > LONGEST)
            .then_some("does not end")
    };
    let stray = |it: &Process| Some((it.pid, format!("{} ({}) {}", it.words, it.pid, why(it)?)));
    all.iter().filter_map(stray).collect()
}

/// The workers of HAProxy that serve no more, and still run.
pub(super) fn old_workers(all: &[Process], known: &Known) -> BTreeSet<u32> {
    let haproxys = all.iter().filter(|it| it.name == "haproxy");
    haproxys
        .map(|it| it.pid)
        .filter(|pid| !known.services.contains(pid) && Some(*pid) != known.worker)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: u32, parent: u32, name: &str, age: u64) -> Process {
        Process {
            pid,
            parent,
            state: 'S',
            age: Duration::from_secs(age),
            name: name.to_owned(),
            words: name.to_owned(),
            memory: 1000,
        }
    }

    fn known() -> Known {
        Known {
            init: 10,
            services: [11, 12, 13].into(),
            worker: Some(14),
        }
    }

    fn healthy() -> Vec<Process> {
        vec![
            process(10, 1, "init", 900),
            process(11, 10, "serf-watch", 900),
            process(12, 10, "serf", 900),
            process(13, 10, "haproxy", 900),
            process(14, 13, "haproxy", 900),
            process(15, 13, "haproxy", 900),
            process(16, 11, "member-event", 1),
            process(17, 10, "haproxy-gen", 1),
        ]
    }

    #[test]
    fn services_what_they_run_and_orphans_that_will_end_are_no_strays() {
        assert_eq!(strays(&healthy(), &known()), BTreeMap::new());
        assert_eq!(old_workers(&healthy(), &known()), [15].into());
    }

    #[test]
    fn what_has_ended_is_stopped_lost_or_does_not_end_is_one() {
        let found = |change: fn(&mut Process)| {
            let mut all = healthy();
            change(all.last_mut().unwrap());
            strays(&all, &known()).remove(&17).unwrap_or_default()
        };
        assert!(found(|it| it.state = 'Z').contains("nobody has waited"));
        assert!(found(|it| it.state = 'T').contains("is stopped"));
        assert!(found(|it| it.parent = 1).contains("nobody's child"));
        assert!(found(|it| it.age = Duration::from_secs(90)).contains("no service's"));
        let long = |it: &mut Process| (it.parent, it.age) = (11, Duration::from_secs(90));
        assert_eq!(found(long), "haproxy-gen (17) does not end");
    }

    #[test]
    fn a_process_is_read_from_what_the_kernel_shows_whatever_its_name() {
        let stat = "7 (a) b) S 3 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 1500 9000 25 0";
        let read = Process::parse(7, stat, "a b ", Duration::from_secs(20)).unwrap();
        let mut expected = process(7, 3, "a) b", 5);
        (expected.words, expected.memory) = ("a b".to_owned(), 100);
        assert_eq!(read, expected);
        let own = Process::of(std::process::id()).unwrap();
        assert!(
            own.memory > 0 && own.age < Duration::from_secs(86_400),
            "{own:?}"
        );
    }
}
