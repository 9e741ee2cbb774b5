//! Every letter of `s6-svc`, in the states that it can meet.

use crate::releases::{self, Difference};
use crate::world::{
    SOON, Service, World, children, does_what_it_does_since, nobody_listens, the_real_one_has,
    wait_gone, write_file,
};

const UP: &str = "up (pid N) N seconds";
const DOWN: &str = "down (signal SIGTERM) N seconds, normally up, ready N seconds";

/// A service that writes down the name of each signal that it gets. It has no child, since the shell would run its
/// traps only after the end of one.
fn recorder() -> Service {
    let traps =
        "for s in ALRM HUP INT QUIT USR1 USR2 WINCH; do trap \"echo $s >>../../log\" $s; done";
    Service::new(
        "rec",
        &format!("{traps}\necho up >>../../log\nwhile :; do read line <./never || wait; done"),
    )
    .script("finish", "echo finish $1 $2 >>../../log")
}

fn start_recorder() -> World {
    let service = recorder();
    let world = World::of(&[service.file("down", "")]);
    nix::unistd::mkfifo(&world.path("rec/never"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    world.svc(&["-u"], "rec");
    world.wait_log("up\n");
    world
}

#[test]
fn a_signal_letter_sends_that_signal_to_the_service_alone() {
    let world = start_recorder();
    let mut want = String::from("up\n");
    for (letter, name) in [
        ("-a", "ALRM"),
        ("-h", "HUP"),
        ("-i", "INT"),
        ("-q", "QUIT"),
        ("-1", "USR1"),
        ("-2", "USR2"),
        ("-y", "WINCH"),
    ] {
        world.svc(&[letter], "rec");
        want.push_str(name);
        want.push('\n');
        world.wait_log(&want);
    }
}

#[test]
fn deadly_letters_end_the_service_and_finish_is_told_how() {
    for (letter, signal) in [("-b", 6), ("-k", 9), ("-t", 15)] {
        let world = start_recorder();
        world.svc(&["-o"], "rec");
        world.svc(&["-wD", letter], "rec");
        world.wait_log(&format!("up\nfinish 256 {signal}\n"));
    }
}

#[test]
fn several_letters_are_obeyed_in_their_order() {
    let world = start_recorder();
    world.svc(&["-h1"], "rec");
    world.wait_lines(3);
    world.svc(&["-Ok"], "rec");
    world.wait_stat("rec", "down (signal SIGKILL) N seconds, ready N seconds");
}

#[test]
fn down_and_up_again() {
    let world = World::of(&[Service::sleeper("s")]);
    world.wait_stat("s", UP);
    world.svc(&["-wD", "-d"], "s");
    world.wait_stat("s", DOWN);
    world.svc(&["-wu", "-u"], "s");
    world.wait_stat("s", UP);
}

#[test]
fn pause_and_continue_are_shown_and_done() {
    let world = World::of(&[Service::sleeper("s")]);
    world.wait_stat("s", UP);
    world.svc(&["-p"], "s");
    world.wait_stat("s", "up (pid N) N seconds, paused");
    let stat = format!("/proc/{}/stat", world.service_pid("s"));
    harness::wait_for("the process to stand still", SOON, || {
        let stat = std::fs::read_to_string(&stat).unwrap();
        stat.contains(") T ").then_some(())
    });
    world.svc(&["-c"], "s");
    world.wait_stat("s", UP);
}

/// A service with a child in the same process group.
fn family() -> Service {
    Service::new("s", "sleep 1000 & echo up >>../../log; wait")
}

fn is_stopped(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.contains(") T ")
}

#[test]
fn capital_letters_pause_continue_and_kill_the_whole_process_group() {
    if !does_what_it_does_since(Difference::GroupLetters) {
        return;
    }
    let world = World::of(&[family()]);
    world.wait_log("up\n");
    world.wait_stat("s", UP);
    let run = world.service_pid("s");
    let child = children(run)[0];
    world.letters(b"P", "s");
    world.wait_stat("s", "up (pid N) N seconds, paused");
    harness::wait_for("both to stand still", SOON, || {
        (is_stopped(run) && is_stopped(child)).then_some(())
    });
    world.letters(b"C", "s");
    world.wait_stat("s", UP);
    harness::wait_for("both to go on", SOON, || {
        (!is_stopped(run) && !is_stopped(child)).then_some(())
    });
    world.letters(b"OK", "s");
    world.wait_stat(
        "s",
        "down (signal SIGKILL) N seconds, normally up, ready N seconds",
    );
    wait_gone(child);
}

#[test]
fn reload_sends_what_the_file_says_or_a_hangup() {
    if !does_what_it_does_since(Difference::ReloadLetter) {
        return;
    }
    let world = start_recorder();
    world.letters(b"l", "rec");
    world.wait_log("up\nHUP\n");
    write_file(&world.path("rec/reload-signal"), "USR2\n", 0o644);
    world.letters(b"l", "rec");
    world.wait_log("up\nHUP\nUSR2\n");
}

#[test]
fn newer_tools_have_letters_for_that() {
    for (since, letters) in [
        (Difference::GroupLetters, &["-P", "-C"][..]),
        (Difference::ReloadLetter, &["-l"]),
    ] {
        let world = start_recorder();
        for letter in letters {
            let code = world.tool("s6-svc", &[letter], "rec").code;
            assert_eq!(code, if releases::has(since) { 0 } else { 100 }, "{letter}");
        }
    }
}

#[test]
fn a_paused_service_can_be_stopped() {
    let world = World::of(&[Service::sleeper("s")]);
    world.wait_stat("s", UP);
    world.svc(&["-p"], "s");
    world.svc(&["-wD", "-d"], "s");
    world.wait_stat("s", DOWN);
}

#[test]
fn restart_keeps_what_is_wanted() {
    let world = World::of(&[Service::sleeper("s")]);
    world.wait_stat("s", UP);
    let before = world.service_pid("s");
    world.restart("-r", "s");
    world.wait_stat("s", UP);
    assert_ne!(world.service_pid("s"), before);
}

#[test]
fn once_runs_once() {
    let world = World::of(&[Service::new("s", "echo run >>../../log; exit 3").file("down", "")]);
    world.run_once("s");
    world.wait_lines(1);
    world.wait_stat("s", "down (exitcode 3) N seconds, ready N seconds");
    world.wait_log("run\n");
}

#[test]
fn at_most_once_lets_it_run_and_not_again() {
    let world = World::of(&[Service::sleeper("s")]);
    world.wait_stat("s", UP);
    world.svc(&["-O"], "s");
    world.wait_stat("s", "up (pid N) N seconds, want down");
    world.svc(&["-wD", "-k"], "s");
    world.wait_stat(
        "s",
        "down (signal SIGKILL) N seconds, normally up, ready N seconds",
    );
}

#[test]
fn capital_letters_change_the_down_file_too() {
    let world = World::of(&[Service::sleeper("s")]);
    world.wait_stat("s", UP);
    world.svc(&["-wD", "-D"], "s");
    world.wait_stat("s", "down (signal SIGTERM) N seconds, ready N seconds");
    assert!(world.path("s/down").exists());
    world.svc(&["-wu", "-U"], "s");
    world.wait_stat("s", UP);
    assert!(!world.path("s/down").exists());
    if the_real_one_has(Difference::DeafToQ) {
        return;
    }
    world.svc(&["-Q"], "s");
    world.wait_stat("s", "up (pid N) N seconds, normally down, want down");
}

#[test]
fn letters_for_a_process_do_nothing_to_a_service_that_is_down() {
    let world = World::of(&[Service::sleeper("s").file("down", "")]);
    world.svc(&["-abqhkti12pcry"], "s");
    world.svc(&["-d"], "s");
    world.wait_stat("s", "down (exitcode 0) N seconds, ready N seconds");
}

#[test]
fn an_unknown_letter_is_ignored_and_the_next_is_obeyed() {
    let world = World::of(&[Service::sleeper("s")]);
    world.wait_stat("s", UP);
    let mut control = std::fs::OpenOptions::new()
        .write(true)
        .open(world.path("s/supervise/control"))
        .unwrap();
    std::io::Write::write_all(&mut control, b"?!\0zd").unwrap();
    world.wait_stat("s", DOWN);
}

#[test]
fn a_service_that_is_let_go_ends_and_nobody_listens_any_more() {
    let world = World::of(&[Service::sleeper("s")]);
    world.wait_stat("s", UP);
    std::fs::rename(world.path("s"), world.dir.path().join("s")).unwrap();
    let pid = world.service_pid("../s");
    world.control("-a");
    world.svc(&["-wD", "-xd"], "../s");
    wait_gone(pid);
    harness::wait_for("nobody to listen", SOON, || {
        (world.tool("s6-svok", &[], "../s").code == 1).then_some(())
    });
    assert_eq!(world.tool("s6-svc", &["-u"], "../s").code, nobody_listens());
    assert_eq!(world.tool("s6-svstat", &[], "../s").code, 1);
}

#[test]
fn up_comes_before_the_second_of_patience() {
    let world = World::of(&[Service::new("s", "echo run >>../../log; exit 0").file("down", "")]);
    for _run in 0..3 {
        world.run_once("s");
    }
    world.wait_lines(3);
}

/// A service whose `finish` runs until there is a file `go`.
fn slow_to_finish() -> Service {
    Service::new("s", "echo run >>../../log; exec sleep 1000")
        .script("finish", "while ! [ -e ../../go ]; do sleep 0.05; done")
        .file("timeout-finish", "0\n")
}

const FINISHING: &str = "down (signal SIGTERM) N seconds, normally up, want up";

#[test]
fn what_is_asked_for_while_finish_runs_counts_after_it() {
    let world = World::of(&[slow_to_finish()]);
    world.wait_lines(1);
    world.svc(&["-r"], "s");
    world.wait_stat("s", FINISHING);
    world.svc(&["-d"], "s");
    world.wait_stat("s", "down (signal SIGTERM) N seconds, normally up");
    world.svc(&["-u"], "s");
    world.wait_stat("s", FINISHING);
    world.svc(&["-abqhkti12ypc"], "s");
    world.svc(&["-O"], "s");
    world.wait_stat("s", "down (signal SIGTERM) N seconds, normally up");
    write_file(&world.dir.path().join("go"), "", 0o644);
    world.wait_stat("s", DOWN);
    assert_eq!(world.log(), "run\n");
}

#[test]
fn a_service_that_is_let_go_while_finish_runs_ends_after_it() {
    let world = World::of(&[slow_to_finish()]);
    world.wait_lines(1);
    std::fs::create_dir(world.path("../aside")).unwrap();
    std::fs::rename(world.path("s"), world.path("../aside/s")).unwrap();
    world.control("-a");
    world.svc(&["-r"], "../aside/s");
    world.wait_stat("../aside/s", FINISHING);
    world.svc(&["-x"], "../aside/s");
    assert_eq!(world.tool("s6-svok", &[], "../aside/s").code, 0);
    write_file(&world.dir.path().join("go"), "", 0o644);
    harness::wait_for("nobody to listen", SOON, || {
        (world.tool("s6-svok", &[], "../aside/s").code == 1).then_some(())
    });
}
