//! Maps and ACLs whose files were made together with haproxy.cfg.

mod made_up;
mod odd;

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use files::Durability;
use haproxy_config::with_files;
use harness::load;

use self::made_up::{Use, file};
use crate::compare::chance::Chance;
use crate::haproxy::{Config, Haproxy, address, front};
use crate::node::{self, Node};

/// How many rounds of made-up files there are, with one of each kind in each.
const ROUNDS: u64 = 12;
/// How the made-up files are used.
const USES: [(&str, &str, Use); 11] = [
    (
        "str.map",
        "set-header x %[req.hdr(x),map_str(FILE)]",
        Use::Text,
    ),
    (
        "beg.map",
        "set-header x %[req.hdr(x),map_beg(FILE)]",
        Use::Text,
    ),
    (
        "end.map",
        "set-header x %[req.hdr(x),map_end(FILE)]",
        Use::Text,
    ),
    (
        "reg.map",
        "set-header x %[req.hdr(x),map_reg(FILE)]",
        Use::Expression,
    ),
    ("ip.map", "set-header x %[src,map_ip(FILE)]", Use::Address),
    (
        "int.map",
        "set-header x %[src_port,map_int(FILE)]",
        Use::Number,
    ),
    ("str.acl", "deny if { req.hdr(x) -f FILE }", Use::Text),
    (
        "beg.acl",
        "deny if { req.hdr(x) -i -m beg -f FILE }",
        Use::Text,
    ),
    ("ip.acl", "deny if { src -f FILE }", Use::Address),
    ("both.map", "deny if { req.hdr(x) -M -f FILE }", Use::Text),
    (
        "reg.acl",
        "deny if { req.hdr(x) -m reg -f FILE }",
        Use::Expression,
    ),
];

fn write(path: &Path, content: &[u8]) {
    files::replace(path, content, Durability::Unsynced).unwrap();
}

/// Writes haproxy.cfg with the comments that name these files.
fn record(haproxy: &Haproxy, config: &Config, names: &[&str]) {
    let paths = names.iter().map(|name| haproxy.path(name));
    let paths: Vec<String> = paths.map(|path| path.display().to_string()).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    haproxy.write_bytes(with_files(&config.text(), &paths).as_bytes());
}

/// A frontend with this rule, at a port of its own. `FILE` is `path`.
fn rule(haproxy: &Haproxy, path: &Path, rule: &str) -> String {
    let rule = rule.replace("FILE", &path.display().to_string());
    let at = front(haproxy.test).ip();
    format!(
        "frontend f{}\n    bind {at}:8090\n    http-request {rule}\n",
        haproxy.test
    )
}

/// Starts a HAProxy whose frontend tells what `maps/a.map` has for the key `a`.
fn start(test: u8, content: &[u8]) -> (Haproxy, Config, PathBuf) {
    let mut haproxy = Haproxy::new(test);
    let path = haproxy.path("a.map");
    write(&path, content);
    let mut config = haproxy.config(&[1]);
    let answer = "return status 200 content-type text/plain lf-string \"%[str(a),map(FILE,none)]\"";
    config.more = rule(&haproxy, &path, answer);
    record(&haproxy, &config, &["a.map"]);
    haproxy.start_again();
    haproxy.assert_agrees();
    (haproxy, config, path)
}

fn told(haproxy: &Haproxy) -> String {
    node::get((front(haproxy.test).ip(), 8090).into(), "/").unwrap()
}

/// Runs the program, which has to take something over without a reload.
fn take_over(haproxy: &Haproxy) -> String {
    let worker = haproxy.worker();
    let run = haproxy.run(&[]);
    assert_eq!(run.code(), 0, "{}", run.stderr());
    assert_eq!(haproxy.worker(), worker, "{}", run.stderr());
    haproxy.assert_agrees();
    run.stderr()
}

