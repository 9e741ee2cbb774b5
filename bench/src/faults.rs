//! What a fault costs those who ask meanwhile, on hosts with a network of their own.

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};
use harness::lan::{Lan, Plug, Switch};
use harness::load::{Load, Report};
use harness::{root, send, wait};
use nix::sys::signal::Signal::{self, SIGCONT, SIGKILL, SIGSTOP};

use crate::setting::{Setting, progress};
use crate::table::{Answer, Table};

/// The balancer; the nodes are 1 and 2 at its own switch, 3 and 4 at the far one.
const BALANCER: u8 = 42;
const NODES: [&str; 4] = ["n1", "n2", "n3", "n4"];
/// Who has the fault, where a single node has it. It is no seed.
const VICTIM: u8 = 2;

/// Requests a second, and how many of them can wait at a time: those of half of the nodes for
/// as long as a frozen one is not found.
const RATE: u32 = 500;
const WAITING: u32 = 1_200;

/// How long is asked before the fault, and after it.
const BEFORE: Duration = Duration::from_secs(2);
const AFTER: Duration = Duration::from_secs(6);

/// What happens, and how it is undone.
struct Fault {
    name: &'static str,
    happens: fn(&mut Stage) -> anyhow::Result<()>,
    is_undone: fn(&mut Stage) -> anyhow::Result<()>,
}

const FAULTS: [Fault; 12] = [
    Fault {
        name: "none",
        happens: |_| Ok(()),
        is_undone: |_| Ok(()),
    },
    Fault {
        name: "a node leaves",
        happens: |stage| {
            stage.leave();
            Ok(())
        },
        is_undone: |stage| stage.boot(VICTIM),
    },
    Fault {
        name: "a node is killed (`kill -9` of all that runs on it)",
        happens: |stage| {
            stage.lan.kill(VICTIM);
            Ok(())
        },
        is_undone: |stage| stage.boot(VICTIM),
    },
    Fault {
        name: "a node's cable is cut, as by a power cut",
        happens: |stage| {
            stage.lan.cable(VICTIM, "down");
            Ok(())
        },
        is_undone: |stage| {
            stage.lan.cable(VICTIM, "up");
            Ok(())
        },
    },
    Fault {
        name: "a node is frozen",
        happens: |stage| {
            stage.signal(VICTIM, "webapp", SIGSTOP);
            Ok(())
        },
        is_undone: |stage| {
            stage.signal(VICTIM, "webapp", SIGCONT);
            Ok(())
        },
    },
    Fault {
        name: "a node pauses for a second",
        happens: |stage| {
            stage.signal(VICTIM, "webapp", SIGSTOP);
            wait::pass(Duration::from_secs(1));
            stage.signal(VICTIM, "webapp", SIGCONT);
            Ok(())
        },
        is_undone: |_| Ok(()),
    },
    Fault {
        name: "the balancer's agent is killed",
        happens: |stage| {
            stage.signal(BALANCER, "serf", SIGKILL);
            Ok(())
        },
        is_undone: |_| Ok(()),
    },
    Fault {
        name: "HAProxy is killed",
        happens: |stage| {
            stage.signal(BALANCER, "ha", SIGKILL);
            Ok(())
        },
        is_undone: |_| Ok(()),
    },
    Fault {
        name: "the template is broken, and a node leaves",
        happens: |stage| {
            stage.write_template("{% if %}")?;
            stage.leave();
            Ok(())
        },
        is_undone: |stage| {
            stage.write_template("")?;
            stage.boot(VICTIM)
        },
    },
    Fault {
        name: "the balancer's disk is full, and a node leaves",
        happens: |stage| {
            stage.fill_disk()?;
            stage.leave();
            Ok(())
        },
        is_undone: |stage| {
            stage.disk = None;
            stage.boot(VICTIM)
        },
    },
    Fault {
        name: "the seed is gone for good, and a node leaves",
        happens: |stage| {
            stage.lan.kill(1);
            stage.leave();
            Ok(())
        },
        is_undone: |stage| {
            stage.boot(1)?;
            stage.boot(VICTIM)
        },
    },
    Fault {
        name: "half of the nodes are cut off from the balancer",
        happens: |stage| {
            stage.lan.uplink("down");
            Ok(())
        },
        is_undone: |stage| {
            stage.lan.uplink("up");
            Ok(())
        },
    },
];

