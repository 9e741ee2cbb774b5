//! What could take for ever ends, and says what it was.

use std::fs::OpenOptions;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::{Case, backend, list};

/// Longer than any limit of the program, with room for the load of the machine.
const AMPLE: Duration = Duration::from_secs(180);

fn mkfifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

fn one_node() -> String {
    list(&[
        backend("s1", "10.0.0.1", "alive"),
        backend("ha", "10.0.0.42", "failed"),
    ])
}

#[test]
fn a_list_that_is_no_file_is_told_and_not_waited_for() {
    let case = Case::with(&["s9 10.0.0.9"]);
    mkfifo(&case.path("fifo"));
    std::fs::create_dir(case.path("folder")).unwrap();
    for list in [case.path("fifo"), case.path("folder"), "/dev/zero".into()] {
        let list = list.to_str().unwrap();
        let ran = case.run(&["--members", list], "");
        assert_eq!(ran.code, 111, "{list}: {}", ran.stderr);
        assert!(ran.stderr.contains(list), "{}", ran.stderr);
        assert!(ran.stderr.contains("no regular file"), "{}", ran.stderr);
    }
    assert_eq!(case.nodes(), ["s9 10.0.0.9"]);
}

#[test]
fn a_pipe_of_the_caller_is_read_by_its_name() {
    for name in ["/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"] {
        let case = Case::new();
        let ran = case.run(&["--members", name], &one_node());
        assert_eq!(ran.code, 0, "{name}: {}", ran.stderr);
        assert_eq!(case.nodes(), ["s1 10.0.0.1"], "{name}");
    }
}

#[test]
fn a_list_and_an_event_without_end_are_given_up() {
    let case = Case::with(&["s9 10.0.0.9"]);
    let start = |arguments: &[&str]| -> Child {
        Command::new(assert_cmd::cargo::cargo_bin!("serf-nodes"))
            .args(arguments)
            .env("NODES_DIR", case.path("nodes"))
            .env("SERF_LOG", case.path("serf.log"))
            .env("SERF_EVENT", "member-leave")
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    // Their ends of the pipes stay open until both have ended.
    let mut both = [start(&["--members", "-"]), start(&[])];
    for child in &mut both {
        let status = harness::wait_for("its end", AMPLE, || child.try_wait().unwrap());
        assert_eq!(status.code(), Some(111));
    }
    for child in both {
        let stderr = child.wait_with_output().unwrap().stderr;
        let stderr = String::from_utf8(stderr).unwrap();
        assert!(stderr.contains("it had no end after 30s"), "{stderr}");
    }
    assert_eq!(case.nodes(), ["s9 10.0.0.9"]);
}

#[test]
fn a_log_that_nobody_reads_is_told_and_the_work_is_done() {
    let case = Case::new();
    mkfifo(&case.path("serf.log"));
    let ran = case.run(&["--members", "-"], &one_node());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(case.nodes(), ["s1 10.0.0.1"]);
    assert!(ran.stderr.contains("write the log "), "{}", ran.stderr);
}

#[test]
fn a_log_with_a_reader_may_be_a_fifo() {
    let case = Case::new();
    let log = case.path("serf.log");
    mkfifo(&log);
    // Open for both, it has a reader for as long as this test needs one.
    let mut both = OpenOptions::new()
        .read(true)
        .write(true)
        .open(&log)
        .unwrap();
    let ran = case.run(&["--members", "-"], &one_node());
    assert_eq!(
        (ran.code, ran.stderr.lines().count()),
        (0, 1),
        "{}",
        ran.stderr
    );
    let mut text = [0; 1000];
    let length = both.read(&mut text).unwrap();
    let text = String::from_utf8_lossy(&text[..length]);
    assert!(text.contains("serf-nodes: added s1 10.0.0.1"), "{text}");
}

#[test]
fn a_lock_that_is_no_file_is_told_and_not_waited_for() {
    let case = Case::with(&["s9 10.0.0.9"]);
    mkfifo(&case.path("nodes/.lock"));
    let ran = case.run(&["--members", "-"], &one_node());
    assert_eq!(ran.code, 111, "{}", ran.stderr);
    assert!(ran.stderr.contains("nodes/.lock: it is no regular file"));
}

#[test]
fn what_is_no_file_among_the_nodes_gives_way_to_a_node() {
    let case = Case::new();
    mkfifo(&case.path("nodes/s1"));
    let foreign = case.path("foreign");
    case.put("foreign", "precious");
    std::os::unix::fs::symlink(&foreign, case.path("nodes/s2")).unwrap();
    let members = [
        backend("s1", "10.0.0.1", "alive"),
        backend("s2", "10.0.0.2", "alive"),
    ];
    let ran = case.follow(&members, &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(case.nodes(), ["s1 10.0.0.1", "s2 10.0.0.2"]);
    assert_eq!(std::fs::read_to_string(foreign).unwrap(), "precious");
}
