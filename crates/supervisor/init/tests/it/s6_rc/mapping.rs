//! What becomes of the files of a definition, and what of an earlier run.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::{Image, said, shape};
use crate::world::write_file;

fn mode(path: &std::path::Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn what_a_supervisor_reads_is_copied_and_the_rest_is_left() {
    let image = Image::new()
        .longrun("app", &["base"])
        .file("app/down", "")
        .file("app/flag-essential", "")
        .file("app/timeout-up", "1000")
        .file("app/notes", "x")
        .file("app/finish", "#!/bin/sh\n")
        .file("app/down-signal", "INT\n")
        .file("app/data/check", "x")
        .file("app/env/A", "1")
        .user(&["app"]);
    image.shape();
    let app = image.destination().join("app");
    let names: Vec<String> = super::names_in(&app).into_iter().collect();
    // Without a timeout-kill of its own it is never killed, as under s6-rc.
    let expected = [
        "data",
        "down-signal",
        "env",
        "finish",
        "from-s6-rc",
        "run",
        "timeout-kill",
    ];
    assert_eq!(names, expected);
    assert_eq!(
        (mode(&app.join("run")), mode(&app.join("finish"))),
        (0o755, 0o755)
    );
    assert_eq!(fs::read_to_string(app.join("data/check")).unwrap(), "x");
}

#[test]
fn links_lead_where_they_led_and_fifos_are_left_out() {
    let image = Image::new()
        .longrun("app", &[])
        .file("app/real", "#!/bin/sh\n")
        .at("etc/elsewhere", "#!/bin/sh\n")
        .file("app/data/inner/x", "x")
        .user(&["app"]);
    let from = image.source().join("app");
    fs::remove_file(from.join("run")).unwrap();
    symlink("real", from.join("run")).unwrap();
    symlink(image.path("etc/elsewhere"), from.join("finish")).unwrap();
    symlink(".", from.join("data/self")).unwrap();
    symlink("missing", from.join("data/missing")).unwrap();
    let fifo = nix::sys::stat::Mode::from_bits_truncate(0o600);
    nix::unistd::mkfifo(&from.join("data/fifo"), fifo).unwrap();
    nix::unistd::mkfifo(&from.join("lock-fd"), fifo).unwrap();
    image.shape();
    let app = image.destination().join("app");
    assert!(!app.join("run").is_symlink());
    assert_eq!(mode(&app.join("run")), 0o755);
    assert_eq!(
        fs::read_link(app.join("finish")).unwrap(),
        image.path("etc/elsewhere")
    );
    assert_eq!(
        fs::read_link(app.join("data/self")).unwrap(),
        from.join("data").canonicalize().unwrap()
    );
    assert!(app.join("data/missing").is_symlink());
    assert!(!app.join("data/fifo").exists() && !app.join("lock-fd").exists());
    assert_eq!(mode(&image.path("etc/elsewhere")), 0o644);
}

#[test]
fn a_oneshot_has_its_times_and_its_way_down() {
    let image = Image::new()
        .oneshot("a", "true", &[])
        .file("a/down", "printf \"it's %s\\n\" over")
        .file("a/timeout-up", "5000\n")
        .file("a/timeout-down", "700")
        .oneshot("b", "false", &[])
        .file("b/down", "# nothing\n")
        .user(&["a", "b"]);
    image.shape();
    let read = |path: &str| fs::read_to_string(image.destination().join(path)).unwrap();
    assert_eq!(
        (read("a/oneshot"), read("a/timeout-finish")),
        ("5000\n".into(), "700\n".into())
    );
    assert_eq!(
        (read("b/oneshot"), read("b/timeout-finish")),
        (String::new(), "0\n".into())
    );
    assert!(!image.destination().join("b/finish").exists());
    let run = |path: &str| {
        let path = image.destination().join(path);
        assert_eq!(mode(&path), 0o755);
        std::process::Command::new(path).output().unwrap()
    };
    assert_eq!(run("a/finish").stdout, b"it's over\n");
    assert_eq!(run("b/run").status.code(), Some(1));
}

#[test]
fn a_second_run_replaces_its_own_and_keeps_what_is_the_supervisors() {
    let image = Image::new()
        .longrun("app", &["gone"])
        .longrun("gone", &[])
        .user(&["app"])
        .service("old");
    let first = image.shape();
    assert_eq!(image.shape(), first);
    let app = image.destination().join("app");
    write_file(&app.join("supervise/status"), "status", 0o644);
    write_file(&app.join("finish"), "stale", 0o755);
    fs::remove_dir_all(image.source().join("app/dependencies.d")).unwrap();
    assert_eq!(
        image.shape(),
        [
            "app: longrun",
            "old: longrun after user",
            "user: milestone after app"
        ]
    );
    let status = fs::read_to_string(app.join("supervise/status")).unwrap();
    assert_eq!(status, "status");
    assert!(!app.join("finish").exists());
    fs::remove_dir_all(image.source().join("user/contents.d")).unwrap();
    assert_eq!(image.shape(), ["old: longrun"]);
}

#[test]
fn an_order_of_ones_own_in_services_stays() {
    let image = Image::new()
        .service("old")
        .at("services/old/dependencies.d/user", "mine")
        .at("services/old/dependencies.d/other", "");
    assert_eq!(image.shape(), ["old: longrun after other user"]);
    let image = image.longrun("a", &[]).user(&["a"]);
    image.shape();
    let order = image.destination().join("old/dependencies.d/user");
    assert_eq!(fs::read_to_string(order).unwrap(), "mine");
}

#[test]
fn nobody_waits_for_a_service_that_is_not_started() {
    let image = Image::new()
        .longrun("last", &[])
        .names("user2/contents.d", &["last"])
        .file("user/type", "bundle\n")
        .service("off")
        .at("services/off/down", "")
        .service("on");
    assert_eq!(
        image.shape(),
        [
            "last: longrun after legacy-services",
            "legacy-services: milestone after on",
            "off: longrun",
            "on: longrun",
        ]
    );
}

#[test]
fn what_a_killed_run_has_left_is_replaced() {
    let image = Image::new()
        .longrun("a", &[])
        .user(&["a"])
        .at("services/.a.new/data/half", "");
    assert_eq!(image.shape(), ["a: longrun", "user: milestone after a"]);
}

#[test]
fn the_bundles_come_from_where_the_option_or_the_variable_says() {
    let image = Image::new()
        .longrun("a", &[])
        .longrun("b", &[])
        .at("one/user/contents.d/a", "")
        .at("two/user/contents.d/b", "");
    let run = |variable: &str, option: Option<&str>| {
        let mut command = image.command();
        command.env("S6_RUNTIME_BUNDLEDIR", variable);
        command.args(option.map(|path| format!("--bundles={}", image.path(path).display())));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        shape(&image.destination())
    };
    let path = |name: &str| image.path(name).to_str().unwrap().to_owned();
    assert_eq!(run("", None), [""; 0]);
    assert_eq!(run(&path("one"), None)[0], "a: longrun");
    assert_eq!(run(&path("one"), Some("two"))[0], "b: longrun");
}
