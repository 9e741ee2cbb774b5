//! HAProxy dies, or its connection ends, at each command that a run sends. The next run
//! makes it agree with the file all the same.

use crate::haproxy::{Config, Haproxy, address};
use crate::relay::{Relay, Strike};

/// One node joins, one leaves, one gets another weight, and one moves. The one that joins has
/// a new name, since an old one would only be taken into use again.
fn changed(haproxy: &Haproxy, round: usize) -> Config {
    let mut config = haproxy.config(&[4, 2, 3]);
    config.servers[0].name = format!("n{round}");
    config.servers[1].weight = 7;
    config.servers[2].address = address(haproxy.test, 5);
    config
}

/// The commands by which a run looks at HAProxy, and those of each of these changes.
const COMMANDS: [&str; 9] = [
    "show servers state",
    "show info",
    "add server nodes/n",
    "enable health nodes/n",
    "set server nodes/n",
    "set server nodes/s1 state maint",
    "set server nodes/s2 weight 7",
    "set server nodes/s3 addr ",
    "set server nodes/s3 state ready",
];

/// The servers that get requests when their checks pass, as HAProxy has them.
fn in_use(haproxy: &Haproxy) -> Vec<(String, String, String)> {
    let answer = haproxy.ask("show servers state nodes");
    let rows = answer.lines().map(|line| line.split(' ').collect());
    let mut servers: Vec<_> = rows
        .filter(|row: &Vec<&str>| row.len() > 18 && row[1] == "nodes" && row[6] == "0")
        .map(|row| {
            let address = format!("{}:{}", row[4], row[18]);
            (row[3].to_owned(), address, row[7].to_owned())
        })
        .collect();
    servers.sort();
    servers
}

fn assert_runs(haproxy: &Haproxy, config: &Config, when: &str) {
    let wanted: Vec<_> = config
        .servers
        .iter()
        .map(|line| {
            let (address, weight) = (line.address.to_string(), line.weight.to_string());
            (line.name.clone(), address, weight)
        })
        .collect();
    assert_eq!(in_use(haproxy), wanted, "{when}");
    let run = haproxy.run(&["--status", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&run.0.stdout).unwrap();
    assert_eq!(json["agrees"], true, "{when}: {json}");
}

/// Changes the file, strikes at each command of the run in turn, and looks at
/// what the next run makes of it.
fn strike_at_each_command(test: u8, strike: Strike) {
    let mut haproxy = Haproxy::start(test, &[1, 2, 3]);
    let mut struck = Vec::new();
    loop {
        let config = changed(&haproxy, struck.len());
        haproxy.write(&config);
        let relay = Relay::before(&haproxy, struck.len(), strike);
        let cut = haproxy.run(&[]);
        let Some(command) = relay.end() else {
            assert_eq!(cut.code(), 0, "{}", cut.stderr());
            break;
        };
        let when = format!("{strike:?} ends instead of `{command}`");
        assert_ne!(cut.code(), 1, "{when}: it says that nothing was to be done");
        if strike != Strike::Connection {
            haproxy.wait_for_end();
            haproxy.start_again();
        }
        let next = haproxy.run(&[]);
        assert!([0, 1].contains(&next.code()), "{when}: {}", next.stderr());
        assert_runs(&haproxy, &config, &when);
        haproxy.assert_agrees();
        // It also takes another change.
        haproxy.change(&haproxy.config(&[1, 2, 3]));
        struck.push(command);
    }
    for command in COMMANDS {
        let was_struck = struck.iter().any(|struck| struck.starts_with(command));
        assert!(was_struck, "{command} is not among {struck:?}");
    }
}

#[test]
fn haproxy_that_is_killed_at_any_command_agrees_after_the_next_run() {
    strike_at_each_command(70, Strike::Haproxy);
}

#[test]
fn so_does_one_whose_worker_is_killed() {
    strike_at_each_command(71, Strike::Worker);
}

#[test]
fn so_does_one_that_lives_and_got_half_of_a_line() {
    strike_at_each_command(72, Strike::Connection);
}
