//! Hosts with a network of their own, for what a loopback net does not have: cables that are
//! cut, and multicast.

#![expect(
    clippy::unwrap_used,
    reason = "a test that has no network cannot go on"
)]
#![expect(clippy::print_stderr, reason = "a failed test shows the logs")]

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sched::{CloneFlags, setns};
use nix::sys::signal::Signal;

use crate::cluster::{FAILURE, SOON, configured, living, node_files, program};
use crate::haproxy::Statistics;
use crate::load::{self, Running};
use crate::wait::until;
use crate::{Scratch, root, scratch, send, wait_for};

/// Two bridges with a cable between them, and hosts on them, in network
/// namespaces that this machine's own network does not see: host N is 10.77.0.N.
pub struct Lan {
    name: String,
    hosts: Vec<Host>,
    /// Whether modes of files bind what is started.
    heeds_modes: bool,
    scratch: Scratch,
}

/// What lets root open whatever it likes, and is taken from those whom modes are to bind.
const OVERRIDES: &str = "--bounding-set=-dac_override,-dac_read_search";
/// How long a host may take to end before it is killed: longer than `init` waits itself.
const END: Duration = Duration::from_secs(60);

/// Where a host is plugged in.
#[derive(Clone, Copy)]
pub enum Switch {
    /// Where all are that nobody plugs in elsewhere.
    Near,
    /// At the other end of the cable.
    Far,
}

impl Switch {
    fn bridge(self) -> &'static str {
        match self {
            Self::Near => "near",
            Self::Far => "far",
        }
    }
}

/// How a host is plugged in, and which addresses it has there.
#[derive(Clone, Copy)]
pub enum Plug {
    /// 10.77.0.N at eth0, which has the default route.
    At(Switch),
    /// `fd77::N` at eth0, and no IPv4 but that of loopback.
    Ipv6,
    /// 10.77.0.N at eth0, and no default route, with or without IPv6.
    Bare {
        /// Whether eth0 has a link-local address.
        ipv6: bool,
    },
    /// 10.77.0.N at the interface of this name, of eth0 and eth1; the other one is
    /// 10.78.0.N at the far switch, and has the default route.
    Two(&'static str),
}

struct Host {
    number: u8,
    init: Option<Child>,
}

fn ip(words: &str) -> Output {
    Command::new("ip")
        .args(words.split(' '))
        .output()
        .expect("run ip")
}

fn must(words: &str) {
    let output = ip(words);
    assert!(
        output.status.success(),
        "ip {words} (are you root?): {output:?}"
    );
}

impl Lan {
    /// One without hosts. No two at a time may have the same name.
    pub fn new(name: &str) -> Self {
        let lan = Self {
            name: format!("muster-test-{name}-{}", std::process::id()),
            hosts: Vec::new(),
            heeds_modes: false,
            scratch: scratch(),
        };
        let switches = lan.namespace(0);
        must(&format!("netns add {switches}"));
        must(&format!(
            "-n {switches} link add up0 type veth peer name up1"
        ));
        for (switch, end) in [(Switch::Near, "up0"), (Switch::Far, "up1")] {
            let bridge = switch.bridge();
            must(&format!("-n {switches} link add {bridge} type bridge"));
            must(&format!("-n {switches} link set {bridge} up"));
            must(&format!("-n {switches} link set {end} master {bridge} up"));
        }
        lan
    }

    /// Lets modes of files bind what is started from here on, although root starts it.
    pub fn heed_modes(&mut self) {
        self.heeds_modes = true;
    }

    /// The namespace of a host; 0 is that of the switches.
    fn namespace(&self, number: u8) -> String {
        format!("{}-{number}", self.name)
    }

    /// Plugs a host in and starts the services of `folder` on it.
    pub fn start(&mut self, number: u8, folder: &str, settings: &[(&str, &str)]) {
        self.start_at(Switch::Near, number, folder, settings);
    }

    /// Plugs a host in at one of the switches, and starts the services of `folder` on it.
    pub fn start_at(
        &mut self,
        switch: Switch,
        number: u8,
        folder: &str,
        settings: &[(&str, &str)],
    ) {
        self.plug_in(Plug::At(switch), number);
        self.boot(number, folder, settings);
    }

    /// Starts the services of `folder` on a host that is plugged in.
    pub fn boot(&mut self, number: u8, folder: &str, settings: &[(&str, &str)]) {
        let init = self.init(number, folder, settings);
        let mut hosts = self.hosts.iter_mut();
        let host = hosts.find(|host| host.number == number).unwrap();
        host.init = Some(init);
    }

