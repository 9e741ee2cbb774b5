//! What happens to the cluster in each round, decided by a seed alone.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

/// The balancers; the second one is at the far switch.
pub(super) const BALANCERS: [u8; 2] = [42, 43];
/// The nodes; those from [`FAR`] on are at the far switch.
pub(super) const NODES: std::ops::RangeInclusive<u8> = 1..=8;
pub(super) const FAR: u8 = 5;

/// All faults of a round are over by then.
pub(super) const FAULTS: Duration = Duration::from_secs(25);
/// So many nodes may be away at the end of a round: less than the half of them that a
/// balancer gives up by itself.
const AWAY: usize = 3;
/// HAProxy calls a node that is silent for longer than this dead.
pub(super) const PAUSE: Duration = Duration::from_secs(1);

/// What cannot be read for a while.
const UNREADABLE: [&str; 9] = [
    "template",
    "haproxy/haproxy.cfg",
    "haproxy/haproxy.cfg.good",
    "haproxy",
    "nodes",
    "nodes/n1",
    "nodes/n6",
    "nodes/.lost",
    "nodes/.members",
];
/// What is removed.
const REMOVED: [&str; 8] = [
    "haproxy/haproxy.cfg",
    "haproxy/haproxy.cfg.good",
    "haproxy/.haproxy.cfg.checked",
    "haproxy.sock",
    "nodes/n2",
    "nodes/.lost",
    "nodes/.chain",
    "nodes/.due",
];
/// What garbage is written into.
const SCRIBBLED: [&str; 7] = [
    "haproxy/haproxy.cfg",
    "haproxy/haproxy.cfg.good",
    "haproxy/.haproxy.cfg.checked",
    "nodes/n3",
    "nodes/.said",
    "nodes/.due",
    "nodes/.members",
];

/// What can happen to a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    /// A node that was away is started.
    Starts,
    /// A node ends in its own way.
    Leaves,
    /// All that runs on a node is killed.
    Dies,
    /// A program is killed: the main process of a service, or HAProxy's `worker`.
    Killed(&'static str),
    /// Some process other than `init` and HAProxy's is killed, this one of them.
    AnyKilled(u32),
    /// The first of the chain's programs that runs from then on is killed.
    ChainKilled,
    /// A program is frozen, by its service as above, or `init`.
    Frozen(&'static str),
    /// The host's cable is pulled.
    CableCut,
    /// The cable between the switches is pulled.
    SwitchesApart,
    /// There is no room for what a balancer writes.
    DiskFull,
    /// The template becomes another good one.
    TemplateChanged(u32),
    /// The template cannot be rendered, or HAProxy refuses what it renders.
    TemplateBroken(u32),
    /// A file or folder cannot be read.
    Unreadable(&'static str),
    /// A file is removed.
    Removed(&'static str),
    /// A file is overwritten with garbage.
    Scribbled(&'static str, u64),
    /// Connections are opened on which nothing, or half a request, is said.
    Idle,
    /// Garbage comes to the gossip port.
    Garbage(u64),
}

impl Fault {
    /// Its name without what was drawn for it.
    pub(super) fn kind(self) -> String {
        match self {
            Self::AnyKilled(_) => "AnyKilled".into(),
            Self::TemplateChanged(_) => "TemplateChanged".into(),
            Self::TemplateBroken(_) => "TemplateBroken".into(),
            Self::Garbage(_) => "Garbage".into(),
            Self::Scribbled(file, _) => format!("Scribbled({file:?})"),
            other => format!("{other:?}"),
        }
    }

    /// Whether it is about what a balancer reads and writes, which can go wrong beside its
    /// programs.
    pub(super) fn is_of_files(self) -> bool {
        matches!(
            self,
            Self::DiskFull
                | Self::TemplateChanged(_)
                | Self::TemplateBroken(_)
                | Self::Unreadable(_)
                | Self::Removed(_)
                | Self::Scribbled(..)
        )
    }
}

/// A fault, and when it is to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Event {
    /// When it begins, from the beginning of the round.
    pub(super) at: Duration,
    /// When it is over; that is `None` for what is over at once, or lasts beyond the round.
    pub(super) until: Option<Duration>,
    pub(super) host: u8,
    pub(super) fault: Fault,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at.as_secs_f64();
        write!(f, "{at:.1} s n{} {:?}", self.host, self.fault)?;
        match self.until {
            Some(until) => write!(f, " until {:.1} s", until.as_secs_f64()),
            None => Ok(()),
        }
    }
}

/// What happens between two times of quiet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Round {
    /// In the order in which they begin.
    pub(super) events: Vec<Event>,
    /// The nodes that are there afterwards.
    pub(super) there: BTreeSet<u8>,
}

/// The rounds of a seed, one after the other.
pub(super) struct Plan {
    dice: fastrand::Rng,
    there: BTreeSet<u8>,
}

impl Plan {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            dice: fastrand::Rng::with_seed(seed),
            there: NODES.collect(),
        }
    }

    /// A moment between these, in tenths of seconds.
    fn between(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(100 * self.dice.u64(from..=to))
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.dice.usize(..all.len())]
    }

    fn event(&mut self) -> Event {
        let at = self.between(5, 120);
        let (host, fault, lasts) = match self.dice.u8(..16) {
            0..8 => self.of_a_node(),
            8..11 => self.of_files(),
            11..15 => self.of_a_balancer(),
            _ => {
                let lasts = self.between(10, 120);
                (0, Fault::SwitchesApart, Some(lasts))
            }
        };
        Event {
            at,
            until: lasts.map(|lasts| at + lasts),
            host,
            fault,
        }
    }

    fn of_a_node(&mut self) -> (u8, Fault, Option<Duration>) {
        let host = self.dice.u8(NODES);
        let lasts = Some(self.between(5, 120));
        if !self.there.contains(&host) {
            return (host, Fault::Starts, None);
        }
        let stays_away = self.dice.bool();
        let back = (!stays_away).then(|| self.between(20, 120));
        match self.dice.u8(..9) {
            0..2 => (host, Fault::Leaves, back),
            2 => (host, Fault::Dies, back),
            3 => {
                let fault = Fault::Killed(self.one_of(&["webapp", "webapp", "serf", "join"]));
                (host, fault, None)
            }
            4 => (host, Fault::AnyKilled(self.dice.u32(..)), None),
            5 => {
                let program = self.one_of(&["webapp", "webapp", "serf", "join", "init"]);
                (host, Fault::Frozen(program), lasts)
            }
            6 => (host, Fault::CableCut, lasts),
            7 => (host, Fault::Garbage(self.dice.u64(..)), None),
            _ => (host, Fault::Idle, lasts),
        }
    }

    fn of_files(&mut self) -> (u8, Fault, Option<Duration>) {
        let host = self.one_of(&BALANCERS);
        let lasts = Some(self.between(5, 120));
        match self.dice.u8(..9) {
            0 => (host, Fault::DiskFull, lasts),
            1 => (host, Fault::TemplateBroken(self.dice.u32(..)), lasts),
            2..4 => (host, Fault::TemplateChanged(self.dice.u32(..)), None),
            4..6 => (host, Fault::Unreadable(self.one_of(&UNREADABLE)), lasts),
            6..8 => (host, Fault::Removed(self.one_of(&REMOVED)), None),
            _ => {
                let (file, seed) = (self.one_of(&SCRIBBLED), self.dice.u64(..));
                (host, Fault::Scribbled(file, seed), None)
            }
        }
    }

    fn of_a_balancer(&mut self) -> (u8, Fault, Option<Duration>) {
        let host = self.one_of(&BALANCERS);
        let lasts = Some(self.between(5, 120));
        match self.dice.u8(..9) {
            8 => (host, Fault::ChainKilled, lasts),
            0..2 => {
                let program = self.one_of(&["serf", "watch", "join", "hangup", "ha", "worker"]);
                (host, Fault::Killed(program), None)
            }
            2..4 => (host, Fault::AnyKilled(self.dice.u32(..)), None),
            4 => {
                let programs = ["serf", "watch", "join", "hangup", "ha", "worker", "init"];
                (host, Fault::Frozen(self.one_of(&programs)), lasts)
            }
            5 => (host, Fault::CableCut, lasts),
            6 => (host, Fault::Idle, lasts),
            _ => (host, Fault::Garbage(self.dice.u64(..)), None),
        }
    }

    /// Whether a round that has these events can have another one: each host has one fault
    /// at a time, beside one of its files.
    fn fits(events: &[Event], new: &Event) -> bool {
        let meets =
            |it: &Event| it.host == new.host && it.fault.is_of_files() == new.fault.is_of_files();
        !events.iter().any(meets)
    }
}

