//! Runs a program once without a fault, to know its calls, and then once with each fault;
//! looks after each at what is left, and runs it once more, which has to put all right.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use harness::faults::Program;
use harness::wait::until;
use harness::{Scratch, family, processes_of};

use super::folder::{self, Files};
use super::plan::{self, Fault, Kind};
use super::trace::{self, RUNTIME};

/// No load of the machine makes a run take that long, in seconds. One that does hangs.
const LONGEST: &str = "60";
/// How `timeout` ends then.
const HANGS: i32 = 124;
/// How long a fact may need that comes at once on an idle machine.
pub(super) const SOON: Duration = Duration::from_secs(50);
/// A failed test shows so many of its complaints.
const SHOWN: usize = 40;

/// A program, and what there is to know of its work.
pub(super) trait Subject {
    /// What its messages begin with.
    fn name(&self) -> &'static str;
    /// Where it works. It is all the folder's processes and files that are looked at.
    fn folder(&self) -> &Path;
    /// Makes all as it was before the program's work.
    fn reset(&mut self);
    /// How it is run.
    fn program(&self) -> Program;

    /// Whose words tell what failed.
    fn tellers(&self) -> Vec<&'static str> {
        vec![self.name()]
    }

    /// What is to be known before a run starts.
    fn begin(&mut self) {}

    /// What a line of strace has where the program itself begins.
    fn begins(&self) -> String {
        RUNTIME.to_owned()
    }

    /// Whether its threads, and what it forks, count as well. What it starts again and again
    /// would meet the fault each time.
    fn is_followed(&self) -> bool {
        true
    }

    /// Whether faults at this call are tried.
    fn is_tried(&self, _call: &str) -> bool {
        true
    }

    /// Whether the process is ended by what is done in `attend`, and so runs until then.
    fn attend(&mut self, _run: &mut Running) -> Result<(), String> {
        Ok(())
    }

    /// The codes with which it may end where a call fails, beside 0 and 111.
    fn other_codes(&self) -> &'static [i32] {
        &[]
    }

    /// Whether with 0 all is done.
    fn has_done_all_with_0(&self) -> bool {
        true
    }

    /// What of a file is compared, if it is.
    fn shown(&self, _name: &str, content: Vec<u8>) -> Option<Vec<u8>> {
        Some(content)
    }

    /// Whether it is what a run leaves that was killed or could not remove it, and the next
    /// one removes.
    fn is_left_over(&self, name: &str) -> bool {
        files::is_half_made(Path::new(name))
    }

    /// Processes that are not the program's.
    fn others(&self) -> Vec<u32> {
        Vec::new()
    }

    /// What else has to be right, whatever has failed: for one, that no server is missing.
    fn judge(&self, _ended: &Ended) -> Result<(), String> {
        Ok(())
    }

    /// What else has to be right after a run without a fault.
    fn settled(&self) -> Result<(), String> {
        Ok(())
    }
}

/// A run that goes on.
pub(super) struct Running {
    child: Child,
    name: &'static str,
    said: PathBuf,
}

impl Running {
    /// The number of the program's own process, as soon as it is there; `None` when it has
    /// ended before.
    pub(super) fn pid(&mut self) -> Option<u32> {
        let found = until("the program's process", SOON, || {
            if self.has_ended() {
                return Some(None);
            }
            let all = family(self.child.id());
            let own = all.into_iter().find(|pid| is_called(*pid, self.name));
            own.map(Some)
        });
        found.ok().flatten()
    }

    /// Whether it runs no more.
    pub(super) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Whether it was killed.
    pub(super) fn was_killed(&mut self) -> bool {
        let status = self.child.try_wait().ok().flatten();
        status.is_some_and(|status| code_of(status) == 137)
    }

    /// Waits for a fact, or for the end of the program: whether the fact came.
    pub(super) fn wait(
        &mut self,
        what: &str,
        mut fact: impl FnMut() -> bool,
    ) -> Result<bool, String> {
        let came = until(what, SOON, || {
            let came = fact();
            (came || self.has_ended()).then_some(came)
        });
        came.map_err(|error| format!("{error}: {}", self.said()))
    }

    fn said(&self) -> String {
        let said = fs::read(&self.said).unwrap_or_default();
        String::from_utf8_lossy(&said).into_owned()
    }
}

