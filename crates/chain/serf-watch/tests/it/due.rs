//! The command says in a file when it wants to be run again.

use std::time::SystemTime;

use harness::wait_for;

use crate::agent::Agent;
use crate::watcher::{LONG, NEVER, OFTEN, Watcher, text};

/// Notes the Unix time of each run, and puts what the file `next` holds in the place of `due`.
const SCRIPT: &str = "
cd \"$1\" || exit 99
date +%s.%N >>runs
if test -e next; then mv next due; else rm -f due; fi
";

/// A watcher whose command first asks for `due`, and from then on for nothing.
fn start(agent: &Agent, options: &[&str], due: &str) -> Watcher {
    let watcher = Watcher::new();
    watcher.put("next", due);
    run(watcher, agent, options, SCRIPT)
}

fn run(mut watcher: Watcher, agent: &Agent, options: &[&str], script: &str) -> Watcher {
    let due = watcher.path("due");
    let folder = due.parent().unwrap().to_str().unwrap().to_owned();
    let options = [&["--due", due.to_str().unwrap()], options].concat();
    watcher.run_command(&agent.rpc, &options, &["sh", "-c", script, "sh", &folder]);
    watcher
}

fn runs(watcher: &Watcher) -> Vec<f64> {
    let text = text(&watcher.path("runs"));
    text.lines().map(|line| line.parse().unwrap()).collect()
}

fn wait_runs(watcher: &Watcher, number: usize) -> Vec<f64> {
    wait_for("the runs", LONG, || {
        let runs = runs(watcher);
        (runs.len() >= number).then_some(runs)
    })
}

fn unix_time() -> f64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap().as_secs_f64()
}

#[test]
fn the_command_runs_once_more_at_its_moment_and_not_before() {
    let agent = Agent::start("62.1");
    let due = unix_time() + 2.0;
    let watcher = start(&agent, OFTEN, &format!("{due:.3}\n"));
    let seen = wait_runs(&watcher, 2);
    assert!(seen[0] < due && due <= seen[1] + 0.001, "{due} {seen:?}");
    assert!(seen[1] < due + 10.0, "{due} {seen:?}");
    let asked = agent.asked();
    agent.wait_asked(asked + 20);
    assert_eq!(runs(&watcher).len(), 2);
}

#[test]
fn a_moment_that_stays_in_the_file_has_one_run() {
    let agent = Agent::start("62.2");
    let due = unix_time() + 1.0;
    let script = "
cd \"$1\" || exit 99
date +%s.%N >>runs
test -e due || cp next due
";
    let watcher = Watcher::new();
    watcher.put("next", &format!("{due:.3}\n"));
    let watcher = run(watcher, &agent, OFTEN, script);
    wait_runs(&watcher, 2);
    let asked = agent.asked();
    agent.wait_asked(asked + 20);
    assert_eq!(runs(&watcher).len(), 2);
}

#[test]
fn a_moment_in_the_past_does_not_make_it_run_again() {
    let agent = Agent::start("62.3");
    let watcher = start(&agent, OFTEN, "1000000000\n");
    wait_runs(&watcher, 1);
    let asked = agent.asked();
    agent.wait_asked(asked + 20);
    assert_eq!(runs(&watcher).len(), 1);
    assert!(!watcher.said().contains("due"), "{}", watcher.said());
}

#[test]
fn a_file_that_cannot_be_read_is_told_once_and_waited_for_by_nobody() {
    let agent = Agent::start("62.4");
    let watcher = Watcher::new();
    nix::unistd::mkfifo(&watcher.path("due"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let script = "cd \"$1\" || exit 99; date +%s.%N >>runs; test ! -e gone || rm -f due";
    let every = ["--every", "50ms", "--again", "100ms"];
    let watcher = run(watcher, &agent, &every, script);
    wait_runs(&watcher, 5);
    let path = watcher.path("due");
    let told = format!(
        "serf-watch: read {}: it is no regular file, so what is to be done then is done later\n",
        path.display()
    );
    assert_eq!(
        watcher.said().matches(&told).count(),
        1,
        "{}",
        watcher.said()
    );
    watcher.put("gone", "");
    watcher.wait_said(&format!(
        "serf-watch: {} can be read again\n",
        path.display()
    ));
}

#[test]
fn the_file_can_be_named_by_the_environment() {
    let agent = Agent::start("62.5");
    let watcher = Watcher::new();
    watcher.put("next", &format!("{:.3}\n", unix_time() + 0.5));
    let folder = watcher.path("");
    let mut child = crate::watcher::program()
        .env("SERF_WATCH_DUE", watcher.path("due"))
        .args(["--rpc", &agent.rpc])
        .args(NEVER)
        .args(["sh", "-c", SCRIPT, "sh", folder.to_str().unwrap()])
        .spawn()
        .unwrap();
    wait_runs(&watcher, 2);
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_wall_clock_that_jumps_makes_the_moment_neither_earlier_nor_later() {
    const DAY: i64 = 86_400;
    for (host, off) in [("62.8", DAY), ("62.9", -DAY)] {
        let agent = Agent::start(host);
        let watcher = Watcher::with_clock();
        let due = unix_time() + 4.0;
        watcher.put("next", &format!("{due:.3}\n"));
        let watcher = run(watcher, &agent, OFTEN, SCRIPT);
        wait_runs(&watcher, 1);
        // By the next questions it has read when it is due.
        agent.wait_asked(agent.asked() + 5);
        watcher.set_clock(off);
        let asked = agent.asked();
        agent.wait_asked(asked + 10);
        wait_runs(&watcher, 2);
        let now = unix_time();
        assert!(
            (due..due + 10.0).contains(&now),
            "{now} for {due}, {off} s off"
        );
    }
}

#[test]
fn a_wall_clock_that_jumps_stops_neither_the_questions_nor_the_runs() {
    let agent = Agent::start("62.10");
    let every = ["--every", "50ms", "--again", "100ms"];
    let watcher = run(Watcher::with_clock(), &agent, &every, SCRIPT);
    for off in [86_400, -86_400, 1_000 * 86_400, 0] {
        let seen = wait_runs(&watcher, 1).len();
        watcher.set_clock(off);
        agent.wait_asked(agent.asked() + 5);
        wait_runs(&watcher, seen + 3);
    }
}
