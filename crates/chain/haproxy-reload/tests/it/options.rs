//! The command line.

use assert_cmd::Command;
use predicates::prelude::*;

fn reload() -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("haproxy-reload"));
    let names = [
        "HAPROXY_CFG",
        "HAPROXY_SOCKET",
        "HAPROXY_MASTER",
        "HAPROXY_RELOAD_EVERY",
        "HAPROXY_RELOAD_TIMEOUT",
    ];
    for name in names {
        command.env_remove(name);
    }
    command
}

#[test]
fn help_is_the_programs_page() {
    let headings = ["Interface", "Files", "Exit codes", "Notes"];
    let page = headings.iter().fold(
        predicate::str::contains("haproxy.cfg").boxed(),
        |page, text| page.and(predicate::str::contains(*text)).boxed(),
    );
    reload().arg("--help").assert().success().stdout(page);
}

#[test]
fn what_makes_no_sense_is_refused() {
    for arguments in [
        &["--json"][..],
        &["--dry-run", "--full"],
        &["--status", "--full"],
        &["--timeout", "soon"],
        &["--reload-every", "seldom"],
        &["extra"],
    ] {
        reload().args(arguments).assert().code(100);
    }
}

#[test]
fn times_can_come_from_the_environment_and_an_empty_one_is_not_set() {
    for name in ["HAPROXY_RELOAD_EVERY", "HAPROXY_RELOAD_TIMEOUT"] {
        let scratch = harness::scratch();
        let with = |value| {
            let mut reload = reload();
            let file = scratch.path().join("haproxy.cfg");
            reload.env("HAPROXY_CFG", file).env(name, value).assert()
        };
        with("seldom").code(100);
        // It goes on to look for the file.
        with("").code(111);
        with("1s").code(111);
    }
}

#[test]
fn a_missing_file_is_told_with_who_makes_it() {
    let scratch = harness::scratch();
    let file = scratch.path().join("haproxy.cfg");
    reload()
        .env("HAPROXY_CFG", &file)
        .assert()
        .code(111)
        .stderr(predicate::str::contains(
            "there is no such file; haproxy-gen makes it",
        ));
}

#[test]
fn the_environment_names_the_sockets() {
    let scratch = harness::scratch();
    let file = scratch.path().join("haproxy.cfg");
    let text = b"global\n stats socket /s level admin\nfrontend f\n bind 127.0.59.9:1\n";
    std::fs::File::create(&file)
        .and_then(|mut file| std::io::Write::write_all(&mut file, text))
        .unwrap();
    let socket = scratch.path().join("nowhere.sock");
    reload()
        .env("HAPROXY_CFG", &file)
        .env("HAPROXY_SOCKET", &socket)
        .assert()
        .code(111)
        .stderr(predicate::str::contains(socket.display().to_string()));
}

#[test]
fn a_directory_that_cannot_hold_the_lock_is_told() {
    reload()
        .args(["--config", "/proc/haproxy.cfg"])
        .assert()
        .code(111)
        .stderr(predicate::str::contains("/proc/"));
}