fn is_called(pid: u32, name: &str) -> bool {
    let called = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    // The kernel keeps 15 bytes of a name.
    called.trim_end() == &name[..name.len().min(15)]
}

fn code_of(status: ExitStatus) -> i32 {
    let signal = status.signal().map(|signal| 128 + signal);
    status.code().or(signal).unwrap_or_default()
}

/// How a run has ended.
pub(super) struct Ended {
    status: ExitStatus,
    /// What it wrote to stdout and to stderr.
    pub(super) said: String,
}

impl Ended {
    /// Its code; that of a signal as shells have it.
    pub(super) fn code(&self) -> i32 {
        code_of(self.status)
    }
}

/// The runs of one subject.
struct Trial<'a, S> {
    subject: &'a mut S,
    /// For what is not the subject's: what strace writes, and what the program says.
    aside: Scratch,
    before: Files,
    after: Files,
    complaints: Vec<String>,
    counts: BTreeMap<Kind, usize>,
}

/// Tries each fault of the share of this run of the tests.
///
/// # Panics
/// When something was not right, with all that was not.
pub(super) fn try_all(subject: &mut impl Subject) {
    let (every, seed) = (super::every(), super::seed());
    let name = subject.name();
    let mut trial = Trial {
        subject,
        aside: harness::scratch(),
        before: Files::new(),
        after: Files::new(),
        complaints: Vec::new(),
        counts: BTreeMap::new(),
    };
    let positions = trial.learn();
    let all = plan::faults(&positions.all);
    let number = all.len();
    let share = plan::share(all, every, seed);
    for fault in &share {
        trial.try_one(fault);
    }
    let kinds: Vec<String> = trial
        .counts
        .iter()
        .map(|(kind, n)| format!("{n} {kind}"))
        .collect();
    eprintln!(
        "injected: {name}: {} of {number} faults at {} positions ({}); {} positions are hidden by the start-up; MUSTER_SEED={seed}",
        share.len(),
        positions.all.len(),
        kinds.join(", "),
        positions.hidden,
    );
    let complaints = &trial.complaints;
    let shown = complaints.iter().take(SHOWN).cloned().collect::<Vec<_>>();
    assert!(
        complaints.is_empty(),
        "{} of {} runs of {name} were not right (MUSTER_SEED={seed} INJECT_EVERY={every}):\n{}",
        complaints.len(),
        share.len(),
        shown.join("\n")
    );
}

