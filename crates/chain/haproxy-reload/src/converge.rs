//! Compares the file with HAProxy, acts, and compares again until they agree.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use exit::{Exit, say};
use files::Durability;
use haproxy_config::hash_of;

use crate::PROGRAM;
use crate::file::kept::{Files, read_good};
use crate::file::wanted::{Identity, Wanted, parse, read_bytes};
use crate::haproxy::Haproxy;
use crate::haproxy::commands::{Step, apply, purge, remember_taken};
use crate::haproxy::running::Running;
use crate::haproxy::socket::pause;
use crate::plan::{Plan, plan};
use crate::reload::refused::Refused;

/// How many reloads one run makes. A file that changes faster than HAProxy reloads is
/// left to the next run.
const MOST_RELOADS: usize = 3;
/// The pause before looking at the worker again. What a run waits for, such as the
/// end of a health check, mostly takes some milliseconds.
const TURN: Duration = Duration::from_millis(5);
/// The size in bytes above which the file is parsed while HAProxy lists its servers,
/// since both take about as long. For a smaller file, starting a thread costs more
/// than that saves.
const LARGE: usize = 64 << 10;
/// How many steps the log names one by one; of the others it has only the number.
const TOLD: usize = 5;

/// The file, the running worker, and what to do about their differences.
pub(crate) struct Situation {
    pub(crate) file: File,
    /// `None` if nobody answers at the worker's socket but the master does.
    pub(crate) running: Option<Running>,
    pub(crate) plan: Plan,
}

/// haproxy.cfg, and the last file that HAProxy took, if that is a different one.
pub(crate) struct File {
    pub(crate) bytes: Vec<u8>,
    pub(crate) wanted: Wanted,
    good: Option<Wanted>,
}

impl File {
    /// Parses the file, or takes over `before` if the content is the same: parsing
    /// thousands of servers takes most of a run's time.
    fn new(files: &Files, bytes: Vec<u8>, before: Option<Self>) -> anyhow::Result<Self> {
        if let Some(before) = before.filter(|before| before.bytes == bytes) {
            return Ok(before);
        }
        let wanted = parse(&files.config, &bytes)?;
        let good = read_good(&files.good()).filter(|good| *good != bytes);
        let good = good.map(|good| Wanted::parse(&good));
        Ok(Self {
            bytes,
            wanted,
            good,
        })
    }
}

pub(crate) fn situation(files: &Files, haproxy: &Haproxy) -> anyhow::Result<Situation> {
    compare(files, None, haproxy)
}

/// Compares the file with the worker. It reads the file first, so that a worker which
/// starts meanwhile has this content or a newer one.
fn compare(files: &Files, before: Option<File>, haproxy: &Haproxy) -> anyhow::Result<Situation> {
    let bytes = read_bytes(&files.config)?;
    let large = bytes.len() > LARGE;
    let read = || File::new(files, bytes, before);
    let (file, running) = if large {
        at_once(read, || current(haproxy))
    } else {
        (read(), current(haproxy))
    };
    let (file, running) = (file?, running?);
    let plan = match &running {
        Some(running) => plan(&file.wanted, file.good.as_ref(), running),
        None => Plan::reload(format!(
            "nobody answers at {}",
            haproxy.worker.path.display()
        )),
    };
    Ok(Situation {
        file,
        running,
        plan,
    })
}

fn at_once<A, B: Send>(one: impl FnOnce() -> A, other: impl Fn() -> B + Copy + Send) -> (A, B) {
    thread::scope(|scope| {
        let thread = thread::Builder::new().spawn_scoped(scope, other);
        let one = one();
        // If no thread can be started, this one does its work.
        let done = thread.ok().and_then(|thread| thread.join().ok());
        (one, done.unwrap_or_else(other))
    })
}

/// Asks the worker, until it is one that is not stopping: during a reload by somebody
/// else, the old worker may still answer.
fn current(haproxy: &Haproxy) -> anyhow::Result<Option<Running>> {
    loop {
        let running = haproxy.look()?;
        if running.as_ref().is_none_or(|running| !running.stopping) {
            return Ok(running);
        }
        if Instant::now() >= haproxy.worker.deadline {
            bail!("the worker is stopping, and no other answers");
        }
        pause(TURN);
    }
}

/// The state of one run. The caller holds the lock.
pub(crate) struct Convergence<'a> {
    files: &'a Files,
    haproxy: &'a Haproxy,
    refused: Refused,
    /// Whether to reload even if the plan needs none.
    full: bool,
    reloads: usize,
    /// The hash of the file with which this run last reloaded HAProxy.
    reloaded: Option<String>,
    /// The steps that were tried since the last reload.
    done: BTreeSet<Step>,
}

impl<'a> Convergence<'a> {
    pub(crate) fn new(files: &'a Files, haproxy: &'a Haproxy, full: bool) -> Self {
        let refused = Refused::new(files.refused());
        Self {
            files,
            haproxy,
            refused,
            full,
            reloads: 0,
            reloaded: None,
            done: BTreeSet::new(),
        }
    }

