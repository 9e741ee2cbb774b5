//! The check has the folder, the working directory and the environment of the HAProxy
//! that is to read the file.

use std::fs::{create_dir, read_dir, remove_file};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use harness::haproxy::ask;
use harness::{Owned, wait_for};

use crate::fixture::{Fixture, TEMPLATE, write};

/// Far longer than HAProxy takes for a start or a reload.
const LONG: Duration = Duration::from_secs(60);
const ERROR: &str = "HTTP/1.0 503 No\r\nContent-Length: 0\r\n\r\n";

/// The template with more lines in `defaults`.
fn with_defaults(lines: &str) -> String {
    TEMPLATE.replace("    mode http\n", &format!("    mode http\n{lines}"))
}

/// A HAProxy with a master, in this folder and with this variable more. It listens at its
/// command sockets alone.
fn start(fixture: &Fixture, folder: &Path, variable: (&str, &str)) -> Owned {
    let config = fixture.path("running.cfg");
    let socket = fixture.path("s");
    let text = format!("global\n    stats socket {}\n", socket.display());
    write(&config, text);
    let mut command = Command::new(harness::require("haproxy"));
    command
        .args(["-W", "-S"])
        .arg(format!("{},mode,600", fixture.path("m").display()))
        .arg("-f")
        .arg(config)
        .current_dir(folder)
        .env(variable.0, variable.1);
    let process = Owned::spawn(&mut command).unwrap();
    wait_for("the master's first answer", LONG, || {
        ask(&fixture.path("m"), "show proc").ok()
    });
    process
}

/// The program, told of that HAProxy.
fn follow(fixture: &Fixture) -> Command {
    let mut command = fixture.command();
    command.env("HAPROXY_MASTER", fixture.path("m"));
    command
}

fn left(fixture: &Fixture) -> usize {
    read_dir(fixture.path("etc")).unwrap().count()
}

#[test]
fn a_path_that_begins_at_the_folder_of_the_file_is_found() {
    let template = TEMPLATE.replace("global\n", "global\n    default-path config\n");
    let template = template.replace(
        "    mode http\n",
        "    mode http\n    errorfile 503 e.http\n",
    );
    let fixture = Fixture::with_nodes(&template, &["s1 10.0.0.1"]);
    let refused = fixture.run(&[]);
    assert_eq!(refused.code, Some(100), "{}", refused.stderr);
    assert!(refused.stderr.contains("[line 7]"), "{}", refused.stderr);
    assert!(!refused.stderr.contains("candidate"), "{}", refused.stderr);
    write(&fixture.path("etc/e.http"), ERROR);
    for arguments in [&["--diff"][..], &[], &["--diff"]] {
        let run = fixture.run(arguments);
        assert_eq!(run.stderr, "", "{arguments:?}");
        assert_eq!(
            left(&fixture),
            if fixture.output().exists() { 4 } else { 2 }
        );
    }
    fixture.haproxy_takes_it().unwrap();
}

#[test]
fn what_a_killed_run_left_is_replaced() {
    let fixture = Fixture::with_nodes(TEMPLATE, &["s1 10.0.0.1"]);
    let victim = fixture.path("victim");
    write(&victim, "victim");
    let candidate = fixture.path("etc/.haproxy.cfg.candidate");
    std::os::unix::fs::symlink(&victim, &candidate).unwrap();
    assert_eq!(fixture.run(&[]).code, Some(0));
    assert_eq!(std::fs::read_to_string(victim).unwrap(), "victim");
    assert!(candidate.symlink_metadata().is_err());
}

