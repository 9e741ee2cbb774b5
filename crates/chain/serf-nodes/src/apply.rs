//! Carries out the actions of a plan.

use std::collections::BTreeSet;
use std::time::SystemTime;

use anyhow::anyhow;
use exit::Exit;
use journal::Line;
use nodes::{Name, Node, Nodes};

use crate::log::Log;
use crate::marks::MarkFolder;
use crate::plan::Action;

/// How many failures are logged one by one: on a full disk there is one for each node.
const MAX_TOLD: usize = 5;

/// Applies actions one after another. One that fails does not stop the others. What was done is
/// in the log, and in the line of the journal.
pub(crate) struct Applier<'a> {
    nodes: &'a Nodes,
    lost: MarkFolder,
    log: &'a mut Log,
    line: &'a mut Line,
    now: SystemTime,
    has_changed: bool,
    failures: usize,
    /// The nodes whose files could not be written.
    unwritten: BTreeSet<Name>,
}

impl<'a> Applier<'a> {
    pub(crate) fn new(
        nodes: &'a Nodes,
        lost: MarkFolder,
        now: SystemTime,
        log: &'a mut Log,
        line: &'a mut Line,
    ) -> Self {
        Self {
            nodes,
            lost,
            log,
            line,
            now,
            has_changed: false,
            failures: 0,
            unwritten: BTreeSet::new(),
        }
    }

    pub(crate) fn log(&mut self) -> &mut Log {
        self.log
    }

    pub(crate) fn apply(&mut self, action: &Action) {
        let result = self.try_apply(action);
        if let (Err(_), Action::Add { node } | Action::Write { node, .. }) = (&result, action) {
            self.unwritten.insert(node.name.clone());
        }
        self.note(result);
    }

    /// Returns the value, or counts the failure and logs it.
    pub(crate) fn note<T>(&mut self, result: anyhow::Result<T>) -> Option<T> {
        let error = match result {
            Ok(value) => return Some(value),
            Err(error) => error,
        };
        self.failures += 1;
        if self.failures <= MAX_TOLD {
            self.log.tell(format_args!("{error:#}"));
        }
        None
    }

    /// The result of all actions together.
    pub(crate) fn finish(self) -> anyhow::Result<Exit> {
        match (self.failures, self.has_changed) {
            (0, true) => Ok(Exit::Changed),
            (0, false) => Ok(Exit::Unchanged),
            (failures, _) => Err(anyhow!(
                "follow the members in {}: {failures} of the steps failed, the next run tries again",
                self.nodes.path().display()
            )),
        }
    }

    fn try_apply(&mut self, action: &Action) -> anyhow::Result<()> {
        match action {
            Action::Add { node } => {
                self.nodes.add(node)?;
                self.tell_written(node, None);
                self.lost.unmark(&node.name)?;
            }
            Action::Write { node, old } => {
                self.write(node, old.as_ref())?;
                self.lost.unmark(&node.name)?;
            }
            Action::Remove {
                owner: Some(owner), ..
            } if self.unwritten.contains(owner) => {}
            Action::Remove {
                name,
                old,
                why,
                has_left,
                ..
            } => {
                if self.nodes.remove(name)? {
                    self.has_changed = true;
                    self.log.tell(format_args!("removed {name}: {why}"));
                    self.note_removed(name, old.as_ref(), why, *has_left);
                }
                self.lost.unmark(name)?;
            }
            Action::Mark { name, why, stays } => {
                self.lost.mark(name, self.now)?;
                let stays = humantime::format_duration(*stays);
                self.log.tell(format_args!(
                    "{name} is lost: {why}; it stays for {stays} at least"
                ));
                self.line.lost.push(name.to_string());
                self.line.why.insert(name.to_string(), why.to_string());
            }
            Action::Unmark { name, is_back } => {
                self.lost.unmark(name)?;
                if *is_back {
                    self.log.tell(format_args!("{name} is back"));
                    self.line.back.push(name.to_string());
                }
            }
        }
        Ok(())
    }

    fn write(&mut self, node: &Node, old: Option<&Node>) -> anyhow::Result<()> {
        if self.nodes.write(node)? {
            self.tell_written(node, old);
        }
        Ok(())
    }

    fn note_removed(&mut self, name: &Name, old: Option<&Node>, why: &str, has_left: bool) {
        let name = name.to_string();
        let at = old.map(|old| (name.clone(), address(old)));
        self.line.at.extend(at);
        if has_left {
            self.line.left.push(name);
        } else {
            self.line.why.insert(name.clone(), why.to_owned());
            self.line.died.push(name);
        }
    }

    fn tell_written(&mut self, node: &Node, old: Option<&Node>) {
        self.has_changed = true;
        let name = node.name.to_string();
        self.line.at.insert(name.clone(), address(node));
        let list = match old {
            None => &mut self.line.added,
            Some(_) => &mut self.line.changed,
        };
        list.push(name);
        let line = node.line();
        let line = line.trim_ascii_end();
        match old {
            None => self.log.tell(format_args!("added {line}")),
            Some(old) => {
                let old = old.line();
                let old = old.trim_ascii_end();
                self.log.tell(format_args!("changed {old} to {line}"));
            }
        }
    }
}

/// The address that the journal has of a node, with its port where its file has one.
fn address(node: &Node) -> String {
    match node.port {
        None => node.ip.to_string(),
        Some(_) => node.place().to_string(),
    }
}
