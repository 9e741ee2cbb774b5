//! How long it takes until the page says what has happened, and what the page costs: for
//! `scripts/page-times`.

use std::fs;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use harness::cluster::{Cluster, SOON, printed};
use harness::wait::{pass, watch_for};
use harness::{family, root, send};
use nix::sys::signal::Signal::{SIGCONT, SIGKILL, SIGSTOP};
use serde_json::{Value, json};

use super::browser::PATIENCE;
use super::events::{replace_in, started};
use super::fake::Fake;
use super::seen::Watched;

/// How long the processor's time is counted.
const COUNTED: Duration = Duration::from_secs(20);

/// What was measured: in milliseconds, how long each took.
struct Row {
    event: &'static str,
    says: &'static str,
    bound: &'static str,
    took: Vec<f64>,
}

impl Row {
    /// Its line of the table: the median, and what 95 of a hundred do not exceed.
    fn line(mut self) -> String {
        self.took.sort_by(f64::total_cmp);
        let at = |part: usize| self.took[(self.took.len() * part).div_ceil(100).max(1) - 1];
        let (median, p95, rounds) = (at(50), at(95), self.took.len());
        let Self {
            event, says, bound, ..
        } = self;
        format!("| {event} | {says} | {median:.0} ms | {p95:.0} ms | {bound} | {rounds} |")
    }
}

fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since.as_secs_f64() * 1e3
}

fn rounds() -> usize {
    std::env::var("PAGE_ROUNDS").map_or(1, |rounds| rounds.parse().expect("a number of rounds"))
}

#[test]
#[ignore = "it takes minutes, and measures: scripts/page-times"]
fn how_long_the_page_takes_to_say_what_has_happened() {
    let rows = [of_a_cluster(), of_a_template(), of_what_is_made_up()].concat();
    eprintln!(
        "| event | the page says | median | p95 | at most | rounds |\n|---|---|---|---|---|---|"
    );
    for line in rows {
        eprintln!("{line}");
    }
}

#[test]
#[ignore = "it takes minutes, and measures: scripts/page-times"]
fn what_the_page_of_a_thousand_nodes_costs() {
    for line in what_it_costs() {
        eprintln!("{line}");
    }
}

/// When a file of a node is there, or is gone.
fn moment(cluster: &Cluster, node: &str, there: bool) -> f64 {
    let file = cluster.file("ha", "nodes").join(node);
    let seen = || (file.exists() == there).then(now);
    watch_for("the node's file", SOON, seen).unwrap()
}

/// Joins, leaves and deaths of a node of a real cluster.
fn of_a_cluster() -> Vec<String> {
    let cluster = Cluster::new(147);
    let watched = started(&cluster, "3", &[("NODES_HOLD", "1h")]);
    let (mut joins, mut leaves, mut kills) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds() {
        watched.forget();
        cluster.launch("s4", &cluster.address(104)).unwrap();
        let file = moment(&cluster, "s4", true);
        let tile = watched.first("a tile for s4", SOON, |it| {
            it.what == "node" && it.id == "s4"
        });
        let event = watched.event("joined", "s4", SOON);
        joins.push(tile.at.max(event.at) - file);
        watched.node_is("s4", "serves", SOON);

        let leaves_now = cluster.node(&["stop", "s4"]).unwrap();
        let file = moment(&cluster, "s4", false);
        let tile = watched.node_is("s4", "left", SOON);
        let event = watched.event("left", "s4", SOON);
        leaves.push(tile.at.max(event.at) - file);
        assert!(leaves_now.wait_with_output().unwrap().status.success());

        watched.forget();
        let all = family(cluster.pid("s3").unwrap());
        let killed = now();
        for pid in all {
            send(pid, SIGKILL);
        }
        kills.push(watched.node_is("s3", "silent", SOON).at - killed);
        watched.forget();
        printed(
            &cluster.run_script(&["node", "start", "s3"]),
            &["node", "start", "s3"],
        );
        watched.node_is("s3", "serves", SOON);
    }
    let row = |event, says, bound, took| {
        Row {
            event,
            says,
            bound,
            took,
        }
        .line()
    };
    vec![
        row(
            "a node's file is there",
            "its tile, and that it joined",
            "250 ms",
            joins,
        ),
        row("a node's file is gone", "that it left", "250 ms", leaves),
        row("kill -9 of a node", "\"does not answer\"", "1.2 s", kills),
    ]
}

/// A template that breaks, and is mended.
fn of_a_template() -> Vec<String> {
    let cluster = Cluster::new(148);
    let own = harness::scratch();
    let template = own.path().join("haproxy.cfg.tera");
    let shipped = fs::read(root().join("ha/config/haproxy.cfg.tera")).unwrap();
    files::replace(&template, &shipped, files::Durability::Unsynced).unwrap();
    let path = template.to_str().unwrap();
    let watched = started(&cluster, "2", &[("HAPROXY_TEMPLATE", path)]);
    let (mut broken, mut mended) = (Vec::new(), Vec::new());
    let sync = || cluster.run_script(&["node", "run", "ha", "member-event", "sync"]);
    for _ in 0..rounds() {
        watched.forget();
        replace_in(&template, "mode http\n", "mode gopher\n");
        sync();
        let line = last_line(&cluster, |line| line["code"] == 100);
        broken.push(watched.sentence("haproxy-gen", SOON).at - line);
        watched.forget();
        replace_in(&template, "mode gopher\n", "mode http\n");
        sync();
        let line = last_line(&cluster, |line| {
            line["step"] == "haproxy-gen" && line["code"] != 100
        });
        mended.push(watched.sentence("2 of 2 nodes serve", SOON).at - line);
    }
    let row = |event, says, took| {
        Row {
            event,
            says,
            bound: "500 ms",
            took,
        }
        .line()
    };
    vec![
        row(
            "a template breaks",
            "the step, the reason, since when",
            broken,
        ),
        row("it is mended", "that all is well", mended),
    ]
}

