//! The real cluster: two balancers and eight nodes, each with a network of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use harness::cluster::{configured, living, node_files, program};
use harness::lan::{Lan, Plug, Switch};
use harness::load::{Load, Running};
use harness::{haproxy, root};

use super::agreement::View;
use super::plan::{BALANCERS, FAR, NODES};
use super::processes::{Known, Process};

/// An old worker of HAProxy ends after this time, in seconds.
pub(super) const HARD_STOP: u64 = 20;
/// Room for what a balancer writes, its log too.
const DISK: &str = "size=24m";
/// Requests a second of each balancer, and how many can wait: those for silent nodes.
const LOADS: [(&str, u32, u32); 2] = [("GET", 40, 48), ("POST", 15, 24)];

/// A load of a balancer.
pub(super) struct Traffic {
    pub(super) balancer: u8,
    pub(super) method: &'static str,
    /// When it began, from the beginning of the round.
    pub(super) began: Duration,
    pub(super) running: Running,
}

/// All that runs. It ends with the value.
pub(super) struct Stage {
    pub(super) lan: Lan,
    disks: Vec<PathBuf>,
    boots: u32,
}

/// The nodes' names.
pub(super) fn names(nodes: impl IntoIterator<Item = u8>) -> Vec<String> {
    let mut names: Vec<String> = nodes.into_iter().map(|node| format!("n{node}")).collect();
    names.sort();
    names
}

/// Our own template, whose old workers end soon.
pub(super) fn template() -> String {
    let text = fs::read_to_string(root().join("ha/config/haproxy.cfg.tera")).unwrap();
    let short = text.replace(
        "hard-stop-after 2m",
        &format!("hard-stop-after {HARD_STOP}s"),
    );
    assert_ne!(text, short, "the template has another hard-stop-after");
    short
}

impl Stage {
    pub(super) fn new() -> Self {
        let mut stage = Self {
            lan: Lan::new("soak"),
            disks: Vec::new(),
            boots: 0,
        };
        stage.lan.heed_modes();
        for host in BALANCERS.into_iter().chain(NODES) {
            let is_far = host == BALANCERS[1] || (FAR..=8).contains(&host);
            let switch = if is_far { Switch::Far } else { Switch::Near };
            stage.lan.plug_in(Plug::At(switch), host);
            fs::create_dir_all(stage.lan.state(host)).unwrap();
        }
        for balancer in BALANCERS {
            stage.mount(balancer);
            stage.write_template(balancer, &template());
        }
        for host in BALANCERS.into_iter().chain(NODES) {
            stage.boot(host);
        }
        stage
    }

    fn mount(&mut self, balancer: u8) {
        let folder = self.lan.state(balancer);
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", DISK, "tmpfs"])
            .arg(&folder);
        assert!(
            mount.status().unwrap().success(),
            "mount {}",
            folder.display()
        );
        self.disks.push(folder);
    }

    pub(super) fn write_template(&self, balancer: u8, text: &str) {
        let path = self.lan.state(balancer).join("template");
        files::replace(&path, text.as_bytes(), files::Durability::Unsynced).unwrap();
    }

    /// Starts a host, and keeps the log of its earlier life.
    pub(super) fn boot(&mut self, host: u8) {
        let state = self.lan.state(host);
        self.boots += 1;
        let _ = fs::rename(state.join("log"), state.join(format!("log.{}", self.boots)));
        let is_balancer = BALANCERS.contains(&host);
        let folder = if is_balancer {
            "ha/services"
        } else {
            "webapp/services"
        };
        let template = state.join("template").display().to_string();
        // It is beside the hosts, whose folders others can fill.
        let key = state.with_file_name("gossip.key").display().to_string();
        let settings = [
            ("SERF_JOIN", "10.77.0.42 10.77.0.43 10.77.0.1 10.77.0.5"),
            ("SERF_KEY_FILE", &key),
            ("HAPROXY_TEMPLATE", &template),
            ("NODES_HOLD", "3s"),
        ];
        self.lan.boot(host, folder, &settings);
    }

    /// A service's main process.
    pub(super) fn service(&self, host: u8, service: &str) -> Option<u32> {
        let folder = self.lan.state(host).join("services").join(service);
        let mut svstat = Command::new(program("svstat"));
        let output = svstat.args(["-o", "pid"]).arg(folder).output().unwrap();
        String::from_utf8_lossy(&output.stdout).trim().parse().ok()
    }

    /// A program by its service, or `init`, or HAProxy's `worker`.
    pub(super) fn pid(&self, host: u8, program: &str) -> Option<u32> {
        match program {
            "init" => self.lan.init_pid(host),
            "worker" => self.worker(host),
            service => self.service(host, service),
        }
    }

