//! What there is to decide about: the file, the worker, and the plan that comes of them.

use std::path::PathBuf;
use std::thread;
use std::time::Instant;

use anyhow::bail;
use haproxy_config::first_difference;

use crate::file::content::Content;
use crate::file::kept::Files;
use crate::file::read_by::{others, unread};
use crate::file::wanted::{Identity, Wanted, parse};
use crate::haproxy::Haproxy;
use crate::haproxy::running::Running;
use crate::plan::{Plan, plan};
use crate::reload::pace::{Due, Pace};
use haproxy_socket::{TURN, pause};

/// The size in bytes above which the file is parsed while HAProxy lists its servers,
/// since both take about as long. For a smaller file, starting a thread costs more
/// than that saves.
const LARGE: usize = 64 << 10;

/// Why a reload is due where no line differs but those of plain servers.
const OTHER_PLACES: &str =
    "the places of the servers count, or may, since not all lines beside them are understood";

/// How it is told that a line is new, or is not there any more.
const NEW: &str = " is new";
const GONE: &str = " is gone";

/// The file, the running worker, and what to do about their differences.
pub(crate) struct Situation {
    pub(crate) file: File,
    /// `None` if nobody answers at the worker's socket but the master does.
    pub(crate) running: Option<Running>,
    pub(crate) plan: Plan,
}

impl Situation {
    /// The reload of the plan, if it has to wait.
    pub(crate) fn due(&self, pace: Pace) -> Option<Due> {
        let left = pace.left(self.running.as_ref())?;
        let why = self.plan.reload.clone()?;
        Some(Due { why, left })
    }

    /// What a run would do, a line each.
    pub(crate) fn next(&self, pace: Pace) -> Vec<String> {
        let Some(due) = self.due(pace) else {
            return self.plan.to_string().lines().map(str::to_owned).collect();
        };
        let steps = self.plan.steps.iter().chain(&self.plan.leaves);
        let texts = steps.map(|step| step.text.clone());
        texts.chain([due.to_string()]).collect()
    }
}

/// haproxy.cfg, and the last file that HAProxy took, if that is a different one.
pub(crate) struct File {
    pub(crate) content: Content,
    pub(crate) wanted: Wanted,
    good: Option<Good>,
}

/// The last file that HAProxy took.
struct Good {
    content: Content,
    wanted: Wanted,
}

impl File {
    /// Parses the file, or takes over `before` if the content is the same: parsing
    /// thousands of servers takes most of a run's time.
    fn new(files: &Files, content: Content, before: Option<Self>) -> anyhow::Result<Self> {
        if let Some(before) = before.filter(|before| before.content == content) {
            return Ok(before);
        }
        let wanted = parse(&content)?;
        let good = Content::read_good(&files.config).filter(|it| it.bytes != content.bytes);
        let good = good.map(|content| Good {
            wanted: Wanted::parse(&content.bytes),
            content,
        });
        Ok(Self {
            content,
            wanted,
            good,
        })
    }

    /// The content of the file, what it asks for, and what the last file that HAProxy took
    /// asked for.
    pub(crate) fn into_parts(self) -> (Content, Wanted, Option<Wanted>) {
        (self.content, self.wanted, self.good.map(|good| good.wanted))
    }

    pub(crate) fn good(&self) -> Option<&Wanted> {
        self.good.as_ref().map(|good| &good.wanted)
    }

    /// The same, when it is the one that HAProxy took last.
    pub(crate) fn taken(self) -> Self {
        Self { good: None, ..self }
    }

    fn plan(&self, config: &[PathBuf], running: &Running) -> Plan {
        let others = others(&running.files, config);
        let mut plan = plan(&self.wanted, self.good(), running, &others);
        plan.reload = plan.reload.map(|why| self.content.in_files(&why));
        if plan.lines_differ
            && let Some(difference) = self.difference(running)
        {
            plan.reload = Some(difference);
        }
        if let Some(path) = unread(&running.files, &self.content.paths()) {
            let why = format!("HAProxy has not read {}", path.display());
            plan.reload.get_or_insert(why);
        }
        plan
    }

    /// What differs from the file with which HAProxy was started, if that is known: the first
    /// line, or the servers where their places count as lines.
    fn difference(&self, running: &Running) -> Option<String> {
        let good = self.good.as_ref()?;
        match (&good.wanted.identity, &running.fingerprint) {
            (Identity::Fingerprint(good), Some(began)) if good.lines == began.lines => {}
            _ => return None,
        }
        let text = |content: &Content| String::from_utf8_lossy(&content.bytes).into_owned();
        let (old, new) = (text(&good.content), text(&self.content));
        let Some(told) = first_difference(&old, &new) else {
            return Some(OTHER_PLACES.to_owned());
        };
        // What is gone has a place in the copy alone, which the difference the other way has.
        let back = told.strip_suffix(GONE).filter(|_| !self.content.is_one());
        let back = back.and_then(|_| first_difference(&new, &old));
        let back = back.and_then(|told| Some(told.strip_suffix(NEW)?.to_owned() + GONE));
        Some(back.map_or_else(
            || self.content.in_files(&told),
            |told| good.content.in_files(&told),
        ))
    }
}

pub(crate) fn situation(files: &Files, haproxy: &Haproxy) -> anyhow::Result<Situation> {
    compare(files, None, haproxy)
}

/// Compares the file with the worker. It reads the file first, so that a worker which
/// starts meanwhile has this content or a newer one.
pub(crate) fn compare(
    files: &Files,
    before: Option<File>,
    haproxy: &Haproxy,
) -> anyhow::Result<Situation> {
    let content = Content::read(&files.config)?;
    let large = content.bytes.len() > LARGE;
    let read = || File::new(files, content, before);
    let (file, running) = if large {
        at_once(read, || current(haproxy))
    } else {
        (read(), current(haproxy))
    };
    let (file, running) = (file?, running?);
    let plan = match &running {
        Some(running) => file.plan(&files.config, running),
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
