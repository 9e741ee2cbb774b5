//! Requests while the membership changes.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use bench::client::{Connections, Load, Report, Running};

use crate::cluster::Cluster;
use crate::setting::{Setting, progress};
use crate::wait;

/// Requests a second.
pub(crate) const RATE: u32 = 500;
/// So many nodes come and go. Each is away for long enough that its leave has
/// ended before it starts again.
const COMERS: usize = 8;
/// Their addresses begin here, above those of `scripts/up`.
const FIRST_ADDRESS: usize = 160;
/// A start or stop that takes longer does not work.
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

/// Puts so many requests on the cluster, and the trouble beside them.
pub(crate) fn run(
    setting: &Setting,
    cluster: &Cluster,
    requests: u64,
    trouble: Trouble,
) -> anyhow::Result<Report> {
    let running = start(cluster)?;
    let mut churn = Churn {
        setting,
        cluster,
        under_way: BTreeMap::new(),
        starts: 0,
        stops: 0,
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
        let next = begin + Duration::from_secs(second);
        wait::pass(next.saturating_duration_since(Instant::now()));
    }
    churn.settle()?;
    Ok(running.stop())
}

pub(crate) fn start(cluster: &Cluster) -> anyhow::Result<Running> {
    let load = Load {
        address: cluster.front()?,
        rate: RATE,
        connections: Connections::Both,
    };
    Ok(load.start())
}

/// Who comes and goes.
struct Churn<'a> {
    setting: &'a Setting,
    cluster: &'a Cluster,
    /// The script that works on each of them.
    under_way: BTreeMap<String, Child>,
    starts: usize,
    stops: usize,
}

impl Churn<'_> {
    fn second(&mut self, second: u64, trouble: Trouble) -> anyhow::Result<()> {
        if trouble.kills && second.is_multiple_of(5) {
            self.kill()?;
        } else if trouble.changes || trouble.kills {
            self.change()?;
        }
        if trouble.reloads {
            self.reload()?;
        }
        Ok(())
    }

    /// A join; or, when half of them are there, the leave of the oldest.
    fn change(&mut self) -> anyhow::Result<()> {
        if self.starts - self.stops < COMERS / 2 {
            let (name, address) = self.comer(self.starts);
            self.starts += 1;
            self.script(&name, &["start", &name, &address])
        } else {
            self.leave("stop")
        }
    }

    fn kill(&mut self) -> anyhow::Result<()> {
        if self.starts == self.stops {
            return self.change();
        }
        self.leave("kill")
    }

    fn leave(&mut self, how: &str) -> anyhow::Result<()> {
        let (name, _) = self.comer(self.stops);
        self.stops += 1;
        self.script(&name, &[how, &name])
    }

    fn comer(&self, number: usize) -> (String, String) {
        let number = number % COMERS;
        let address = self.cluster.address(FIRST_ADDRESS + number);
        (format!("c{number}"), address)
    }

    /// Begins the script when the one before for the same node has ended.
    fn script(&mut self, name: &str, arguments: &[&str]) -> anyhow::Result<()> {
        if let Some(before) = self.under_way.remove(name) {
            finish(name, before)?;
        }
        let child = self.cluster.node(arguments)?;
        self.under_way.insert(name.to_string(), child);
        Ok(())
    }

    fn reload(&self) -> anyhow::Result<()> {
        let status = Command::new(self.setting.program("haproxy-reload"))
            .arg("--full")
            .env(
                "HAPROXY_CFG",
                self.cluster.file("ha", "haproxy/haproxy.cfg"),
            )
            .env("HAPROXY_SOCKET", self.cluster.file("ha", "haproxy.sock"))
            .env(
                "HAPROXY_MASTER",
                self.cluster.file("ha", "haproxy-master.sock"),
            )
            .stdin(Stdio::null())
            .status()
            .context("run haproxy-reload")?;
        ensure!(
            status.success(),
            "haproxy-reload --full ended with {status}"
        );
        Ok(())
    }

    /// Until everything that was begun has ended.
    fn settle(&mut self) -> anyhow::Result<()> {
        while let Some((name, child)) = self.under_way.pop_first() {
            finish(&name, child)?;
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
