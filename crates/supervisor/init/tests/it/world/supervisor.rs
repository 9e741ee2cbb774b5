//! A supervisor at work, and everything that a test asks of it.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use harness::{Scratch, wait_for};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{Answer, Kind, SOON, Service, descendants, kill_hard, pause, run, without_numbers};
use crate::releases;

/// A supervisor over a scan directory of its own.
pub(crate) struct World {
    pub(crate) dir: Scratch,
    child: Child,
}

impl World {
    /// The supervisor under test.
    pub(crate) fn of(services: &[Service]) -> World {
        World::with(Kind::from_environment(), services)
    }

    /// A supervisor of this kind.
    pub(crate) fn with(kind: Kind, services: &[Service]) -> World {
        World::with_variables(kind, &[], services)
    }

    /// A supervisor of this kind, with variables in its environment.
    pub(crate) fn with_variables(
        kind: Kind,
        environment: &[(&str, &str)],
        services: &[Service],
    ) -> World {
        let dir = World::directory(services);
        let mut command = kind.command(&dir.path().join("scan"));
        command.envs(environment.iter().copied());
        let world = World::start(dir, command);
        for service in services {
            world.wait_supervised(&service.name);
        }
        world
    }

    /// The supervisor under test, of which nothing is waited for.
    pub(crate) fn unattended(services: &[Service]) -> World {
        World::unattended_at(World::directory(services))
    }

    /// As [`World::unattended`], over the scan directory that is in `dir` already.
    pub(crate) fn unattended_at(dir: Scratch) -> World {
        let command = Kind::from_environment().command(&dir.path().join("scan"));
        World::start(dir, command)
    }

    /// A scan directory with these services, which nobody supervises yet.
    pub(crate) fn directory(services: &[Service]) -> Scratch {
        let dir = harness::scratch();
        let scandir = dir.path().join("scan");
        fs::create_dir(&scandir).unwrap();
        for service in services {
            service.install(&scandir);
        }
        dir
    }

    /// Starts any command whose scan directory is `dir/scan`. Its output goes to `dir/output`.
    pub(crate) fn start(dir: Scratch, command: Command) -> World {
        World::start_with(dir, command, Stdio::null())
    }