/// When the last such line came into the journal.
fn last_line(cluster: &Cluster, is_it: impl Fn(&Value) -> bool) -> f64 {
    let journal = fs::read_to_string(cluster.file("ha", "muster.jsonl")).unwrap();
    let lines = journal
        .lines()
        .rev()
        .filter_map(|line| serde_json::from_str(line).ok());
    let line = lines.into_iter().find(|line| is_it(line)).unwrap();
    line["t"].as_f64().unwrap() * 1e3
}

/// What takes a minute in a real cluster, or nobody can time there.
fn of_what_is_made_up() -> Vec<String> {
    let fake = Fake::new(31, 4).started();
    let watched = Watched::open(&fake.url());
    let command =
        "3 of 4 nodes are lost; if they are gone for good: NODES_MAX_LOST=100% member-event sync";
    let lost = json!({ "since": now() / 1e3, "until": null, "why": "it has failed" });
    let refused = json!([{ "name": "mallory", "address": "203.0.113.7", "why": "it is denied" }]);
    let (mut held, mut refusals, mut stale, mut healed) = (vec![], vec![], vec![], vec![]);
    for _ in 0..rounds() {
        watched.forget();
        let began = now();
        fake.state(&json!({ "held": command, "lost":
            { "web-0001": lost, "web-0002": lost, "web-0003": lost } }));
        held.push(watched.sentence("NODES_MAX_LOST", SOON).at - began);
        fake.state(&json!({}));
        watched.sentence("4 of 4", SOON);

        watched.forget();
        let began = now();
        fake.state(&json!({ "refused": refused, "refused_all": 1 }));
        refusals.push(watched.node_is("mallory", "refused", SOON).at - began);
        fake.state(&json!({}));
        watched.node_is("mallory", "gone", SOON);

        watched.forget();
        fake.page().signal(SIGSTOP);
        let began = now();
        let is = |state| watched.first(state, SOON, |it| it.what == "live" && it.state == state);
        stale.push(is("stale").at - began);
        fake.page().signal(SIGCONT);
        let began = now();
        healed.push(is("live").at - began);
    }
    let row = |event, says, bound, took| {
        Row {
            event,
            says,
            bound,
            took,
        }
        .line()
    };
    vec![
        row(
            "three of four nodes are held",
            "why, with the command",
            "1 s",
            held,
        ),
        row(
            "a member is refused",
            "its tile, with the reason",
            "500 ms",
            refusals,
        ),
        row("the page's server stops", "that it is stale", "3 s", stale),
        row("it goes on", "what is so", "3 s", healed),
    ]
}

/// The memory and the processor's time of the page of a thousand nodes.
fn what_it_costs() -> Vec<String> {
    let fake = Fake::new(32, 1000).started();
    let pid = fake.page().pid();
    let mut lines = vec![format!("a thousand nodes, nobody looks: {}", cost(pid))];
    let browsers = [0; 3].map(|_| Watched::open(&fake.url()));
    pass(Duration::from_secs(2));
    lines.push(format!("a thousand nodes, three browsers: {}", cost(pid)));
    for it in &browsers {
        it.is_live(PATIENCE);
    }
    drop(browsers);
    pass(Duration::from_secs(5));
    lines.push(format!("a thousand nodes, they are closed: {}", cost(pid)));
    lines
}

fn cost(pid: u32) -> String {
    let before = ticks(pid);
    pass(COUNTED);
    let spent = (ticks(pid) - before) / ticks_a_second() / COUNTED.as_secs_f64() * 100.0;
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let kilobytes = |name: &str| {
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .unwrap();
        line.trim_matches([':', '\t', ' ', 'k', 'B'])
            .parse::<f64>()
            .unwrap()
            / 1e3
    };
    let (now, peak) = (kilobytes("VmRSS"), kilobytes("VmHWM"));
    format!("{now:.1} MB of memory ({peak:.1} at most), {spent:.1} % of a processor")
}

/// The processor's time that a process has used.
fn ticks(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, rest) = stat.rsplit_once(") ").unwrap();
    let fields: Vec<f64> = rest
        .split(' ')
        .map(|it| it.parse().unwrap_or(0.0))
        .collect();
    fields[11] + fields[12]
}

fn ticks_a_second() -> f64 {
    let output = Command::new("getconf").arg("CLK_TCK").output().unwrap();
    String::from_utf8_lossy(&output.stdout)
        .trim()
        .parse()
        .unwrap()
}
