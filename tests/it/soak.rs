//! A cluster to which all sorts of things happen by chance, for as long as one likes. In
//! between it is let be, and then everything has to be right.

mod acts;
mod agreement;
mod excuse;
mod memory;
mod plan;
mod processes;
mod stage;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use harness::load::Mishap;
use harness::wait::until;

use agreement::disagreement;
use excuse::{Excuse, Happened, excuses};
use memory::Memory;
use plan::{BALANCERS, FAULTS, Plan, Round};
use processes::{old_workers, strays};
use stage::{HARD_STOP, Stage, Traffic, names};

/// All is right by then, after the last fault: Serf's suspicion takes up to 24 s a node, and
/// the reconnection of members that were apart some seconds more.
const SETTLES: Duration = Duration::from_secs(90);
/// What a program that was killed has left, and what ends by itself, is gone by then: the
/// chain runs every ten seconds.
const TIDY: Duration = Duration::from_secs(25);

/// What the whole has met.
#[derive(Default)]
struct Soak {
    findings: Vec<String>,
    memory: Memory,
    faults: BTreeMap<String, u32>,
    rounds: u32,
    requests: u64,
    explained: u64,
    unexplained: u64,
    settled: Vec<Duration>,
    /// When each old worker of HAProxy was first seen to be one.
    old: BTreeMap<u32, Instant>,
}

#[test]
fn whatever_happens_at_random_ends_in_agreement_and_costs_no_request_that_no_fault_explains() {
    let minutes = std::env::var("SOAK_MINUTES").map_or(1, |minutes| {
        minutes.parse().expect("SOAK_MINUTES is a number")
    });
    let seed = std::env::var("MUSTER_SEED").map_or_else(
        |_| fastrand::u64(..1_000_000),
        |seed| seed.parse().expect("MUSTER_SEED is a number"),
    );
    eprintln!("MUSTER_SEED={seed}");
    let end = Instant::now() + Duration::from_secs(60 * minutes);
    let mut stage = Stage::new();
    let mut soak = Soak::default();
    let all = names(plan::NODES);
    soak.settle(&stage, &all);
    for round in Plan::new(seed) {
        if Instant::now() >= end {
            break;
        }
        soak.round(&mut stage, &round);
    }
    soak.findings.extend(stage.panics());
    soak.findings.extend(soak.memory.growing());
    soak.findings.extend(stage.end());
    soak.show(seed);
    assert!(soak.findings.is_empty(), "{:#?}", soak.findings);
}

impl Soak {
    fn round(&mut self, stage: &mut Stage, round: &Round) {
        self.rounds += 1;
        let events = round.events.iter().map(ToString::to_string);
        let events = events.collect::<Vec<_>>().join(", ");
        eprintln!("round {}: {events}", self.rounds);
        for event in &round.events {
            *self.faults.entry(event.fault.kind()).or_default() += 1;
        }
        let workers = BALANCERS.map(|it| stage.worker(it));
        let start = Instant::now();
        let traffic = stage.traffic(start);
        let happened = acts::play(stage, round, start);
        harness::wait::pass_until(start + FAULTS);
        self.settle(stage, &names(round.there.iter().copied()));
        let after = BALANCERS.map(|it| stage.worker(it));
        let reloaded = (0..2).filter(|it| workers[*it] != after[*it]);
        let reloaded: Vec<u8> = reloaded.map(|it| BALANCERS[it]).collect();
        self.judge(traffic, &happened, &excuses(&happened, &reloaded));
        self.tidy(stage);
    }

    /// Waits until all is right.
    fn settle(&mut self, stage: &Stage, there: &[String]) {
        let start = Instant::now();
        let mut wrong = Vec::new();
        let right = until("both balancers to be right", SETTLES, || {
            let views = BALANCERS.map(|it| (it, stage.view(it)));
            let told = views.iter().filter_map(|(it, view)| {
                disagreement(there, view).map(|wrong| format!("n{it}: {wrong}"))
            });
            wrong = told.collect();
            wrong.is_empty().then_some(())
        });
        assert!(right.is_ok(), "not right after {SETTLES:?}: {wrong:#?}");
        self.settled.push(start.elapsed());
    }

