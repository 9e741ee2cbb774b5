//! What s6's tools do not have: hints, JSON, and no endless wait for a service that nobody supervises.

use std::path::Path;

use crate::world::{World, service};

#[test]
fn a_mistyped_service_is_answered_with_those_that_are_there() {
    let world = World::new();
    let answer = world.svc("-u raedy");
    assert_eq!(answer.code, 111);
    let want = "svc: unable to control raedy: No such file or directory (services in .: down, ready, up)\n";
    assert_eq!(answer.err, want);
}

#[test]
fn a_new_service_is_answered_with_how_it_is_found() {
    let world = World::new();
    service(&world.path("new"), "exec sleep 1000", &[]);
    let answer = world.svc(&format!("-u {}", world.path("new").display()));
    assert_eq!(answer.code, 100);
    assert!(
        answer
            .err
            .contains("supervisor not listening (a new service is found by: svscanctl -a "),
        "{answer:?}"
    );
}

#[test]
fn nobody_waits_for_a_service_that_nobody_supervises() {
    let world = World::new();
    service(&world.path("new"), "exec sleep 1000", &[]);
    let answer = world.svc("-wu -u new");
    assert_eq!(answer.code, 100, "{answer:?}");
}

#[test]
fn waiting_ends_with_the_supervisor() {
    let world = World::new();
    let answer = world.svc("-wU -T 30000 -xd down");
    assert_eq!(answer.code, 1, "{answer:?}");
    assert!(answer.err.contains("its supervisor ended"), "{answer:?}");
}

#[test]
fn json_has_every_field() {
    let world = World::new();
    for words in ["--json ready", "-n --json ready"] {
        let answer = world.svstat(words);
        let json: serde_json::Value = serde_json::from_str(&answer.out).unwrap();
        assert_eq!(json["up"], true, "{answer:?}");
        assert_eq!(json["ready"], true);
        assert!(json["pid"].as_u64().unwrap() > 1);
        assert!(json["updownsince"].as_f64().unwrap() > 1e9);
    }
}

#[test]
fn help_is_the_page_and_h_is_a_signal() {
    let world = World::new();
    assert!(world.svc("--help").out.contains("Exit codes"));
    assert!(world.svstat("--help").out.contains("Exit codes"));
    assert_eq!(world.svc("-h down").code, 0);
}

#[test]
fn it_works_from_within_the_service_directory() {
    let world = World::new();
    for program in [env!("CARGO_BIN_EXE_svstat"), env!("CARGO_BIN_EXE_svc")] {
        let mut command = std::process::Command::new(program);
        let inside = command
            .arg(".")
            .current_dir(world.path("up"))
            .output()
            .unwrap()
            .status;
        assert!(inside.success(), "{}", Path::new(program).display());
    }
}

fn help(program: &str, columns: &str) -> String {
    let output = std::process::Command::new(program)
        .arg("--help")
        .env("COLUMNS", columns)
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_page_fits_eighty_columns_and_its_usage_has_the_letters() {
    for (program, letters) in [
        (
            env!("CARGO_BIN_EXE_svc"),
            "[-s SIGNAL] [-abqhkti12pcyrlPCKoduDUxOQ]",
        ),
        (env!("CARGO_BIN_EXE_svstat"), "[-uwNrpgest | -o FIELD,...]"),
        (env!("CARGO_BIN_EXE_svscanctl"), "[-zabhitqnN]"),
    ] {
        let wide = help(program, "200");
        assert_eq!(help(program, "80"), wide);
        assert!(
            wide.lines().all(|line| line.chars().count() <= 80),
            "{wide}"
        );
        let usage = wide.split_once("\nUsage: ").unwrap().1;
        assert!(usage.contains(&format!("{letters} ")), "{usage}");
        assert!(
            ["SERVICEDIR", "SCANDIR"]
                .iter()
                .any(|operand| usage.contains(operand)),
            "{usage}"
        );
    }
}