/// HAProxy's answer as it is. It need not be text.
fn ask(haproxy: &Haproxy, line: &str) -> Vec<u8> {
    let mut stream = UnixStream::connect(haproxy.path("s")).unwrap();
    stream.write_all(format!("{line}\n").as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    answer
}

/// The entries of all maps and ACLs that come from files, without what tells one HAProxy from
/// another, and what is found for some keys.
fn listed(haproxy: &Haproxy) -> Vec<(String, Vec<Vec<u8>>)> {
    let mut all = Vec::new();
    for kind in ["map", "acl"] {
        let lists = haproxy.ask(&format!("show {kind}"));
        for line in lists.lines().filter(|line| line.contains("from file")) {
            let (id, rest) = line.split_once(" (").unwrap();
            let (path, _) = rest.split_once(')').unwrap();
            let name = Path::new(path).file_name().unwrap().to_str().unwrap();
            let answer = ask(haproxy, &format!("show {kind} #{id}"));
            let lines = answer.split(|byte| *byte == b'\n');
            let mut entries: Vec<Vec<u8>> = lines
                .filter(|line| !line.is_empty())
                .map(|line| {
                    line.splitn(2, |byte| *byte == b' ')
                        .nth(1)
                        .unwrap()
                        .to_vec()
                })
                .collect();
            for key in ["ka", "kab", "k", "10.1.2.3", "::1", "7", "17", "a.c", "xb"] {
                entries.push(ask(haproxy, &format!("get {kind} #{id} {key}")));
            }
            all.push((name.to_owned(), entries));
        }
    }
    all
}

fn with_uses(test: u8) -> (Haproxy, Config) {
    let haproxy = Haproxy::new(test);
    let mut config = haproxy.config(&[1]);
    let at = front(test).ip();
    config.more = format!("frontend f\n    bind {at}:8090\n");
    for (name, line, _) in USES {
        let line = line.replace("FILE", &haproxy.path(name).display().to_string());
        config.more.extend(["    http-request ", &line, "\n"]);
    }
    let names = USES.map(|(name, ..)| name);
    record(&haproxy, &config, &names);
    (haproxy, config)
}

#[test]
fn whatever_a_file_says_haproxy_has_after_commands_what_it_reads_at_its_start() {
    let first = std::env::var("MUSTER_SEED").map_or_else(
        |_| fastrand::u64(..),
        |seed| seed.parse().expect("MUSTER_SEED is a number"),
    );
    println!("MUSTER_SEED={first}");
    let (mut haproxy, _) = with_uses(200);
    let (mut oracle, _) = with_uses(201);
    let write_all = |chance: &mut Chance, folders: &[&Haproxy]| {
        for (name, _, what) in USES {
            let content = file(chance, what);
            for haproxy in folders {
                write(&haproxy.path(name), &content);
            }
        }
    };
    write_all(&mut Chance::new(first), &[&haproxy]);
    haproxy.start_again();
    haproxy.assert_agrees();
    for seed in (1..=ROUNDS).map(|round| first.wrapping_add(round)) {
        write_all(&mut Chance::new(seed), &[&haproxy, &oracle]);
        take_over(&haproxy);
        oracle.start_again();
        assert_eq!(listed(&haproxy), listed(&oracle), "seed {seed}");
    }
}

#[test]
fn a_map_is_taken_over_without_a_reload_and_told_before_and_after() {
    let (haproxy, _, path) = start(202, b"a one\nb two\n");
    assert_eq!(told(&haproxy), "one");
    write(&path, b"a three\nb two\n");
    let next = format!("map {}: 1 new and 1 gone, then 2 entries", path.display());
    let dry = haproxy.run(&["--dry-run"]);
    assert_eq!((dry.code(), dry.stdout()), (0, format!("{next}\n")));
    let status = haproxy.run(&["--status"]).stdout();
    assert!(status.contains(": differs from "), "{status}");
    assert!(status.contains(&format!("  next: {next}\n")), "{status}");
    assert_eq!(told(&haproxy), "one");
    let log = take_over(&haproxy);
    assert!(
        log.starts_with(&format!("haproxy-reload: {next} (")),
        "{log}"
    );
    assert_eq!(told(&haproxy), "three");
    assert_eq!(haproxy.run(&["--dry-run"]).stdout(), "");
    let status = haproxy.run(&["--status"]).stdout();
    assert!(status.contains(": agrees with "), "{status}");
}

#[test]
fn what_somebody_changed_by_hand_is_put_right() {
    let (haproxy, _, _) = start(203, b"a one\n");
    haproxy.ask("set map #0 a other");
    assert_eq!(told(&haproxy), "other");
    take_over(&haproxy);
    assert_eq!(told(&haproxy), "one");
}

#[test]
fn the_order_of_the_entries_counts() {
    let (haproxy, _, path) = start(204, b"a one\na two\n");
    write(&path, b"a two\na one\n");
    let log = take_over(&haproxy);
    assert!(log.contains("another order of its 2 entries"), "{log}");
    assert_eq!(told(&haproxy), "two");
}

#[test]
fn entries_that_haproxy_refuses_change_nothing() {
    let mut haproxy = Haproxy::new(205);
    let path = haproxy.path("ip.map");
    write(&path, b"127.0.0.1 one\n");
    let mut config = haproxy.config(&[1]);
    config.more = rule(&haproxy, &path, "set-header x %[src,map_ip(FILE)]");
    record(&haproxy, &config, &["ip.map"]);
    haproxy.start_again();
    let worker = haproxy.worker();
    write(&path, b"127.0.0.2 two\nnonsense three\n");
    for _ in 0..3 {
        let run = haproxy.run(&[]);
        assert_eq!(run.code(), 111);
        let why = "HAProxy refused the entries, and keeps the old ones: 'nonsense' is not a valid";
        assert!(run.stderr().contains(why), "{}", run.stderr());
    }
    let listed = haproxy.ask("show map #0");
    assert!(listed.ends_with(" 127.0.0.1 one\n\n"), "{listed}");
    for version in 1..=3 {
        let left = haproxy.ask(&format!("show map @{version} #0"));
        assert_eq!(left, "\n", "nothing is left behind");
    }
    assert_eq!(haproxy.worker(), worker);
    write(&path, b"127.0.0.2 two\n");
    take_over(&haproxy);
}

#[test]
fn what_lines_or_people_change_is_left_to_them() {
    let mut haproxy = Haproxy::new(206);
    let names = ["changed.map", "theirs.map", "unused.map"];
    for name in names {
        write(&haproxy.path(name), b"a one\n");
    }
    let mut config = haproxy.config(&[1]);
    let [changed, theirs, _] = names.map(|name| haproxy.path(name).display().to_string());
    config.more = rule(&haproxy, Path::new(&changed), "set-map(FILE) a two");
    for map in [&changed, &theirs] {
        let line = format!("    http-request set-header x %[str(a),map({map})]\n");
        config.more.push_str(&line);
    }
    record(&haproxy, &config, &["changed.map", "unused.map"]);
    haproxy.start_again();
    haproxy.assert_agrees();
    for name in names {
        write(&haproxy.path(name), b"a three\n");
    }
    haproxy.assert_agrees();
    let status = haproxy.run(&["--status"]).stdout();
    let note = format!("note: map {changed} is not compared: a line of haproxy.cfg changes it");
    assert!(status.contains(&note), "{status}");
    let note = format!("note: map {theirs} is not compared: haproxy-gen did not make it");
    assert!(status.contains(&note), "{status}");
    assert!(!status.contains("unused.map"), "{status}");
}

#[test]
fn a_file_that_cannot_be_read_is_told_and_keeps_no_server_from_joining() {
    let (haproxy, config, path) = start(207, b"a one\n");
    std::fs::remove_file(&path).unwrap();
    record(&haproxy, &config.with(&[1, 2]), &["a.map"]);
    let run = haproxy.run(&[]);
    assert_eq!(run.code(), 111);
    assert!(
        run.stderr().contains("a.map: there is no such file"),
        "{}",
        run.stderr()
    );
    assert_eq!(told(&haproxy), "one");
    assert!(haproxy.stat("s2", "status").is_some());
    let status = haproxy.run(&["--status"]).stdout();
    assert!(status.contains("a.map: there is no such file"), "{status}");
}

#[test]
fn what_is_too_long_for_haproxys_commands_is_a_reload() {
    let mut haproxy = Haproxy::new(208);
    let path = haproxy.path("a.map");
    write(&path, b"a one\n");
    let mut config = haproxy.config(&[1]);
    config.more = rule(&haproxy, &path, "set-header x %[str(a),map(FILE)]");
    config
        .more
        .push_str("global\n    tune.bufsize 4096\n    tune.maxrewrite 1024\n");
    record(&haproxy, &config, &["a.map"]);
    haproxy.start_again();
    let worker = haproxy.worker();
    write(&path, &many(2_000, "x"));
    let run = haproxy.run(&[]);
    assert_eq!(run.code(), 0, "{}", run.stderr());
    assert!(
        run.stderr().contains(": reload, since map "),
        "{}",
        run.stderr()
    );
    assert_ne!(haproxy.worker(), worker);
    haproxy.assert_agrees();
}

#[test]
fn a_line_that_haproxy_would_split_is_not_compared() {
    let (haproxy, _, path) = start(209, b"a one\n");
    write(&path, format!("a {}\n", "x".repeat(20_000)).as_bytes());
    haproxy.assert_agrees();
    let status = haproxy.run(&["--status"]).stdout();
    assert!(
        status.contains("is not compared: a line has more than "),
        "{status}"
    );
}

/// A map with so many entries, of which the last is `a`.
fn many(count: usize, value: &str) -> Vec<u8> {
    let entries = (0..count).map(|n| format!("key{n:06} {value}\n"));
    let entries: String = entries.chain([format!("a {value}\n")]).collect();
    entries.into_bytes()
}

#[test]
fn no_request_sees_half_of_a_map_or_fails() {
    const TURNS: usize = 20;
    let _node = Node::start("s1", address(210, 1));
    let (haproxy, _, path) = start(210, &many(5_000, "0"));
    let load = load::start((front(210).ip(), 8090).into(), 500);
    for turn in 1..=TURNS {
        write(&path, &many(5_000, &turn.to_string()));
        let mut run = haproxy.command(&[]).spawn().unwrap();
        let (before, after) = ((turn - 1).to_string(), turn.to_string());
        while run.try_wait().unwrap().is_none() {
            let told = told(&haproxy);
            assert!([&before, &after].contains(&&told), "{told} in turn {turn}");
        }
        assert_eq!(run.wait().unwrap().code(), Some(0));
        assert_eq!(told(&haproxy), after);
    }
    let report = load.stop();
    assert_eq!(report.failed(), 0, "{report:?}");
    assert!(report.requests > 50, "{report:?}");
}