#[test]
fn a_variable_that_only_the_running_haproxy_knows_is_known() {
    let template = TEMPLATE.replace("127.0.140.1:8080", "\"${LB_BIND}\"");
    let fixture = Fixture::with_nodes(&template, &["s1 10.0.0.1"]);
    let run = fixture.run(&[]);
    assert_eq!(run.code, Some(100), "{}", run.stderr);
    let haproxy = start(&fixture, Path::new("/"), ("LB_BIND", "127.0.140.1:8080"));
    let (run, checked) = fixture.watch(&mut follow(&fixture));
    assert_eq!((run.code, checked), (Some(0), true), "{}", run.stderr);
    drop(haproxy);
    // Its socket stays, and nobody listens there.
    let (run, checked) = fixture.watch(&mut follow(&fixture));
    assert_eq!((run.code, checked), (Some(100), true), "{}", run.stderr);
}

#[test]
fn a_path_that_begins_where_the_running_haproxy_is_is_found() {
    let fixture = Fixture::new(&with_defaults("    errorfile 503 e.http\n"));
    let folder = fixture.path("folder");
    create_dir(&folder).unwrap();
    write(&folder.join("e.http"), ERROR);
    assert_eq!(fixture.run(&[]).code, Some(100));
    let _haproxy = start(&fixture, &folder, ("LB_BIND", "x"));
    let (run, _) = fixture.watch(&mut follow(&fixture));
    assert_eq!(run.code, Some(0), "{}", run.stderr);
}

#[test]
fn before_the_first_start_our_own_surroundings_count() {
    let template = TEMPLATE.replace("127.0.140.1:8080", "\"${LB_BIND}\"");
    let template = template.replace(
        "    mode http\n",
        "    mode http\n    errorfile 503 e.http\n",
    );
    let fixture = Fixture::new(&template);
    write(&fixture.path("e.http"), ERROR);
    let mut command = follow(&fixture);
    command
        .env("LB_BIND", "127.0.140.1:8080")
        .current_dir(fixture.path(""));
    assert_eq!(fixture.watch(&mut command).0.code, Some(0));
}

#[test]
fn another_environment_or_directory_is_checked_again() {
    let fixture = Fixture::with_nodes(TEMPLATE, &["s1 10.0.0.1"]);
    let run = |name: &str, value: &str, folder: &str| {
        let mut command = fixture.command();
        command.env(name, value).current_dir(folder);
        fixture.watch(&mut command).1
    };
    assert!(run("LB_BIND", "1", "/"));
    assert!(!run("LB_BIND", "1", "/"));
    assert!(run("LB_BIND", "2", "/"));
    assert!(run("LB_BIND", "2", "/tmp"));
    assert!(!run("LB_BIND", "2", "/tmp"));
}

#[test]
fn two_events_are_no_two_environments() {
    let fixture = Fixture::with_nodes(TEMPLATE, &["s1 10.0.0.1"]);
    let run = |event: &str| {
        let mut command = fixture.command();
        fixture.watch(command.env("SERF_EVENT", event)).1
    };
    assert!(run("member-join"));
    assert!(!run("member-leave"));
}

#[test]
fn a_reload_that_changes_nothing_around_it_costs_no_check() {
    let fixture = Fixture::with_nodes(TEMPLATE, &["s1 10.0.0.1"]);
    let _haproxy = start(&fixture, Path::new("/"), ("LB_BIND", "1"));
    assert!(fixture.watch(&mut follow(&fixture)).1);
    assert!(!fixture.watch(&mut follow(&fixture)).1);
    let _ = ask(&fixture.path("m"), "reload");
    wait_for("the reloaded master and its worker", LONG, || {
        let answer = ask(&fixture.path("m"), "show proc").ok()?;
        let mut rows = answer
            .lines()
            .map(|row| row.split_ascii_whitespace().skip(1));
        let master = rows.any(|row| row.take(2).eq(["master", "1"]));
        (master && rows.any(|row| row.take(2).eq(["worker", "0"]))).then_some(())
    });
    assert!(!fixture.watch(&mut follow(&fixture)).1);
    remove_file(fixture.path("etc/.haproxy.cfg.checked")).unwrap();
    assert!(fixture.watch(&mut follow(&fixture)).1);
}
