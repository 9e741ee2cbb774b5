//! `scripts/up` tells what cannot work before it builds anything.

use std::fs;
use std::process::Command;

use harness::cluster::Cluster;

use super::machine::Machine;
use super::stderr;

/// What `scripts/up` says that it cannot do here, with nothing built before.
fn told_before_the_build(command: &mut Command) -> String {
    let machine = Machine::new();
    machine.rust("99.0.0");
    let path = std::env::var("PATH").unwrap();
    let output = command
        .env("PATH", format!("{}:{path}", machine.path("bin").display()))
        .env_remove("MUSTER_BUILT")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(111), "{output:?}");
    assert!(!machine.ran().contains("build"), "{}", machine.ran());
    stderr(&output)
}

#[test]
fn what_cannot_work_is_told_before_anything_is_built() {
    let cluster = Cluster::new(110);
    let long = cluster.run().join("x".repeat(80));
    let told = told_before_the_build(cluster.script(&["up"]).env("MUSTER_RUN", long));
    assert!(told.contains("too long"), "{told}");

    let other = cluster.run().join("other");
    fs::create_dir_all(other.join("precious")).unwrap();
    let told = told_before_the_build(cluster.script(&["up"]).env("MUSTER_RUN", &other));
    assert!(told.contains("something else than a cluster"), "{told}");
    fs::remove_dir_all(&other).unwrap();

    let address = format!("{}:9999", cluster.address(42));
    let _owner = std::net::TcpListener::bind(&address).unwrap();
    let told = told_before_the_build(&mut cluster.script(&["up"]));
    assert!(
        told.contains(&format!("{address} is taken by users:")),
        "{told}"
    );
}

#[test]
fn a_loopback_device_without_the_net_is_told_before_anything_is_built() {
    let cluster = Cluster::new(111);
    let address = cluster.address(42);
    for setting in [
        "true",
        "ip link set lo up; ip address delete 127.0.0.1/8 dev lo; ip address add 127.0.0.1/32 dev lo",
    ] {
        let up = cluster.script(&["up"]);
        let mut command = Command::new("unshare");
        command.args(["-rn", "sh", "-c"]);
        command
            .arg(format!("{setting}; exec \"$0\""))
            .arg(up.get_program());
        for (name, value) in up.get_envs() {
            command.env(name, value.unwrap());
        }
        let told = told_before_the_build(&mut command);
        assert!(
            told.contains(&format!("{address} is no address of this machine's")),
            "{told}"
        );
    }
}
