//! `init` with the services of an image of s6-overlay 3.

use nix::sys::signal::Signal;

use crate::world::{Container, Service, World, ours_alone};

const REASON: &str = "an image's definitions are s6-overlay's";

/// A definition with these files, which needs these others.
fn define(container: Container, name: &str, files: &[(&str, &str)], needs: &[&str]) -> Container {
    let folder = container.path("etc/s6-overlay/s6-rc.d").join(name);
    for (file, content) in files {
        crate::world::write_file(&folder.join(file), content, 0o644);
    }
    for need in needs {
        crate::world::write_file(&folder.join("dependencies.d").join(need), "", 0o644);
    }
    container
}

fn bundle(container: Container, name: &str, contents: &[&str]) -> Container {
    let files: Vec<String> = contents
        .iter()
        .map(|it| format!("contents.d/{it}"))
        .collect();
    let files: Vec<_> = files.iter().map(|it| (it.as_str(), "")).collect();
    define(container, name, &files, &[])
}

/// A longrun that notes its start and its end.
fn longrun(container: Container, name: &str, needs: &[&str]) -> Container {
    let log = container.path("log").display().to_string();
    let run = format!(
        "#!/bin/sh\ntrap 'echo {name} down >>{log}; exit' TERM\necho {name} up >>{log}\necho >&3\n\
         while :; do sleep 0.02; done\n"
    );
    let files = [
        ("type", "longrun\n"),
        ("run", &run),
        ("notification-fd", "3\n"),
    ];
    define(container, name, &files, needs)
}

/// A oneshot that runs a script of the image, as many images have it.
fn oneshot(container: Container, name: &str, needs: &[&str]) -> Container {
    let log = container.path("log").display().to_string();
    let [up, down] = ["up", "down"].map(|way| {
        let path = container.path(&format!("scripts/{name}-{way}"));
        crate::world::write_file(
            &path,
            &format!("#!/bin/sh\necho {name} {way} >>{log}\n"),
            0o755,
        );
        path.display().to_string()
    });
    let files = [
        ("type", "oneshot\n"),
        ("up", up.as_str()),
        ("down", down.as_str()),
    ];
    define(container, name, &files, needs)
}

fn legacy() -> Service {
    let run = "trap 'echo legacy down >>../../log; exit' TERM; echo legacy up >>../../log; \
               while :; do sleep 0.02; done";
    Service::new("legacy", run)
}

fn stop(mut world: World) -> (i32, String) {
    world.signal(Signal::SIGTERM);
    (world.ended_code(), world.log())
}

#[test]
fn everything_starts_in_its_order_and_stops_in_the_other() {
    if ours_alone(REASON) {
        return;
    }
    let container = Container::with(&[legacy()]);
    let container = oneshot(container, "prepare", &["base"]);
    let container = longrun(container, "web", &["prepare"]);
    let container = longrun(container, "late", &["legacy-services"]);
    let container = longrun(container, "unused", &[]);
    let container = bundle(container, "user", &["web"]);
    let container = bundle(container, "user2", &["late"]);
    let log = container.path("log").display().to_string();
    let world = container
        .script(
            "etc/cont-init.d/first",
            &format!("echo first >>{log}"),
            0o755,
        )
        .script(
            "etc/cont-finish.d/last",
            &format!("echo last >>{log}"),
            0o755,
        )
        .start(&[]);
    let up = ["first", "prepare up", "web up", "legacy up", "late up"];
    assert_eq!(world.wait_lines(up.len()), up);
    let down = [
        "late down",
        "legacy down",
        "web down",
        "prepare down",
        "last",
    ];
    let (code, log) = stop(world);
    assert_eq!(code, 0);
    assert_eq!(log.lines().skip(up.len()).collect::<Vec<_>>(), down);
}

#[test]
fn the_command_waits_for_what_is_defined() {
    if ours_alone(REASON) {
        return;
    }
    let container = oneshot(Container::with(&[]), "prepare", &[]);
    let container = longrun(container, "web", &["prepare"]);
    let container = bundle(container, "user", &["web"]);
    let log = container.path("log");
    let script = format!("echo command >>{}; exit 5", log.display());
    let mut world = container.start(&["sh", "-c", &script]);
    assert_eq!(world.ended_code(), 5, "{}", world.output());
    let all = [
        "prepare up",
        "web up",
        "command",
        "web down",
        "prepare down",
    ];
    assert_eq!(world.log().lines().collect::<Vec<_>>(), all);
}

#[test]
fn wrong_definitions_stop_the_container_with_words() {
    if ours_alone(REASON) {
        return;
    }
    let container = longrun(Container::with(&[legacy()]), "web", &["no-such-service"]);
    let container = bundle(container, "user", &["web"]);
    let mut world = container.start(&[]);
    assert_eq!(world.ended_code(), 100, "{}", world.output());
    let output = world.output();
    assert!(output.contains("no-such-service"), "{output}");
    let told = "the services of s6-overlay/s6-rc.d could not be made: we stop";
    assert!(output.contains(told), "{output}");
    assert_eq!(world.log(), "");
}

#[test]
fn a_service_that_takes_its_time_is_not_killed_unless_it_says_so() {
    if ours_alone(REASON) {
        return;
    }
    let container = Container::with(&[]).env("S6_SERVICES_GRACETIME", "100");
    let log = container.path("log").display().to_string();
    let run = format!(
        "#!/bin/sh\ntrap 'sleep 2; echo drained >>{log}; exit' TERM\necho up >>{log}\n\
         while :; do sleep 0.02; done\n"
    );
    let files = [("type", "longrun\n"), ("run", run.as_str())];
    let container = define(container, "slow", &files, &[]);
    let container = bundle(container, "user", &["slow"]);
    let world = container.start(&[]);
    world.wait_lines(1);
    assert_eq!(stop(world), (0, "up\ndrained\n".into()));
}
