//! The lab's own files in our image, as they are.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::engine::{Container, turn};
use super::project::PATIENCE;
use harness::wait_for;

/// The lab's `run` of its balancer: HAProxy in the background, the shell waits
/// for signals and restarts it. Only its node program is left out.
const HA_RUN: &str = r#"#!/usr/bin/with-contenv bash

trap 'restart' SIGHUP

restart() {
  kill -TERM $(cat /var/run/haproxy.pid)
  start
}

start() {
  echo "starting for role $ROLE"
  rm -f /var/run/haproxy.sock
  haproxy -D -f /etc/lab/haproxy.cfg -p /var/run/haproxy.pid
  echo started >> /var/run/starts
}

start
while true; do
  sleep 1 &
  wait $!
done
"#;

const SERF_RUN: &str = r#"#!/usr/bin/with-contenv bash
SERF_HANDLERS="member-join=/etc/lab/member-join.sh"
exec serf agent -tag role=$ROLE -event-handler $SERF_HANDLERS
"#;

/// The lab's handler for task 3, with its log lines.
const MEMBER_JOIN: &str = r#"#!/usr/bin/env bash
echo "Member join script triggered" >> /var/log/serf.log
while read -a values; do
  HOSTNAME=${values[0]}
  HOSTROLE=${values[2]}
  echo "Member join event received from: $HOSTNAME with role $HOSTROLE" >> /var/log/serf.log
done
"#;

const CONFIGURATION: &str = "\
global
  stats socket /var/run/haproxy.sock mode 600 level admin
defaults
  mode http
  timeout connect 5s
  timeout client 50s
  timeout server 50s
listen stats
  bind *:1936
  stats enable
  stats uri /
";

#[test]
fn the_labs_services_handlers_and_tools_work_unchanged() {
    let _turn = turn();
    let files = harness::scratch();
    let in_files = |path: &str| files.path().join(path);
    place(&in_files("services/ha/run"), HA_RUN, 0o755);
    // The lab's files lose their modes on Windows; version 1 took them all the same.
    place(&in_files("services/serf/run"), SERF_RUN, 0o644);
    place(&in_files("lab/member-join.sh"), MEMBER_JOIN, 0o755);
    place(&in_files("lab/haproxy.cfg"), CONFIGURATION, 0o644);
    readable(files.path());

    let services = format!("{}:/etc/services.d:ro", in_files("services").display());
    let lab = format!("{}:/etc/lab:ro", in_files("lab").display());
    let mounts = ["-v", &services, "-v", &lab];
    let container = Container::run(&[&mounts[..], &["muster/ha:0.1.0"]].concat());
    let reads = |path, wanted: &str| {
        wait_for(&format!("{wanted:?} in {path}"), PATIENCE, || {
            container
                .exec(&["cat", path])?
                .contains(wanted)
                .then_some(())
        });
    };
    reads("/var/run/starts", "started");
    reads("/var/log/serf.log", "with role balancer");
    assert!(container.log().contains("starting for role balancer"));

    let hangup = ["s6-svc", "-h", "/var/run/s6/services/ha"];
    container.exec(&hangup).expect("s6-svc -h");
    reads("/var/run/starts", "started\nstarted");
    let state = container.exec(&["s6-svstat", "/var/run/s6/services/ha"]);
    assert!(state.is_some_and(|state| state.starts_with("up (pid ")));
}

#[expect(
    clippy::disallowed_methods,
    reason = "a fixture that nobody reads meanwhile"
)]
fn place(path: &Path, text: &str, mode: u32) {
    let parent = path.parent().expect("a file in a directory");
    std::fs::create_dir_all(parent).expect("make the fixture's directory");
    std::fs::write(path, text).expect("write the fixture");
    let permissions = std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(path, permissions).expect("set the fixture's mode");
}

/// The container's user is not the one that made the files.
fn readable(directory: &Path) {
    let permissions = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(directory, permissions).expect("open the directory");
}
