//! Plans what has to be done so that `/nodes` follows the member list, from the list,
//! the files, the marks and the clock. There is no I/O here.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use nodes::{Name, Node};

use crate::by_name::ByName;
use crate::places::Places;
use crate::remarks::{self, Remark};
use crate::roster::{Claim, Loss, Roster};

/// How many lost nodes a message names.
const NAMED: usize = 5;

/// The node that a file of `/nodes` holds; `None` if it does not hold one.
pub(crate) type Content<'a> = Option<&'a Node>;
/// The files of `/nodes` by name.
pub(crate) type Files<'a> = ByName<Content<'a>>;
/// The marks of lost nodes: since when each is lost, `None` if its mark does not say it.
pub(crate) type Marks = BTreeMap<Name, Option<SystemTime>>;

/// How long lost nodes stay, and above which share of lost nodes all of them stay.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy {
    pub(crate) hold: Duration,
    pub(crate) max_lost: Percent,
}

/// A share of 0 to 100 percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Percent(usize);

/// One change of `/nodes` or of its marks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Write the file of a node that has none.
    Add { node: Node },
    /// Write the node's file, which holds `old` so far.
    Write { node: Node, old: Option<Node> },
    /// Remove the node's file; not if that of `owner`, which has its place now, could not be
    /// written: nobody would be left there.
    Remove {
        name: Name,
        why: String,
        owner: Option<Name>,
    },
    /// Mark a node as lost since this run.
    Mark { name: Name, why: String },
    /// Remove the mark of a node. `is_back` says that the node lives and still has its
    /// file; otherwise the mark is a leftover.
    Unmark { name: Name, is_back: bool },
}

/// All steps, remarks on the state of the list for a person, and when to look again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    pub(crate) actions: Vec<Action>,
    pub(crate) remarks: Vec<Remark>,
    /// When the next hold ends.
    pub(crate) due: Option<SystemTime>,
}

impl FromStr for Percent {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.strip_suffix('%')
            .unwrap_or(text)
            .parse()
            .ok()
            .filter(|percent| *percent <= 100)
            .map(Self)
            .ok_or_else(|| format!("'{text}' is not 0% to 100%"))
    }
}

impl Percent {
    /// Whether `part` is more than this share of `all`.
    fn is_below(self, part: usize, all: usize) -> bool {
        part * 100 > self.0 * all
    }
}

/// Compares the files with the list, whose places are settled. After the plan was applied,
/// the next one at the same time has no actions.
pub(crate) fn plan(
    roster: &Roster,
    places: &Places,
    files: &Files<'_>,
    marks: &Marks,
    now: SystemTime,
    policy: Policy,
) -> Plan {
    let mut plan = Plan::default();
    let entries = side_by_side(roster, files);
    plan.write_living(&entries);
    plan.clear_marks(roster, files, marks);
    if roster.is_alone {
        plan.remark_alone(&entries);
    } else {
        plan.remove_left(&entries);
        let (replaced, lost) = lost(&entries, roster, places);
        plan.remove_replaced(&replaced);
        let all = count(&entries) - replaced.len();
        let is_wipe = plan.remark_wipe(all, &lost, policy);
        plan.hold(&lost, marks, now, policy.hold, is_wipe);
    }
    plan.remarks.extend(remarks::refused(&roster.refused));
    plan
}

/// What the list and the files have for a name, which at least one of them contains.
struct Entry<'a> {
    name: &'a Name,
    claim: Option<&'a Claim>,
    file: Option<&'a Content<'a>>,
}

impl Entry<'_> {
    fn is_living(&self) -> bool {
        matches!(self.claim, Some(Claim::Living(_)))
    }

    fn has_left(&self) -> bool {
        self.claim == Some(&Claim::Left)
    }
}

/// Merges the list and the files, both of which are in name order. Looking up each of
/// ten thousand names would take as long as reading the list.
fn side_by_side<'a>(roster: &'a Roster, files: &'a Files<'a>) -> Vec<Entry<'a>> {
    let mut entries = Vec::with_capacity(roster.claims.len().max(files.len()));
    let mut files = files.iter().peekable();
    let without_claim = |(name, file)| Entry {
        name,
        claim: None,
        file: Some(file),
    };
    for (name, claim) in roster.claims.iter() {
        while let Some(before) = files.next_if(|(file_name, _)| *file_name < name) {
            entries.push(without_claim(before));
        }
        let file = files.next_if(|(file_name, _)| *file_name == name);
        entries.push(Entry {
            name,
            claim: Some(claim),
            file: file.map(|(_, file)| file),
        });
    }
    entries.extend(files.map(without_claim));
    entries
}

