//! Other processes, as `/proc` shows them.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use harness::wait_for;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::SOON;

/// The pause between two looks.
pub(super) fn pause() {
    let _ = nix::poll::poll(&mut [], 10_u8);
}

/// Whether a process exists and is no zombie.
pub(crate) fn is_alive(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// The processor time that a process has used, in clock ticks of 10 ms.
fn ticks(pid: i32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, rest) = stat.rsplit_once(") ").unwrap();
    let times = rest.split(' ').skip(11).take(2);
    times.map(|it| it.parse::<u64>().unwrap()).sum()
}

/// Whether a process that has nothing to do sleeps: in a second after the pause it uses less than a tenth of one
/// processor.
pub(crate) fn sleeps_after(pid: i32, pause: Duration) -> bool {
    let wait = |time| {
        let end = Instant::now() + time;
        wait_for("the time to pass", SOON, || {
            (Instant::now() >= end).then_some(())
        });
    };
    wait(pause);
    let before = ticks(pid);
    wait(Duration::from_secs(1));
    ticks(pid) - before < 10
}

/// Kills a process, whatever it is doing. One that has gone already is no failure.
///
/// The number has to be that of one process: -1, which s6-svstat prints where nothing runs, would kill every process
/// of this machine.
pub(crate) fn kill_hard(pid: i32) {
    assert!(pid > 1, "{pid} is no process of a test's");
    let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
}

pub(crate) fn wait_gone(pid: i32) {
    wait_for(&format!("process {pid} to be gone"), SOON, || {
        (!is_alive(pid)).then_some(())
    });
}

/// What a process has in a directory, or below it, so that its file system cannot be unmounted.
pub(crate) fn held_in(place: &Path, pid: i32) -> Vec<PathBuf> {
    let files = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    let files = files.filter_map(|file| Some(file.ok()?.path()));
    let cwd = PathBuf::from(format!("/proc/{pid}/cwd"));
    let is_there = |link: &PathBuf| link.read_link().is_ok_and(|it| it.starts_with(place));
    files.chain([cwd]).filter(is_there).collect()
}

/// Everything that a process has started, and what that has.
pub(super) fn descendants(pid: i32) -> Vec<i32> {
    let mut found = children(pid);
    let mut next = 0;
    while let Some(pid) = found.get(next) {
        found.extend(children(*pid));
        next += 1;
    }
    found
}

/// The processes whose working directory is below this one, as that of each service is.
pub(crate) fn processes_below(dir: &Path) -> Vec<i32> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid: &i32| {
            fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(dir))
        })
        .collect()
}

/// The children of a process, zombies included.
pub(crate) fn children(pid: i32) -> Vec<i32> {
    let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    list.split_whitespace()
        .filter_map(|pid| pid.parse().ok())
        .collect()
}