pub(crate) fn question(setting: &Setting) -> anyhow::Result<Answer> {
    let mut stage = Stage::new()?;
    let wanted = if setting.quick { 3..4 } else { 0..FAULTS.len() };
    let mut table = Table::new(&[
        "fault",
        "GET: failed",
        "p99, ms",
        "slowest, ms",
        "POST: failed",
        "slowest, ms",
    ]);
    for fault in &FAULTS[wanted] {
        progress(format_args!("faults: {}", fault.name));
        let get = stage.under_load("GET", fault)?;
        let post = stage.under_load("POST", fault)?;
        ensure!(
            !setting.quick || get.failed() == 0,
            "{}: {get:?}",
            fault.name
        );
        let milliseconds = |time: Duration| format!("{:.0}", time.as_secs_f64() * 1e3);
        table.row(vec![
            fault.name.into(),
            share(&get),
            milliseconds(get.p99()),
            milliseconds(get.max()),
            share(&post),
            milliseconds(post.max()),
        ]);
    }
    let text = format!(
        "{RATE} requests a second, over kept connections and new ones side by side, for {} s, to four \
         nodes; times are counted from the moment when a request was due.",
        (BEFORE + AFTER).as_secs()
    );
    let title = "faults: what a fault costs those who ask meanwhile";
    Ok(Answer::new(title).text(&text).table(table))
}

fn share(report: &Report) -> String {
    format!("{} of {}", report.failed(), report.requests)
}

/// A balancer and four nodes.
struct Stage {
    lan: Lan,
    disk: Option<FullDisk>,
}

impl Stage {
    fn new() -> anyhow::Result<Self> {
        let mut stage = Self {
            lan: Lan::new("faults"),
            disk: None,
        };
        for (number, switch) in [
            (BALANCER, Switch::Near),
            (1, Switch::Near),
            (2, Switch::Near),
            (3, Switch::Far),
            (4, Switch::Far),
        ] {
            stage.lan.plug_in(Plug::At(switch), number);
            fs::create_dir_all(stage.lan.state(number))?;
        }
        stage.write_template("")?;
        for number in [BALANCER, 1, 2, 3, 4] {
            stage.boot(number)?;
        }
        stage.lan.wait_until_up(BALANCER, &NODES);
        Ok(stage)
    }

    fn under_load(&mut self, method: &'static str, fault: &Fault) -> anyhow::Result<Report> {
        let front: SocketAddr = "127.0.0.1:80".parse().context("read an address")?;
        let load = Load {
            method,
            waiting: WAITING,
            ..Load::new(front, RATE)
        };
        let running = self.lan.within(BALANCER, move || load.start()).join();
        let running = running.ok().context("start the load")?;
        wait::pass(BEFORE);
        (fault.happens)(self)?;
        wait::pass(AFTER);
        let report = running.stop();
        (fault.is_undone)(self)?;
        self.lan.wait_for_agreement(BALANCER, &NODES);
        Ok(report)
    }

    fn boot(&mut self, number: u8) -> anyhow::Result<()> {
        let folder = if number == BALANCER {
            "ha/services"
        } else {
            "webapp/services"
        };
        let template = self.template();
        let template = template.to_str().context("read the path of a template")?;
        let seeds = ("SERF_JOIN", "10.77.0.1 10.77.0.42");
        let settings = [seeds, ("HAPROXY_TEMPLATE", template)];
        self.lan.boot(number, folder, &settings);
        Ok(())
    }

    fn leave(&mut self) {
        self.lan.stop(VICTIM);
    }

    fn signal(&self, number: u8, service: &str, signal: Signal) {
        send(self.lan.service_pid(number, service), signal);
    }

    fn template(&self) -> PathBuf {
        self.lan.state(BALANCER).join("template")
    }

    /// Our own template, with `more` behind it.
    fn write_template(&self, more: &str) -> anyhow::Result<()> {
        let text = fs::read_to_string(root().join("ha/config/haproxy.cfg.tera"))?;
        let text = text + more;
        let path = self.template();
        files::replace(&path, text.as_bytes(), files::Durability::Unsynced)
    }

    fn fill_disk(&mut self) -> anyhow::Result<()> {
        let folder = self.lan.state(BALANCER).join("haproxy");
        self.disk = Some(FullDisk::new(&folder)?);
        Ok(())
    }
}

/// A small disk in the place of a folder, with the folder's configuration and no room for more.
struct FullDisk(PathBuf);

impl FullDisk {
    fn new(folder: &Path) -> anyhow::Result<Self> {
        let kept = fs::read(folder.join("haproxy.cfg"))?;
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=256k", "tmpfs"]);
        let status = mount.arg(folder).status().context("run mount")?;
        ensure!(status.success(), "mount {}: {status}", folder.display());
        let disk = Self(folder.to_owned());
        fs::File::create(folder.join("haproxy.cfg"))?.write_all(&kept)?;
        let mut filler = fs::File::create(folder.join("filler"))?;
        while filler.write_all(&[0; 4096]).is_ok() {}
        Ok(disk)
    }
}

impl Drop for FullDisk {
    fn drop(&mut self) {
        let mut umount = Command::new("umount");
        let _ = umount.arg("-l").arg(&self.0).status();
    }
}
