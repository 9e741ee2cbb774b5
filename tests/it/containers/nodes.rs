//! `/nodes` from the engine itself, without Serf.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use harness::cluster::{configured, node_files, program};
use harness::{Owned, root, wait_for};

use super::engine::{Container, docker, turn};
use super::project::PATIENCE;

const IMAGE: &str = "debian:trixie-slim";

#[test]
fn nodes_follow_the_containers_with_a_label() {
    let _turn = turn();
    let scratch = harness::scratch();
    let (nodes, programs) = (scratch.path().join("nodes"), scratch.path().join("bin"));
    fs::create_dir(&nodes).unwrap();
    fs::create_dir(&programs).unwrap();
    symlink(program("haproxy-gen"), programs.join("haproxy-gen")).unwrap();
    // A HAProxy of this machine would check the containers from outside of their network.
    symlink("/bin/true", programs.join("haproxy-reload")).unwrap();
    let label = format!("muster-test-nodes={}", std::process::id());
    let run = |label: &str| {
        let label = format!("--label={label}");
        Container::run(&["--init", &label, IMAGE, "sleep", "1000"])
    };
    let line = |container: &Container| {
        let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
        let ip = docker(&["inspect", "-f", format, &container.0]);
        let id = &container.0[..12];
        (id.to_owned(), format!("{id} {} port=80\n", ip.trim()))
    };
    let agree = |containers: &[&Container]| {
        let mut expected: Vec<_> = containers.iter().map(|it| line(it)).collect();
        expected.sort();
        let names: Vec<String> = expected.iter().map(|(name, _)| name.clone()).collect();
        wait_for(&format!("{names:?} in /nodes"), PATIENCE, || {
            (node_files(&nodes) == names).then_some(())
        });
        for (name, line) in expected {
            assert_eq!(fs::read_to_string(nodes.join(name)).unwrap(), line);
        }
    };
    let first = run(&label);
    let path = std::env::var("PATH").unwrap();
    let mut command = Command::new(root().join("examples/nodes/docker"));
    command.arg(&label).env("NODES_DIR", &nodes);
    command.env("PATH", format!("{}:{path}", programs.display()));
    command.env(
        "HAPROXY_TEMPLATE",
        root().join("ha/config/haproxy.cfg.tera"),
    );
    command.env("HAPROXY_CFG", scratch.path().join("haproxy.cfg"));
    command.stderr(fs::File::create(scratch.path().join("log")).unwrap());
    let running = Owned::start(&mut command).unwrap();
    agree(&[&first]);
    let second = run(&label);
    let _other = run("muster-test-nodes=another");
    agree(&[&first, &second]);
    drop(first);
    agree(&[&second]);
    drop(second);
    agree(&[]);
    wait_for("a configuration without servers", PATIENCE, || {
        let config = scratch.path().join("haproxy.cfg");
        (config.exists() && configured(&config).is_empty()).then_some(())
    });
    drop(running);
}