    /// Plugs a host in, on which nothing runs yet.
    pub fn plug_in(&mut self, plug: Plug, number: u8) {
        let namespace = self.namespace(number);
        must(&format!("netns add {namespace}"));
        self.hosts.push(Host { number, init: None });
        must(&format!("-n {namespace} link set lo up"));
        if matches!(plug, Plug::Bare { ipv6: false }) {
            let off = "net.ipv6.conf.all.disable_ipv6=1";
            let mut sysctl = self.run_on(number, "sysctl");
            assert!(sysctl.args(["-q", "-w", off]).status().unwrap().success());
        }
        let v4 = |net: u8| format!("10.{net}.0.{number}/24");
        match plug {
            Plug::At(switch) => self.wire(number, switch, "eth0", &v4(77)),
            Plug::Ipv6 => self.wire(number, Switch::Near, "eth0", &format!("fd77::{number}/64")),
            Plug::Bare { .. } => self.wire(number, Switch::Near, "eth0", &v4(77)),
            Plug::Two(near) => {
                let far = if near == "eth0" { "eth1" } else { "eth0" };
                self.wire(number, Switch::Near, near, &v4(77));
                self.wire(number, Switch::Far, far, &v4(78));
                must(&format!("-n {namespace} route add default dev {far}"));
            }
        }
        if matches!(plug, Plug::At(_)) {
            must(&format!("-n {namespace} route add default dev eth0"));
        }
        wait_for("the address to be usable", SOON, || {
            ip(&format!("-n {namespace} address show tentative"))
                .stdout
                .is_empty()
                .then_some(())
        });
    }

    /// A cable from an interface of a host to a switch. The end of its first one is called
    /// port and the number.
    fn wire(&self, number: u8, switch: Switch, interface: &str, address: &str) {
        let (switches, namespace) = (self.namespace(0), self.namespace(number));
        let bridge = switch.bridge();
        let first = format!("port{number}");
        let is_first = ip(&format!("-n {switches} link show {first}"))
            .stdout
            .is_empty();
        let port = if is_first {
            first
        } else {
            format!("second{number}")
        };
        must(&format!(
            "-n {switches} link add {port} type veth peer name {interface} netns {namespace}"
        ));
        must(&format!("-n {switches} link set {port} master {bridge} up"));
        must(&format!(
            "-n {namespace} address add {address} dev {interface}"
        ));
        must(&format!("-n {namespace} link set {interface} up"));
    }

    fn init(&self, number: u8, folder: &str, settings: &[(&str, &str)]) -> Child {
        let state = self.state(number);
        fs::create_dir_all(state.join("nodes")).unwrap();
        fs::create_dir_all(state.join("haproxy")).unwrap();
        let log = fs::File::create(state.join("log")).unwrap();
        let path = |file: &str| state.join(file).display().to_string();
        let programs = program("init").parent().unwrap().display().to_string();
        let scripts = root().join("ha/scripts").display().to_string();
        let mut init = self.run_on(number, if self.heeds_modes { "setpriv" } else { "env" });
        if self.heeds_modes {
            init.arg(OVERRIDES);
        }
        init.arg(program("init"))
            .arg("--services")
            .arg(root().join(folder))
            .arg("--scandir")
            .arg(state.join("services"))
            .env_clear()
            .env(
                "PATH",
                format!("{programs}:{scripts}:/usr/sbin:/usr/bin:/sbin:/bin"),
            )
            .env("S6_KEEP_ENV", "1")
            .env("INIT_PREFIX", "1")
            .env("SERF_NODE", format!("n{number}"))
            .env("SERF_JOIN_EVERY", "2")
            .env("SERVER_NAME", format!("n{number}"))
            .env("NODES_DIR", path("nodes"))
            .env("SERF_LOG", path("serf.log"))
            .env(
                "HAPROXY_TEMPLATE",
                root().join("ha/config/haproxy.cfg.tera"),
            )
            .env("HAPROXY_CFG", path("haproxy/haproxy.cfg"))
            .env("HAPROXY_SOCKET", path("haproxy.sock"))
            .env("HAPROXY_LOOK_SOCKET", path("haproxy-look.sock"))
            .env("MUSTER_JOURNAL", path("muster.jsonl"))
            .env("HAPROXY_MASTER", path("master.sock"))
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("start init in a namespace")
    }

    /// Ends a host as its engine would: its services stop in their order.
    ///
    /// # Panics
    /// When it does not run.
    pub fn stop(&mut self, number: u8) {
        let mut init = self.take_init(number);
        send(init.id(), Signal::SIGTERM);
        let _ = init.wait();
    }

    /// Kills everything that runs on a host.
    ///
    /// # Panics
    /// When it does not run.
    pub fn kill(&mut self, number: u8) {
        let mut init = self.take_init(number);
        // Whoever sees one die may start another.
        wait_for("the death of a host", SOON, || {
            let pids = self.pids(number);
            for pid in &pids {
                send(*pid, Signal::SIGKILL);
            }
            let _ = init.try_wait();
            pids.is_empty().then_some(())
        });
    }

    /// The processes of a host.
    pub fn pids(&self, number: u8) -> Vec<u32> {
        let pids = ip(&format!("netns pids {}", self.namespace(number))).stdout;
        let pids = String::from_utf8_lossy(&pids).into_owned();
        let pids = pids.lines().filter_map(|pid| pid.trim().parse().ok());
        pids.collect()
    }

    /// The `init` of a host, if it runs.
    pub fn init_pid(&self, number: u8) -> Option<u32> {
        let host = self.hosts.iter().find(|host| host.number == number)?;
        host.init.as_ref().map(Child::id)
    }