    pub(crate) fn start_with(dir: Scratch, mut command: Command, input: Stdio) -> World {
        let output = fs::File::options()
            .create(true)
            .append(true)
            .open(dir.path().join("output"))
            .unwrap();
        let child = command
            .stdin(input)
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("start {command:?}: {error}"));
        World { dir, child }
    }

    /// Starts another supervisor over the same directory.
    pub(crate) fn again(mut self) -> World {
        let dir = std::mem::replace(&mut self.dir, harness::scratch());
        World::unattended_at(dir)
    }

    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join("scan").join(path)
    }

    /// What services have written to `../../log`, as seen from their directories.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    pub(crate) fn output(&self) -> String {
        let bytes = fs::read(self.dir.path().join("output")).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Runs a tool of s6 with options on one service.
    pub(crate) fn tool(&self, name: &str, options: &[&str], service: &str) -> Answer {
        let path = self.path(service);
        let args: Vec<&str> = options
            .iter()
            .copied()
            .chain([path.to_str().unwrap()])
            .collect();
        let answer = run(&harness::require(name), &args);
        Answer {
            out: releases::in_our_words(&answer.out),
            ..answer
        }
    }

    /// Runs `s6-svc`, which has to succeed.
    pub(crate) fn svc(&self, options: &[&str], service: &str) {
        let answer = self.tool("s6-svc", options, service);
        assert_eq!(
            answer.code,
            0,
            "s6-svc {options:?} {service}: {answer:?}\n{}",
            self.output()
        );
    }

    /// Writes letters to the control FIFO, also those that the installed `s6-svc` does not know.
    pub(crate) fn letters(&self, letters: &[u8], service: &str) {
        let path = self.path(service).join("supervise/control");
        let mut control = fs::OpenOptions::new().write(true).open(path).unwrap();
        std::io::Write::write_all(&mut control, letters).unwrap();
    }

    /// Starts a service that is down once, and waits until it is down again. `s6-svc -wD -o` would not wait: it looks
    /// at the state before the letter takes effect.
    pub(crate) fn run_once(&self, service: &str) {
        let before = self.deaths(service);
        self.svc(&["-o"], service);
        wait_for(&format!("{service} to die"), SOON, || {
            (self.deaths(service) != before).then_some(())
        });
        wait_for(&format!("{service} to be down"), SOON, || {
            let line = self.stat(service);
            (line.starts_with("down") && line.contains(", ready")).then_some(())
        });
    }

    /// Ends a service with this letter, and waits until another process of it runs. `s6-svc -wr` can wait for ever: of
    /// events that come close together it sees only the last one, and so does not see that the service was down.
    pub(crate) fn restart(&self, letter: &str, service: &str) {
        let old = self.service_pid(service);
        self.svc(&[letter], service);
        wait_for(&format!("another process of {service}"), SOON, || {
            (![-1, old].contains(&self.service_pid(service))).then_some(())
        });
    }

    fn deaths(&self, service: &str) -> Vec<u8> {
        fs::read(self.path(service).join("supervise/death_tally")).unwrap_or_default()
    }

    /// Runs `s6-svscanctl`, which has to succeed.
    pub(crate) fn control(&self, options: &str) {
        let answer = self.tool("s6-svscanctl", &[options], "");
        assert_eq!(answer.code, 0, "s6-svscanctl {options}: {answer:?}");
    }

    /// The line of `s6-svstat`.
    pub(crate) fn stat(&self, service: &str) -> String {
        self.tool("s6-svstat", &[], service).out.trim().to_string()
    }

    /// A field of `s6-svstat -o`.
    pub(crate) fn field(&self, field: &str, service: &str) -> String {
        self.tool("s6-svstat", &["-o", field], service)
            .out
            .trim()
            .to_string()
    }

    pub(crate) fn service_pid(&self, service: &str) -> i32 {
        self.field("pid", service).parse().unwrap_or(-1)
    }

    /// Waits until `s6-svstat` shows this line, with N for each number.
    pub(crate) fn wait_stat(&self, service: &str, want: &str) {
        let mut last = String::new();
        let what = format!("{service} to be {want:?}");
        let started = Instant::now();
        while started.elapsed() < SOON {
            last = without_numbers(&self.stat(service));
            if last == want {
                return;
            }
            pause();
        }
        panic!(
            "waited in vain for {what}: it is {last:?}\n{}",
            self.output()
        );
    }

    pub(crate) fn wait_supervised(&self, service: &str) {
        wait_for(&format!("{service} to be supervised"), SOON, || {
            (self.tool("s6-svok", &[], service).code == 0
                && self.path(service).join("supervise/status").exists())
            .then_some(())
        });
    }

    pub(crate) fn wait_log(&self, want: &str) {
        wait_for(&format!("the log to be {want:?}"), SOON, || {
            let log = self.log();
            assert!(!log.is_empty() || want.len() < 10_000);
            (log == want).then_some(())
        });
    }

    /// Waits until the log has this many lines.
    pub(crate) fn wait_lines(&self, count: usize) -> Vec<String> {
        wait_for(&format!("{count} lines in the log"), SOON, || {
            let log = self.log();
            (log.ends_with('\n') && log.lines().count() >= count)
                .then(|| log.lines().map(str::to_string).collect())
        })
    }

    pub(crate) fn wait_output(&self, part: &str) {
        wait_for(&format!("the output to contain {part:?}"), SOON, || {
            self.output().contains(part).then_some(())
        });
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid()), signal).unwrap();
    }

    /// Waits for the supervisor's own end.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let child = &mut self.child;
        wait_for("the supervisor to end", SOON, || child.try_wait().unwrap())
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    pub(crate) fn ended_code(&mut self) -> i32 {
        let status = self.ended();
        status
            .code()
            .unwrap_or_else(|| panic!("{status:?}\n{}", self.output()))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_some()) {
            return;
        }
        if end_politely(&mut self.child).is_none() {
            // What it has started would outlive it.
            let started = descendants(self.pid());
            let _ = self.child.kill();
            let _ = self.child.wait();
            started.into_iter().for_each(kill_hard);
        }
        if std::thread::panicking() {
            eprintln!("--- output of the supervisor\n{}", self.output());
        }
    }
}

/// Asks the supervisor to end, and waits a while; none if it has not ended, as where a service ignores its signals.
fn end_politely(child: &mut Child) -> Option<ExitStatus> {
    let pid = Pid::from_raw(i32::try_from(child.id()).ok()?);
    kill(pid, Signal::SIGTERM).ok()?;
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(5) {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        pause();
    }
    None
}
