//! What the programs make of a HAProxy, compared with what one runs that was started anew
//! from the same file: for configurations and steps that are made by chance.
//!
//! `COMPARE_SEED=N` runs one case, `COMPARE_MINUTES` says how long cases are run,
//! `COMPARE_RANGE=ours` makes only configurations like our own template, `popular` those with
//! what most people's have besides, and `COMPARE_KEEP` is the folder in which failed cases are
//! kept.

mod case;
pub(crate) mod chance;
mod client;
mod configuration;
mod counts;
mod judge;
mod pair;
mod planted;
mod programs;
mod rates;
mod run;
mod shares;
mod shrink;
mod sites;
mod steps;

use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use case::Case;
use configuration::Range;
use counts::Counts;
use files::Durability;
use pair::SETTLES;
use run::{Care, Failed, run};
use shrink::shrink;
use sites::Sites;
use steps::Maker;

/// How long cases are begun where nothing else is said.
const TIME: Duration = Duration::from_secs(45);

/// The first seed where no minutes are said, so that the cases are always the same ones;
/// long runs make others.
const FIRST: u64 = 1;
/// How many cases there are then, whatever the machine.
const CASES: u64 = 6;

const CARE: Care = Care {
    patience: SETTLES,
    last_only: false,
};

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

fn variable_number(name: &str) -> Option<u64> {
    variable(name).map(|text| text.parse().unwrap())
}

fn range() -> Range {
    match variable("COMPARE_RANGE").as_deref() {
        Some("ours") => Range::Ours,
        Some("popular") => Range::Popular {
            cookies: harness::haproxy::Haproxy::release().unwrap() >= (3, 0),
        },
        _ => Range::All,
    }
}

/// What all threads share.
struct All {
    deadline: Instant,
    next: u64,
    /// The seed at which to end.
    end: u64,
    counts: Counts,
    failed: Vec<String>,
}

#[test]
fn what_runs_is_what_a_new_haproxy_runs() {
    let minutes = variable_number("COMPARE_MINUTES");
    let time = minutes.map_or(TIME, |minutes| Duration::from_secs(minutes * 60));
    let one = variable_number("COMPARE_SEED");
    let all = Mutex::new(All {
        deadline: Instant::now() + time,
        next: one.unwrap_or_else(|| minutes.map_or(FIRST, |_| fastrand::u64(0..1_000_000_000))),
        end: minutes.or(one).map_or(FIRST + CASES, |_| u64::MAX),
        counts: Counts::default(),
        failed: Vec::new(),
    });
    let threads = one.map_or_else(|| variable_number("COMPARE_THREADS").unwrap_or(2), |_| 1);
    std::thread::scope(|scope| {
        for slot in 0..u8::try_from(threads).unwrap() {
            let all = &all;
            scope.spawn(move || work(slot, all, one.is_some()));
        }
    });
    let all = all.into_inner().unwrap();
    println!("{}", all.counts);
    assert!(all.failed.is_empty(), "\n{}", all.failed.join("\n\n"));
}

#[expect(
    clippy::print_stdout,
    reason = "a long run shows its failures as they come"
)]
/// Runs one case after the other until the time is over.
fn work(slot: u8, all: &Mutex<All>, once: bool) {
    let sites = Sites::new(slot);
    let dir = harness::scratch();
    let maker = Maker::new(&sites, dir.path(), range());
    loop {
        let seed = {
            let mut all = all.lock().unwrap();
            if Instant::now() >= all.deadline || all.next >= all.end {
                return;
            }
            all.next += 1;
            all.next - 1
        };
        let mut counts = Counts::default();
        let case = maker.case(seed);
        counts.begin(case.labels.iter().copied());
        let result = run(&sites, &case, &mut counts, CARE);
        let result = result.map_err(|failed| match variable("COMPARE_SHRINK") {
            Some(_) => shrink(&maker, case.clone(), failed),
            None => (case, failed),
        });
        let mut all = all.lock().unwrap();
        all.counts.add(&counts);
        if let Err((case, failed)) = result {
            let told = told(&case, &failed);
            println!("{told}\n");
            all.failed.push(told);
        }
        if once {
            return;
        }
    }
}

/// Keeps a failed case, and says what is known of it.
fn told(case: &Case, failed: &Failed) -> String {
    let (seed, step) = (case.seed, failed.fault.step);
    let why = &failed.fault.why;
    let act = case.states[step].act;
    let mut told = format!("COMPARE_SEED={seed}: step {step}, {act:?}: {why}");
    if variable("COMPARE_SHRINK").is_some() {
        let _ = write!(told, "\n{}", case.story(step));
    }
    if let Some(keep) = variable("COMPARE_KEEP") {
        let folder = PathBuf::from(keep).join(seed.to_string());
        std::fs::create_dir_all(&folder).unwrap();
        let mut all = failed.evidence.clone();
        all.push(("why".to_owned(), told.clone()));
        all.push(("steps".to_owned(), case.story(step)));
        for (name, text) in all {
            let path = folder.join(name);
            files::replace(&path, text.as_bytes(), Durability::Unsynced).unwrap();
        }
        let _ = write!(told, "\nkept in {}", folder.display());
    }
    told
}
