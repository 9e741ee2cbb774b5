//! The documentation's examples: our `init` and chain in images that are not ours.

use super::engine::{Container, docker, turn};
use super::project::{PATIENCE, Project};
use harness::{http, wait_for};

#[test]
fn debians_nginx_is_a_backend_with_what_the_documentation_says() {
    let _turn = turn();
    docker(&["build", "-q", "-t", "muster-test/nginx", "docs/nginx"]);
    let project = Project::new(9);
    project.up(0, &["ha"]);
    let network = project.network();
    let network = ["--network", &network, "--network-alias", "cluster"];
    let secrets = format!("{}:/secrets", network[1].replace("_heig", "_secrets"));
    let image = ["-e", "SERF_NODE=nginx", "-v", &secrets, "muster-test/nginx"];
    let _node = Container::run(&[&network[..], &image].concat());
    let servers = project.wait_for_nodes(1936, 1);
    assert_eq!(servers[0].name, "nginx");
    let answer = || http::get(project.published(80), "/").ok();
    let page = wait_for("nginx's page", PATIENCE, answer);
    assert_eq!(page.status, 200);
    assert!(page.text().contains("Welcome to nginx"), "{page:?}");
}

#[test]
fn apache_and_openssh_live_in_one_container_with_their_log() {
    let _turn = turn();
    docker(&[
        "build",
        "-q",
        "-t",
        "muster-test/apache-sshd",
        "docs/apache-sshd",
    ]);
    let container = Container::run(&["muster-test/apache-sshd"]);
    let answers = |port: &str, wanted: &str| {
        let script = format!(
            "exec 3<>/dev/tcp/127.0.0.1/{port}; printf 'HEAD / HTTP/1.0\\r\\n\\r\\n' >&3; head -n 1 <&3"
        );
        wait_for(&format!("an answer at port {port}"), PATIENCE, || {
            container
                .exec(&["bash", "-c", &script])?
                .contains(wanted)
                .then_some(())
        });
    };
    answers("80", "200 OK");
    answers("22", "SSH-2.0");
    wait_for("the forwarded log", PATIENCE, || {
        let log = container.log();
        let apache = log
            .lines()
            .any(|line| line.starts_with("[log] ") && line.contains("HEAD /"));
        apache.then_some(())
    });
    docker(&["stop", "-t", "60", &container.0]);
    let code = docker(&["inspect", "-f", "{{.State.ExitCode}}", &container.0]);
    assert_eq!(code, "0");
}
