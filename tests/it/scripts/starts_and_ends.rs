//! Starts and ends of a cluster that meet each other, or are interrupted.

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use harness::cluster::{Cluster, SOON};
use harness::wait_for;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::stdout;

/// A script in a process group of its own, as a terminal starts it.
fn in_foreground(cluster: &Cluster, words: &[&str]) -> Child {
    let script = cluster.script(words);
    let mut command = Command::new("env");
    command.arg("--default-signal=INT,TERM,HUP");
    command.arg(script.get_program()).args(script.get_args());
    for (name, value) in script.get_envs() {
        command.env(name, value.unwrap());
    }
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0);
    command.spawn().unwrap()
}

/// Sends `signal` to all of a script's processes, and waits for its end.
fn interrupt(mut script: Child, signal: Signal) -> String {
    killpg(Pid::from_raw(script.id().try_into().unwrap()), signal).unwrap();
    let status = wait_for("the script's end", Duration::from_secs(120), || {
        script.try_wait().unwrap()
    });
    let told = std::io::read_to_string(script.stderr.take().unwrap()).unwrap();
    assert_eq!(status.code(), Some(130), "{told}");
    told
}

/// How many processes the nodes of a cluster have.
fn processes(cluster: &Cluster) -> usize {
    let ours = format!("MUSTER_NODE={}/", cluster.run().display());
    fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| fs::read(entry.ok()?.path().join("environ")).ok())
        .filter(|environ| String::from_utf8_lossy(environ).contains(&ours))
        .count()
}

#[test]
fn an_interrupted_start_leaves_nothing() {
    let cluster = Cluster::new(112);
    for (file, signal) in [
        (".lock", Signal::SIGINT),
        ("ha/pid", Signal::SIGTERM),
        ("s1/address", Signal::SIGINT),
        ("s2/pid", Signal::SIGHUP),
        ("s3/pid", Signal::SIGINT),
    ] {
        let up = in_foreground(&cluster, &["up", "9"]);
        let sign = cluster.run().join(file);
        wait_for(file, SOON, || sign.exists().then_some(()));
        let told = interrupt(up, signal);
        assert_eq!(processes(&cluster), 0, "{file}: {told}");
        assert!(!cluster.run().exists(), "{file}: {told}");
        assert!(
            file == ".lock" || told.contains("interrupted: ending what was started"),
            "{told}"
        );
    }
}

#[test]
fn what_ran_before_an_interrupted_start_runs_on() {
    let cluster = Cluster::up(113, 1);
    let up = in_foreground(&cluster, &["up", "9"]);
    let sign = cluster.file("s3", "pid");
    wait_for("s3", SOON, || sign.exists().then_some(()));
    interrupt(up, Signal::SIGINT);
    cluster.wait_for_nodes(&["s1"]);
    assert!(!cluster.run().join("s2").exists());

    let start = in_foreground(&cluster, &["node", "start", "s2"]);
    let sign = cluster.file("s2", "pid");
    wait_for("s2", SOON, || sign.exists().then_some(()));
    interrupt(start, Signal::SIGINT);
    cluster.wait_for_nodes(&["s1"]);
    assert!(!cluster.run().join("s2").exists());
}

#[test]
fn what_runs_of_a_folder_that_was_removed_can_be_ended() {
    let cluster = Cluster::up(114, 1);
    wait_for("the folder to be gone, in which others write", SOON, || {
        let _ = fs::remove_dir_all(cluster.run());
        (!cluster.run().exists()).then_some(())
    });
    assert!(processes(&cluster) > 0);
    cluster.succeed(&["down"]);
    assert_eq!(processes(&cluster), 0);
}

#[test]
fn a_start_waits_until_what_is_ending_has_ended() {
    let cluster = Cluster::up(115, 1);
    let mut down = cluster.script(&["down"]).spawn().unwrap();
    let lock = cluster.run().join(".lock");
    wait_for("down to have the lock", SOON, || {
        let mut free = Command::new("flock");
        free.arg("-n").arg(&lock).arg("true");
        (!free.status().unwrap().success()).then_some(())
    });
    let told = cluster.start(2);
    assert!(!told.contains("runs already"), "{told}");
    assert!(down.wait().unwrap().success());
    cluster.wait_for_nodes(&["s1", "s2"]);
    // The folder says which net it is.
    let mut list = cluster.script(&["node", "list"]);
    let told = stdout(&list.env_remove("MUSTER_NET").output().unwrap());
    assert_eq!(told.matches("UP").count(), 2, "{told}");
}

#[test]
fn a_node_gets_an_address_whose_ports_are_all_free() {
    let cluster = Cluster::new(116);
    let _rpc = std::net::TcpListener::bind((cluster.address(101), 7373)).unwrap();
    cluster.start(1);
    let address = fs::read_to_string(cluster.file("s1", "address")).unwrap();
    assert_eq!(address.trim_end(), cluster.address(102));
}
