//! Decides what to do: compares the wanted file with what runs and makes a list of
//! commands, or the reason for a reload. There is no I/O here.

mod backend;
mod known;
mod server;

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::rc::Rc;

pub(crate) use self::known::Known;
pub(crate) use self::server::agrees;
use crate::file::wanted::{Identity, Wanted};
use crate::haproxy::commands::Step;
use crate::haproxy::running::Running;

/// Servers are added by commands as long as the number of new ones times that of all is
/// not above this; then a reload is faster. Each `add server` walks through all servers
/// that are there: adding 2,000 to an empty backend takes 0.4 s.
const MOST_ADDED: usize = 1_500_000;

/// How many servers that left may stay; if there are more, and they are more than half
/// of all, a reload purges them. Before 3.0 they cannot be deleted, and each uses 6 kB
/// of memory.
const MOST_RETIRED: usize = 1_000;

/// What makes the running HAProxy agree with the file.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Plan {
    /// Why commands are not enough; `None` if they are.
    pub(crate) reload: Option<String>,
    /// Whether the reason is that a line differs which is no server.
    pub(crate) lines_differ: bool,
    /// What takes out servers that left. It is done first, even if a reload is due.
    pub(crate) leaves: Vec<Step>,
    /// What else commands can do. If a reload is due, that brings it about.
    pub(crate) steps: Vec<Step>,
    /// A server that can only be changed when the check that is under way has ended.
    pub(crate) pending: Option<String>,
    /// Servers, as `BACKEND/NAME`, that are to go into maintenance as soon as they are
    /// idle, since that would end their requests.
    pub(crate) draining: Vec<String>,
    /// Servers, as `BACKEND/NAME`, that are to be deleted as soon as they are idle.
    pub(crate) purge: Vec<String>,
}

impl Plan {
    pub(crate) fn reload(why: String) -> Self {
        Self {
            reload: Some(why),
            ..Self::default()
        }
    }

    /// Whether HAProxy agrees with the file. What left may still be finishing then.
    pub(crate) fn is_done(&self) -> bool {
        self.reload.is_none()
            && self.leaves.is_empty()
            && self.steps.is_empty()
            && self.pending.is_none()
    }

    /// What is done with servers that left as soon as they are idle, a line each.
    pub(crate) fn later(&self) -> impl Iterator<Item = String> {
        let draining = self.draining.iter();
        let maintenance =
            draining.map(|id| format!("put {id} into maintenance when its last request has ended"));
        let purge = self.purge.iter();
        let delete = purge.map(|id| format!("delete {id} when its last connection has ended"));
        maintenance.chain(delete)
    }
}

impl Display for Plan {
    /// One line for each thing to do at once; empty if there is nothing to do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.reload.is_none() {
            self.steps
                .iter()
                .try_for_each(|step| writeln!(f, "{}", step.text))?;
        }
        self.leaves
            .iter()
            .try_for_each(|step| writeln!(f, "{}", step.text))?;
        if let Some(why) = &self.reload {
            return writeln!(f, "reload, since {why}");
        }
        if let Some(server) = &self.pending {
            writeln!(f, "wait for the check of {server}")?;
        }
        Ok(())
    }
}

/// Compares the file with what runs. `good` is the last file that HAProxy took, if it
/// is known and not the same; `others` are the files that HAProxy reads besides.
pub(crate) fn plan(
    wanted: &Wanted,
    good: Option<&Wanted>,
    running: &Running,
    others: &[String],
) -> Plan {
    let mut planner = Planner {
        running,
        others,
        known: Rc::new(Known::new(wanted, good, running)),
        plan: Plan::default(),
        added: 0,
        retired: 0,
        is_unproved: false,
    };
    planner.compare_lines(wanted);
    for name in running.backends.keys() {
        let is_ours = others.is_empty() && !wanted.has_unnamed;
        if is_ours && !wanted.backends.contains_key(name) {
            planner.reload(format!("backend {name} runs and is not in the file"));
        }
    }
    for (name, backend) in &wanted.backends {
        planner.backend(name, backend);
    }
    planner.limits();
    if planner.is_unproved {
        let reload = planner.plan.reload;
        return reload.map_or_else(Plan::default, Plan::reload);
    }
    planner.plan
}

struct Planner<'a> {
    running: &'a Running,
    others: &'a [String],
    known: Rc<Known<'a>>,
    plan: Plan,
    added: usize,
    retired: usize,
    /// Whether the file can be a part of one, or one that HAProxy does not take: no fingerprint
    /// says that it is whole, and HAProxy has not read it. Nothing is done for it but a reload.
    is_unproved: bool,
}

impl Planner<'_> {
    /// Asks for a reload. Only the first reason is kept.
    fn reload(&mut self, why: String) {
        self.plan.reload.get_or_insert(why);
    }

    fn compare_lines(&mut self, wanted: &Wanted) {
        let why = match (&wanted.identity, &self.running.fingerprint) {
            // The worker has read a file without one, and its environment is that of before.
            (Identity::Fingerprint(_), _) if self.running.taken.is_some() => {
                "the running HAProxy has read a file without this fingerprint"
            }
            (Identity::Fingerprint(file), Some(worker)) if file.lines == worker.lines => {
                if !self.known.has_source() {
                    let why = "it is not known which settings the running servers have";
                    self.reload(why.to_owned());
                }
                return;
            }
            (Identity::Fingerprint(_), Some(_)) => {
                self.plan.lines_differ = true;
                "the file differs in more than its servers from the one before, which is not known"
            }
            (Identity::Fingerprint(_), None) => "the running HAProxy carries no fingerprint",
            (Identity::Hash(hash), _) if self.running.taken.as_ref() == Some(hash) => return,
            (Identity::Hash(_), _) => {
                self.is_unproved = true;
                "the file has no fingerprint of its own and is not known to run"
            }
        };
        self.reload(why.to_owned());
    }

    fn deletes(&self) -> bool {
        self.running.release() >= (3, 0)
    }

    fn limits(&mut self) {
        let all = self
            .running
            .backends
            .values()
            .map(BTreeMap::len)
            .sum::<usize>();
        if self.added * (all + self.added) > MOST_ADDED {
            self.reload(format!(
                "adding {} servers one by one takes longer",
                self.added
            ));
        }
        if !self.deletes() && self.retired > MOST_RETIRED && self.retired > all / 2 {
            self.reload(format!(
                "{} servers that left are to be purged",
                self.retired
            ));
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
