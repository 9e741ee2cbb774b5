//! `init` as PID 1, in a namespace of its own, with the paths that a container has.

use std::process::Command;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::world::{
    Container, SOON, Service, World, children, is_alive, kill_hard, ours_alone, wait_gone,
};

const REASON: &str = "a container's /init is s6-overlay's, not s6's";

const WITH_CONTENV: &str = env!("CARGO_BIN_EXE_with-contenv");

/// Before the shell becomes `init` it mounts the container's own `/etc` and `/run`.
const ENTER: &str = "mount --bind \"$ETC\" /etc && mount -t tmpfs tmpfs /run && exec \"$@\"";

/// Waits until the test has seen the supervisor, which may end right after it.
const WAIT: &str = "while ! [ -e \"$OUTSIDE/go\" ]; do sleep 0.05; done";

struct Inside {
    world: World,
    pid: i32,
}

impl Inside {
    /// Starts `init` as PID 1, without options. It does not see the `log` and `scan` that its world has.
    fn start(container: Container, command: &[&str]) -> Inside {
        let mut unshare = Command::new(harness::require("unshare"));
        unshare.args([
            "--pid",
            "--fork",
            "--mount",
            "--mount-proc",
            "--kill-child",
            "--",
            "sh",
            "-c",
            ENTER,
            "init",
        ]);
        unshare.arg(env!("CARGO_BIN_EXE_init")).args(command);
        unshare
            .env("ETC", container.path("etc"))
            .env("GIVEN", "1")
            .env("OUTSIDE", container.path(""));
        let world = World::start(container.dir, unshare);
        let outer = world.pid();
        let pid = harness::wait_for("PID 1", SOON, || {
            let pid = *children(outer).first()?;
            let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
            (name.trim() == "init").then_some(pid)
        });
        Inside { world, pid }
    }

    /// Lets those go on that wait for it.
    fn go(&self) {
        crate::world::write_file(&self.world.dir.path().join("go"), "", 0o644);
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid), signal).unwrap();
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        if is_alive(self.pid) && children(self.world.pid()).contains(&self.pid) {
            kill_hard(self.pid);
        }
    }
}

#[test]
fn as_pid_1_it_starts_the_services_of_etc_and_ends_when_told() {
    if ours_alone(REASON) {
        return;
    }
    let run =
        format!("#!{WITH_CONTENV} sh\necho \"$GIVEN $PWD\" >>\"$OUTSIDE/log\"; exec sleep 1000\n");
    let mut inside = Inside::start(
        Container::with(&[Service::new("s", "").raw("run", &run, 0o755)]),
        &[],
    );
    assert_eq!(inside.world.wait_lines(1), ["1 /run/s6/services/s"]);
    inside.signal(Signal::SIGTERM);
    assert_eq!(inside.world.ended_code(), 0, "{}", inside.world.output());
}

/// As images of s6-overlay 3 have it: the service's own end is the container's, with the
/// service's code, which its `finish` takes from where the container's is.
#[test]
fn as_pid_1_it_has_the_paths_that_scripts_of_s6_overlay_3_use() {
    if ours_alone(REASON) {
        return;
    }
    let container = Container::with(&[]);
    let definition = |file: &str| container.path(&format!("etc/s6-overlay/s6-rc.d/{file}"));
    let run = format!("#!{WITH_CONTENV} sh\n{WAIT}\n[ -d /run/service/app ] && exit 7\nexit 8\n");
    let finish = "#!/bin/sh\nresult=/run/s6-linux-init-container-results/exitcode\n\
                  [ \"$(cat $result)\" = 0 ] || exit 1\necho \"$1\" >$result\n\
                  exec /run/s6/basedir/bin/halt\n";
    for (file, content) in [
        ("app/type", "longrun\n"),
        ("app/run", run.as_str()),
        ("app/finish", finish),
        ("user/contents.d/app", ""),
    ] {
        crate::world::write_file(&definition(file), content, 0o644);
    }
    let mut inside = Inside::start(container, &[]);
    inside.go();
    assert_eq!(inside.world.ended_code(), 7, "{}", inside.world.output());
}

#[test]
fn as_pid_1_a_code_that_a_script_wrote_counts_before_the_stopped_commands() {
    if ours_alone(REASON) {
        return;
    }
    let run = format!(
        "#!{WITH_CONTENV} sh\n{WAIT}\necho 9 >/run/s6-linux-init-container-results/exitcode\n\
         exec /run/s6/basedir/bin/halt\n"
    );
    let container = Container::with(&[Service::new("s", "").raw("run", &run, 0o755)]);
    let mut inside = Inside::start(container, &["sleep", "1000"]);
    inside.go();
    assert_eq!(inside.world.ended_code(), 9, "{}", inside.world.output());
}

#[test]
fn as_pid_1_it_ends_what_has_escaped() {
    if ours_alone(REASON) {
        return;
    }
    let run = format!(
        "#!{WITH_CONTENV} sh\nsetsid sh -c 'trap \"\" HUP; echo up >>\"$OUTSIDE/log\"; sleep 1000; :' & exec sleep 1000\n"
    );
    let mut inside = Inside::start(
        Container::with(&[Service::new("s", "").raw("run", &run, 0o755)]),
        &[],
    );
    inside.world.wait_lines(1);
    inside.signal(Signal::SIGTERM);
    assert_eq!(inside.world.ended_code(), 0, "{}", inside.world.output());
}

#[test]
fn as_pid_1_the_commands_code_is_the_containers() {
    if ours_alone(REASON) {
        return;
    }
    let container = Container::with(&[Service::sleeper("s")]);
    let mut inside = Inside::start(container, &["sh", "-c", &format!("{WAIT}; exit 6")]);
    inside.go();
    assert_eq!(inside.world.ended_code(), 6, "{}", inside.world.output());
}

#[test]
fn not_as_pid_1_it_ends_nothing_that_is_not_its_own() {
    if ours_alone(REASON) {
        return;
    }
    let escaped = "setsid sleep 1000 & echo $! >>../../log; exec sleep 1000";
    let container = Container::with(&[Service::new("s", escaped)]);
    let mut bystander = Command::new("sleep")
        .arg("1000")
        .current_dir(container.path(""))
        .spawn()
        .unwrap();
    let pid = i32::try_from(bystander.id()).unwrap();
    let mut world = container.start(&[]);
    let child: i32 = world.wait_lines(1)[0].parse().unwrap();
    world.signal(Signal::SIGTERM);
    assert_eq!(world.ended_code(), 0);
    wait_gone(child);
    assert!(is_alive(pid));
    bystander.kill().unwrap();
    bystander.wait().unwrap();
}
