//! What a run tells of the present: who is lost, held or refused, and what of it is news.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::SystemTime;

use journal::{Facts, Lost, Refused, Step};

use crate::plan::Plan;
use crate::refusal::Refusal;
use crate::roster::{Loss, Roster};

/// How many refused members are named. Everybody in the cluster can make ten thousand.
const MAX_REFUSED: usize = 50;

/// What is so when the plan was carried out. `is_ours` tells this machine's balancer from the
/// others by name and address.
pub(crate) fn of(roster: &Roster, plan: &Plan, is_ours: impl Fn(&str, IpAddr) -> bool) -> Facts {
    let statuses = roster.statuses.iter();
    let balancers = roster.balancers.iter();
    let others = balancers.filter(|(name, ip)| !is_ours(name, **ip));
    Facts {
        members: statuses
            .map(|(status, count)| ((*status).to_owned(), *count))
            .collect(),
        lost: lost(roster, plan),
        held: plan.held.clone(),
        refused: shown(&roster.refused),
        refused_all: roster.refused.len() as u64,
        balancers: others
            .map(|(name, ip)| (name.clone(), ip.to_string()))
            .collect(),
    }
}

fn lost(roster: &Roster, plan: &Plan) -> BTreeMap<String, Lost> {
    let is_refused = plan.lost.iter().any(|lost| lost.why == Loss::Refused);
    let refused = roster.refused.iter().filter(|_| is_refused);
    let reasons: BTreeMap<&str, &str> = refused
        .map(|refusal| (refusal.name.as_str(), refusal.why.as_str()))
        .collect();
    let lost = plan.lost.iter().map(|lost| {
        let name = lost.name.to_string();
        let reason = reasons
            .get(lost.name.as_str())
            .filter(|_| lost.why == Loss::Refused);
        let told = Lost {
            since: seconds(lost.since),
            until: lost.until.map(seconds),
            why: reason.map_or_else(|| lost.why.to_string(), ToString::to_string),
        };
        (name, told)
    });
    lost.collect()
}

/// The first of the members that are refused, as the state has them.
pub(crate) fn shown(refused: &[Refusal]) -> Vec<Refused> {
    let first = refused.iter().take(MAX_REFUSED).cloned();
    first
        .map(|refusal| Refused {
            name: refusal.name,
            address: refusal.address,
            why: refusal.why,
        })
        .collect()
}

/// Unix seconds; those of the marks are whole milliseconds.
fn seconds(time: SystemTime) -> f64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_secs_f64()
}

/// Records the facts of a run that has succeeded, and those of its lost and refused ones in the
/// journal that are new.
///
/// By hand nothing is remembered, and then each run would say it again.
pub(crate) fn record(step: &mut Step, facts: Facts) {
    if step.line().run.is_some() {
        let held = newly_held(&facts, &step.before().facts);
        for name in &held {
            let why = facts.lost[name].why.clone();
            step.line().why.insert(name.clone(), why);
        }
        step.line().held = held;
        tell_refused(step, &facts.refused);
    }
    step.facts(facts);
}

/// The lost nodes that stay until somebody confirms that they are gone, and did not before.
fn newly_held(facts: &Facts, before: &Facts) -> Vec<String> {
    let is_held = |lost: &Lost| lost.until.is_none();
    let was_held = |name: &String| before.lost.get(name).is_some_and(is_held);
    let held = facts.lost.iter().filter(|(_, lost)| is_held(lost));
    let held = held.map(|(name, _)| name.clone());
    held.filter(|name| !was_held(name)).collect()
}

/// Names those of the refused members in the journal that were not refused before.
pub(crate) fn tell_refused(step: &mut Step, refused: &[Refused]) {
    let refused = newly_refused(refused, &step.before().facts);
    let line = step.line();
    line.refused.extend(refused.keys().cloned());
    line.why.extend(refused);
}

fn newly_refused(refused: &[Refused], before: &Facts) -> BTreeMap<String, String> {
    let before = before.refused.iter().map(|refused| refused.name.as_str());
    let before: BTreeSet<&str> = before.collect();
    let new = refused
        .iter()
        .filter(|refused| !before.contains(refused.name.as_str()));
    new.map(|refused| (refused.name.clone(), refused.why.clone()))
        .collect()
}

#[cfg(test)]
mod tests;
