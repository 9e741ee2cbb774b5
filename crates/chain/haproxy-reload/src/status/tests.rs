use super::*;

fn wanted() -> Wanted {
    let file = "backend nodes\n server s1 127.0.0.1:1 check weight 10\n\
                server s2 127.0.0.2:1 check weight 10\n server s4 127.0.0.4:1 check weight 10\n";
    Wanted::parse(file.as_bytes())
}

fn running() -> Running {
    let state = |text: &str, weight| State {
        address: Some(text.parse().unwrap()),
        weight,
        maintenance: false,
        drain: false,
        checked: true,
        checking: false,
        up: true,
    };
    let servers = [
        ("s1", state("127.0.0.1:1", 10)),
        ("s2", state("127.0.0.9:1", 10)),
        ("s3", state("127.0.0.3:1", 10)),
    ];
    let servers = servers.map(|(name, state)| (name.to_owned(), state));
    let backends = BTreeMap::from([("nodes".to_owned(), BTreeMap::from(servers))]);
    Running {
        version: "2.6.12".to_owned(),
        pid: 7,
        backends,
        ..Running::default()
    }
}

fn report() -> Report {
    let stat = Stat {
        status: "UP".to_owned(),
        since: 61,
        check: "L7OK 200".to_owned(),
        sessions: 2,
        requests: 1234,
        errors: 0,
    };
    let stats = BTreeMap::from([("nodes/s1".to_owned(), stat)]);
    Report {
        haproxy: "2.6.12".to_owned(),
        pid: 7,
        uptime: 3700,
        file: "haproxy.cfg".to_owned(),
        agrees: false,
        next: vec!["add nodes/s4 127.0.0.4:1 weight 10".to_owned()],
        retry_in: 4,
        servers: rows(&wanted(), &running(), &stats),
    }
}

#[test]
fn each_server_is_compared_with_the_file() {
    let servers = report().servers;
    let file: Vec<_> = servers
        .iter()
        .map(|row| (row.server.as_str(), row.file))
        .collect();
    let expected = [
        ("nodes/s1", "same"),
        ("nodes/s2", "differs"),
        ("nodes/s3", "left"),
        ("nodes/s4", "new"),
    ];
    assert_eq!(file, expected);
}

#[test]
fn the_table_is_aligned_and_says_what_comes_next() {
    let expected = "\
HAProxy 2.6.12, worker 7, up 1h 1m 40s: differs from haproxy.cfg
  next: add nodes/s4 127.0.0.4:1 weight 10
  HAProxy refused this file; tried again in 4 s
SERVER    ADDRESS      WEIGHT  STATE  SINCE  CHECK     SESSIONS  REQUESTS  ERRORS  FILE
nodes/s1  127.0.0.1:1      10  UP     1m 1s  L7OK 200         2      1234       0  same
nodes/s2  127.0.0.9:1      10  -      0s     -                0         0       0  127.0.0.2:1 weight 10
nodes/s3  127.0.0.3:1      10  -      0s     -                0         0       0  left
nodes/s4  127.0.0.4:1      10  -      0s     -                0         0       0  new
";
    assert_eq!(table(&report()), expected);
}

#[test]
fn a_worker_that_does_not_answer_is_told_as_such() {
    let text = summary(&Report { pid: 0, ..report() });
    let expected = "HAProxy's worker does not answer: differs from haproxy.cfg\n";
    assert!(text.starts_with(expected), "{text}");
}

#[test]
fn the_json_holds_the_same() {
    let json = serde_json::to_value(report()).unwrap();
    assert_eq!(json["servers"][0]["requests"], 1234);
    assert_eq!(json["servers"][3]["address"], serde_json::Value::Null);
    assert_eq!(json["agrees"], false);
}
