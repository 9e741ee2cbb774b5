//! Events and lists that were captured from real agents.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Case, run};

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// Runs a captured event with the environment it came with.
fn replay(case: &Case, name: &str) -> super::Ran {
    let read = |extension: &str| fs::read(directory().join(format!("{name}.{extension}"))).unwrap();
    let environment = String::from_utf8(read("env0")).unwrap();
    let mut command = case.command();
    command.arg("--allow-loopback").write_stdin(read("stdin"));
    for variable in environment.split_terminator('\0') {
        let (key, value) = variable.split_once('=').unwrap();
        command.env(key, value);
    }
    run(&mut command)
}

fn names() -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory())
        .unwrap()
        .filter_map(|entry| {
            let name = entry.unwrap().file_name().into_string().unwrap();
            Some(name.strip_suffix(".stdin")?.to_string())
        })
        .collect();
    names.sort();
    names
}

#[test]
fn every_captured_event_has_its_exit_code_and_its_nodes() {
    let case = Case::with(&["s2 127.0.1.9"]);
    for (name, code, nodes) in [
        ("01-member-join-self", 1, &["s2 127.0.1.9"][..]),
        (
            "02-member-join-backend-tags",
            0,
            &["s1 127.0.1.2", "s2 127.0.1.9"],
        ),
        (
            "03-member-join-no-role",
            1,
            &["s1 127.0.1.2", "s2 127.0.1.9"],
        ),
        (
            "04-member-update-tab-nl-comma",
            1,
            &["s1 127.0.1.2", "s2 127.0.1.9"],
        ),
        ("05-member-leave", 0, &["s2 127.0.1.9"]),
        ("06-member-failed", 1, &["s2 127.0.1.9"]),
        ("07-user-payload", 1, &["s2 127.0.1.9"]),
        ("08-user-no-payload", 1, &["s2 127.0.1.9"]),
        ("09-user-coalesced", 1, &["s2 127.0.1.9"]),
        ("10-query", 1, &["s2 127.0.1.9"]),
        (
            "11-member-join-multi",
            0,
            &["a1 127.0.71.2", "a2 127.0.71.3", "s2 127.0.1.9"],
        ),
        ("12-member-reap-multi", 0, &["s2 127.0.1.9"]),
        (
            "13-member-join-ipv6",
            0,
            &["s2 127.0.1.9", "v6node fd77::2"],
        ),
        (
            "14-member-leave-self",
            1,
            &["s2 127.0.1.9", "v6node fd77::2"],
        ),
    ] {
        let ran = replay(&case, name);
        assert_eq!(ran.code, code, "{name}: {}", ran.stderr);
        assert_eq!(case.nodes(), nodes, "{name}");
    }
}

#[test]
fn hostile_events_leave_nothing_but_a_log_line() {
    let hostile: Vec<String> = names()
        .into_iter()
        .filter(|name| name.contains("hostile"))
        .collect();
    assert_eq!(hostile.len(), 14);
    for name in hostile {
        let case = Case::with(&["s1 10.0.0.1"]);
        let ran = replay(&case, &name);
        assert_eq!(ran.code, 1, "{name}: {}", ran.stderr);
        assert_eq!(ran.stderr.lines().count(), 1, "{name}: {}", ran.stderr);
        assert!(
            ran.stderr
                .starts_with("serf-nodes: refused a member: the name '"),
            "{name}"
        );
        assert_eq!(case.nodes(), ["s1 10.0.0.1"], "{name}");
        assert!(!case.path("x").exists(), "{name}");
        let log = case.log();
        assert_eq!(log.lines().count(), 3, "{name}: {log}");
        assert!(
            log.bytes()
                .all(|byte| byte == b'\n' || (0x20..0x7f).contains(&byte)),
            "{name}"
        );
    }
}

#[test]
fn hostile_members_leave_nothing_but_log_lines() {
    let case = Case::new();
    let text = include_str!("../fixtures/members-hostile.json");
    let ran = case.run(&["--members", "-", "--allow-loopback"], text);
    assert_eq!(
        (ran.code, case.nodes()),
        (0, vec!["vm 127.0.1.21".to_string()])
    );
    assert_eq!(
        ran.stderr.matches("refused a member: the name '").count(),
        14
    );
    assert!(
        case.log()
            .bytes()
            .all(|byte| byte == b'\n' || (0x20..0x7f).contains(&byte))
    );
}

#[test]
fn forged_members_leave_nothing_but_log_lines() {
    let case = Case::new();
    let text = include_str!("../fixtures/members-raw.json");
    let ran = case.run(&["--members", "-"], text);
    assert_eq!(ran.code, 0);
    assert_eq!(
        case.nodes(),
        ["oldrole 10.0.0.15", "v4mapped 10.1.2.3", "v6 2001:db8::1"]
    );
    assert!(
        ran.stderr
            .contains("refused raw0: the address is unspecified: 0.0.0.0")
    );
    assert!(
        ran.stderr
            .contains("refused rawlo: the address is loopback: 127.0.0.1")
    );
}
