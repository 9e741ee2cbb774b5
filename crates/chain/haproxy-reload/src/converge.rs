//! Compares the file with HAProxy, acts, and compares again until they agree.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use exit::{Exit, say};
use files::Durability;
use haproxy_config::hash_of;
use journal::Line;

use crate::PROGRAM;
use crate::file::content::{Content, listed};
use crate::file::kept::Files;
use crate::file::wanted::Identity;
use crate::haproxy::Haproxy;
use crate::haproxy::commands::{Step, apply, purge, remember, retire_idle};
use crate::haproxy::made::Made;
use crate::haproxy::running::{MADE, Running, TAKEN};
use crate::loaded::{self, ByConfig, Taken};
use crate::plan::{Known, Plan};
use crate::record::{self, Kind, Reason, Told};
use crate::reload::Request;
use crate::reload::pace::{Due, Pace};
use crate::reload::refused::Refused;
use crate::situation::{File, Situation, compare};
use haproxy_socket::{TURN, pause};

/// How many reloads one run makes. A file that changes faster than HAProxy reloads is
/// left to the next run.
const MOST_RELOADS: usize = 3;
/// How long HAProxy may take to apply a command: from 3.0 on it changes addresses some
/// milliseconds after its answer.
const APPLIED: Duration = Duration::from_secs(2);
/// How long it may take to put several files in place, one after the other.
const PLACED: Duration = Duration::from_secs(2);
/// How many steps the log names one by one; of the others it has only the number.
const TOLD: usize = 5;

/// What follows when HAProxy agrees with haproxy.cfg.
enum Next {
    End(Exit),
    Again,
    Reload(Reason),
}

/// How a run ends that did not fail.
pub(crate) enum End {
    /// HAProxy agrees with the file.
    Agrees(Exit),
    /// It does but for this reload, which is left to a later run.
    Postponed(Due),
}

/// The state of one run. The caller holds the lock.
pub(crate) struct Convergence<'a> {
    files: &'a Files,
    haproxy: &'a Haproxy,
    refused: Refused,
    /// Whether to reload even if the plan needs none.
    full: bool,
    pace: Pace,
    reloads: usize,
    /// The hash of the file with which this run last reloaded HAProxy.
    reloaded: Option<String>,
    /// The steps that were sent since the last reload.
    sent: BTreeSet<Step>,
    /// Until when HAProxy may take to apply the last of them.
    patience: Instant,
    /// Whether HAProxy was changed.
    changed: bool,
    /// The line of the journal, with all that was done.
    done: &'a mut Line,
}

impl<'a> Convergence<'a> {
    /// A run that notes what it does in `done`, also where it fails later.
    pub(crate) fn new(
        files: &'a Files,
        haproxy: &'a Haproxy,
        full: bool,
        pace: Pace,
        done: &'a mut Line,
    ) -> Self {
        let refused = Refused::new(files.refused());
        Self {
            files,
            haproxy,
            refused,
            full,
            pace,
            reloads: 0,
            reloaded: None,
            sent: BTreeSet::new(),
            patience: Instant::now(),
            changed: false,
            done,
        }
    }

    pub(crate) fn run(mut self) -> anyhow::Result<End> {
        let mut before = None;
        loop {
            let now = compare(self.files, before, self.haproxy)?;
            let is_done = now.plan.is_done() && !self.full;
            let reason = match self.reason(&now) {
                None if is_done => match self.end(&now)? {
                    Next::End(exit) => return Ok(End::Agrees(exit)),
                    Next::Again => None,
                    Next::Reload(reason) => Some(reason),
                },
                None => {
                    let failed = self.command(&now)?.err();
                    failed.map(|error| Kind::Again.because(format!("{error:#}")))
                }
                reason => reason,
            };
            before = match reason {
                None => Some(now.file),
                Some(_) if self.is_in_the_making(&now.file)? => None,
                Some(reason) => match self.postponed(&reason.why, &now)? {
                    None => self.reload(&reason, now)?,
                    Some(left) if self.is_all_else_done(&now) => {
                        if let Some(running) = &now.running {
                            self.renew(&loaded::certificates(&now), running);
                        }
                        let why = reason.why;
                        return Ok(End::Postponed(Due { why, left }));
                    }
                    Some(_) => Some(now.file),
                },
            };
        }
    }

