//! Options, the environment, exit codes.

use std::io::Read as _;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::process::{Command, Output, Stdio};

use crate::node::{Node, address, program};

fn run(arguments: &[&str]) -> Output {
    program().args(arguments).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn readiness_is_announced_once_it_listens() {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let folder = harness::scratch();
    let mut command = program();
    command.current_dir(folder.path());
    // This is descriptor 1, since the standard library gives a child no others.
    command.args(["--listen", &address(41), "--ready-fd", "1"]);
    command.stdout(Stdio::from(OwnedFd::from(writer)));
    let mut child = command.spawn().unwrap();
    let mut byte = [0];
    reader.read_exact(&mut byte).unwrap();
    assert_eq!(&byte, b"\n");
    std::net::TcpStream::connect(address(41)).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_descriptor_that_is_not_there_is_told() {
    let output = run(&["--listen", &address(42), "--ready-fd", "987"]);
    assert_eq!(output.status.code(), Some(111));
    assert!(stderr(&output).contains("webapp: announce readiness on /dev/fd/987: "));
}

#[test]
fn the_address_can_come_from_the_environment() {
    let mut command = program();
    command.env("WEBAPP_LISTEN", "127.0.0.1:99999");
    assert_eq!(command.output().unwrap().status.code(), Some(100));
    let node = Node::start(43, |command: &mut Command| {
        command.env("WEBAPP_LISTEN", "127.0.0.1:1");
    });
    assert_eq!(node.get("").status, 200);
}

#[test]
fn an_address_that_is_taken_is_named() {
    let address = address(44);
    let _taken = TcpListener::bind(&address).unwrap();
    let output = run(&["--listen", &address]);
    assert_eq!(output.status.code(), Some(111));
    assert_eq!(
        stderr(&output),
        format!("webapp: listen on {address}: Address already in use (os error 98)\n")
    );
}

#[test]
fn misuse_is_100() {
    for arguments in [
        &["--listen", "nowhere"][..],
        &["--nonsense"],
        &["--ip", "s1"],
        &["--grace", "soon"],
    ] {
        assert_eq!(run(arguments).status.code(), Some(100), "{arguments:?}");
    }
}

#[test]
fn help_is_the_programs_page() {
    let output = program()
        .arg("--help")
        .stdout(Stdio::piped())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    let page = String::from_utf8(output.stdout).unwrap();
    for part in [
        "GET /",
        "POST /delay",
        "3600000 (an hour)",
        "16 KiB",
        "Signals:",
        "Exit codes:",
        "--ready-fd",
        "SERVER_IP",
    ] {
        assert!(page.contains(part), "{part}");
    }
}
