//! `init` in Debian's own image, under what people write after `docker run`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command};

use harness::{Scratch, root, wait_for};

use super::engine::{Container, docker, image, limited, told, turn};
use super::project::PATIENCE;

const IMAGE: &str = "debian:trixie-slim";
/// A service that prints its user, its directory and a variable of the container.
const WHO: &str = "#!/usr/bin/with-contenv sh\necho \"$(id -u) $PWD $GIVEN\"\nexec sleep 1000\n";

const WHO_FIRST: &str = "#!/usr/bin/with-contenv sh\necho \"first $GIVEN\"\n";

/// A container's `/etc`, which it gets as a volume.
struct Files(Scratch);

impl Files {
    fn with(files: &[(&str, &str)]) -> Files {
        let directory = harness::scratch();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for (path, content) in files {
            let path = directory.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::File::create(&path).unwrap();
            files::replace(&path, content.as_bytes(), files::Durability::Unsynced).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        Files(directory)
    }

    /// What makes `/init` the entry point of Debian's image.
    fn volumes(&self) -> Vec<String> {
        let bin = root().join("target/bin");
        let place = |from: &Path, to: &str| format!("-v={}:{to}:ro", from.display());
        let mut volumes = vec!["-e=GIVEN=given".to_owned(), "--entrypoint=/init".to_owned()];
        volumes.push(place(&bin.join("init"), "/init"));
        volumes.push(place(&bin.join("with-contenv"), "/usr/bin/with-contenv"));
        for name in ["services.d", "cont-init.d"] {
            let from = self.0.path().join(name);
            if from.exists() {
                volumes.push(place(&from, &format!("/etc/{name}")));
            }
        }
        volumes
    }

    fn run(&self, options: &[&str], command: &[&str]) -> Container {
        let volumes = self.volumes();
        let volumes: Vec<&str> = volumes.iter().map(String::as_str).collect();
        Container::run(&[options, &volumes, &[IMAGE], command].concat())
    }
}

/// Waits until the container has said it so often.
fn wait_said(container: &Container, text: &str, times: usize) {
    wait_for(&format!("{text:?}, {times} times"), PATIENCE, || {
        (container.log().matches(text).count() >= times).then_some(())
    });
}

/// The exit code of a container that ends by itself.
fn code(container: &Container) -> String {
    docker(&["wait", &container.0])
}

/// The exit code of a container that is stopped, with so much time that it need not be killed.
fn stopped(container: &Container) -> String {
    docker(&["stop", "-t", "60", &container.0]);
    code(container)
}

#[test]
fn any_user_runs_it_in_any_image() {
    let _turn = turn();
    let files = Files::with(&[("services.d/who/run", WHO), ("cont-init.d/10", WHO_FIRST)]);
    let user = "--user=1000:1000";
    let own = "/tmp/s6-1000/services/who";
    let given = "/run/s6/services/who";
    for (options, home) in [
        (&[user][..], own),
        (&[user, "--tmpfs=/run:exec,uid=1000"], given),
        (&[user, "--tmpfs=/run:exec,uid=1000", "--read-only"], given),
    ] {
        let container = files.run(options, &[]);
        wait_said(&container, "first given", 1);
        wait_said(&container, &format!("1000 {home} given"), 1);
        let moved = container
            .log()
            .contains("user 1000 may not write to /var/run/s6/services");
        assert_eq!(moved, home == own, "{options:?}");
        assert_eq!(stopped(&container), "0", "{options:?}");
    }
}

#[test]
fn a_container_that_was_stopped_goes_on_where_it_lived() {
    let _turn = turn();
    let files = Files::with(&[("services.d/who/run", WHO)]);
    let container = files.run(&["--user=1000:1000"], &[]);
    let line = "1000 /tmp/s6-1000/services/who given";
    wait_said(&container, line, 1);
    assert_eq!(stopped(&container), "0");
    docker(&["start", &container.0]);
    wait_said(&container, line, 2);
}

#[test]
fn without_any_writable_place_it_says_what_to_do() {
    let _turn = turn();
    let files = Files::with(&[("services.d/who/run", WHO)]);
    let container = files.run(&["--user=1000:1000", "--read-only"], &[]);
    assert_eq!(code(&container), "111");
    let wanted = "init: make /var/run/s6/services (user 1000 needs a writable place: \
                  docker run --tmpfs /run:exec,uid=1000, or --scandir DIR): ";
    assert!(container.log().starts_with(wanted), "{}", container.log());

    let options = ["--user=1000:1000", "--read-only", "--tmpfs=/run:uid=1000"];
    let container = files.run(&options, &[]);
    wait_said(&container, "mounted noexec: mount it with exec", 1);
}

#[test]
fn the_balancer_serves_as_any_user_who_has_its_places() {
    let _turn = turn();
    let places = [
        "/run:exec",
        "/nodes:",
        "/var/log:",
        "/usr/local/etc/haproxy:",
        "/tmp:",
    ];
    let places = places.map(|place| format!("--tmpfs={place},uid=1000").replace(":,", ":"));
    let places = places.each_ref().map(String::as_str);
    let options = [
        "--user=1000:1000",
        "--read-only",
        "-e=SERF_KEY_FILE=/run/gossip.key",
    ];
    let container = Container::run(&[&options[..], &places, &[&image("ha")]].concat());
    let ask = "exec 3<>/dev/tcp/127.0.0.1/1936; printf 'HEAD / HTTP/1.0\\r\\n\\r\\n' >&3; head -n 1 <&3; id -u";
    let answer = wait_for("HAProxy's page", PATIENCE, || {
        container
            .exec(&["bash", "-c", ask])
            .filter(|answer| answer.contains("200"))
    });
    assert!(answer.ends_with("1000"), "{answer}");
    assert_eq!(stopped(&container), "0");
}

#[test]
fn under_the_engines_own_init_it_is_not_the_first_process_and_does_the_same() {
    let _turn = turn();
    let files = Files::with(&[("services.d/who/run", WHO)]);
    let container = files.run(&["--init"], &["sh", "-c", "sleep 0.5; exit 7"]);
    assert_eq!(code(&container), "7");
    wait_said(&container, "0 /run/s6/services/who given", 1);
}

#[test]
fn among_the_hosts_processes_it_ends_its_own_and_nobody_elses() {
    let _turn = turn();
    let mut bystander = Bystander(Command::new("sleep").arg("1000").spawn().unwrap());
    let run = "#!/bin/sh\nsetsid sleep 1000 &\necho \"escaped $!\"\nexec sleep 1000\n";
    let files = Files::with(&[("services.d/s/run", run)]);
    let container = files.run(&["--pid=host"], &[]);
    let escaped = wait_for("the one that escapes", PATIENCE, || {
        let log = container.log();
        let pid = log.lines().find_map(|line| line.strip_prefix("escaped "))?;
        Some(pid.to_owned())
    });
    assert!(Path::new("/proc").join(&escaped).exists());
    assert_eq!(stopped(&container), "0");
    assert!(!Path::new("/proc").join(&escaped).exists());
    assert!(bystander.0.try_wait().unwrap().is_none(), "it was ended");
}

struct Bystander(Child);

impl Drop for Bystander {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_service_that_takes_all_memory_is_killed_alone_and_comes_back() {
    let _turn = turn();
    let greedy = "#!/bin/sh\necho greedy\nexec tail /dev/zero\n";
    let modest = "#!/bin/sh\necho modest\nexec sleep 1000\n";
    let files = Files::with(&[
        ("services.d/greedy/run", greedy),
        ("services.d/modest/run", modest),
    ]);
    let container = files.run(&["--memory=24m", "--memory-swap=24m"], &[]);
    wait_said(&container, "greedy", 3);
    let modest = container.log().matches("modest").count();
    assert_eq!(modest, 1, "{}", container.log());
    assert_eq!(stopped(&container), "0");
}

#[test]
fn with_a_terminal_the_command_has_it() {
    let _turn = turn();
    let volumes = Files::with(&[]).volumes().join(" ");
    let command = "sh -c 'test -t 0 && tty && exit 5'";
    let line = format!("docker run --rm -it {volumes} {IMAGE} {command}; echo code $?");
    let said = told(&mut limited("script", &["-qc", &line, "/dev/null"]));
    let lines: Vec<&str> = said.lines().map(str::trim).collect();
    assert!(lines[0].ends_with("/dev/pts/0"), "{said}");
    assert_eq!(lines[1], "code 5", "{said}");
}

#[test]
fn a_signal_from_docker_kill_reaches_the_command_or_means_what_it_means() {
    let _turn = turn();
    let traps = "trap 'echo got USR1; exit 9' USR1; echo up; while :; do sleep 0.05; done";
    let container = Files::with(&[]).run(&[], &["bash", "-c", traps]);
    wait_said(&container, "up", 1);
    docker(&["kill", "-s", "USR1", &container.0]);
    assert_eq!(code(&container), "9");
    wait_said(&container, "got USR1", 1);

    let files = Files::with(&[("services.d/who/run", WHO)]);
    let container = files.run(&[], &[]);
    wait_said(&container, "0 /run/s6/services/who given", 1);
    let new = "mkdir /run/s6/services/.new && cd /run/s6/services/.new && \
               printf '#!/bin/sh\\necho new >/proc/1/fd/1\\nexec sleep 1000\\n' >run && \
               chmod +x run && mv /run/s6/services/.new /run/s6/services/new";
    container.exec(&["sh", "-c", new]).expect("make a service");
    docker(&["kill", "-s", "HUP", &container.0]);
    wait_said(&container, "new", 1);
    docker(&["kill", "-s", "QUIT", &container.0]);
    assert_eq!(code(&container), "0");
}
