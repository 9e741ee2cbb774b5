//! `scripts/up --docker`, with an engine that only notes what it is told.

use std::os::unix::process::CommandExt;
use std::process::Output;

use harness::root;

use super::machine::Machine;
use super::{stderr, write};

/// `scripts/up --docker` with an engine that only notes what it is told, and what
/// it was told. `up` is what it does when containers are to be started.
fn up_docker(up: &str, before: &str, port: u16) -> (Output, String) {
    let machine = Machine::new();
    write(&machine.path("home/ids"), before);
    machine.program(
        "docker",
        &format!(
            "case \"$*\" in
                *' ps -aq') cat \"$HOME/ids\" ;;
                *{{{{.Name}}}}*) echo \"/$4\" ;;
                *{{{{.Size}}}}*) echo 1000000 ;;
                *' up -d '*) {up} ;;
             esac"
        ),
    );
    let output = machine
        .command("env")
        .env(
            "PATH",
            format!("{}:/usr/bin:/bin", machine.path("bin").display()),
        )
        .env("HTTP_PORT", port.to_string())
        .env("STATS_PORT", "1")
        .env("CLI_PORT", "1")
        .env("PAGE_PORT", "1")
        .arg("--default-signal=INT")
        .arg(root().join("scripts/up"))
        .arg("--docker")
        .process_group(0)
        .output()
        .unwrap();
    (output, machine.ran())
}

#[test]
fn a_port_that_containers_need_is_told_before_an_image_is_built() {
    let owner = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = owner.local_addr().unwrap().port();
    let (output, told) = up_docker("", "", port);
    assert_eq!(output.status.code(), Some(111), "{output:?}");
    let words = format!("127.0.0.1:{port} is taken by users:");
    assert!(stderr(&output).contains(&words), "{output:?}");
    assert!(!told.contains(" build"), "{told}");
}

#[test]
fn an_interrupted_start_of_containers_ends_those_that_it_started() {
    let interrupted = "echo one two >\"$HOME/ids\"; kill -INT 0";
    let (output, told) = up_docker(interrupted, "", 1);
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    let (_, after) = told.split_once(" up -d ").unwrap();
    assert!(
        after.contains("docker compose down --remove-orphans --volumes"),
        "{told}"
    );

    let (output, told) = up_docker(interrupted, "one", 1);
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    assert!(!told.contains("compose down"), "{told}");
    assert!(told.contains("docker rm -f /two"), "{told}");
    assert!(!told.contains("/one"), "{told}");
}