    /// Takes over the files beside haproxy.cfg when HAProxy agrees with that, and ends the run.
    fn end(&mut self, now: &Situation) -> anyhow::Result<Next> {
        let taken = loaded::take(now, self.haproxy, &mut |what, since| {
            record::set(self.done, what);
            tell(what, since);
        });
        match &taken {
            Ok(Taken::Agrees { changed }) => self.changed |= changed,
            Ok(Taken::Another { changed }) => {
                self.changed |= changed;
                pause(TURN);
                return Ok(Next::Again);
            }
            Ok(Taken::Reload(why)) => return Ok(Next::Reload(Kind::Changed.because(why))),
            Err(_) => {}
        }
        // A file that cannot be taken over keeps nothing else from being done.
        let exit = self.finish(now)?;
        taken.map(|_| Next::End(exit))
    }

    /// Why a reload is needed; `None` if commands may be enough.
    fn reason(&self, now: &Situation) -> Option<Reason> {
        if self.full {
            return Some(Kind::Asked.because("asked for"));
        }
        if let Some(why) = &now.plan.reload {
            let kind = match now.running {
                Some(_) => Kind::Changed,
                None => Kind::Silent,
            };
            return Some(kind.because(why));
        }
        let mut steps = now.plan.leaves.iter().chain(&now.plan.steps);
        let again = steps.find(|step| self.sent.contains(*step) && !step.is_applied_later());
        again.map(|step| {
            Kind::Again.because(format!("after its command was sent, still: {}", step.text))
        })
    }

