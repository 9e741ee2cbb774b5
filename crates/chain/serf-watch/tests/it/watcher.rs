//! A running serf-watch, and the command that it runs.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use harness::{Clock, wait_for};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

pub(crate) const LONG: Duration = Duration::from_secs(150);

/// The pauses are so long that nothing happens because of them within a test.
pub(crate) const NEVER: &[&str] = &["--every", "1h", "--again", "0s"];
pub(crate) const OFTEN: &[&str] = &["--every", "50ms", "--again", "0s"];

/// Notes its beginning and its end, goes on while the file `hold` is there, and ends with the
/// code in the file `code`.
const SCRIPT: &str = "
cd \"$1\" || exit 99
echo begin >>begins
while test -e hold; do sleep 0.02; done
echo end >>ends
test -e code || exit 0
read -r code <code
exit \"$code\"
";

/// The variables that stand for options.
pub(crate) const VARIABLES: [&str; 5] = [
    "SERF_RPC_ADDR",
    "SERF_RPC_KEY_FILE",
    "SERF_WATCH_EVERY",
    "SERF_WATCH_AGAIN",
    "SERF_WATCH_DUE",
];

pub(crate) struct Watcher {
    folder: harness::Scratch,
    child: Option<Child>,
    /// The clock that it goes by, and its command.
    clock: Option<Clock>,
}

pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_serf-watch"));
    for name in VARIABLES {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    command
}

impl Watcher {
    /// A watcher that is not started yet, so that its command can be prepared.
    pub(crate) fn new() -> Watcher {
        Watcher {
            folder: harness::scratch(),
            child: None,
            clock: None,
        }
    }

    /// Such a watcher, whose wall clock the test can set.
    pub(crate) fn with_clock() -> Watcher {
        let mut watcher = Watcher::new();
        watcher.clock = Some(Clock::new());
        watcher
    }

    /// Sets the wall clock this many seconds off.
    pub(crate) fn set_clock(&self, seconds: i64) {
        self.clock.as_ref().unwrap().set(seconds);
    }

    pub(crate) fn start(rpc: &str, options: &[&str]) -> Watcher {
        let mut watcher = Watcher::new();
        watcher.run(rpc, options);
        watcher
    }

    pub(crate) fn run(&mut self, rpc: &str, options: &[&str]) {
        let folder = self.folder.path().to_owned();
        self.run_command(
            rpc,
            options,
            &["sh", "-c", SCRIPT, "sh", folder.to_str().unwrap()],
        );
    }

    pub(crate) fn run_command(&mut self, rpc: &str, options: &[&str], command: &[&str]) {
        let said = File::create(self.path("said")).unwrap();
        let mut program = program();
        program
            .args(["--rpc", rpc])
            .args(options)
            .args(command)
            .envs(self.clock.iter().flat_map(Clock::environment))
            .stderr(said);
        self.child = Some(program.spawn().unwrap());
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn put(&self, name: &str, text: &str) {
        // The file is replaced as a whole, since the command may be reading it.
        let new = self.path(".new");
        File::create(&new)
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
        std::fs::rename(new, self.path(name)).unwrap();
    }

    pub(crate) fn hold(&self) {
        self.put("hold", "");
    }

    pub(crate) fn release(&self) {
        std::fs::remove_file(self.path("hold")).unwrap();
    }

    fn lines(&self, name: &str) -> usize {
        std::fs::read_to_string(self.path(name))
            .unwrap_or_default()
            .lines()
            .count()
    }

    pub(crate) fn begins(&self) -> usize {
        self.lines("begins")
    }

    pub(crate) fn ends(&self) -> usize {
        self.lines("ends")
    }

    pub(crate) fn wait_begins(&self, runs: usize) {
        wait_for("the command to begin", LONG, || {
            (self.begins() >= runs).then_some(())
        });
        assert_eq!(self.begins(), runs);
    }

    pub(crate) fn wait_ends(&self, runs: usize) {
        wait_for("the command to end", LONG, || {
            (self.ends() >= runs).then_some(())
        });
        assert_eq!(self.begins(), runs);
    }

    pub(crate) fn said(&self) -> String {
        std::fs::read_to_string(self.path("said")).unwrap()
    }

    pub(crate) fn wait_said(&self, text: &str) {
        wait_for(text, LONG, || self.said().contains(text).then_some(()));
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid().try_into().unwrap()), signal).unwrap();
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        let child = self.child.as_mut().unwrap();
        wait_for("serf-watch to end", LONG, || child.try_wait().unwrap())
    }

    /// Anonymous memory that is in use, in kB.
    pub(crate) fn memory(&self) -> u64 {
        self.status("RssAnon:")
    }

    /// How often it has waited for something, and so was woken.
    pub(crate) fn woken(&self) -> u64 {
        self.status("voluntary_ctxt_switches:")
    }

    fn status(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let value = status.lines().find_map(|line| line.strip_prefix(name));
        let number = value.unwrap().split_whitespace().next().unwrap();
        number.parse().unwrap()
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // This ends the command, whatever it still does.
        let _ = std::fs::remove_file(self.path("hold"));
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

pub(crate) fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}