impl<S: Subject> Trial<'_, S> {
    /// The run without a fault.
    fn learn(&mut self) -> trace::Positions {
        self.subject.reset();
        self.before = self.files();
        let log = self.aside.path().join("calls");
        let log_word = log.to_string_lossy().into_owned();
        let ended = self.run(Some(&["-y", "-o", &log_word]));
        let ended = ended.unwrap_or_else(|error| panic!("without a fault: {error}"));
        let (code, said) = (ended.code(), &ended.said);
        assert_eq!(code, 0, "{} under strace: {said}", self.subject.name());
        self.nothing_runs().unwrap();
        self.subject.settled().unwrap();
        self.after = self.files();
        let log = String::from_utf8_lossy(&fs::read(log).unwrap()).into_owned();
        let mut found = trace::positions(&log, &self.subject.begins());
        found
            .all
            .retain(|position| self.subject.is_tried(&position.call));
        assert!(found.all.len() > 10, "{found:?} in {log}");
        found
    }

    fn try_one(&mut self, fault: &Fault) {
        *self.counts.entry(fault.kind).or_default() += 1;
        self.subject.reset();
        let rule = fault.rule();
        let mut wrong = Vec::new();
        match self.run(Some(&["-o", "/dev/null", "-e", &rule])) {
            Ok(ended) => {
                wrong.extend(self.nothing_runs().err());
                wrong.extend(self.wrong_files(fault, &ended));
                wrong.extend(self.wrong_code(fault, &ended));
                wrong.extend(self.subject.judge(&ended).err());
                if !wrong.is_empty() {
                    wrong.push(format!(
                        "it ended with {} and said {:?}",
                        ended.code(),
                        ended.said
                    ));
                }
            }
            Err(error) => wrong.push(error),
        }
        let next = self.next_run().err();
        wrong.extend(next.map(|error| format!("the next run: {error}")));
        if !wrong.is_empty() {
            self.complaints
                .push(format!("{fault}: {}", wrong.join("; ")));
        }
    }

    fn wrong_files(&self, fault: &Fault, ended: &Ended) -> Vec<String> {
        let mut left = self.files();
        let removes = fault.position.call.starts_with("unlink");
        if fault.kind == Kind::Kill || removes {
            left.retain(|name, _| !self.subject.is_left_over(name));
        }
        if fault.kind == Kind::Kill {
            return folder::half(&left, &self.before, &self.after);
        }
        if ended.code() == 0 && self.subject.has_done_all_with_0() {
            return folder::differences(&left, &self.after);
        }
        folder::half(&left, &self.before, &self.after)
    }

    fn wrong_code(&self, fault: &Fault, ended: &Ended) -> Option<String> {
        let is_said = |name: &&str| ended.said.contains(&format!("{name}: "));
        let code = ended.code();
        match code {
            0 => None,
            137 if fault.kind == Kind::Kill => None,
            HANGS => Some("it hangs".to_owned()),
            111 if self.subject.tellers().iter().any(is_said) => None,
            111 => Some("111 without a word".to_owned()),
            _ if self.subject.other_codes().contains(&code) => None,
            _ => Some(format!("no code of its contract: {code}")),
        }
    }

    /// The run after the fault has to leave all as a run without one leaves it.
    fn next_run(&mut self) -> Result<(), String> {
        let ended = self.run(None)?;
        if !matches!(ended.code(), 0 | 1) {
            return Err(format!(
                "it ended with {} and said {:?}",
                ended.code(),
                ended.said
            ));
        }
        self.nothing_runs()?;
        self.subject.settled()?;
        let wrong = folder::differences(&self.files(), &self.after);
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(wrong.join("; "))
        }
    }

    fn files(&self) -> Files {
        folder::read(self.subject.folder(), |name, content| {
            self.subject.shown(name, content)
        })
    }

    fn nothing_runs(&self) -> Result<(), String> {
        let mut left = Vec::new();
        let gone = until("its processes to end", SOON, || {
            let others = self.subject.others();
            left = processes_of(self.subject.folder());
            left.retain(|pid| !others.contains(&pid.cast_unsigned()));
            left.is_empty().then_some(())
        });
        gone.map_err(|_| format!("processes are left: {}", said_of(&left)))
    }

    /// The whole of a run, by strace where it has words for it.
    fn run(&mut self, strace: Option<&[&str]>) -> Result<Ended, String> {
        self.subject.begin();
        let Program { command, stdin } = self.subject.program();
        let said = self.aside.path().join("said");
        let output = File::create(&said).map_err(|error| error.to_string())?;
        let mut whole = Command::new("timeout");
        whole.args(["--kill-after=5", LONGEST]);
        if let Some(words) = strace {
            let strace = harness::require("strace");
            whole.arg(strace);
            if self.subject.is_followed() {
                whole.args(["-f", "-b", "execve"]);
            }
            whole.arg("-qqq").args(words).arg("--");
        }
        whole.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => whole.env(name, value),
                None => whole.env_remove(name),
            };
        }
        whole.current_dir(self.subject.folder());
        whole.stdin(File::open(stdin).map_err(|error| error.to_string())?);
        whole.stdout(output.try_clone().map_err(|error| error.to_string())?);
        let child = whole
            .stderr(output)
            .spawn()
            .map_err(|error| error.to_string())?;
        let name = self.subject.name();
        let mut running = Running { child, name, said };
        let attended = self.subject.attend(&mut running);
        if attended.is_err() {
            for pid in family(running.child.id()) {
                harness::send(pid, nix::sys::signal::Signal::SIGKILL);
            }
        }
        let status = running.child.wait().map_err(|error| error.to_string())?;
        let said = running.said();
        attended.map(|()| Ended { status, said })
    }
}

fn said_of(pids: &[i32]) -> String {
    let lines = pids.iter().map(|pid| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        format!(
            "{pid} {}",
            String::from_utf8_lossy(&line).replace('\0', " ")
        )
    });
    lines.collect::<Vec<_>>().join(", ")
}
