//! Requests while the membership changes.

use std::collections::BTreeMap;
use std::process::Child;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use harness::cluster::Cluster;
use harness::load::{self, Report};
use harness::wait;

use crate::kill::Watch;
use crate::setting::{Setting, progress};

/// Requests a second, unless another number is asked for.
pub(crate) const RATE: u32 = 500;
/// So many nodes come and go. With as many, the leave of each has ended before its turn to
/// start comes again.
const COMERS: usize = 8;
/// Their addresses begin here, above those of `scripts/up`.
const FIRST_ADDRESS: usize = 160;
/// A start or a stop that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(120);

/// What happens to the cluster under load.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Trouble {
    /// A join or a leave every second.
    pub(crate) changes: bool,
    /// A full reload every second.
    pub(crate) reloads: bool,
    /// A kill -9 of a node every five seconds.
    pub(crate) kills: bool,
}

/// What the load and the trouble gave.
pub(crate) struct Outcome {
    pub(crate) report: Report,
    /// For each node that was killed: how many milliseconds later the last
    /// request was sent to it.
    pub(crate) killed: Vec<f64>,
}

/// Puts so many requests on the cluster, and makes trouble meanwhile.
pub(crate) fn run(
    setting: &Setting,
    cluster: &Cluster,
    requests: u64,
    rate: u32,
    trouble: Trouble,
) -> anyhow::Result<Outcome> {
    let running = load::start(cluster.front(), rate);
    let mut churn = Churn {
        setting,
        cluster,
        under_way: BTreeMap::new(),
        watches: BTreeMap::new(),
        killed: Vec::new(),
        comers: Comers::default(),
    };
    let begin = Instant::now();
    for second in 1_u64.. {
        if running.begun() >= requests {
            break;
        }
        churn.second(second, trouble)?;
        if second.is_multiple_of(10) {
            progress(format_args!(
                "load: {} of {requests} requests",
                running.begun()
            ));
        }
        wait::pass_until(begin + Duration::from_secs(second));
    }
    churn.settle()?;
    Ok(Outcome {
        report: running.stop(),
        killed: churn.killed,
    })
}

/// What happens to one of the nodes that come and go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Step {
    /// `start`, `stop` or `kill`.
    how: &'static str,
    node: usize,
}

/// Whose turn it is. The nodes come one after the other and begin anew after the last, and
/// the one that came first goes first.
#[derive(Debug, Default)]
struct Comers {
    starts: usize,
    stops: usize,
}

impl Comers {
    /// The next step is a join or, when half of the nodes are there, the leave of the oldest.
    fn change(&mut self) -> Step {
        if self.starts - self.stops < COMERS / 2 {
            self.start()
        } else {
            self.leave("stop").unwrap_or_else(|| self.start())
        }
    }

    /// The next step kills the oldest node or, when none is there, starts one.
    fn kill(&mut self) -> Step {
        self.leave("kill").unwrap_or_else(|| self.start())
    }

    fn start(&mut self) -> Step {
        let node = self.starts % COMERS;
        self.starts += 1;
        Step { how: "start", node }
    }

    /// `None` when nobody is there.
    fn leave(&mut self, how: &'static str) -> Option<Step> {
        if self.stops == self.starts {
            return None;
        }
        let node = self.stops % COMERS;
        self.stops += 1;
        Some(Step { how, node })
    }
}

/// The cluster, and what goes on in it.
struct Churn<'a> {
    setting: &'a Setting,
    cluster: &'a Cluster,
    /// The script that starts or ends a node, by the name of the node.
    under_way: BTreeMap<String, Child>,
    /// Those who watch nodes that were killed, by the names of the nodes.
    watches: BTreeMap<String, Watch>,
    killed: Vec<f64>,
    comers: Comers,
}

