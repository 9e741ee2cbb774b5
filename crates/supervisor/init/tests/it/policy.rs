//! Restarts, labels of output, kill modes, and messages that say what is wrong with a run file.

use nix::sys::signal::Signal;

use crate::world::{Container, SOON, Service, World, is_alive, kill_hard, ours_alone, wait_gone};

const REASON: &str = "s6 has no files for this";

#[test]
fn a_service_may_ask_for_its_own_delay() {
    if ours_alone(REASON) {
        return;
    }
    let world =
        World::of(
            &[Service::new("s", "echo run >>../../log; exit 1").file("restart-delay", "5\n")],
        );
    // With s6's own delay of a second so many runs would take longer than the deadline.
    let runs = usize::try_from(2 * SOON.as_secs()).unwrap();
    world.wait_lines(runs);
}

#[test]
fn the_delay_doubles_from_death_to_death() {
    if ours_alone(REASON) {
        return;
    }
    let service = Service::new("s", "date +%s%N >>../../log; exit 1")
        .file("restart-delay", "100\n")
        .file("restart-delay-max", "20000\n");
    let world = World::of(&[service]);
    let times: Vec<u64> = world
        .wait_lines(5)
        .iter()
        .map(|line| line.parse().unwrap())
        .collect();
    let pauses: Vec<u64> = times
        .windows(2)
        .map(|pair| (pair[1] - pair[0]) / 1_000_000)
        .collect();
    for (pause, least) in pauses.iter().zip([100, 200, 400, 800]) {
        assert!(*pause >= least, "{pauses:?}");
    }
}

#[test]
fn the_time_of_finish_is_no_steady_run() {
    if ours_alone(REASON) {
        return;
    }
    let service = Service::new("s", "date +%s%N >>../../log; exit 1")
        .script("finish", "exec sleep 2.2")
        .file("restart-delay", "500\n")
        .file("restart-delay-max", "2000\n");
    let world = World::of(&[service]);
    let times: Vec<u64> = world
        .wait_lines(3)
        .iter()
        .map(|line| line.parse().unwrap())
        .collect();
    let last = (times[2] - times[1]) / 1_000_000;
    assert!(last >= 2200 + 1000, "{last} ms");
}

#[test]
fn too_many_restarts_are_given_up_and_told() {
    if ours_alone(REASON) {
        return;
    }
    let service = Service::new("s", "echo run >>../../log; exit 1")
        .file("restart-delay", "1\n")
        .file("restart-limit", "3\n");
    let world = World::of(&[service]);
    world.wait_stat(
        "s",
        "down (exitcode 1) N seconds, normally up, ready N seconds",
    );
    assert_eq!(world.log().lines().count(), 4);
    world.wait_output("s");
    world.svc(&["-wu", "-u"], "s");
    world.wait_lines(5);
}

#[test]
fn each_line_has_the_name_of_its_service_where_a_file_asks_for_it() {
    if ours_alone(REASON) {
        return;
    }
    let named = Service::new(
        "web",
        "echo out; echo err >&2; printf 'no line feed'; exec sleep 1000 >/dev/null 2>&1",
    );
    let world = World::of(&[
        named.file("output-prefix", ""),
        Service::new("api", "echo plain; exec sleep 1000"),
    ]);
    for line in ["[web] out\n", "[web] err\n", "plain\n"] {
        world.wait_output(line);
    }
    world.svc(&["-d"], "web");
    world.wait_output("[web] no line feed\n");
    assert!(!world.output().contains("[api]"));
}

#[test]
fn a_label_of_its_own_is_possible_and_one_variable_labels_all() {
    if ours_alone(REASON) {
        return;
    }
    let services = [
        Service::new("a", "echo one; exec sleep 1000").file("output-prefix", "web-7\n"),
        Service::new("b", "echo two; exec sleep 1000"),
    ];
    let world = Container::with(&services)
        .env("INIT_PREFIX", "1")
        .start(&[]);
    world.wait_output("[web-7] one\n");
    world.wait_output("[b] two\n");
}

/// Lines of the output that begin with a time, without it, and those that do not.
fn by_time(output: &str) -> (Vec<&str>, Vec<&str>) {
    const EXAMPLE: &str = "2026-11-29T18:00:00.123Z ";
    let same = |(one, other): (char, char)| {
        one == other || (one.is_ascii_digit() && other.is_ascii_digit())
    };
    let (mut timed, mut plain) = (Vec::new(), Vec::new());
    for line in output.lines() {
        match line.split_at_checked(EXAMPLE.len()) {
            Some((time, rest)) if time.chars().zip(EXAMPLE.chars()).all(same) => timed.push(rest),
            _ => plain.push(line),
        }
    }
    (timed, plain)
}

