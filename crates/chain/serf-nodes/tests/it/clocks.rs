//! The wall clock jumps when a machine wakes up or hears the right time. No node goes by that,
//! and none stays by it.

use std::fs;

use harness::Clock;

use super::{Case, Ran, backend, list, run};

const DAY: i64 = 86_400;

/// A run by this clock on a list in which the first of three nodes has failed.
fn follow(case: &Case, clock: &Clock, hold: &str) -> Ran {
    let members = list(&[
        backend("s1", "10.0.0.1", "failed"),
        backend("s2", "10.0.0.2", "alive"),
        backend("s3", "10.0.0.3", "alive"),
    ]);
    let arguments = ["--members", "-", "--hold", hold];
    let mut command = case.command();
    command.args(arguments).envs(clock.environment());
    run(command.write_stdin(members))
}

/// So many seconds after the present of a clock that is so many seconds off is what the file
/// says.
fn due_in(case: &Case, off: i64) -> f64 {
    let due = fs::read_to_string(case.path("nodes/.due")).unwrap();
    let now = std::time::SystemTime::now();
    let now = now.duration_since(std::time::UNIX_EPOCH).unwrap();
    let off = i32::try_from(off).unwrap();
    due.trim().parse::<f64>().unwrap() - now.as_secs_f64() - f64::from(off)
}

#[test]
fn a_wall_clock_that_jumps_ends_no_hold_and_begins_none_anew() {
    let case = Case::with(&["s1 10.0.0.1", "s2 10.0.0.2", "s3 10.0.0.3"]);
    let clock = Clock::new();
    assert!(follow(&case, &clock, "1h").stderr.contains("s1 is lost"));
    let mark = fs::read_to_string(case.path("nodes/.lost/s1")).unwrap();
    for off in [DAY, -DAY, 1000 * DAY, -1000 * DAY, 0] {
        clock.set(off);
        let ran = follow(&case, &clock, "1h");
        assert_eq!((ran.code, ran.stderr.as_str()), (1, ""), "{off} s off");
        let due = due_in(&case, off);
        assert!((3000.0..=3600.1).contains(&due), "due in {due} s");
        let after = fs::read_to_string(case.path("nodes/.lost/s1")).unwrap();
        assert_eq!(after, mark, "{off} s off");
    }
    // A hold that is over ends whatever the wall clock says.
    clock.set(-DAY);
    let ran = follow(&case, &clock, "1ms");
    assert!(
        ran.stderr.contains("removed s1: lost for 1ms"),
        "{}",
        ran.stderr
    );
    assert_eq!(case.nodes(), ["s2 10.0.0.2", "s3 10.0.0.3"]);
}
