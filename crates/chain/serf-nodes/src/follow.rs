//! `--members`: makes `/nodes` follow the whole member list.

use std::path::Path;

use exit::Exit;
use journal::Step;
use nodes::Nodes;

use crate::admission::Admission;
use crate::apply::Applier;
use crate::log::Log;
use crate::marks::MarkFolder;
use crate::places::Places;
use crate::plan::{Policy, plan};
use crate::roster::Roster;
use crate::{due, facts, folder, marks, members, own, remarks};

pub(crate) fn run(
    list: &Path,
    nodes: &Nodes,
    admission: &Admission,
    policy: Policy,
    log: &mut Log,
    step: &mut Step,
) -> anyhow::Result<Exit> {
    // Locked before the list is read, so that an older list never overwrites a newer
    // one.
    let _lock = nodes.lock()?;
    let text = members::read(list)?;
    let (found, roster) = nodes.list_while(|| roster(&text, admission));
    let (mut roster, found) = (roster?, found?);
    let mut marked = MarkFolder::new(nodes);
    let files = folder::by_name(&found);
    let places = Places::settle(&mut roster, &files, own::is_own);
    let broken = remarks::broken(&found, &roster);
    let now = marks::now();
    let marks = marked.list(now)?;
    let leftovers = folder::clear_leftovers(nodes, &found.hidden, marked.path());
    let mut plan = plan(&roster, &places, &files, &marks, now, policy);
    plan.remarks.extend(broken);

    let mut applier = Applier::new(nodes, marked, now, log, step.line());
    applier.note(leftovers);
    for action in &plan.actions {
        applier.apply(action);
    }
    let kept = due::keep(nodes.path(), &found.hidden, plan.due);
    applier.note(kept);
    let said = remarks::say_once(nodes.path(), &plan.remarks, applier.log());
    applier.note(said);
    let result = applier.finish();
    if result.is_ok() {
        facts::record(step, facts::of(&roster, &plan, own::is_balancer()));
    }
    result
}

fn roster(text: &str, admission: &Admission) -> anyhow::Result<Roster> {
    let members = members::parse(text)?;
    Ok(Roster::new(&members, admission))
}