    /// The worker of a balancer's HAProxy.
    pub(super) fn worker(&self, balancer: u8) -> Option<u32> {
        haproxy::worker(&self.lan.state(balancer).join("haproxy.sock")).ok()
    }

    /// Asks both balancers, by all methods.
    pub(super) fn traffic(&self, start: Instant) -> Vec<Traffic> {
        let load = |balancer: u8, (method, rate, waiting): (&'static str, u32, u32)| {
            let load = Load {
                method,
                waiting,
                ..Load::new("127.0.0.1:80".parse().unwrap(), rate)
            };
            let running = self
                .lan
                .within(balancer, move || (start.elapsed(), load.start()));
            let (began, running) = running.join().unwrap();
            Traffic {
                balancer,
                method,
                began,
                running,
            }
        };
        let loads = BALANCERS
            .into_iter()
            .flat_map(|it| LOADS.map(|kind| (it, kind)));
        loads.map(|(it, kind)| load(it, kind)).collect()
    }

    /// What a balancer believes.
    pub(super) fn view(&self, balancer: u8) -> View {
        let state = self.lan.state(balancer);
        let sorted = |mut names: Vec<String>| {
            names.sort();
            names
        };
        View {
            // The one place where the agent is asked.
            members: living(
                &mut self
                    .lan
                    .with_environment(balancer, &["timeout", "10", "serf"]),
            ),
            files: node_files(&state.join("nodes")),
            configured: sorted(configured(&state.join("haproxy/haproxy.cfg"))),
            up: self.lan.up(balancer),
            status: self.status(balancer),
        }
    }

    fn status(&self, balancer: u8) -> Option<String> {
        let words = ["timeout", "40", "haproxy-reload", "--status"];
        let output = self
            .lan
            .with_environment(balancer, &words)
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (!output.status.success()).then(|| {
            let (said, told) = (text(&output.stdout), text(&output.stderr));
            format!("--status ends with {}: {said}{told}", output.status)
        })
    }

    /// What runs on a host, and what is known of it.
    pub(super) fn processes(&self, host: u8) -> (Vec<Process>, Known) {
        let services = fs::read_dir(self.lan.state(host).join("services"));
        let services = services.into_iter().flatten().flatten();
        let names = services.filter_map(|entry| entry.file_name().into_string().ok());
        let pids = names.filter(|name| !name.starts_with('.'));
        let known = Known {
            init: self.lan.init_pid(host).unwrap_or_default(),
            services: pids.filter_map(|name| self.service(host, &name)).collect(),
            worker: BALANCERS
                .contains(&host)
                .then(|| self.worker(host))
                .flatten(),
        };
        let pids = self.lan.pids(host).into_iter();
        (pids.filter_map(Process::of).collect(), known)
    }

    /// Files that killed programs have left.
    pub(super) fn half_made(&self, balancer: u8) -> Vec<PathBuf> {
        let folders = ["nodes", "haproxy"].map(|name| self.lan.state(balancer).join(name));
        let entries = folders.iter().flat_map(|folder| paths(folder));
        entries.filter(|path| files::is_half_made(path)).collect()
    }

    /// The hosts on which something runs.
    pub(super) fn running(&self) -> Vec<u8> {
        let hosts = BALANCERS.into_iter().chain(NODES);
        hosts
            .filter(|host| self.lan.init_pid(*host).is_some())
            .collect()
    }

    /// What the programs have said of bugs of their own.
    pub(super) fn panics(&self) -> Vec<String> {
        let hosts = BALANCERS.into_iter().chain(NODES);
        let logs = hosts.flat_map(|host| paths(&self.lan.state(host)));
        let logs = logs.filter(|path| path.file_stem().is_some_and(|stem| stem == "log"));
        let told = |path: &PathBuf| {
            let text = String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned();
            let lines = text.lines().filter(|line| line.contains("panicked at"));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        logs.flat_map(|path| told(&path)).collect()
    }

    /// Ends all, and says what has not ended.
    pub(super) fn end(&mut self) -> Vec<String> {
        self.lan.end();
        let left = |host: u8| {
            let processes = self.lan.pids(host).into_iter().filter_map(Process::of);
            processes.map(move |it| format!("{} ({}) outlives n{host}", it.words, it.pid))
        };
        BALANCERS.into_iter().chain(NODES).flat_map(left).collect()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.lan.end();
        if std::thread::panicking() {
            for balancer in BALANCERS {
                let log = self.lan.log(balancer);
                let lines: Vec<&str> = log.lines().collect();
                let last = &lines[lines.len().saturating_sub(200)..];
                eprintln!("--- the last lines of n{balancer}:\n{}", last.join("\n"));
            }
        }
        for disk in &self.disks {
            let _ = Command::new("umount").arg("-l").arg(disk).status();
        }
    }
}

/// What is in a folder.
fn paths(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}
