//! What there is to decide about: the file, the worker, and the plan that comes of them.

use std::path::Path;
use std::thread;
use std::time::Instant;

use anyhow::bail;
use haproxy_config::first_difference;

use crate::file::kept::{Files, read_good};
use crate::file::read_by::others;
use crate::file::wanted::{Identity, Wanted, parse, read_bytes};
use crate::haproxy::Haproxy;
use crate::haproxy::running::Running;
use crate::haproxy::socket::{TURN, pause};
use crate::plan::{Plan, plan};
use crate::reload::pace::{Due, Pace};

/// The size in bytes above which the file is parsed while HAProxy lists its servers,
/// since both take about as long. For a smaller file, starting a thread costs more
/// than that saves.
const LARGE: usize = 64 << 10;

/// Why a reload is due where no line differs but those of plain servers.
const OTHER_PLACES: &str =
    "the places of the servers count, or may, since not all lines beside them are understood";

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
    pub(crate) bytes: Vec<u8>,
    pub(crate) wanted: Wanted,
    good: Option<Good>,
}

/// The last file that HAProxy took.
struct Good {
    bytes: Vec<u8>,
    wanted: Wanted,
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
        let good = good.map(|bytes| Good {
            wanted: Wanted::parse(&bytes),
            bytes,
        });
        Ok(Self {
            bytes,
            wanted,
            good,
        })
    }

    /// The content of the file, what it asks for, and what the last file that HAProxy took
    /// asked for.
    pub(crate) fn into_parts(self) -> (Vec<u8>, Wanted, Option<Wanted>) {
        (self.bytes, self.wanted, self.good.map(|good| good.wanted))
    }

    pub(crate) fn good(&self) -> Option<&Wanted> {
        self.good.as_ref().map(|good| &good.wanted)
    }

    /// The same, when it is the one that HAProxy took last.
    pub(crate) fn taken(self) -> Self {
        Self { good: None, ..self }
    }

    fn plan(&self, config: &Path, running: &Running) -> Plan {
        let others = others(&running.files, config);
        let mut plan = plan(&self.wanted, self.good(), running, &others);
        if plan.lines_differ
            && let Some(difference) = self.difference(running)
        {
            plan.reload = Some(difference);
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
        let text = |bytes| String::from_utf8_lossy(bytes);
        let line = first_difference(&text(&good.bytes), &text(&self.bytes));
        Some(line.unwrap_or_else(|| OTHER_PLACES.to_owned()))
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