#[test]
fn the_time_stands_before_lines_where_that_is_asked_for() {
    if ours_alone(REASON) {
        return;
    }
    let services = [
        Service::new("a", "echo out; echo err >&2; exec sleep 1000")
            .file("output-prefix", "")
            .file("output-time", ""),
        Service::new("b", "echo alone; exec sleep 1000").file("output-time", ""),
        Service::new("c", "echo plain; exec sleep 1000"),
    ];
    let of_services = ["[a] out", "[a] err", "alone"];
    let others = [
        "plain",
        "init: S6_LOGGING means",
        "[cont-init.d] x: exited 0.",
    ];
    for (variable, is_all) in [("0", false), ("1", true)] {
        let world = Container::with(&services)
            .script("etc/cont-init.d/x", "exit 0", 0o755)
            .env("S6_LOGGING", "1")
            .env("INIT_TIME", variable)
            .start(&[]);
        harness::wait_for("all lines", SOON, || {
            let output = world.output();
            let (timed, plain) = by_time(&output);
            let has = |lines: &[&str], wanted: &[&str]| {
                let there = |want| lines.iter().any(|line| line.starts_with(want));
                wanted.iter().all(there)
            };
            let rest = if is_all { &timed } else { &plain };
            (has(&timed, &of_services) && has(rest, &others)).then_some(())
        });
    }
}

#[test]
fn the_last_line_of_a_service_is_not_lost() {
    if ours_alone(REASON) {
        return;
    }
    let last = Service::new("s", "printf 'last words'")
        .file("output-prefix", "")
        .file("essential", "");
    let mut world = Container::with(&[last]).start(&[]);
    assert_eq!(world.ended_code(), 0);
    assert!(
        world.output().contains("[s] last words\n"),
        "{}",
        world.output()
    );
}

#[test]
fn what_is_wrong_with_a_run_file_is_said_in_words() {
    if ours_alone("s6-supervise says what execv said") {
        return;
    }
    let cases = [
        (
            "crlf",
            "#!/bin/sh\r\nexec sleep 1000\r\n",
            0o755,
            "carriage return",
        ),
        ("shell", "#!/no/such/shell\n", 0o755, "/no/such/shell"),
        ("mode", "#!/bin/sh\n", 0o644, "not executable"),
        ("text", "exec sleep 1000\n", 0o755, "#!"),
    ];
    let services =
        cases.map(|(name, content, mode, _)| Service::new(name, "").raw("run", content, mode));
    let world = World::of(&services);
    for (name, _, _, words) in cases {
        harness::wait_for(&format!("{name} to be told with {words:?}"), SOON, || {
            world
                .output()
                .lines()
                .any(|line| line.contains(name) && line.contains(words))
                .then_some(())
        });
    }
}

#[test]
fn by_default_a_descendant_outlives_its_service() {
    let run = "sleep 1000 & echo $! >>../../log; wait";
    let world = World::of(&[Service::new("s", run)]);
    let child: i32 = world.wait_lines(1)[0].parse().unwrap();
    world.svc(&["-wD", "-d"], "s");
    assert!(is_alive(child));
    kill_hard(child);
}

#[test]
fn where_a_file_says_group_nothing_of_the_service_is_left() {
    if ours_alone(REASON) {
        return;
    }
    let run = "sleep 1000 & echo $! >>../../log; trap '' TERM; sleep 1000 & echo $! >>../../log; wait; exec sleep 1000";
    let world = World::of(&[Service::new("s", run)
        .file("kill-mode", "group\n")
        .file("timeout-kill", "300\n")]);
    let children: Vec<i32> = world
        .wait_lines(2)
        .iter()
        .map(|line| line.parse().unwrap())
        .collect();
    world.svc(&["-wD", "-d"], "s");
    for pid in children {
        wait_gone(pid);
    }
}

#[test]
fn a_stop_while_a_service_waits_for_its_restart_is_not_delayed_by_it() {
    if ours_alone("s6 has no restart-delay") {
        return;
    }
    let service =
        Service::new("s", "echo run >>../../log; exit 1").file("restart-delay", "600000\n");
    let mut world = World::of(&[service]);
    world.wait_lines(1);
    world.wait_stat(
        "s",
        "down (exitcode 1) N seconds, normally up, want up, ready N seconds",
    );
    world.signal(Signal::SIGTERM);
    assert_eq!(world.ended_code(), 0);
}
