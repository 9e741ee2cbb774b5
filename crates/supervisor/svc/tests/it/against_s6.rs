//! Our program and the real one get the same words, and have to end with the same exit code and print the same text.

use harness::wait_for;

use Condition::{Always, Since, Without};

use crate::releases::{self, Difference};
use crate::world::{Answer, SOON, World};

/// The text without its numbers: two calls may see different seconds and processes.
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

/// The exit code of ours where newer releases have another one than the older ones.
fn code_of(theirs: &Answer) -> i32 {
    match theirs.code {
        102 | 1 if theirs.out.is_empty() && releases::has(Difference::NobodyListens) => 100,
        code => code,
    }
}

fn same(ours: &Answer, theirs: &Answer, words: &str) {
    if ours.code != theirs.code {
        assert_eq!(ours.code, code_of(theirs), "{words}: {ours:?} {theirs:?}");
    }
    assert_eq!(
        without_numbers(&ours.out),
        without_numbers(&theirs.out),
        "{words}"
    );
}

/// Both are asked within the same second, since the line says how many have passed.
fn same_line(world: &World, words: &str) {
    let (ours, theirs) = wait_for("the same second", SOON, || {
        let theirs = world.s6_svstat(words);
        let ours = world.svstat(words);
        (world.s6_svstat(words) == theirs).then_some((ours, theirs))
    });
    same(&ours, &theirs, words);
}

#[test]
fn svstat_prints_what_s6_svstat_prints() {
    let world = World::new();
    // The service was not started yet, which newer records say.
    same(&world.svstat("down"), &world.s6_svstat("down"), "down");
    world.svc("-p up");
    world.wait_line("up", ", paused");
    world.svc("-o down");
    world.wait_line("down", "down (exitcode 3)");
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
        "-o paused,pid",
        "-un",
        "-uoup",
        "-o=up",
        "-uo pid,up",
        "-o up,",
        "-e -e",
        "--",
        "-o updownsince,readysince,updownfor,readyfor,signum,paused,signal,exitcode",
    ];
    for service in ["up", "ready", "down"] {
        for option in options {
            let words = format!("{option} {service}");
            same_line(&world, &words);
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
        same_line(&world, words);
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
        same_line(&world, words);
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
        "-T=500 up",
        "-T -- up",
        "-T",
        "-h nobody",
        "-h nonexistent",
        "-h file",
        "-- -k",
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
        "-cT30000wu -- up",
        "-c up down",
    ];
    let waits = ["-wD -T 2000 ready", "-wu -T 2000 down"];
    for words in wrong.into_iter().chain(right).chain(waits) {
        same(&world.svc(words), &world.s6_svc(words), words);
    }
    // Here the real one can wait for ever, since of several events that it reads at once it sees only the last.
    for words in ["-wr -T 30000 -r up", "-wR -T 30000 -r ready"] {
        assert_eq!(world.svc(words).code, 0, "{words}");
    }
}

#[test]
fn what_stands_behind_a_service_is_another_one_as_in_newer_s6_svc() {
    let world = World::new();
    let pid = world.svstat("-p up").out;
    for words in ["up -d", "up -k -d", "up --bogus", "up -- -k"] {
        let ours = world.svc(words);
        assert_eq!(ours.code, 111, "{words}: {ours:?}");
        let hint = "(options stand before the service directories)";
        assert!(ours.err.contains(hint), "{ours:?}");
        let theirs = world.s6_svc(words);
        if releases::has(Difference::SeveralServices) {
            same(&ours, &theirs, words);
        } else {
            assert_eq!(theirs.code, 0, "{words}: {theirs:?}");
        }
    }
    assert_eq!(world.svstat("-pw up").out, pid.replace('\n', " true\n"));
}

#[test]
fn several_services_are_told_and_waited_for_as_by_newer_s6_svc() {
    let world = World::new();
    let mut tools = vec![World::svc as fn(&World, &str) -> Answer];
    if releases::has(Difference::SeveralServices) {
        tools.push(World::s6_svc);
    }
    for svc in tools {
        assert_eq!(svc(&world, "-wD -T 30000 -d up ready").code, 0);
        for service in ["up", "ready"] {
            assert_eq!(world.svstat(&format!("-uw {service}")).out, "false false\n");
        }
        assert_eq!(svc(&world, "-wu -T 30000 -u up ready").code, 0);
        for service in ["up", "ready"] {
            assert_eq!(world.svstat(&format!("-uw {service}")).out, "true true\n");
        }
    }
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

/// Each step is made with ours and then with the real one, and after each `s6-svstat` has to show this line. The
/// condition says which releases of s6 can make the step.
const STEPS: [(&str, &str, Condition); 17] = [
    (
        "-wd -d",
        "down (signal SIGTERM) N seconds, normally up, ready N seconds",
        Always,
    ),
    ("-wu -u", "up (pid N seconds", Always),
    ("-p", "up (pid N seconds, paused", Always),
    ("-c", "up (pid N seconds", Always),
    (
        "-P",
        "up (pid N seconds, paused",
        Since(Difference::GroupLetters),
    ),
    ("-C", "up (pid N seconds", Since(Difference::GroupLetters)),
    (
        "-s STOP",
        "up (pid N seconds, paused",
        Since(Difference::GroupLetters),
    ),
    (
        "-s cont",
        "up (pid N seconds",
        Since(Difference::GroupLetters),
    ),
    ("-O", "up (pid N seconds, want down", Always),
    ("-u", "up (pid N seconds", Always),
    (
        "-wD -D",
        "down (signal SIGTERM) N seconds, ready N seconds",
        Always,
    ),
    ("-wu -U", "up (pid N seconds", Always),
    (
        "-wD -Ok",
        "down (signal SIGKILL) N seconds, normally up, ready N seconds",
        Always,
    ),
    ("-wu -u", "up (pid N seconds", Always),
    (
        "-wD -OK",
        "down (signal SIGKILL) N seconds, normally up, ready N seconds",
        Since(Difference::GroupLetters),
    ),
    ("-wu -u", "up (pid N seconds", Always),
    (
        "-Q",
        "up (pid N seconds, normally down, want down",
        Without(Difference::DeafToQ),
    ),
];

/// Which releases take a step.
#[derive(Clone, Copy)]
enum Condition {
    Always,
    Since(Difference),
    Without(Difference),
}

impl Condition {
    fn holds(self) -> bool {
        match self {
            Always => true,
            Since(difference) => releases::has(difference),
            Without(difference) => !releases::has(difference),
        }
    }
}

#[test]
fn every_letter_does_with_svc_what_it_does_with_s6_svc() {
    let world = World::new();
    for (step, want, _) in STEPS.iter().filter(|step| step.2.holds()) {
        for svc in [World::svc, World::s6_svc] {
            let words = format!("-T 30000 {step} up");
            let answer = svc(&world, &words);
            assert_eq!(answer.code, 0, "{step}: {answer:?}");
            wait_for(&format!("{words} to show as {want:?}"), SOON, || {
                let line = without_numbers(world.s6_svstat("up").out.trim()).replace("N N ", "N ");
                (line == *want).then_some(())
            });
        }
    }
}
