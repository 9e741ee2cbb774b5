//! Services and handlers built as the lab's are, in our images as they are: a
//! shell that traps TERM for its child, a new HAProxy that takes over from the
//! one in the pid file, handlers that end with `s6-svc -h`.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::engine::{Container, docker, image, turn};
use super::project::PATIENCE;
use harness::{http, wait_for};

const HA_RUN: &str = include_str!("lab/ha-run");
const SERF_RUN: &str = include_str!("lab/serf-run");
const NODE_RUN: &str = include_str!("lab/node-run");
const MEMBER_JOIN: &str = include_str!("lab/member-join.sh");
const MEMBER_LEAVE: &str = include_str!("lab/member-leave.sh");
const GENERATE: &str = include_str!("lab/generate.sh");
const CONFIGURATION: &str = include_str!("lab/haproxy.cfg");

#[test]
fn the_labs_services_handlers_and_tools_work_unchanged() {
    let _turn = turn();
    let files = harness::scratch();
    place_all(files.path());

    let ha = lab_container(files.path(), "ha", &["-p", "127.0.0.1::80"]);
    let address = docker(&["port", &ha.0, "80/tcp"]);
    let address: SocketAddr = address.parse().expect("where HAProxy is published");
    holds(&ha, "/var/log/serf.log", "Member join script triggered");
    let first = haproxy_of(&ha);
    let ip = docker(&["inspect", "-f", "{{.NetworkSettings.IPAddress}}", &ha.0]);
    let host = format!("ha:{ip}");
    let node = lab_container(files.path(), "s1", &["--add-host", &host]);

    let joined = "Member join event received from: s1 with role backend";
    holds(&ha, "/var/log/serf.log", joined);
    wait_for("an answer of the node", PATIENCE, || {
        let page = http::get(address, "/").ok()?;
        (page.status == 200 && page.text().contains(r#""host":"s1""#)).then_some(())
    });
    wait_for("the end of the HAProxy before", PATIENCE, || {
        let process = format!("/proc/{first}/comm");
        ha.exec(&["cat", &process]).is_none().then_some(())
    });
    let state = ha.exec(&["s6-svstat", "/var/run/s6/services/ha"]);
    assert!(state.is_some_and(|state| state.starts_with("up (pid ")));

    // Serf may say that it left or that it failed: the lab's `run` ends before it.
    ends_well(&node);
    holds(&ha, "/var/log/serf.log", "Member member-");
    wait_for("the file of the node to go", PATIENCE, || {
        ha.exec(&["ls", "/nodes"])?.is_empty().then_some(())
    });
    ends_well(&ha);
}

fn place_all(files: &Path) {
    let scripts = [
        ("ha/ha/run", HA_RUN),
        ("ha/serf/run", SERF_RUN),
        ("s1/node/run", NODE_RUN),
        ("lab/member-join.sh", MEMBER_JOIN),
        ("lab/member-leave.sh", MEMBER_LEAVE),
        ("lab/generate.sh", GENERATE),
    ];
    for (path, script) in scripts {
        place(&files.join(path), script, 0o755);
    }
    // On Windows the lab's files lose their modes, and must be taken all the same.
    place(&files.join("s1/serf/run"), SERF_RUN, 0o644);
    place(&files.join("lab/haproxy.cfg"), CONFIGURATION, 0o644);
    // The handlers replace this file.
    place(&files.join("haproxy.cfg"), CONFIGURATION, 0o666);
    // The container's user is not the one that made the files.
    let permissions = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(files, permissions).expect("open the directory");
}

/// The lab's container of this name, with its services in place of ours.
fn lab_container(files: &Path, name: &str, more: &[&str]) -> Container {
    let mount = |from: &str, to: &str| format!("{}:{to}", files.join(from).display());
    let services = mount(name, "/etc/services.d:ro");
    let lab = mount("lab", "/etc/lab:ro");
    let configuration = mount("haproxy.cfg", "/usr/local/etc/haproxy/haproxy.cfg");
    let mounts = ["-v", &services, "-v", &lab, "-v", &configuration];
    let image = image(if name == "ha" { "ha" } else { "webapp" });
    let name = ["--hostname", name, &image];
    Container::run(&[&mounts[..], more, &name].concat())
}

fn holds(container: &Container, file: &str, words: &str) {
    wait_for(&format!("{words:?} in {file}"), PATIENCE, || {
        let text = container.exec(&["cat", file])?;
        text.contains(words).then_some(())
    });
}

fn haproxy_of(container: &Container) -> String {
    wait_for("HAProxy's id", PATIENCE, || {
        let id = container.exec(&["cat", "/var/run/haproxy.pid"])?;
        (!id.is_empty()).then_some(id)
    })
}

/// Stops a container, which must end by itself: no process had to be killed.
fn ends_well(container: &Container) {
    docker(&["stop", "-t", "60", &container.0]);
    let code = docker(&["inspect", "-f", "{{.State.ExitCode}}", &container.0]);
    assert_eq!(code, "0", "{}", container.log());
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
