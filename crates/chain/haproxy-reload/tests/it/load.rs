//! No request is lost while the membership changes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::haproxy::{Config, Haproxy, address, front};
use crate::node::{Client, Node};

const LENGTH: Duration = Duration::from_secs(5);
const EVERY: Duration = Duration::from_millis(100);
/// On a machine that has no time for us.
const LEAST_TURNS: usize = 8;

struct Load {
    over: Arc<AtomicBool>,
    clients: Vec<JoinHandle<(usize, Vec<String>)>>,
}

impl Load {
    /// A client that keeps its connection, and one that opens one a request.
    fn start(test: u8) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let client = |keep_alive| {
            let over = Arc::clone(&over);
            std::thread::spawn(move || requests(Client::new(front(test), keep_alive), &over))
        };
        let clients = [true, false].map(client).into_iter().collect();
        Self { over, clients }
    }

    /// How many requests were answered; none may have failed.
    fn end(self) -> usize {
        self.over.store(true, Ordering::SeqCst);
        let results = self
            .clients
            .into_iter()
            .map(|client| client.join().unwrap());
        let (counts, failures): (Vec<usize>, Vec<Vec<String>>) = results.unzip();
        assert_eq!(failures.concat(), [""; 0], "of {counts:?} requests");
        counts.iter().sum()
    }
}

fn requests(mut client: Client, over: &AtomicBool) -> (usize, Vec<String>) {
    let (mut count, mut failures) = (0, Vec::new());
    while !over.load(Ordering::SeqCst) {
        count += 1;
        if let Err(error) = client.get("/") {
            failures.push(error.to_string());
        }
        // Others compute here as well.
        std::thread::park_timeout(Duration::from_millis(1));
    }
    (count, failures)
}

/// Changes the file every 100 ms, and runs haproxy-reload each time.
fn change_under_load(test: u8, arguments: &[&str], change: impl Fn(&mut Config, usize)) {
    let _nodes: Vec<Node> = (1..=4)
        .map(|n| Node::start(&format!("s{n}"), address(test, n)))
        .collect();
    let haproxy = Haproxy::start(test, &[1, 2]);
    haproxy.wait_for_status("s1", "UP");
    haproxy.wait_for_status("s2", "UP");
    let load = Load::start(test);
    let begin = Instant::now();
    let mut turns = 0;
    while begin.elapsed() < LENGTH || turns < LEAST_TURNS {
        let numbers: &[u8] = [&[1, 2, 3][..], &[1, 3], &[1, 3, 4], &[1, 2]][turns % 4];
        let mut config = haproxy.config(numbers);
        change(&mut config, turns);
        haproxy.write(&config);
        let run = haproxy.run(arguments);
        assert_eq!(run.code(), 0, "{}", run.stderr());
        turns += 1;
        let next = EVERY * u32::try_from(turns).unwrap();
        std::thread::park_timeout(next.saturating_sub(begin.elapsed()));
    }
    let answered = load.end();
    assert!(answered > 100, "{answered}");
}

#[test]
fn no_request_is_lost_while_nodes_join_and_leave() {
    change_under_load(80, &[], |_, _| {});
}

#[test]
fn no_request_is_lost_while_haproxy_reloads() {
    change_under_load(81, &["--full"], |config, turn| {
        config.fingerprint = Some(turn.to_string());
    });
}
