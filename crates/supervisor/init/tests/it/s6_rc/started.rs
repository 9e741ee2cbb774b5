//! What was made, as `init` starts and stops it.

use std::fs;

use nix::sys::signal::Signal;

use super::Image;
use crate::world::{Container, World, ours_alone};

fn start(image: Image) -> World {
    // A mistyped --services is told, so it is there even if it is empty.
    fs::create_dir_all(image.path("etc/services.d")).unwrap();
    Container::at(image.root).start(&[])
}

#[test]
fn a_logger_gets_what_its_producer_writes() {
    if ours_alone("s6-svscan runs no definitions") {
        return;
    }
    let image = Image::new()
        .longrun("app", &[])
        .file("app/run", "#!/bin/sh\necho spoken\nexec sleep 1000\n")
        .file("app/producer-for", "app-log")
        .longrun("app-log", &["prepare"])
        .file(
            "app-log/run",
            "#!/bin/sh\nwhile read -r line; do echo \"$line\" >>../../../log; done\n",
        )
        .file("app-log/consumer-for", "app")
        .file("app-log/pipeline-name", "pipeline")
        .oneshot("prepare", "sh -c \"echo prepared >>../../log\"", &[])
        .user(&["pipeline"]);
    let mut world = start(image);
    world.wait_log("prepared\nspoken\n");
    world.signal(Signal::SIGTERM);
    assert_eq!(world.ended_code(), 0, "{}", world.output());
}

#[test]
fn a_command_waits_for_services_that_were_made_when_the_image_was_built() {
    if ours_alone("s6-svscan runs no definitions") {
        return;
    }
    let slow = "#!/bin/sh\nsleep 0.5\necho ready >>../../log\necho >&3\nexec sleep 1000\n";
    let image = Image::new()
        .longrun("db", &[])
        .file("db/run", slow)
        .file("db/notification-fd", "3\n")
        .user(&["db"]);
    let mut build = image.command_into("etc/services.d");
    assert!(build.status().unwrap().success());
    fs::remove_dir_all(image.source()).unwrap();
    let log = image.path("log");
    let command = format!("echo command >>{}", log.display());
    let mut world = Container::at(image.root).start(&["sh", "-c", &command]);
    assert_eq!(world.ended_code(), 0, "{}", world.output());
    assert_eq!(world.log(), "ready\ncommand\n");
}
