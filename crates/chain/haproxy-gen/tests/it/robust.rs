use std::fs;
use std::time::{Duration, Instant};

use crate::fixture::{Fixture, TEMPLATE};

#[test]
fn of_many_runs_at_once_one_changes_the_file() {
    let fixture = Fixture::with_nodes(TEMPLATE, &["s1 10.0.0.1"]);
    let haproxy = harness::require("haproxy");
    let start = |_| {
        let mut command = fixture.command();
        command.arg("--haproxy").arg(&haproxy).spawn().unwrap()
    };
    let running: Vec<_> = (0..8).map(start).collect();
    let code = |mut child: std::process::Child| child.wait().unwrap().code().unwrap();
    let mut codes: Vec<i32> = running.into_iter().map(code).collect();
    codes.sort_unstable();
    assert_eq!(codes, [0, 1, 1, 1, 1, 1, 1, 1]);
    fixture.haproxy_takes_it().unwrap();
}

#[test]
fn killed_at_any_moment_it_leaves_the_old_file_or_the_new_one() {
    let fixture = Fixture::with_nodes(TEMPLATE, &["s1 10.0.0.1"]);
    fixture.run(&[]);
    let mut whole = vec![fixture.config()];
    for round in 0..20 {
        fixture.node(&format!("s1 10.0.1.{round}"));
        let mut command = fixture.command();
        let mut child = command.arg("--no-check").spawn().unwrap();
        let end = Instant::now() + Duration::from_micros(300 * round);
        while Instant::now() < end {
            std::hint::spin_loop();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let left = fixture.config();
        fixture.run(&[]);
        whole.push(fixture.config());
        assert!(whole[whole.len() - 2..].contains(&left), "{left}");
    }
    assert_eq!(fixture.run(&[]).code, Some(1));
    let left = fs::read_dir(fixture.path("etc")).unwrap();
    assert_eq!(left.count(), 3);
}
