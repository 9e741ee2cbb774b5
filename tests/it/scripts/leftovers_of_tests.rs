//! What interrupted runs of tests have left is found, and ended.

use std::path::Path;
use std::process::{Command, Stdio};

use harness::cluster::SOON;
use harness::{root, wait_for};

use super::stdout;

/// What `words` of sh print, after those that end what tests have left.
fn ending_leftovers(scratch: &Path, words: &str, input: &str) -> String {
    let mut sh = Command::new("sh")
        .arg("-euc")
        .arg(format!(
            ". scripts/lib.sh; . scripts/parts/leftovers.sh; {words}"
        ))
        // Whose name it has, as sh sees it.
        .arg("scripts/test")
        .env("MUSTER_SCRATCH", scratch)
        .current_dir(root())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = sh.stdin.take().unwrap();
    std::io::Write::write_all(&mut pipe, input.as_bytes()).unwrap();
    drop(pipe);
    let output = sh.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    stdout(&output)
}

#[test]
fn what_an_interrupted_run_of_tests_has_left_is_ended_by_its_folder() {
    let folder = harness::scratch();
    let path = folder.path();
    let sleep = || {
        let mut sleep = Command::new("sleep");
        sleep.arg("1000").stdin(Stdio::null());
        sleep
    };
    let mut tied = [
        sleep().current_dir(path).spawn().unwrap(),
        sleep().env("SOMETHING", path).spawn().unwrap(),
        Command::new("tail")
            .args(["-f", "/dev/null"])
            .arg(path.join("x"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    ];
    let somewhere_else = harness::scratch();
    let mut other = sleep().current_dir(somewhere_else.path()).spawn().unwrap();
    ending_leftovers(path, "end_processes", "");
    for process in &mut tied {
        wait_for("its end", SOON, || process.try_wait().unwrap());
    }
    assert!(other.try_wait().unwrap().is_none());
    drop(somewhere_else);
    other.wait().unwrap();
}

#[test]
fn containers_and_namespaces_are_left_only_by_test_processes_that_have_ended() {
    let own = std::process::id();
    let mut ended = Command::new("true").stdout(Stdio::piped()).spawn().unwrap();
    let gone = ended.id();
    // Until it is waited for it is a zombie.
    std::io::read_to_string(ended.stdout.take().unwrap()).unwrap();
    let listed = format!(
        "a1 muster-test-{own}-7\na2 muster-test-{gone}-7\n\
         muster-test-cut-{gone}-0 muster-test-cut-{gone}-0\na3 muster-lab-{gone}-1\na4 \n"
    );
    let want = format!("a2\nmuster-test-cut-{gone}-0\n");
    wait_for("what the dead have left", SOON, || {
        let found = ending_leftovers(Path::new("/nowhere"), "of_the_dead", &listed);
        (found == want).then_some(())
    });
    ended.wait().unwrap();
}