    /// Whether other content takes the place of this, which is a mixture of several files: they
    /// are put in place one after the other, and nobody says when that is over.
    fn is_in_the_making(&self, file: &File) -> anyhow::Result<bool> {
        if file.content.is_one() || !file.wanted.is_edited || self.full {
            return Ok(false);
        }
        let until = self.haproxy.worker.deadline.min(Instant::now() + PLACED);
        while Instant::now() < until {
            pause(4 * TURN);
            if Content::read(&self.files.config)? != file.content {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// How long a reload has to wait, if it has to. One that would be no use, or that HAProxy
    /// refuses, is not made anyway, and is told at once.
    fn postponed(&self, why: &str, now: &Situation) -> anyhow::Result<Option<Duration>> {
        let left = self.pace.left(now.running.as_ref());
        if self.full || left.is_none() {
            return Ok(None);
        }
        self.check_progress(why, &now.file)?;
        let is_refused = self.refused.left(&hash_of(&now.file.content.bytes)) > 0;
        Ok(left.filter(|_| !is_refused))
    }

    /// Does what commands can do while a reload has to wait. Returns whether that was all.
    fn is_all_else_done(&mut self, now: &Situation) -> bool {
        let (leaves, steps) = (self.unsent(&now.plan.leaves), self.unsent(&now.plan.steps));
        if !leaves.is_empty() || !steps.is_empty() {
            self.take_out(&leaves);
            self.meanwhile(&steps);
            return false;
        }
        let until = if now.plan.steps.iter().any(Step::is_applied_later) {
            self.patience
        } else if now.plan.pending.is_some() {
            self.haproxy.worker.deadline
        } else {
            Instant::now()
        };
        if self.wait("", until).is_ok() {
            return false;
        }
        if let Err(error) = self.tidy(&now.plan) {
            say(PROGRAM, format_args!("{error:#}"));
        }
        true
    }

    /// Sends the commands of the plan, or waits for a check. An inner error is one
    /// that a reload can put right; an outer one ends the run.
    fn command(&mut self, now: &Situation) -> anyhow::Result<anyhow::Result<()>> {
        let steps = now.plan.steps.iter().chain(&now.plan.leaves);
        let (late, steps): (Vec<Step>, Vec<Step>) =
            steps.cloned().partition(|step| self.sent.contains(step));
        if !steps.is_empty() {
            let known = self.remember_added(now);
            return Ok(known.and_then(|()| self.send(&steps)));
        }
        if let Some(step) = late.first() {
            self.wait(
                &format!("{}: HAProxy does not apply it", step.text),
                self.patience,
            )?;
        } else {
            let server = now.plan.pending.as_deref().unwrap_or_default();
            let what = format!("take {server} into use: a check of its old address does not end");
            self.wait(&what, self.haproxy.worker.deadline)?;
        }
        Ok(Ok(()))
    }

    fn send(&mut self, steps: &[Step]) -> anyhow::Result<()> {
        let begin = Instant::now();
        let sent = apply(&self.haproxy.worker, steps);
        self.sent.extend(steps.iter().cloned());
        self.patience = Instant::now() + APPLIED;
        if sent.is_ok() {
            self.changed = true;
            record::sent(self.done, steps);
            tell(&summary(steps), begin);
        }
        sent
    }

    /// Lets HAProxy go on for a moment: a check ends by itself, after its `timeout check`
    /// or `inter` at the latest. Fails with `what` if that takes too long.
    fn wait(&self, what: &str, until: Instant) -> anyhow::Result<()> {
        if Instant::now() >= until.min(self.haproxy.worker.deadline) {
            bail!("{what}");
        }
        pause(TURN);
        Ok(())
    }

    /// Reloads HAProxy. Returns the parsed file for the next comparison, unless it has
    /// changed meanwhile.
    ///
    /// What left is taken out before: it must not wait for a reload that takes long, or
    /// that fails. What else commands can do is done where the reload is not.
    fn reload(&mut self, reason: &Reason, now: Situation) -> anyhow::Result<Option<File>> {
        self.take_out(&self.unsent(&now.plan.leaves));
        let certificates = loaded::certificates(&now);
        let (steps, running) = (now.plan.steps, now.running);
        let reloaded = self.try_reload(reason, now.file, running.as_ref(), &steps);
        if reloaded.is_err()
            && let Some(running) = &running
        {
            self.meanwhile(&steps);
            self.renew(&certificates, running);
        }
        reloaded
    }

    /// Takes over renewed certificates, which have nothing to do with the lines of the file:
    /// no reload that waits, or that fails, keeps them waiting.
    fn renew(&mut self, certificates: &ByConfig, running: &Running) {
        let renewed = loaded::renew(certificates, running, self.haproxy, &mut |what, since| {
            record::set(self.done, what);
            tell(what, since);
        });
        if let Err(error) = renewed {
            say(PROGRAM, format_args!("{error:#}"));
        }
    }

    fn take_out(&mut self, leaves: &[Step]) {
        if !leaves.is_empty()
            && let Err(error) = self.send(leaves)
        {
            say(PROGRAM, format_args!("{error:#}"));
        }
    }

    fn unsent(&self, steps: &[Step]) -> Vec<Step> {
        let unsent = steps.iter().filter(|step| !self.sent.contains(*step));
        unsent.cloned().collect()
    }

    /// Does what commands can do although a reload is due. The settings of the servers are
    /// then a mixture of two files.
    fn meanwhile(&mut self, steps: &[Step]) {
        let steps = self.unsent(steps);
        if steps.is_empty() {
            return;
        }
        let unknown = Made::unknown().to_string();
        let done = remember(&self.haproxy.worker, MADE, &unknown).and_then(|()| self.send(&steps));
        if let Err(error) = done {
            self.sent.extend(steps);
            say(PROGRAM, format_args!("{error:#}"));
        }
    }

    fn try_reload(
        &mut self,
        reason: &Reason,
        file: File,
        running: Option<&Running>,
        steps: &[Step],
    ) -> anyhow::Result<Option<File>> {
        let why = reason.why.as_str();
        self.check_progress(why, &file)?;
        let begin = Instant::now();
        let hash = hash_of(&file.content.bytes);
        let haproxy = self.haproxy;
        let request = Request {
            config: &self.files.config,
            listeners: &file.wanted.listeners,
            hash: &hash,
            worker: running.map(|running| running.pid),
        };
        let refused = Refused::new(self.files.refused());
        let stamps = file.content.stamps();
        haproxy
            .reload(&request, &refused, &mut || {
                if running.is_some() {
                    self.meanwhile(steps);
                }
            })
            .with_context(|| Told::new(why, |why| format!("reload HAProxy, since {why}")))?;
        tell(&format!("reload, since {why}"), begin);
        record::reloaded(self.done, reason);
        (self.full, self.changed) = (false, true);
        self.reloads += 1;
        self.sent.clear();
        // A file can have been away in between, and be back now.
        let is_same = file.content.stamps() == stamps;
        if !is_same || Content::read(&self.files.config)? != file.content {
            return Ok(None);
        }
        // The content is the same before and after the reload, so this is what HAProxy
        // has read.
        self.files.keep(&file.content, Durability::Synced)?;
        if let Identity::Hash(hash) = &file.wanted.identity {
            remember(&self.haproxy.worker, TAKEN, hash)?;
        }
        self.reloaded = Some(hash);
        Ok(Some(file.taken()))
    }

    /// Fails if another reload would be no use: the last one was made with the same
    /// file and did not help, or there were too many. The former is remembered as a
    /// refusal, so that not every run reloads again.
    fn check_progress(&self, why: &str, file: &File) -> anyhow::Result<()> {
        let hash = hash_of(&file.content.bytes);
        if self.reloaded.as_ref() == Some(&hash) {
            self.refused.remember(&hash)?;
            let file = listed(&self.files.config);
            return Err(anyhow::Error::msg(Told::new(why, |why| {
                format!("reload HAProxy: that was done, and still {why}; does it read {file}?")
            })));
        }
        if self.reloads == MOST_RELOADS {
            bail!(
                "reload HAProxy: it was done {MOST_RELOADS} times, and the file goes on changing"
            );
        }
        Ok(())
    }

    /// Ends the run when HAProxy agrees with the file.
    fn finish(&mut self, now: &Situation) -> anyhow::Result<Exit> {
        self.refused.forget();
        let is_tidied = self.tidy(&now.plan)?;
        self.remember_made(now)?;
        // If this copy is lost the next run makes it again, so it is not worth an
        // fsync for every change of the members.
        self.files.keep(&now.file.content, Durability::Unsynced)?;
        Ok(if self.changed || is_tidied {
            Exit::Changed
        } else {
            Exit::Unchanged
        })
    }

    /// Does what can be done with servers that left only when they are idle. Returns whether
    /// that was anything.
    fn tidy(&mut self, plan: &Plan) -> anyhow::Result<bool> {
        let worker = &self.haproxy.worker;
        let begin = Instant::now();
        let retired = retire_idle(worker, &plan.draining)?;
        let deleted = purge(worker, &plan.purge)?;
        for (count, what) in [
            (retired, "put into maintenance what left and is idle"),
            (deleted, "deleted what left and is idle"),
        ] {
            if count > 0 && !self.changed {
                let what = format!("{what}: {count}");
                record::set(self.done, &what);
                tell(&what, begin);
            }
        }
        Ok(retired + deleted > 0)
    }

    /// Tells the worker which settings the servers will have that are added. If this run
    /// is killed, the next one knows them all the same.
    fn remember_added(&self, now: &Situation) -> anyhow::Result<()> {
        let Some(running) = &now.running else {
            return Ok(());
        };
        let known = Known::new(&now.file.wanted, now.file.good(), running);
        match known.adding(&now.file.wanted, running) {
            Some(made) if made.is_too_long() => {
                bail!("more servers with settings of their own are added than HAProxy can keep")
            }
            Some(made) => remember(&self.haproxy.worker, MADE, &made.to_string()),
            None => Ok(()),
        }
    }

    /// Tells the worker which settings its servers have by now, if those are others than
    /// it knows of.
    fn remember_made(&self, now: &Situation) -> anyhow::Result<()> {
        let Some(running) = &now.running else {
            return Ok(());
        };
        let Identity::Fingerprint(file) = &now.file.wanted.identity else {
            return Ok(());
        };
        if running.is_made(&file.servers) {
            return Ok(());
        }
        let known = Known::new(&now.file.wanted, now.file.good(), running);
        match known.made(&now.file.wanted, running) {
            Some(made) => remember(&self.haproxy.worker, MADE, &made.to_string()),
            None => Ok(()),
        }
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
