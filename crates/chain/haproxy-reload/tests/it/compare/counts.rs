//! How many changes were made by commands, and how many by a reload.

use std::collections::BTreeMap;
use std::fmt::{self, Display};

use super::case::Act;

/// By the kind of configuration and what the step did.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) cases: usize,
    pub(crate) steps: usize,
    /// How often HAProxy ended by itself, from a file as it was started with.
    pub(crate) own_crashes: usize,
    /// Of the case that runs.
    labels: Vec<&'static str>,
    /// Those by commands, and those by a reload.
    made: BTreeMap<&'static str, BTreeMap<Act, [usize; 2]>>,
    /// The first words that were given for reloads.
    reasons: BTreeMap<String, usize>,
}

impl Counts {
    pub(crate) fn begin(&mut self, labels: impl Iterator<Item = &'static str>) {
        self.labels = labels.chain(["all"]).collect();
        self.cases += 1;
    }

    /// Counts a step by what haproxy-reload said.
    pub(crate) fn take(&mut self, act: Act, told: &str) {
        self.steps += 1;
        let reason = told.split("reload, since ").nth(1);
        if let Some(reason) = reason.and_then(|rest| rest.lines().next()) {
            let reason = reason.split(" (").next().unwrap_or_default();
            let reason: String = reason
                .split(' ')
                .filter(|word| !word.contains('/'))
                .collect::<Vec<_>>()
                .join(" ");
            *self.reasons.entry(reason).or_default() += 1;
        }
        if matches!(act, Act::Join | Act::Leave | Act::Move | Act::Weight) && !told.is_empty() {
            for label in &self.labels {
                let made = self.made.entry(label).or_default().entry(act).or_default();
                made[usize::from(reason.is_some())] += 1;
            }
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.cases += other.cases;
        self.steps += other.steps;
        self.own_crashes += other.own_crashes;
        for (label, acts) in &other.made {
            for (act, made) in acts {
                let ours = self.made.entry(label).or_default().entry(*act).or_default();
                *ours = [ours[0] + made[0], ours[1] + made[1]];
            }
        }
        for (reason, count) in &other.reasons {
            *self.reasons.entry(reason.clone()).or_default() += count;
        }
    }
}

impl Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} cases, {} steps, {} times HAProxy ended by itself; by commands/by a reload:",
            self.cases, self.steps, self.own_crashes
        )?;
        let acts = [Act::Join, Act::Leave, Act::Move, Act::Weight];
        write!(f, "{:20}", "")?;
        acts.iter()
            .try_for_each(|act| write!(f, "{:>12}{:6}", format!("{act:?}"), ""))?;
        writeln!(f)?;
        for (label, made) in &self.made {
            write!(f, "{label:20}")?;
            for act in acts {
                let [commands, reloads] = made.get(&act).copied().unwrap_or_default();
                let percent = (100 * commands).checked_div(commands + reloads);
                let percent = percent.map_or(String::new(), |percent| format!("{percent} %"));
                write!(f, "{:>12} {percent:>5}", format!("{commands}/{reloads}"))?;
            }
            writeln!(f)?;
        }
        let mut reasons: Vec<_> = self.reasons.iter().collect();
        reasons.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        writeln!(f, "Reloads by reason:")?;
        reasons
            .iter()
            .take(25)
            .try_for_each(|(reason, count)| writeln!(f, "{count:6} {reason}"))
    }
}
