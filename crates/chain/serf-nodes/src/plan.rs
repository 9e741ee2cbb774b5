//! Plans what has to be done so that `/nodes` follows the member list, from the list,
//! the files, the marks and the clock. There is no I/O here.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use nodes::{Name, Node};

use crate::by_name::ByName;
use crate::places::Places;
use crate::refusal::Refusal;
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
        /// What the file holds.
        old: Option<Node>,
        why: String,
        /// Whether it has said that it leaves.
        has_left: bool,
        owner: Option<Name>,
    },
    /// Mark a node as lost since this run; `stays` says for how long at least.
    Mark {
        name: Name,
        why: Loss,
        stays: Duration,
    },
    /// Remove the mark of a node. `is_back` says that the node lives and still has its
    /// file; otherwise the mark is a leftover.
    Unmark { name: Name, is_back: bool },
}

/// A lost node that still has its file when the plan was carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lost {
    pub(crate) name: Name,
    pub(crate) since: SystemTime,
    /// When its hold ends; `None` if it stays until a person confirms that it is gone.
    pub(crate) until: Option<SystemTime>,
    pub(crate) why: Loss,
}

/// All steps, remarks on the state of the list for a person, and when to look again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    pub(crate) actions: Vec<Action>,
    pub(crate) remarks: Vec<Remark>,
    /// When the next hold ends.
    pub(crate) due: Option<SystemTime>,
    /// The nodes that are lost then.
    pub(crate) lost: Vec<Lost>,
    /// Why no lost node is removed, whatever its hold, in words for a person.
    pub(crate) held: Option<String>,
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
        plan.remark_alone(&entries, marks);
    } else {
        plan.remove_left(&entries);
        let (replaced, lost) = lost(&entries, roster, places);
        plan.remove_replaced(&replaced);
        let all = count(&entries) - replaced.len();
        let is_wipe = plan.remark_wipe(all, &lost, policy);
        plan.hold(&lost, marks, now, policy.hold, is_wipe);
    }
    let refused = roster.refused.iter().map(Refusal::text);
    let unheeded = roster.kept.iter().map(String::as_str);
    plan.remarks
        .extend(remarks::refused(unheeded.chain(refused)));
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

    /// Why it is lost, if it neither lives nor has left.
    fn loss(&self) -> Option<Loss> {
        match self.claim {
            None => Some(Loss::Absent),
            Some(Claim::Lost(loss)) => Some(*loss),
            Some(Claim::Living(_) | Claim::Left) => None,
        }
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
            let Some(file) = entry.file.filter(|_| entry.has_left()) else {
                continue;
            };
            self.actions.push(Action::Remove {
                name: entry.name.clone(),
                old: file.cloned(),
                why: "it has left".to_string(),
                has_left: true,
                owner: None,
            });
        }
    }

    /// Removes the nodes that cannot come back as they were, whatever the hold: HAProxy
    /// would take the new owner of their place for them as well, and send it their share.
    fn remove_replaced(&mut self, replaced: &[Replaced<'_>]) {
        for Replaced { node, owner } in replaced {
            self.actions.push(Action::Remove {
                name: node.name.clone(),
                old: Some((*node).clone()),
                why: format!("its place {} is now {owner}'s", node.place()),
                has_left: false,
                owner: Some((*owner).clone()),
            });
        }
    }

    fn hold(
        &mut self,
        missing: &[Missing<'_>],
        marks: &Marks,
        now: SystemTime,
        hold: Duration,
        is_wipe: bool,
    ) {
        for Missing { name, file, why } in missing {
            let since = marks.get(*name).copied().flatten();
            // A mark in the future, from before the clock was set back, counts as none,
            // since the node would otherwise stay for an unknown time.
            let so_far = since.and_then(|since| now.duration_since(since).ok());
            let is_due = so_far.unwrap_or_default() >= hold;
            if is_due && !is_wipe {
                self.actions.push(Action::Remove {
                    name: (*name).clone(),
                    old: file.cloned(),
                    why: match hold {
                        Duration::ZERO => why.to_string(),
                        _ => format!("lost for {}, {why}", humantime::format_duration(hold)),
                    },
                    has_left: false,
                    owner: None,
                });
                continue;
            }
            let since = since.filter(|_| so_far.is_some()).unwrap_or(now);
            let until = since.checked_add(hold).filter(|_| !is_wipe);
            self.due = self.due.into_iter().chain(until).min();
            if so_far.is_none() {
                self.actions.push(Action::Mark {
                    name: (*name).clone(),
                    why: *why,
                    stays: hold,
                });
            }
            self.lost.push(Lost {
                name: (*name).clone(),
                since,
                until,
                why: *why,
            });
        }
    }

    /// All nodes stay, also those that were marked before; no further one is.
    fn remark_alone(&mut self, entries: &[Entry<'_>], marks: &Marks) {
        let stays = |entry: &&Entry| entry.file.is_some() && !entry.is_living();
        let staying: Vec<_> = entries.iter().filter(stays).collect();
        if staying.is_empty() {
            return;
        }
        let marked = staying.into_iter().filter_map(|entry| {
            Some(Lost {
                name: entry.name.clone(),
                since: marks.get(entry.name).copied().flatten()?,
                until: None,
                why: entry.loss()?,
            })
        });
        self.lost.extend(marked);
        let text = "the member list has nobody but the agent itself: all nodes stay";
        self.hold_all("alone", text.to_string());
    }

    /// Whether so many nodes are lost that the list itself may be wrong. If so, it
    /// adds a remark.
    fn remark_wipe(&mut self, all: usize, lost: &[Missing<'_>], policy: Policy) -> bool {
        let is_wipe = lost.len() > 1 && policy.max_lost.is_below(lost.len(), all);
        if is_wipe {
            let text = format!(
                "{} of {all} nodes are lost ({}), more than {}%: all of them stay. \
                 If they are gone for good: \
                 NODES_MAX_LOST=100% NODES_HOLD=0s member-event sync",
                lost.len(),
                names(lost),
                policy.max_lost.0,
            );
            self.hold_all("wipe", text);
        }
        is_wipe
    }

    /// Says that all lost nodes stay.
    fn hold_all(&mut self, key: &str, why: String) {
        self.remarks.push(Remark::new(key, why.as_str()));
        self.held = Some(why);
    }
}

/// A node that is lost, and whose place a living member has.
struct Replaced<'a> {
    node: &'a Node,
    owner: &'a Name,
}

/// A node that is lost, and whose place nobody has.
struct Missing<'a> {
    name: &'a Name,
    file: Content<'a>,
    why: Loss,
}

/// The nodes that have a file, but neither live nor have left according to the list: those
/// whose place is another's, and all others.
fn lost<'a>(
    entries: &[Entry<'a>],
    roster: &'a Roster,
    places: &Places,
) -> (Vec<Replaced<'a>>, Vec<Missing<'a>>) {
    let (mut replaced, mut others) = (Vec::new(), Vec::new());
    for entry in entries {
        let (Some(file), Some(why)) = (entry.file.copied(), entry.loss()) else {
            continue;
        };
        let found = file.and_then(|node| Some((node, places.owner(node.place(), roster)?)));
        match found {
            Some((node, owner)) => replaced.push(Replaced { node, owner }),
            None => others.push(Missing {
                name: entry.name,
                file,
                why,
            }),
        }
    }
    (replaced, others)
}

/// How many nodes there will be when `/nodes` follows the list, with the lost ones.
fn count(entries: &[Entry<'_>]) -> usize {
    let stays = |entry: &&Entry| entry.is_living() || (entry.file.is_some() && !entry.has_left());
    entries.iter().filter(stays).count()
}

fn names(lost: &[Missing<'_>]) -> String {
    let named: Vec<&str> = lost
        .iter()
        .take(NAMED)
        .map(|missing| missing.name.as_str())
        .collect();
    let more = if lost.len() > NAMED { ", ..." } else { "" };
    format!("{}{more}", named.join(", "))
}

#[cfg(test)]
mod tests;
