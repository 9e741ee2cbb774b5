//! A system call that fails costs the run, and never a node or a mark.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use harness::faults::{Program, READING, UNREADABLE, faults, with_fault};

use super::{Case, VARIABLES, backend, list};

const WRITING: [&str; 7] = [
    "write", "rename", "close", "fchown", "fchmod", "unlink", "flock",
];
const BEFORE: [&str; 3] = ["s1 10.0.0.1 weight=7", "s2 10.0.0.2 port=80", "s4 10.0.0.4"];

/// `/nodes` without the files of its own of this program, and the marks.
type Files = BTreeMap<String, String>;

fn files(case: &Case) -> Files {
    let mut files = Files::new();
    for folder in ["nodes", "nodes/.lost"] {
        for entry in fs::read_dir(case.path(folder)).into_iter().flatten() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if !name.starts_with('.') {
                let content = fs::read_to_string(&path).unwrap();
                files.insert(format!("{folder}/{name}"), content);
            }
        }
    }
    files
}

/// `/nodes` as it was: three nodes, of which one is marked as lost for a long time.
fn reset(case: &Case) {
    for folder in ["nodes/.lost", "nodes"] {
        for entry in fs::read_dir(case.path(folder)).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_file() {
                fs::remove_file(path).unwrap();
            }
        }
    }
    for line in BEFORE {
        let name = line.split(' ').next().unwrap();
        case.put(&format!("nodes/{name}"), &format!("{line}\n"));
    }
    fs::create_dir_all(case.path("nodes/.lost")).unwrap();
    case.put("nodes/.lost/s4", "2020-01-01T00:00:00.000Z\n");
}

/// A run of the whole list: s1 and s2 stay, s3 joins, s4 has been lost for long.
fn of_the_list(case: &Case) -> Program {
    let members = [
        backend("s1", "10.0.0.1", "alive").replace("\"backend\"", "\"backend\",\"weight\":\"7\""),
        backend("s2", "10.0.0.2", "alive").replace("\"backend\"", "\"backend\",\"port\":\"80\""),
        backend("s3", "10.0.0.3", "alive"),
        backend("s4", "10.0.0.4", "failed"),
    ];
    case.put("list", &list(&members));
    let mut command = program(case);
    command.arg("--members").arg(case.path("list"));
    command.into()
}

/// A run of one event, in which both have other addresses.
fn of_an_event(case: &Case) -> Program {
    case.put(
        "event",
        "s1\t10.0.0.9\tbackend\t\ns2\t10.0.0.8\tbackend\t\n",
    );
    let mut command = program(case);
    command.env("SERF_EVENT", "member-update");
    Program {
        command,
        stdin: case.path("event"),
    }
}

fn program(case: &Case) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("serf-nodes"));
    for variable in VARIABLES {
        command.env_remove(variable);
    }
    command
        .env("NODES_DIR", case.path("nodes"))
        .env("SERF_LOG", case.path("serf.log"));
    command
}

/// Runs it with each fault, and returns how often it failed. `check` gets the files that
/// are left beside those before and those after a run without a fault.
fn each(
    make: fn(&Case) -> Program,
    calls: &[&str],
    errors: &[&str],
    check: impl Fn(&Files, &Files, &Files, i32) -> bool,
) -> usize {
    let case = Case::new();
    let program = make(&case);
    reset(&case);
    let before = files(&case);
    // Its result without a fault, and which calls there are.
    let all = faults(&program, &case.path(""), calls, errors);
    let after = files(&case);
    assert_ne!(before, after);
    let mut failed = 0;
    for fault in all {
        reset(&case);
        let output = with_fault(&program, &fault).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        let code = output.status.code().unwrap();
        assert!(matches!(code, 0 | 111), "{fault}: {code} {stderr}");
        let left = files(&case);
        let is_right = check(&left, &before, &after, code);
        assert!(is_right, "{fault}: {code} {left:?} {stderr}");
        failed += usize::from(code == 111);
    }
    failed
}

/// Whether each file is as it was, or as it is to be.
fn is_each_whole(left: &Files, before: &Files, after: &Files) -> bool {
    let names = before.keys().chain(after.keys()).chain(left.keys());
    names
        .map(|name| (left.get(name), before.get(name), after.get(name)))
        .all(|(left, before, after)| left == before || left == after)
}

#[test]
fn whatever_cannot_be_read_no_node_and_no_mark_is_lost() {
    for make in [of_the_list, of_an_event] {
        let failed = each(make, &READING, &UNREADABLE, |left, before, after, code| {
            is_each_whole(left, before, after) && (code == 111 || left == after)
        });
        assert!(failed > 20, "{failed}");
    }
}

#[test]
fn whatever_cannot_be_written_each_file_is_as_before_or_as_it_is_to_be() {
    for make in [of_the_list, of_an_event] {
        let failed = each(
            make,
            &WRITING,
            &["ENOSPC", "EIO", "EROFS"],
            |left, before, after, code| {
                is_each_whole(left, before, after) && (code == 111 || left == after)
            },
        );
        assert!(failed > 5, "{failed}");
    }
}

/// The same, and s3 is where s4 was.
fn of_a_place(case: &Case) -> Program {
    let program = of_the_list(case);
    let members = [
        backend("s3", "10.0.0.4", "alive"),
        backend("s4", "10.0.0.4", "failed"),
    ];
    case.put("list", &list(&members));
    program
}

#[test]
fn whatever_cannot_be_written_a_place_is_never_without_a_node() {
    let failed = each(of_a_place, &WRITING, &["ENOSPC", "EIO"], |left, _, _, _| {
        left.contains_key("nodes/s3") || left.contains_key("nodes/s4")
    });
    assert!(failed > 5, "{failed}");
}

#[test]
fn an_event_of_which_one_node_cannot_be_read_changes_none() {
    let case = Case::new();
    let program = of_an_event(&case);
    reset(&case);
    let before = files(&case);
    let all = faults(&program, &case.path(""), &["read"], &["EIO"]);
    let told = all.iter().find_map(|fault| {
        reset(&case);
        let output = with_fault(&program, fault).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        stderr.contains("nodes/s2").then_some(stderr)
    });
    let told = told.expect("a fault at the second node");
    assert!(told.contains("Input/output error"), "{told}");
    assert_eq!(files(&case), before);
}
