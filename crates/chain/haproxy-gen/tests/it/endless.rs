//! What could take for ever ends, and says what it was.

use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::fixture::{Fixture, Run, TEMPLATE};

/// Longer than any limit of the program, with room for the load of the machine.
const AMPLE: Duration = Duration::from_secs(180);

/// Runs it, and ends it if it does not end by itself, which gives no code.
fn run(fixture: &Fixture, arguments: &[&str]) -> Run {
    let mut command = assert_cmd::Command::from_std(fixture.command());
    let output = command.args(arguments).timeout(AMPLE).output();
    output.unwrap().into()
}

fn mkfifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

const KINDS: [&str; 4] = ["FIFO", "folder", "socket", "link to a FIFO"];

/// Puts something at `path` that is no regular file.
fn put(kind: &str, path: &Path) {
    let _ = std::fs::remove_file(path);
    match kind {
        "FIFO" => mkfifo(path),
        "folder" => std::fs::create_dir(path).unwrap(),
        "socket" => drop(UnixListener::bind(path).unwrap()),
        _ => {
            let fifo = path.with_extension("fifo");
            mkfifo(&fifo);
            symlink(fifo, path).unwrap();
        }
    }
}

#[test]
fn a_file_that_is_none_is_told_and_not_waited_for() {
    for kind in KINDS {
        for file in [
            "haproxy.cfg.tera",
            "etc/haproxy.cfg",
            "etc/.haproxy.cfg.lock",
        ] {
            let fixture = Fixture::with_nodes(TEMPLATE, &["s1 10.0.0.1"]);
            let path = fixture.path(file);
            put(kind, &path);
            let run = run(&fixture, &["--no-check"]);
            assert_eq!(run.code, Some(111), "{kind} as {file}: {}", run.stderr);
            let told = run.stderr.contains(&*path.to_string_lossy())
                && (run.stderr.contains("it is no regular file")
                    || run.stderr.contains("it is a symbolic link"));
            assert!(told, "{kind} as {file}: {}", run.stderr);
        }
    }
}

#[test]
fn a_mark_of_the_last_check_that_is_no_file_costs_only_the_check() {
    for kind in KINDS {
        let fixture = Fixture::with_nodes(TEMPLATE, &["s1 10.0.0.1"]);
        put(kind, &fixture.path("etc/.haproxy.cfg.checked"));
        let haproxy = harness::require("haproxy");
        let run = run(&fixture, &["--haproxy", haproxy.to_str().unwrap()]);
        assert_eq!(run.code, Some(0), "{kind}: {}", run.stderr);
        assert_eq!(fixture.servers().len(), 1, "{kind}");
    }
}

#[test]
fn what_is_no_file_among_the_nodes_is_told_and_left_out() {
    for kind in KINDS {
        let fixture = Fixture::with_nodes(TEMPLATE, &["s1 10.0.0.1"]);
        put(kind, &fixture.nodes().join("s2"));
        let run = run(&fixture, &["--no-check"]);
        assert_eq!(run.code, Some(0), "{kind}: {}", run.stderr);
        assert_eq!(fixture.servers().len(), 1, "{kind}");
        assert!(
            run.stderr.contains("nodes/s2: it is "),
            "{kind}: {}",
            run.stderr
        );
    }
}

#[test]
fn a_template_that_has_no_end_is_given_up_and_named() {
    let empty = "{% for b in range(end=100000) %}{% endfor %}";
    let wide = format!(
        "{{% for b in range(end=100000) %}}{}{{% endfor %}}",
        "x".repeat(1000)
    );
    for (inner, why) in [(empty, "of processor time"), (&wide, "larger than")] {
        let endless = format!("{{% for a in range(end=100000) %}}{inner}{{% endfor %}}");
        let fixture = Fixture::with_nodes(TEMPLATE, &["s1 10.0.0.1"]);
        assert_eq!(run(&fixture, &["--no-check"]).code, Some(0));
        let before = fixture.config();
        fixture.template(&format!("{TEMPLATE}{endless}\n"));
        let run = run(&fixture, &["--no-check"]);
        assert_eq!(run.code, Some(100), "{why}: {}", run.stderr);
        let named = format!("render {}: ", fixture.path("haproxy.cfg.tera").display());
        assert!(run.stderr.contains(&named), "{}", run.stderr);
        assert!(run.stderr.contains(why), "{}", run.stderr);
        assert_eq!(fixture.config(), before);
    }
}

#[test]
fn a_check_that_has_no_end_is_killed_with_all_that_it_started() {
    let fixture = Fixture::with_nodes(TEMPLATE, &["s1 10.0.0.1"]);
    let hangs = fixture.path("hangs");
    harness::write_program(&hangs, "#!/bin/sh\ncd \"${0%/*}\" && sleep 1000 & wait\n");
    let run = run(&fixture, &["--haproxy", hangs.to_str().unwrap()]);
    assert_eq!(run.code, Some(111), "{}", run.stderr);
    let told = format!("run {}: it had not ended after 30s", hangs.display());
    assert!(run.stderr.contains(&told), "{}", run.stderr);
    assert!(!fixture.output().exists());
    harness::wait_for("the end of what it has started", AMPLE, || {
        harness::processes_of(&fixture.path(""))
            .is_empty()
            .then_some(())
    });
}