impl Iterator for Plan {
    type Item = Round;

    fn next(&mut self) -> Option<Round> {
        let number = self.dice.usize(5..=11);
        let mut events: Vec<Event> = Vec::new();
        let mut there = self.there.clone();
        while events.len() < number {
            let event = self.event();
            if !Self::fits(&events, &event) {
                continue;
            }
            let goes = matches!(event.fault, Fault::Leaves | Fault::Dies) && event.until.is_none();
            if goes && NODES.count() - there.len() >= AWAY {
                continue;
            }
            if goes {
                there.remove(&event.host);
            } else if event.fault == Fault::Starts {
                there.insert(event.host);
            }
            events.push(event);
        }
        events.sort_by_key(|event| event.at);
        self.there.clone_from(&there);
        Some(Round { events, there })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_rounds_each_time_and_another_one_others() {
        let rounds = |seed| Plan::new(seed).take(20).collect::<Vec<_>>();
        assert_eq!(rounds(7), rounds(7));
        assert_ne!(rounds(7), rounds(8));
        assert_eq!(rounds(7)[..5], Plan::new(7).take(5).collect::<Vec<_>>());
    }

    #[test]
    fn all_faults_of_a_round_begin_in_order_and_end_in_time_on_hosts_that_can_have_them() {
        let mut before: BTreeSet<u8> = NODES.collect();
        for round in Plan::new(1).take(1000) {
            assert!(round.events.is_sorted_by_key(|event| event.at));
            for event in &round.events {
                let until = event.until.unwrap_or(event.at);
                assert!(event.at <= until && until < FAULTS, "{event}");
                if NODES.contains(&event.host) {
                    let starts = event.fault == Fault::Starts;
                    assert_ne!(starts, before.contains(&event.host), "{event}");
                } else {
                    assert!(event.host == 0 || BALANCERS.contains(&event.host));
                }
            }
            assert!(NODES.count() - round.there.len() <= AWAY);
            before = round.there;
        }
    }

    #[test]
    fn every_kind_of_fault_comes_sooner_or_later() {
        let events = Plan::new(2).take(2000).flat_map(|round| round.events);
        let kinds: BTreeSet<String> = events.map(|event| event.fault.kind()).collect();
        assert_eq!(kinds.len(), 51, "{kinds:?}");
    }
}