impl Plan {
    fn write_living(&mut self, entries: &[Entry<'_>]) {
        for entry in entries {
            let Some(Claim::Living(node)) = entry.claim else {
                continue;
            };
            match entry.file {
                Some(old) if *old == Some(node) => {}
                Some(old) => self.actions.push(Action::Write {
                    node: node.clone(),
                    old: old.cloned(),
                }),
                None => self.actions.push(Action::Add { node: node.clone() }),
            }
        }
    }

    /// Removes the marks of nodes that are back and of those without a file. A mark
    /// that a killed run left would otherwise shorten the time that the node stays
    /// when it is lost again.
    fn clear_marks(&mut self, roster: &Roster, files: &Files<'_>, marks: &Marks) {
        for name in marks.keys() {
            let is_back = roster.is_living(name);
            if is_back || !files.contains(name) {
                self.actions.push(Action::Unmark {
                    name: name.clone(),
                    is_back: is_back && files.contains(name),
                });
            }
        }
    }

    fn remove_left(&mut self, entries: &[Entry<'_>]) {
        for entry in entries {
            if entry.file.is_some() && entry.has_left() {
                self.actions.push(Action::Remove {
                    name: entry.name.clone(),
                    why: "it has left".to_string(),
                    owner: None,
                });
            }
        }
    }

    /// Removes the nodes that cannot come back as they were, whatever the hold: HAProxy
    /// would take the new owner of their place for them as well, and send it their share.
    fn remove_replaced(&mut self, replaced: &[Replaced<'_>]) {
        for Replaced { node, owner } in replaced {
            self.actions.push(Action::Remove {
                name: node.name.clone(),
                why: format!("its place {} is now {owner}'s", node.place()),
                owner: Some((*owner).clone()),
            });
        }
    }

    fn hold(
        &mut self,
        lost: &[(&Name, Loss)],
        marks: &Marks,
        now: SystemTime,
        hold: Duration,
        is_wipe: bool,
    ) {
        for &(name, why) in lost {
            let since = marks.get(name).copied().flatten();
            // A mark in the future, from before the clock was set back, counts as none,
            // since the node would otherwise stay for an unknown time.
            let so_far = since.and_then(|since| now.duration_since(since).ok());
            let is_due = so_far.unwrap_or_default() >= hold;
            if is_due && !is_wipe {
                self.actions.push(Action::Remove {
                    name: name.clone(),
                    why: format!("lost for {}, {why}", humantime::format_duration(hold)),
                    owner: None,
                });
                continue;
            }
            if !is_wipe {
                let since = since.filter(|_| so_far.is_some()).unwrap_or(now);
                self.due = self.due.into_iter().chain(since.checked_add(hold)).min();
            }
            if so_far.is_none() {
                self.actions.push(Action::Mark {
                    name: name.clone(),
                    why: format!(
                        "{why}; it stays for {} at least",
                        humantime::format_duration(hold)
                    ),
                });
            }
        }
    }

    fn remark_alone(&mut self, entries: &[Entry<'_>]) {
        let stays = |entry: &Entry| entry.file.is_some() && !entry.is_living();
        if entries.iter().any(stays) {
            let text = "the member list has nobody but the agent itself: all nodes stay";
            self.remarks.push(Remark::new("alone", text));
        }
    }

    /// Whether so many nodes are lost that the list itself may be wrong. If so, it
    /// adds a remark.
    fn remark_wipe(&mut self, all: usize, lost: &[(&Name, Loss)], policy: Policy) -> bool {
        let is_wipe = lost.len() > 1 && policy.max_lost.is_below(lost.len(), all);
        if is_wipe {
            let text = format!(
                "{} of {all} nodes are lost ({}), more than {}%: all of them stay. \
                 If they are gone for good: \
                 serf members -format=json | serf-nodes --members - --max-lost 100%",
                lost.len(),
                names(lost),
                policy.max_lost.0,
            );
            self.remarks.push(Remark::new("wipe", text));
        }
        is_wipe
    }
}

/// A node that is lost, and whose place a living member has.
struct Replaced<'a> {
    node: &'a Node,
    owner: &'a Name,
}

/// The nodes that have a file, but neither live nor have left according to the list: those
/// whose place is another's, and all others.
fn lost<'a>(
    entries: &[Entry<'a>],
    roster: &'a Roster,
    places: &Places,
) -> (Vec<Replaced<'a>>, Vec<(&'a Name, Loss)>) {
    let (mut replaced, mut others) = (Vec::new(), Vec::new());
    for entry in entries {
        let Some(file) = entry.file else {
            continue;
        };
        let why = match entry.claim {
            None => Loss::Absent,
            Some(Claim::Lost(loss)) => *loss,
            Some(Claim::Living(_) | Claim::Left) => continue,
        };
        let found = file.and_then(|node| Some((node, places.owner(node.place(), roster)?)));
        match found {
            Some((node, owner)) => replaced.push(Replaced { node, owner }),
            None => others.push((entry.name, why)),
        }
    }
    (replaced, others)
}

/// How many nodes there will be when `/nodes` follows the list, with the lost ones.
fn count(entries: &[Entry<'_>]) -> usize {
    let stays = |entry: &&Entry| entry.is_living() || (entry.file.is_some() && !entry.has_left());
    entries.iter().filter(stays).count()
}

fn names(lost: &[(&Name, Loss)]) -> String {
    let named: Vec<&str> = lost
        .iter()
        .take(NAMED)
        .map(|(name, _)| name.as_str())
        .collect();
    let more = if lost.len() > NAMED { ", ..." } else { "" };
    format!("{}{more}", named.join(", "))
}

#[cfg(test)]
mod tests;