impl Churn<'_> {
    fn second(&mut self, second: u64, trouble: Trouble) -> anyhow::Result<()> {
        if trouble.kills && second.is_multiple_of(5) {
            let step = self.comers.kill();
            self.take(&step)?;
        } else if trouble.changes || trouble.kills {
            let step = self.comers.change();
            self.take(&step)?;
        }
        if trouble.reloads {
            self.reload()?;
        }
        Ok(())
    }

    /// Begins a step, as soon as the step before of the same node has ended.
    fn take(&mut self, step: &Step) -> anyhow::Result<()> {
        let name = format!("c{}", step.node);
        if let Some(before) = self.under_way.remove(&name) {
            finish(&name, before)?;
        }
        if let Some(watch) = self.watches.remove(&name) {
            self.end(watch)?;
        }
        if step.how == "kill" {
            let watch = Watch::begin(self.cluster, &name)?;
            self.watches.insert(name.clone(), watch);
        }
        let address = self.cluster.address(FIRST_ADDRESS + step.node);
        let arguments: &[&str] = match step.how {
            "start" => &["start", &name, &address],
            how => &[how, &name],
        };
        let child = self.cluster.node(arguments)?;
        self.under_way.insert(name, child);
        Ok(())
    }

    fn end(&mut self, watch: Watch) -> anyhow::Result<()> {
        self.killed.push(watch.end()?.as_secs_f64() * 1e3);
        Ok(())
    }

    fn reload(&self) -> anyhow::Result<()> {
        let program = self.setting.program("haproxy-reload");
        let status = self
            .cluster
            .full_reload(&program)
            .status()
            .context("run haproxy-reload")?;
        ensure!(
            status.success(),
            "haproxy-reload --full ended with {status}"
        );
        Ok(())
    }

    /// Lets all nodes leave that came, and waits until everything that was begun has ended.
    fn settle(&mut self) -> anyhow::Result<()> {
        while let Some(step) = self.comers.leave("stop") {
            self.take(&step)?;
        }
        while let Some((name, child)) = self.under_way.pop_first() {
            finish(&name, child)?;
        }
        while let Some((_, watch)) = self.watches.pop_first() {
            self.end(watch)?;
        }
        Ok(())
    }
}

fn finish(name: &str, mut script: Child) -> anyhow::Result<()> {
    let status = wait::until(&format!("scripts/node for {name}"), PATIENCE, || {
        script.try_wait().ok().flatten()
    })?;
    ensure!(
        status.success(),
        "scripts/node for {name} ended with {status}"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn steps(count: usize) -> Vec<Step> {
        let mut comers = Comers::default();
        (0..count).map(|_| comers.change()).collect()
    }

    fn step(how: &'static str, node: usize) -> Step {
        Step { how, node }
    }

    #[test]
    fn nodes_come_until_half_are_there_then_the_oldest_leaves_for_each_that_comes() {
        let expected = [
            step("start", 0),
            step("start", 1),
            step("start", 2),
            step("start", 3),
            step("stop", 0),
            step("start", 4),
            step("stop", 1),
            step("start", 5),
        ];
        assert_eq!(steps(8), expected);
    }

    #[test]
    fn who_left_stays_away_for_several_changes() {
        let steps = steps(200);
        for (left, _) in steps
            .iter()
            .enumerate()
            .filter(|(_, step)| step.how == "stop")
        {
            let again = step("start", steps[left].node);
            let back = steps.iter().skip(left).position(|step| *step == again);
            assert!(back.is_none_or(|back| back >= 7), "{left}: {back:?}");
        }
    }

    #[test]
    fn a_kill_ends_the_oldest_and_where_nobody_is_somebody_comes() {
        let mut comers = Comers::default();
        assert_eq!(comers.kill(), step("start", 0));
        assert_eq!(comers.kill(), step("kill", 0));
    }

    #[test]
    fn in_the_end_everybody_leaves_once() {
        let mut comers = Comers::default();
        for _ in 0..7 {
            comers.change();
        }
        let mut left = Vec::new();
        while let Some(step) = comers.leave("stop") {
            left.push(step.node);
        }
        assert_eq!(left, [2, 3, 4]);
    }

    #[test]
    fn a_script_that_fails_is_told_by_its_node() {
        let script = Command::new("sh").args(["-c", "exit 111"]).spawn().unwrap();
        let error = finish("c3", script).unwrap_err().to_string();
        assert!(
            error.starts_with("scripts/node for c3 ended with "),
            "{error}"
        );
    }
}
