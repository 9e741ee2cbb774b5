//! `bench run` answers with tables.

use std::fs;
use std::process::Command;

use harness::root;

use crate::{alone, bench, programs, run, text};

fn ask(question: &str) -> String {
    let _alone = alone();
    let output = run(bench()
        .args(["run", "--quick", question])
        .env("BENCH_PROGRAMS", programs()));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    text(&output.stdout)
}

#[test]
fn every_program_has_its_size_and_its_start_and_a_quick_answer_is_not_kept() {
    let kept = root().join("bench/results.md");
    let before = fs::read(&kept).ok();
    let told = ask("size");
    assert_eq!(fs::read(&kept).ok(), before);
    for entry in programs().read_dir().unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if !name.starts_with('.') {
            assert!(told.contains(&format!("| {name} ")), "{name}: {told}");
        }
    }
}

#[test]
fn a_burst_ends_with_all_nodes_served_and_without_reload() {
    let told = ask("burst");
    for line in told
        .lines()
        .filter(|line| line.contains("one after the other"))
    {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        assert_eq!(cells[3], "0", "{told}");
    }
}

#[test]
fn a_question_that_does_not_exist_is_told_with_those_that_do() {
    let mut command = Command::new(root().join("scripts/bench"));
    let output = run(command.arg("beauty").env("MUSTER_BUILT", "1"));
    assert_eq!(output.status.code(), Some(100), "{output:?}");
    let told = text(&output.stderr);
    assert!(told.contains("chain") && told.contains("churn"), "{told}");
}

#[test]
fn a_cluster_that_nobody_named_is_asked_for() {
    let output = run(bench()
        .args(["latency", "--rounds", "1"])
        .env("BENCH_PROGRAMS", programs())
        .env_remove("MUSTER_NET"));
    assert_eq!(output.status.code(), Some(111), "{output:?}");
    assert!(text(&output.stderr).contains("$MUSTER_NET"), "{output:?}");
}

#[test]
fn the_page_is_shown_on_request() {
    let output = run(bench().arg("--help"));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let told = text(&output.stdout);
    for heading in ["Interface", "Files", "Exit codes"] {
        assert!(told.contains(heading), "{told}");
    }
}

#[test]
fn the_profile_of_a_join_counts_instructions_and_calls_of_every_program() {
    let _alone = alone();
    let output = run(Command::new(root().join("scripts/profile"))
        .arg("20")
        .env("PROFILE_PROGRAMS", programs()));
    let told = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{told}");
    for program in ["serf-nodes", "haproxy-gen", "haproxy-reload"] {
        assert!(told.contains(&format!("\n{program}: ")), "{told}");
    }
    for what in [" million instructions\n", " system calls: "] {
        assert_eq!(told.matches(what).count(), 3, "{told}");
    }
}

#[test]
fn scripts_that_are_used_wrongly_say_how_to_use_them() {
    for (script, argument) in [("load", "many"), ("latency", "soon"), ("profile", "all")] {
        let output = run(Command::new(root().join("scripts").join(script)).arg(argument));
        assert_eq!(output.status.code(), Some(100), "{output:?}");
        let usage = format!("scripts/{script} ");
        assert!(text(&output.stderr).contains(&usage), "{output:?}");
    }
}