    /// Ends the load, and looks what of it has failed without a reason.
    fn judge(&mut self, traffic: Vec<Traffic>, happened: &[Happened], excuses: &[Excuse]) {
        let (mut explained, mut unexplained) = (0, Vec::new());
        for it in traffic {
            let mut report = it.running.stop();
            for mishap in &mut report.mishaps {
                mishap.due += it.began;
            }
            self.requests += report.requests;
            let is_explained = |mishap: &&Mishap| {
                let mut excuses = excuses.iter();
                excuses.any(|excuse| excuse.explains(it.balancer, it.method, mishap))
            };
            let (with, without): (Vec<&Mishap>, _) = report.mishaps.iter().partition(is_explained);
            explained += with.len() as u64;
            unexplained.extend(without.iter().map(|mishap| {
                let (due, took) = (mishap.due, mishap.took);
                let failure = mishap.failure;
                format!(
                    "{} at n{}, due at {due:.1?}, after {took:.1?}: {failure}",
                    it.method, it.balancer
                )
            }));
        }
        self.explained += explained;
        self.unexplained += unexplained.len() as u64;
        eprintln!(
            "  right after {:.1?}; failed: {explained} explained, {} not",
            self.settled.last().copied().unwrap_or_default(),
            unexplained.len()
        );
        if !unexplained.is_empty() {
            let number = self.rounds;
            let told =
                format!("round {number}: no fault explains {unexplained:#?} of {happened:#?}");
            eprintln!("{told}");
            self.findings.push(told);
        }
    }

    /// Looks what is left of the round, and how large everything is.
    fn tidy(&mut self, stage: &Stage) {
        let mut left = Vec::new();
        let tidy = until("nothing to be left", TIDY, || {
            left = stage
                .running()
                .into_iter()
                .flat_map(|host| leftovers(stage, host))
                .collect();
            left.is_empty().then_some(())
        });
        if tidy.is_err() {
            eprintln!("  left: {left:#?}");
            self.findings.extend(left);
        }
        let mut old = BTreeSet::new();
        for host in stage.running() {
            let (processes, known) = stage.processes(host);
            for it in &processes {
                let is_long = known.services.contains(&it.pid) || it.pid == known.init;
                if is_long || Some(it.pid) == known.worker {
                    let name = if Some(it.pid) == known.worker {
                        "haproxy worker"
                    } else {
                        &it.name
                    };
                    self.memory.add(host, name, it.pid, it.age, it.memory);
                }
            }
            old.extend(old_workers(&processes, &known));
        }
        self.old.retain(|pid, _| old.contains(pid));
        for pid in old {
            let since = *self.old.entry(pid).or_insert_with(Instant::now);
            if since.elapsed() > Duration::from_secs(HARD_STOP + 15) {
                self.findings
                    .push(format!("an old worker ({pid}) of HAProxy does not end"));
            }
        }
    }

    fn show(&self, seed: u64) {
        let faults: Vec<_> = self
            .faults
            .iter()
            .map(|(kind, count)| format!("{kind} {count}"))
            .collect();
        let mut settled = self.settled.clone();
        settled.sort_unstable();
        eprintln!("seed {seed}: {} rounds", self.rounds);
        eprintln!("faults: {}", faults.join(", "));
        eprintln!(
            "requests: {}, failed: {} that a fault explains, {} that none does",
            self.requests, self.explained, self.unexplained
        );
        eprintln!(
            "right {} times, after {:.1?} in the middle and {:.1?} at most",
            settled.len(),
            settled[settled.len() / 2],
            settled[settled.len() - 1]
        );
        eprint!("{}", self.memory.table());
        eprintln!("found: {}", self.findings.len());
    }
}

/// Processes and files of a host that should not be there.
fn leftovers(stage: &Stage, host: u8) -> Vec<String> {
    let (processes, known) = stage.processes(host);
    let strays = strays(&processes, &known).into_values();
    let mut left: Vec<String> = strays.map(|it| format!("n{host}: {it}")).collect();
    if BALANCERS.contains(&host) {
        let files = stage.half_made(host).into_iter();
        left.extend(files.map(|path| format!("{} is half made", path.display())));
    }
    left
}
