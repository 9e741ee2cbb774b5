//! What was made, as `init` starts and stops it.

use std::fs;

use nix::sys::signal::Signal;

use super::Image;
use crate::world::{Container, World, ours_alone, write_file};

/// A line in the log of the world, which is the same from each service's directory.
fn says(line: &str) -> String {
    format!("#!/bin/sh\necho {line} >>../../log\n")
}

/// A longrun that is ready before it ends, and says so.
fn ready(image: Image, name: &str, needs: &[&str]) -> Image {
    let run = format!(
        "{}echo >&3\nexec sleep 1000 3>&-\n",
        says(&format!("+{name}"))
    );
    image
        .longrun(name, needs)
        .file(&format!("{name}/run"), &run)
        .file(&format!("{name}/finish"), &says(&format!("-{name}")))
        .file(&format!("{name}/notification-fd"), "3\n")
}

/// A oneshot whose `up` is a script beside it.
fn scripted(image: Image, name: &str, needs: &[&str]) -> Image {
    let directory = image.source().join(name);
    for (file, sign) in [("run", '+'), ("stop", '-')] {
        let script = says(&format!("{sign}{name}"));
        write_file(&directory.join(file), &script, 0o755);
    }
    let line = |file| format!("{}\n", directory.join(file).display());
    image
        .oneshot(name, &line("run"), needs)
        .file(&format!("{name}/down"), &line("stop"))
}

fn start(image: Image) -> World {
    // A mistyped --services is told, so it is there even if it is empty.
    fs::create_dir_all(image.path("etc/services.d")).unwrap();
    Container::at(image.root).start(&[])
}

#[test]
fn an_image_of_s6_overlay_3_starts_and_stops_in_its_order() {
    if ours_alone("s6-svscan knows no oneshots and no dependencies") {
        return;
    }
    let image = Image::new();
    let image = scripted(image, "init-a", &["base"]);
    let image = image.oneshot("init-end", "# the end of a stage", &["init-a"]);
    let image = ready(image, "svc-b", &["init-end"]);
    let image = ready(image, "svc-c", &["svc-b"]);
    let image = scripted(image, "last", &["legacy-services"]);
    let old = format!("{}exec sleep 1000\n", says("+old"));
    let image = image
        .user(&["svc-c"])
        .names("user2/contents.d", &["last"])
        .at("etc/services.d/old/run", &old)
        .at("etc/services.d/old/finish", &says("-old"));
    let mut world = start(image);
    world.wait_log("+init-a\n+svc-b\n+svc-c\n+old\n+last\n");
    world.signal(Signal::SIGTERM);
    assert_eq!(world.ended_code(), 0, "{}", world.output());
    let log = world.log();
    let down: Vec<&str> = log.lines().skip(5).collect();
    assert_eq!(
        down,
        ["-last", "-old", "-svc-c", "-svc-b", "-init-a"],
        "{}",
        world.output()
    );
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
