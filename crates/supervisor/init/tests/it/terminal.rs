//! The terminal and job control: at the prompt of a shell `init COMMAND` behaves as COMMAND alone does.

use std::fs::File;
use std::io::Write;
use std::process::{Child, Command, Stdio};

use harness::{Scratch, wait_for};

use crate::world::{SOON, ours_alone};

const REASON: &str = "s6-svscan runs no command";

/// It says `up-1`, and `on-1` whenever it is continued. It starts nothing: a shell whose child is stopped before it has
/// become another program does not stop.
const WAITS: &str = "sh -c 'trap \"echo on-\\$((0+1))\" CONT; echo up-$((0+1)); while :; do read line <>pipe; done'";

/// A program in a terminal of its own, and somebody who types.
struct Dialogue {
    dir: Scratch,
    child: Child,
    keys: Option<std::process::ChildStdin>,
    /// So much of what it has said was looked at.
    seen: usize,
}

impl Dialogue {
    fn with(program: &str) -> Dialogue {
        let dir = harness::scratch();
        let said = File::create(dir.path().join("said")).unwrap();
        std::fs::create_dir(dir.path().join("none")).unwrap();
        nix::unistd::mkfifo(&dir.path().join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let mut child = Command::new("timeout")
            .args(["100", "script", "-qec", program, "/dev/null"])
            .env("PS1", "ready ")
            .env("INIT", env!("CARGO_BIN_EXE_init"))
            .env("NONE", dir.path().join("none"))
            .current_dir(dir.path())
            .stdin(Stdio::piped())
            .stdout(said)
            .spawn()
            .unwrap();
        Dialogue {
            keys: child.stdin.take(),
            dir,
            child,
            seen: 0,
        }
    }

    /// At the prompt of a shell, where `init` is `$I` and the command alone is without it.
    fn at_prompt() -> Dialogue {
        let mut dialogue = Dialogue::with("bash --norc --noprofile -i");
        dialogue.enter("I=\"$INIT --services $NONE\"; echo shell-$$-");
        dialogue.is_at_prompt();
        dialogue
    }

    fn keys(&mut self, text: &str) {
        let keys = self.keys.as_mut().unwrap();
        keys.write_all(text.as_bytes()).unwrap();
        keys.flush().unwrap();
    }

    fn enter(&mut self, line: &str) {
        self.keys(&format!("{line}\n"));
    }

    fn said(&self) -> String {
        let bytes = std::fs::read(self.dir.path().join("said")).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Waits until it says this, after what it was waited for before.
    fn says(&mut self, part: &str) {
        let what = format!("{part:?} after {:?}", self.said().get(..self.seen));
        self.seen = wait_for(&what, SOON, || {
            let said = self.said();
            let at = said.get(self.seen..)?.find(part)?;
            Some(self.seen + at + part.len())
        });
    }

    /// The shell reads what is typed.
    fn is_at_prompt(&mut self) {
        self.enter("echo prompt-$((40+2))");
        self.says("prompt-42");
    }

    /// The shell has given the terminal away.
    fn is_away(&self) {
        let said = self.said();
        let number = |rest: &str| rest.split('-').next()?.parse::<i32>().ok();
        let pid = said.split("shell-").find_map(number).unwrap();
        let stat = format!("/proc/{pid}/stat");
        wait_for("the terminal to be another's", SOON, || {
            let stat = std::fs::read_to_string(&stat).unwrap();
            let fields: Vec<&str> = stat.split(' ').collect();
            // Its own process group, and the one in the terminal's foreground.
            (fields[4] != fields[7]).then_some(())
        });
    }

    /// The exit code of the last command is this.
    fn has_code(&mut self, code: i32) {
        self.enter("echo code-$?-");
        self.says(&format!("code-{code}-"));
    }

    /// Of the shell's jobs one is in this state.
    fn has_job(&mut self, state: &str) {
        self.enter(&format!(
            "until jobs | grep {state}; do sleep 0.05; done; echo job-$((0+1))"
        ));
        self.says("job-1");
    }
}

impl Drop for Dialogue {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- the dialogue\n{}", self.said());
        }
        // The terminal goes with `script`, and everybody on it gets SIGHUP.
        drop(self.keys.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The same dialogue with the command alone and with `init` before it.
fn with_and_without(talk: impl Fn(&mut Dialogue, &str)) {
    if ours_alone(REASON) {
        return;
    }
    for before in ["", "$I "] {
        let mut dialogue = Dialogue::at_prompt();
        talk(&mut dialogue, before);
        dialogue.enter("exit");
    }
}

#[test]
fn in_the_background_it_leaves_the_terminal_to_the_shell() {
    with_and_without(|dialogue, before| {
        dialogue.enter(&format!("{before}{WAITS} &"));
        dialogue.says("up-1");
        dialogue.is_at_prompt();
        dialogue.enter("kill %1; wait %1");
        dialogue.has_code(143);
    });
}

#[test]
fn it_stops_and_goes_on_as_a_job_of_the_shell() {
    with_and_without(|dialogue, before| {
        dialogue.enter(&format!("{before}{WAITS}"));
        dialogue.says("up-1");
        for _ in 0..2 {
            dialogue.keys("\x1a");
            dialogue.says("Stopped");
            dialogue.has_code(148);
            dialogue.has_job("Stopped");
            dialogue.enter("fg");
            dialogue.says("on-1");
        }
        dialogue.keys("\x03");
        dialogue.has_code(130);
    });
}

#[test]
fn a_stopped_job_goes_on_in_the_background() {
    with_and_without(|dialogue, before| {
        dialogue.enter(&format!("{before}{WAITS}"));
        dialogue.says("up-1");
        dialogue.keys("\x1a");
        dialogue.says("Stopped");
        dialogue.enter("bg");
        dialogue.says("on-1");
        dialogue.has_job("Running");
        dialogue.enter("kill %1; wait %1");
        dialogue.has_code(143);
    });
}

#[test]
fn a_job_that_is_brought_to_the_foreground_gets_the_keys() {
    with_and_without(|dialogue, before| {
        dialogue.enter(&format!("{before}{WAITS} &"));
        dialogue.says("up-1");
        dialogue.is_at_prompt();
        dialogue.enter("fg");
        dialogue.is_away();
        dialogue.keys("\x03");
        dialogue.has_code(130);
    });
}

/// It reads from the terminal, as a pager does, once what is before it has begun.
const PAGES: &str = "(read up; read line </dev/tty; echo got-$line; cat)";

#[test]
fn another_process_of_its_job_can_have_the_terminal() {
    with_and_without(|dialogue, before| {
        dialogue.enter(&format!("{before}{WAITS} | {PAGES}"));
        dialogue.enter("this");
        dialogue.says("got-this");
        dialogue.keys("\x1a");
        dialogue.says("Stopped");
        dialogue.has_job("Stopped");
        dialogue.enter("fg");
        dialogue.says("on-1");
        dialogue.keys("\x03");
        dialogue.is_at_prompt();
    });
}

#[test]
fn another_process_of_its_job_stops_it_in_the_background() {
    with_and_without(|dialogue, before| {
        dialogue.enter(&format!("{before}{WAITS} | {PAGES} &"));
        dialogue.has_job("Stopped");
        dialogue.enter("fg");
        dialogue.is_away();
        dialogue.enter("this");
        dialogue.says("got-this");
        dialogue.keys("\x03");
        dialogue.is_at_prompt();
    });
}

#[test]
fn what_reads_in_the_background_stops_until_it_is_in_the_foreground() {
    with_and_without(|dialogue, before| {
        dialogue.enter(&format!("{before}cat &"));
        dialogue.has_job("Stopped");
        dialogue.enter("fg");
        dialogue.says("cat");
        dialogue.enter("hello");
        dialogue.says("hello\r\nhello");
        dialogue.keys("\x04");
        dialogue.has_code(0);
    });
}

#[test]
fn the_terminal_is_given_back_at_the_end() {
    if ours_alone(REASON) {
        return;
    }
    let mut dialogue = Dialogue::with(
        "sh -c '\"$INIT\" --services \"$NONE\" true; echo up-$((0+1)); read line; echo got-$line'",
    );
    dialogue.says("up-1");
    dialogue.enter("this");
    dialogue.says("got-this");
}

/// In a container it is the first process, and the first of the terminal's session.
fn in_container(command: &str) -> Dialogue {
    Dialogue::with(&format!(
        "unshare --pid --mount --fork --kill-child --mount-proc setsid --ctty \"$INIT\" --services \"$NONE\" {command}"
    ))
}

#[test]
fn a_shell_in_a_container_has_job_control() {
    if ours_alone(REASON) {
        return;
    }
    let mut dialogue = in_container("bash --norc --noprofile -i");
    dialogue.is_at_prompt();
    dialogue.enter(WAITS);
    dialogue.says("up-1");
    dialogue.keys("\x1a");
    dialogue.says("Stopped");
    dialogue.enter("fg");
    dialogue.says("on-1");
    dialogue.keys("\x03");
    dialogue.has_code(130);
    dialogue.enter("test $PPID = 1 && echo first-$((0+1))");
    dialogue.says("first-1");
}

#[test]
fn in_a_container_nothing_stops_a_command_for_ever() {
    if ours_alone(REASON) {
        return;
    }
    let mut dialogue = in_container("cat");
    dialogue.enter("before");
    dialogue.says("before\r\nbefore");
    dialogue.keys("\x1a");
    dialogue.says("^Z");
    dialogue.enter("after");
    dialogue.says("after\r\nafter");
}
