//! Whoever reaches the gossip port can make an agent write a line with every packet. The
//! logs stay as large as they may be, and show what the nodes have to say.

use std::io::Write;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use harness::cluster::{BALANCER, Cluster, SOON};
use harness::{load, wait_for, without_time};

use crate::view;

const PACKETS: u32 = 10_000;
const CONNECTIONS: u32 = 100;
const LONG: Duration = Duration::from_secs(10);
/// More than a program of ours may have in memory, in kB, however much it passes on.
const MEMORY: u64 = 20_000;

/// Calls `send` so many times a second, as long as the flood lasts.
fn at_rate(rate: u32, send: impl Fn(&mut fastrand::Rng) + Send + 'static) -> JoinHandle<u64> {
    let mut random = fastrand::Rng::with_seed(fastrand::u64(..));
    eprintln!("seed {}", random.get_seed());
    thread::spawn(move || {
        let (start, mut done) = (Instant::now(), 0_u32);
        wait_for("the end of the flood", SOON, || {
            let due = start.elapsed().as_secs_f64() * f64::from(rate);
            while f64::from(done) < due {
                send(&mut random);
                done += 1;
            }
            (start.elapsed() > LONG).then_some(())
        });
        u64::from(done)
    })
}

fn bytes(random: &mut fastrand::Rng) -> [u8; 60] {
    std::array::from_fn(|_| random.u8(..))
}

/// Sends garbage to a gossip port, in packets and by connections.
fn garbage(target: SocketAddr) -> [JoinHandle<u64>; 2] {
    let socket = UdpSocket::bind((target.ip(), 0)).unwrap();
    socket.connect(target).unwrap();
    let packets = at_rate(PACKETS, move |random| {
        // What the agent's queue does not take is lost, as on any network.
        let _ = socket.send(&bytes(random));
    });
    let connections = at_rate(CONNECTIONS, move |random| {
        let connected = TcpStream::connect_timeout(&target, Duration::from_secs(5));
        let _ = connected.and_then(|mut it| it.write_all(&bytes(random)));
    });
    [packets, connections]
}

fn size(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |it| it.len())
}

/// The bytes of a node's log and of the older one.
fn logged(cluster: &Cluster, node: &str) -> u64 {
    size(&cluster.file(node, "log")) + size(&cluster.file(node, "log.1"))
}

/// The memory of a node's init, in kB.
fn memory(cluster: &Cluster, node: &str) -> u64 {
    let pid = cluster.pid(node).unwrap();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let peak = status.lines().find_map(|it| it.strip_prefix("VmHWM:"));
    let number = peak.and_then(|it| it.split_whitespace().next());
    number.unwrap().parse().unwrap()
}

/// Floods the balancer and a node, while another node comes and visitors ask.
fn survives(cluster: &Cluster, settings: &[(&str, &str)]) {
    let start = |words: &[&str]| {
        let mut script = cluster.script(words);
        let output = script.envs(settings.iter().copied()).output().unwrap();
        harness::cluster::printed(&output, words);
    };
    start(&["up", "1"]);
    let load = load::start(cluster.front(), 50);
    let targets = [BALANCER, 101].map(|host| cluster.at_port(host, 7946));
    let floods = targets.map(garbage);
    start(&["node", "start", "s2"]);
    let sent: Vec<u64> = floods
        .into_iter()
        .flatten()
        .map(|it| it.join().unwrap())
        .collect();
    eprintln!("sent {sent:?}");
    assert_eq!(view::living_in(cluster), ["s1", "s2"]);
    cluster.wait_for_nodes(&["s1", "s2"]);
    for node in ["ha", "s1"] {
        let memory = memory(cluster, node);
        assert!(memory < MEMORY, "{node}'s init has {memory} kB");
    }
    let report = load.stop();
    assert!(report.requests > 100 && report.failed() == 0, "{report:?}");
}

#[test]
fn ten_seconds_of_garbage_leave_little_in_the_log_and_what_the_chain_says() {
    let cluster = Cluster::new(120);
    survives(&cluster, &[]);
    for node in ["ha", "s1"] {
        let logged = logged(&cluster, node);
        eprintln!("{node} logged {logged} bytes");
        assert!(logged < 1_000_000, "{node} logged {logged} bytes");
        wait_for("the garbage to be told", SOON, || {
            let log = cluster.log(node);
            let told = |line: &str| without_time(line).starts_with("init: serf: left out ");
            log.lines().any(told).then_some(())
        });
    }
    let log = cluster.log("ha");
    assert!(log.contains("serf-nodes: added s2 "), "{log}");
}

#[test]
fn a_log_of_all_the_garbage_is_as_large_as_it_may_be() {
    let cluster = Cluster::new(121);
    survives(
        &cluster,
        &[("INIT_LOG_SIZE", "1000000"), ("INIT_LOG_RATE", "0")],
    );
    for node in ["ha", "s1"] {
        let logged = logged(&cluster, node);
        assert!(
            (500_000..=1_000_000).contains(&logged),
            "{node} logged {logged} bytes"
        );
        for file in ["log", "log.1"] {
            let text = std::fs::read(cluster.file(node, file)).unwrap();
            let text = String::from_utf8(text).unwrap();
            let first = without_time(&text);
            let starts_whole = first.starts_with('[') || first.starts_with("init: ");
            assert!(starts_whole && text.ends_with('\n'), "{node}'s {file}");
        }
    }
}
