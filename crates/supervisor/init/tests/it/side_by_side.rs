//! The same tools do the same to the same services, once under ours and once under the real s6-svscan. What they print
//! has to be the same.

use crate::world::{Kind, Service, World, without_numbers};

/// Each step is a tool, its options, the service, and the line that s6-svstat has to show before the next step.
const STEPS: [(&str, &[&str], &str, &str); 23] = [
    ("s6-svok", &[], "a", ""),
    ("s6-svok", &[], "nobody", ""),
    ("s6-svwait", &["-u", "-t", "30000"], "a", UP),
    ("s6-svwait", &["-U", "-t", "30000"], "ready", READY),
    ("s6-svwait", &["-D", "-t", "2000"], "ready", ""),
    (
        "s6-svstat",
        &[],
        "fails",
        "down (exitcode 9) N seconds, normally up, ready N seconds",
    ),
    ("s6-svc", &["-p"], "a", "up (pid N) N seconds, paused"),
    ("s6-svc", &["-c"], "a", UP),
    ("s6-svc", &["-wD", "-d"], "a", DOWN),
    ("s6-svdt", &["-n"], "nobody", ""),
    ("s6-svc", &["-wu", "-T", "30000", "-u"], "a", UP),
    ("s6-svc", &["-r"], "ready", ""),
    ("s6-svwait", &["-U", "-t", "30000"], "ready", READY),
    (
        "s6-svc",
        &["-wD", "-T", "30000", "-D"],
        "ready",
        "down (signal SIGTERM) N seconds, ready N seconds",
    ),
    ("s6-svstat", &["-o", FIELDS], "ready", ""),
    ("s6-svc", &["-wU", "-T", "30000", "-U"], "ready", READY),
    ("s6-svstat", &["-o", FIELDS], "ready", ""),
    ("s6-svc", &["-O"], "a", "up (pid N) N seconds, want down"),
    (
        "s6-svc",
        &["-wD", "-k"],
        "a",
        "down (signal SIGKILL) N seconds, normally up, ready N seconds",
    ),
    ("s6-svstat", &["-n"], "a", ""),
    ("s6-permafailon", &["10", "1", "9", "true"], "once", ""),
    ("s6-svperms", &["-v"], "once", ""),
    ("s6-svc", &["-z"], "once", ""),
];

const UP: &str = "up (pid N) N seconds";
const READY: &str = "up (pid N) N seconds, ready N seconds";
const DOWN: &str = "down (signal SIGTERM) N seconds, normally up, ready N seconds";
const FIELDS: &str = "up,wantedup,normallyup,ready,paused,exitcode,signal,signum";

fn transcript(kind: Kind) -> Vec<String> {
    let fails = Service::new("fails", "exit 9").script("finish", "exit 125");
    let once = Service::new("once", "exit 0").file("down", "");
    let world = World::with(
        kind,
        &[
            Service::sleeper("a"),
            Service::ready_sleeper("ready"),
            fails,
            once,
        ],
    );
    world.wait_stat("a", UP);
    world.wait_stat("ready", READY);
    world.wait_stat(
        "fails",
        "down (exitcode 9) N seconds, normally up, ready N seconds",
    );
    let mut said = Vec::new();
    for (tool, options, service, then) in STEPS {
        let answer = world.tool(tool, options, service);
        let text = format!("{}{}", answer.out, answer.err)
            .replace(world.dir.path().to_str().unwrap(), "DIR");
        said.push(format!(
            "{tool} {options:?} {service}: {} {}",
            answer.code,
            without_numbers(text.trim())
        ));
        if !then.is_empty() {
            world.wait_stat(service, then);
        }
    }
    said
}

#[test]
fn the_tools_say_the_same_of_ours_as_of_the_real_one() {
    assert_eq!(transcript(Kind::Ours), transcript(Kind::S6));
}
