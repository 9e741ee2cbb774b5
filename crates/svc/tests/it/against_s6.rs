//! The same words to ours and to the real one: the same exit codes, and for what goes to stdout the same text.

use harness::wait_for;

use crate::world::{Answer, SOON, World};

/// Two calls may see different seconds and processes.
fn without_numbers(text: &str) -> String {
    let digits_gone = |word: &str| {
        if word.trim_end_matches(')').parse::<u64>().is_ok() {
            "N".into()
        } else {
            word.to_string()
        }
    };
    text.split(' ')
        .map(digits_gone)
        .collect::<Vec<String>>()
        .join(" ")
}

fn same(ours: &Answer, theirs: &Answer, words: &str) {
    assert_eq!(ours.code, theirs.code, "{words}: {ours:?} {theirs:?}");
    assert_eq!(
        without_numbers(&ours.out),
        without_numbers(&theirs.out),
        "{words}"
    );
}

#[test]
fn svstat_prints_what_s6_svstat_prints() {
    let world = World::new();
    world.svc("-p up");
    world.svc("-wD -o down");
    let options = [
        "",
        "-n",
        "-u",
        "-w",
        "-N",
        "-r",
        "-p",
        "-e",
        "-s",
        "-t",
        "-upw",
        "-un",
        "-uo pid,up",
        "-o up,",
        "-e -e",
        "--",
        "-o updownsince,readysince,updownfor,readyfor,signum,paused,signal,exitcode",
    ];
    for service in ["up", "ready", "down"] {
        for option in options {
            let words = format!("{option} {service}");
            same(&world.svstat(&words), &world.s6_svstat(&words), &words);
        }
    }
    world.svc("-c up");
}

#[test]
fn svstat_fails_as_s6_svstat_does() {
    let world = World::new();
    std::fs::create_dir(world.path("nobody")).unwrap();
    for words in [
        "",
        "-z up",
        "-o foo up",
        "-o ,up up",
        "nobody",
        "nonexistent",
        "-o",
    ] {
        same(&world.svstat(words), &world.s6_svstat(words), words);
    }
}

#[test]
fn a_service_that_was_killed_is_shown_as_s6_does() {
    let world = World::new();
    assert_eq!(world.svc("-wD -Ok up").code, 0);
    for words in [
        "up",
        "-n up",
        "-s up",
        "-ns up",
        "-o signal,signum,exitcode up",
    ] {
        same(&world.svstat(words), &world.s6_svstat(words), words);
    }
}

#[test]
fn svc_ends_with_the_codes_of_s6_svc() {
    let world = World::new();
    std::fs::create_dir(world.path("nobody")).unwrap();
    std::fs::File::create(world.path("file")).unwrap();
    let too_many = format!("-{} up", "a".repeat(63));
    let wrong = [
        "",
        "-z up",
        "-w",
        "-wz up",
        "-T x up",
        "-T",
        "-h nobody",
        "-h nonexistent",
        "-h file",
        &too_many,
    ];
    let right = [
        "up",
        "-c up",
        "-- up",
        "-wu up",
        "-wU ready",
        "-wd -d up",
        "-wu -T 30000 -u up",
        "-c up down",
    ];
    let waits = [
        "-wD -T 50 ready",
        "-wu -T 50 down",
        "-wr -T 30000 -r up",
        "-wR -T 30000 -r ready",
    ];
    for words in wrong.into_iter().chain(right).chain(waits) {
        same(&world.svc(words), &world.s6_svc(words), words);
    }
}

#[test]
fn letters_behind_the_service_are_ignored_and_that_is_told_as_s6_svc_does() {
    let world = World::new();
    let pid = world.svstat("-p up").out;
    for words in ["up -d", "up -k -d", "up --bogus", "up -- -k"] {
        for answer in [world.svc(words), world.s6_svc(words)] {
            assert_eq!(answer.code, 0, "{words}: {answer:?}");
            assert!(
                answer.err.contains("ignoring extra arguments"),
                "{answer:?}"
            );
        }
    }
    assert_eq!(world.svstat("-pw up").out, pid.replace('\n', " true\n"));
}

#[test]
fn both_say_that_there_is_no_notification() {
    let world = World::new();
    for answer in [world.svc("-wU up"), world.s6_svc("-wU up")] {
        assert_eq!(answer.code, 0, "{answer:?}");
        assert!(
            answer
                .err
                .contains("up/notification-fd not present - ignoring request"),
            "{answer:?}"
        );
    }
}

/// After each step, by ours and then by the real one, `s6-svstat` has to say this.
const STEPS: [(&str, &str); 11] = [
    (
        "-wd -d",
        "down (signal SIGTERM) N seconds, normally up, ready N seconds",
    ),
    ("-wu -u", "up (pid N seconds"),
    ("-p", "up (pid N seconds, paused"),
    ("-c", "up (pid N seconds"),
    ("-O", "up (pid N seconds, want down"),
    ("-u", "up (pid N seconds"),
    ("-wD -D", "down (signal SIGTERM) N seconds, ready N seconds"),
    ("-wu -U", "up (pid N seconds"),
    ("-Q", "up (pid N seconds, normally down, want down"),
    ("-u", "up (pid N seconds, normally down"),
    (
        "-wD -Ok",
        "down (signal SIGKILL) N seconds, ready N seconds",
    ),
];

#[test]
fn every_letter_does_with_svc_what_it_does_with_s6_svc() {
    let world = World::new();
    for (step, want) in STEPS {
        for real in [false, true] {
            let words = format!("-T 30000 {step} up");
            let answer = if real {
                world.s6_svc(&words)
            } else {
                world.svc(&words)
            };
            assert_eq!(answer.code, 0, "{step}: {answer:?}");
            wait_for(&format!("{words} to show as {want:?}"), SOON, || {
                let line = without_numbers(world.s6_svstat("up").out.trim()).replace("N N ", "N ");
                (line == want).then_some(())
            });
        }
    }
}