    pub(crate) fn run(mut self) -> anyhow::Result<Exit> {
        let mut before = None;
        loop {
            let now = compare(self.files, before, self.haproxy)?;
            if now.plan.is_done() && !self.full {
                return self.finish(&now);
            }
            let why = match self.reason(&now) {
                None => self.command(&now)?.err().map(|error| format!("{error:#}")),
                why => why,
            };
            before = match why {
                Some(why) => self.reload(&why, now)?,
                None => Some(now.file),
            };
        }
    }

    /// Why a reload is needed; `None` if commands may be enough.
    fn reason(&self, now: &Situation) -> Option<String> {
        if self.full {
            return Some("asked for".to_owned());
        }
        if let Some(why) = &now.plan.reload {
            return Some(why.clone());
        }
        let again = now.plan.steps.iter().find(|step| self.done.contains(*step));
        again.map(|step| format!("after its command was sent, still: {}", step.text))
    }

    /// Sends the commands of the plan, or waits for a check. An inner error is one
    /// that a reload can put right; an outer one ends the run.
    fn command(&mut self, now: &Situation) -> anyhow::Result<anyhow::Result<()>> {
        let steps = &now.plan.steps;
        if steps.is_empty() {
            return self
                .wait(now.plan.pending.as_deref().unwrap_or_default())
                .map(Ok);
        }
        let begin = Instant::now();
        let sent = apply(&self.haproxy.worker, steps);
        self.done.extend(steps.iter().cloned());
        if sent.is_ok() {
            tell(&summary(steps), begin);
        }
        Ok(sent)
    }

    /// Lets a check of `server` go on for a moment. It ends by itself, after HAProxy's
    /// `timeout check` or `inter` at the latest.
    fn wait(&self, server: &str) -> anyhow::Result<()> {
        if Instant::now() >= self.haproxy.worker.deadline {
            bail!("take {server} into use: a check of its old address does not end");
        }
        pause(TURN);
        Ok(())
    }

    /// Reloads HAProxy. Returns the parsed file for the next comparison, unless it has
    /// changed meanwhile.
    fn reload(&mut self, why: &str, now: Situation) -> anyhow::Result<Option<File>> {
        self.check_progress(why, &now)?;
        let begin = Instant::now();
        let mut file = now.file;
        let hash = hash_of(&file.bytes);
        self.haproxy
            .reload(
                &self.files.config,
                &file.wanted.listeners,
                &hash,
                now.running.map(|running| running.pid),
                &self.refused,
            )
            .with_context(|| format!("reload HAProxy, since {why}"))?;
        tell(&format!("reload, since {why}"), begin);
        (self.full, self.reloads) = (false, self.reloads + 1);
        self.done.clear();
        if read_bytes(&self.files.config)? != file.bytes {
            return Ok(None);
        }
        // The content is the same before and after the reload, so this is what HAProxy
        // has read.
        self.files.keep(&file.bytes, Durability::Synced)?;
        if let Identity::Hash(hash) = &file.wanted.identity {
            remember_taken(&self.haproxy.worker, hash)?;
        }
        self.reloaded = Some(hash);
        file.good = None;
        Ok(Some(file))
    }

    /// Fails if another reload would be no use: the last one was made with the same
    /// file and did not help, or there were too many. The former is remembered as a
    /// refusal, so that not every run reloads again.
    fn check_progress(&self, why: &str, now: &Situation) -> anyhow::Result<()> {
        let hash = hash_of(&now.file.bytes);
        if self.reloaded.as_ref() == Some(&hash) {
            self.refused.remember(&hash)?;
            let file = self.files.config.display();
            bail!("reload HAProxy: that was done, and still {why}; does it read {file}?");
        }
        if self.reloads == MOST_RELOADS {
            bail!(
                "reload HAProxy: it was done {MOST_RELOADS} times, and the file goes on changing"
            );
        }
        Ok(())
    }

    /// Ends the run when HAProxy agrees with the file.
    fn finish(&self, now: &Situation) -> anyhow::Result<Exit> {
        self.refused.forget();
        // If this copy is lost the next run makes it again, so it is not worth an
        // fsync for every change of the members.
        self.files.keep(&now.file.bytes, Durability::Unsynced)?;
        let deleted = purge(&self.haproxy.worker, &now.plan.purge)?;
        let changed = !self.done.is_empty() || self.reloads > 0 || deleted > 0;
        Ok(if changed {
            Exit::Changed
        } else {
            Exit::Unchanged
        })
    }
}

fn summary(steps: &[Step]) -> String {
    let told: Vec<&str> = steps
        .iter()
        .take(TOLD)
        .map(|step| step.text.as_str())
        .collect();
    match steps.len().saturating_sub(TOLD) {
        0 => told.join("; "),
        more => format!("{}; {more} more", told.join("; ")),
    }
}

fn tell(what: &str, since: Instant) {
    let milliseconds = since.elapsed().as_secs_f64() * 1e3;
    say(PROGRAM, format_args!("{what} ({milliseconds:.1} ms)"));
}
