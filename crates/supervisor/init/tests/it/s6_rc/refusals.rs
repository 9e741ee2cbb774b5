//! What is wrong with definitions is told, all of it, and nothing is written.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use super::{Image, said};

/// That the definitions are refused with these words.
#[track_caller]
fn refused(image: &Image, words: &[&str]) {
    let said = image.refusal();
    for words in words {
        assert!(said.contains(words), "{words:?} is not in:\n{said}");
    }
}

#[test]
fn every_fault_is_told_with_its_place_and_what_to_do() {
    let image = Image::new()
        .file("a/type", "servce\n")
        .file("b/run", "")
        .file("c/type", "longrun\n")
        .file("d/type", "oneshot\n")
        .longrun("e", &["nobody"])
        .file("f/type", "bundle\n")
        .oneshot("g", "foreground { a", &[])
        .longrun("h", &[])
        .file("h/timeout-up", "soon")
        .longrun("s6rc-i", &[])
        .longrun("j", &[])
        .file("j/dependencies", "..\n")
        .longrun("base", &[])
        .file("k/type", "longrun\r\n")
        .service("kept");
    fs::remove_dir(image.source().join("j/dependencies.d")).unwrap_or_default();
    refused(
        &image,
        &[
            "a/type: \"servce\" is no type: write oneshot, longrun or bundle\n",
            "b/type: it is missing: ",
            "c/run: a longrun needs this program: ",
            "d/up: a oneshot needs this command line: ",
            "e: it names \"nobody\", which is not defined: ",
            "f/contents.d: a bundle needs this directory: ",
            "g/up: a { is not closed: ",
            "h/timeout-up: \"soon\" is no number of milliseconds",
            "s6rc-i: s6-rc keeps names",
            "j/dependencies: \"..\": it is no name",
            "base: base is defined by s6-overlay already: ",
            "k/type: \"longrun\\r\" is no type: write oneshot, longrun or bundle, and without a carriage return",
            "nothing is written, for 12 problems",
        ],
    );
}

#[test]
fn a_circle_is_told_by_its_names() {
    let image = Image::new()
        .longrun("a", &["b"])
        .oneshot("b", "", &["both"])
        .bundle("both", &["c"])
        .longrun("c", &["a"]);
    refused(&image, &["a: a > b > both > c > a is a circle, "]);
    let bundles = Image::new().bundle("x", &["y"]).bundle("y", &["x"]);
    refused(&bundles, &["x: x > y > x is a circle, "]);
    let alone = Image::new().longrun("a", &["a"]);
    refused(&alone, &["a: a > a is a circle, "]);
    let milestone = Image::new().longrun("a", &["legacy-services"]).user(&["a"]);
    refused(&milestone, &["legacy-services > user > a"]);
}

#[test]
fn pipes_are_told_that_are_not_of_two() {
    let pipe = |image: Image, name: &str, file: &str, other: &str| {
        image.file(&format!("{name}/{file}"), other)
    };
    let image = Image::new()
        .longrun("a", &[])
        .longrun("b", &[])
        .longrun("c", &[]);
    let image = pipe(image, "a", "producer-for", "b\n");
    refused(
        &image,
        &["a/producer-for: b has no consumer-for that names a: "],
    );
    let image = pipe(image, "b", "consumer-for", "a\nc\n");
    let image = pipe(image, "c", "producer-for", "b");
    let image = image.user(&["a"]);
    refused(&image, &["b: it reads the output of several producers, "]);
    let image = pipe(image, "b", "consumer-for", "a");
    let image = pipe(image, "b", "producer-for", "c");
    let image = pipe(image, "c", "producer-for", "");
    refused(&image, &["c/producer-for: it has 0 names: write one"]);
    fs::remove_file(image.source().join("c/producer-for")).unwrap();
    let image = pipe(image, "c", "consumer-for", "b");
    refused(&image, &["b: it is a consumer and a producer, "]);
    let oneshot = Image::new().longrun("a", &[]).oneshot("b", "", &[]);
    let oneshot = pipe(oneshot, "a", "producer-for", "b");
    refused(&oneshot, &["a/producer-for: b is no longrun: "]);
}

#[test]
fn a_consumer_that_stands_for_its_producer_closes_no_circle_unseen() {
    let image = Image::new()
        .longrun("app", &["other"])
        .file("app/producer-for", "log")
        .longrun("log", &[])
        .file("log/consumer-for", "app")
        .longrun("other", &["log"])
        .user(&["app"]);
    refused(&image, &["app > other > app is a circle, "]);
}

#[test]
fn a_service_that_somebody_else_has_made_is_not_replaced() {
    let image = Image::new()
        .longrun("app", &[])
        .user(&["app"])
        .service("app");
    refused(
        &image,
        &["services/app: it is there, and not made by from-s6-rc: "],
    );
    let milestone = Image::new()
        .longrun("app", &[])
        .user(&["app"])
        .service("user");
    refused(&milestone, &["services/user: "]);
}

#[test]
fn the_same_name_twice_is_told() {
    let image = Image::new()
        .longrun("app", &[])
        .at("etc/s6-overlay/user-bundles.d/app/type", "longrun\n")
        .at("etc/s6-overlay/user-bundles.d/app/run", "");
    refused(&image, &["user-bundles.d/app: app is defined in "]);
}

#[test]
fn what_cannot_be_read_is_told() {
    if nix::unistd::geteuid().is_root() {
        let image = Image::new().oneshot("a", "", &[]);
        fs::remove_file(image.source().join("a/up")).unwrap();
        fs::create_dir(image.source().join("a/up")).unwrap();
        refused(&image, &["a/up: it is no regular file: make it readable"]);
        return;
    }
    let image = Image::new().oneshot("a", "", &[]);
    let file = image.source().join("a/up");
    fs::set_permissions(file, Permissions::from_mode(0o000)).unwrap();
    refused(&image, &["a/up: Permission denied"]);
}

#[test]
fn a_mistyped_source_is_used_wrongly() {
    let image = Image::new();
    fs::remove_dir_all(image.source()).unwrap();
    let output = image.command().output().unwrap();
    assert_eq!(output.status.code(), Some(100), "{}", said(&output));
    assert!(!image.destination().exists());
}

#[test]
fn a_destination_that_cannot_be_made_is_the_systems_failure() {
    let image = Image::new()
        .longrun("a", &[])
        .user(&["a"])
        .at("services", "");
    let output = image.command().output().unwrap();
    assert_eq!(output.status.code(), Some(111), "{}", said(&output));
}
