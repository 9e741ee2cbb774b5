//! The forms that the definitions of public images have.

use std::fs;
use std::process::Command;

use super::{Image, said};

#[test]
fn a_base_image_whose_oneshots_run_scripts_beside_them() {
    let up = |name: &str| format!("/etc/s6-overlay/s6-rc.d/{name}/run\n");
    let image = Image::new()
        .oneshot("init-migrations", &up("init-migrations"), &[])
        .oneshot("init-adduser", &up("init-adduser"), &["init-migrations"])
        .file("init-adduser/run", "#!/usr/bin/with-contenv bash\n")
        .oneshot(
            "init-os-end",
            "# only the end of a stage",
            &["init-adduser"],
        )
        .oneshot(
            "init-services",
            "# here services may start",
            &["init-os-end"],
        )
        .longrun("svc-web", &["init-services"])
        .file(
            "svc-web/run",
            "#!/usr/bin/with-contenv bash\nexec s6-notifyoncheck -d -n 300 true\n",
        )
        .file("svc-web/notification-fd", "3\n")
        .oneshot("last-words", "echo \"[init] done.\"", &["legacy-services"])
        .bundle("all", &["init-adduser", "svc-web"])
        .user(&["all", "init-services"])
        .names("user2/contents.d", &["last-words"])
        .service("old");
    assert_eq!(
        image.shape(),
        [
            "init-adduser: oneshot after init-migrations",
            "init-migrations: oneshot",
            "init-os-end: milestone after init-adduser",
            "init-services: milestone after init-os-end",
            "last-words: oneshot after legacy-services",
            "legacy-services: milestone after old user",
            "old: longrun after user",
            "svc-web: longrun after init-services",
            "user: milestone after init-adduser init-migrations init-os-end init-services svc-web",
        ]
    );
    let fd = image.destination().join("svc-web/notification-fd");
    assert_eq!(fs::read_to_string(fd).unwrap(), "3\n");
    let run = image.destination().join("last-words/run");
    let output = Command::new(run).output().unwrap();
    assert_eq!(output.stdout, b"[init] done.\n", "{}", said(&output));
}

#[test]
fn an_application_whose_end_is_that_of_the_container() {
    let finish = "#!/usr/bin/env bash\n\
        echo 1 > /run/s6-linux-init-container-results/exitcode\n\
        exec /run/s6/basedir/bin/halt\n";
    let image = Image::new()
        .oneshot(
            "init-app",
            "# shellcheck shell=bash\n/etc/s6-overlay/s6-rc.d/init-app/run\n",
            &["base"],
        )
        .longrun("app", &["init-app"])
        .file("app/finish", finish)
        .file("app/timeout-kill", "30000\n")
        .user(&["app", "init-app"]);
    assert_eq!(
        image.shape(),
        [
            "app: longrun after init-app",
            "init-app: oneshot",
            "user: milestone after app init-app",
        ]
    );
    let app = image.destination().join("app");
    assert_eq!(fs::read_to_string(app.join("finish")).unwrap(), finish);
    assert_eq!(
        fs::read_to_string(app.join("timeout-kill")).unwrap(),
        "30000\n"
    );
}

#[test]
fn a_pipeline_with_a_logger_and_its_folder() {
    let image = Image::new()
        .oneshot("log-prepare", "mkdir -p /run/logs", &["base"])
        .longrun("prepare", &["base"])
        .longrun("app", &["prepare"])
        .file("app/producer-for", "app-log\n")
        .longrun("app-log", &["log-prepare"])
        .file("app-log/consumer-for", "app\n")
        .file("app-log/pipeline-name", "app-pipeline\n")
        .file("app-log/notification-fd", "3")
        .longrun("after", &["app-pipeline"])
        .longrun("after-log", &["app-log"])
        .user(&["app-pipeline", "after", "after-log"]);
    assert_eq!(
        image.shape(),
        [
            "after: longrun after app",
            "after-log: longrun after app",
            "app: longrun after log-prepare prepare",
            "app/log: longrun after log-prepare",
            "log-prepare: oneshot",
            "prepare: longrun",
            "user: milestone after after after-log app log-prepare prepare",
        ]
    );
    assert!(image.destination().join("app/log/notification-fd").exists());
}

#[test]
fn bundles_beside_the_definitions() {
    let image = Image::new()
        .longrun("app", &["base"])
        .longrun("late", &[])
        .longrun("nobody", &[])
        .at("etc/s6-overlay/user-bundles.d/user/type", "bundle\n")
        .at("etc/s6-overlay/user-bundles.d/user/contents.d/app", "")
        .at("etc/s6-overlay/user-bundles.d/user2/type", "bundle\n")
        .at("etc/s6-overlay/user-bundles.d/user2/contents.d/late", "");
    assert_eq!(
        image.shape(),
        [
            "app: longrun",
            "late: longrun after legacy-services",
            "legacy-services: milestone after user",
            "user: milestone after app",
        ]
    );
}

#[test]
fn lists_instead_of_folders() {
    let image = Image::new()
        .longrun("a", &[])
        .longrun("b", &[])
        .file("b/dependencies", "# first\n  a\n\n\tbase\n")
        .longrun("c", &[])
        .file("c/dependencies", "both")
        .file("both/type", "bundle\n")
        .file("both/contents", "a\nb\na\n")
        .file("user/type", "bundle\n")
        .file("user/contents", "c\n");
    assert_eq!(
        image.shape(),
        [
            "a: longrun",
            "b: longrun after a",
            "c: longrun after a b",
            "user: milestone after a b c",
        ]
    );
}