    /// Ends all hosts, also those that are frozen, and kills what does not end in time.
    pub fn end(&mut self) {
        let running: Vec<u8> = self
            .hosts
            .iter()
            .filter(|host| host.init.is_some())
            .map(|host| host.number)
            .collect();
        for number in &running {
            for pid in self.pids(*number) {
                send(pid, Signal::SIGCONT);
            }
            if let Some(init) = self.init_pid(*number) {
                send(init, Signal::SIGTERM);
            }
        }
        for number in running {
            let mut init = self.take_init(number);
            let ended = until("the end of a host", END, || init.try_wait().ok().flatten());
            if ended.is_err() {
                for pid in self.pids(number) {
                    send(pid, Signal::SIGKILL);
                }
            }
            let _ = init.wait();
        }
    }

    fn take_init(&mut self, number: u8) -> Child {
        let mut hosts = self.hosts.iter_mut();
        let host = hosts.find(|host| host.number == number).unwrap();
        host.init.take().unwrap()
    }

    /// The process of a service of a host.
    ///
    /// # Panics
    /// When it does not run.
    pub fn service_pid(&self, number: u8, service: &str) -> u32 {
        let folder = self.state(number).join("services").join(service);
        let mut svstat = Command::new(program("svstat"));
        let output = svstat.args(["-o", "pid"]).arg(folder).output().unwrap();
        String::from_utf8_lossy(&output.stdout)
            .trim()
            .parse()
            .unwrap()
    }

    /// The folder with all that a host writes.
    pub fn state(&self, number: u8) -> PathBuf {
        self.scratch.path().join(number.to_string())
    }

    /// What the services of a host have said.
    pub fn log(&self, number: u8) -> String {
        fs::read_to_string(self.state(number).join("log")).unwrap_or_default()
    }

    /// Pulls or plugs the cable of a host.
    pub fn cable(&self, number: u8, state: &str) {
        let switches = self.namespace(0);
        must(&format!("-n {switches} link set port{number} {state}"));
    }

    /// Pulls or plugs the cable between the switches.
    pub fn uplink(&self, state: &str) {
        must(&format!("-n {} link set up0 {state}", self.namespace(0)));
    }

    /// A program on host `number`.
    pub fn run_on(&self, number: u8, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace(number), program]);
        command
    }

    /// A program on host `number`, with the environment of the services there. It fails
    /// where init has not laid them out yet.
    pub fn with_environment(&self, number: u8, words: &[&str]) -> Command {
        let mut command = self.run_on(number, "sh");
        command
            .args(["-c", "cd \"$0\" && exec \"$@\""])
            .arg(self.state(number).join("services/serf"))
            .arg(program("with-contenv"))
            .args(words)
            .env_remove("S6_KEEP_ENV");
        command
    }

    /// Does something in the network of host `number`.
    pub fn within<T: Send + 'static>(
        &self,
        number: u8,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        let network = fs::File::open(format!("/run/netns/{}", self.namespace(number))).unwrap();
        std::thread::spawn(move || {
            setns(network, CloneFlags::CLONE_NEWNET).unwrap();
            work()
        })
    }

    /// A load on the balancer of host `number`, from that host itself.
    pub fn load(&self, number: u8) -> Running {
        // The threads of the load begin in the network of the one that starts them.
        let start = || load::start("127.0.0.1:80".parse().unwrap(), 50);
        self.within(number, start).join().unwrap()
    }

    /// The nodes that are UP in the HAProxy of host `number`.
    pub fn up(&self, number: u8) -> Vec<String> {
        let mut curl = self.run_on(number, "curl");
        curl.args(["-s", "-m", "5", "http://127.0.0.1:1936/;csv"]);
        let output = curl.output().unwrap();
        let page = String::from_utf8_lossy(&output.stdout).into_owned();
        let states = Statistics::from(page).states().into_iter();
        states
            .filter_map(|(name, state)| state.starts_with("UP").then_some(name))
            .collect()
    }

    /// Waits until the members, `/nodes`, `haproxy.cfg` and HAProxy of host
    /// `number` are these, and all of them up.
    pub fn wait_for_agreement(&self, number: u8, names: &[&str]) {
        wait_for(&format!("all to agree on {names:?}"), FAILURE, || {
            let state = self.state(number);
            (living(&mut self.run_on(number, "serf")) == names
                && node_files(&state.join("nodes")) == names
                && configured(&state.join("haproxy/haproxy.cfg")) == names
                && self.up(number) == names)
                .then_some(())
        });
    }

    /// Waits until these, and no others, are UP in the HAProxy of host `number`.
    pub fn wait_until_up(&self, number: u8, names: &[&str]) {
        wait_for(&format!("{names:?} to be up"), FAILURE, || {
            (self.up(number) == names).then_some(())
        });
    }
}

impl Drop for Lan {
    fn drop(&mut self) {
        self.end();
        for number in self.hosts.iter().map(|host| host.number).chain([0]) {
            if std::thread::panicking() && number > 0 {
                eprintln!("--- the log of n{number}:\n{}", self.log(number));
            }
            ip(&format!("netns delete {}", self.namespace(number)));
        }
    }
}
