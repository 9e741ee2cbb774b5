use haproxy_config::Fingerprint;

use super::*;
use crate::haproxy::made::Made;
use crate::haproxy::running::State;

mod fingerprint;
pub(crate) mod model;

/// The comparison of a file with a HAProxy that reads no other. Unless `running` says
/// something else, it was started with `good`, or with `wanted` where there is none.
pub(crate) fn plan(wanted: &Wanted, good: Option<&Wanted>, running: &Running) -> Plan {
    let mut running = running.clone();
    if let (None, Identity::Fingerprint(began)) =
        (&running.fingerprint, &good.unwrap_or(wanted).identity)
    {
        running.fingerprint = Some(began.clone());
    }
    super::plan(wanted, good, &running, &[])
}

/// A file whose lines are those with which HAProxy was started.
fn wanted(servers: &str) -> Wanted {
    let text = format!("global\nbackend b\n{servers}");
    let print = haproxy_config::fingerprint(&haproxy_config::Config::parse(&text), None);
    Wanted {
        identity: Identity::Fingerprint(Fingerprint {
            lines: "f".to_owned(),
            ..print
        }),
        ..Wanted::parse(text.as_bytes())
    }
}

pub(crate) fn state(address: &str, weight: u32) -> State {
    State {
        address: Some(address.parse().unwrap()),
        weight,
        first_weight: weight,
        id: 1,
        place: 0,
        maintenance: false,
        drain: false,
        checked: true,
        checking: false,
        asks_agent: false,
        has_result: true,
        up: true,
    }
}

fn running(version: &str, servers: &[(&str, State)]) -> Running {
    let servers = servers
        .iter()
        .map(|(name, state)| ((*name).to_owned(), state.clone()));
    Running {
        version: version.to_owned(),
        backends: BTreeMap::from([("b".to_owned(), servers.collect())]),
        ..Running::default()
    }
}

fn texts(plan: &Plan) -> Vec<&str> {
    let steps = plan.steps.iter().chain(&plan.leaves);
    steps.map(|step| step.text.as_str()).collect()
}

fn why(servers: &str, version: &str) -> String {
    plan(&wanted(servers), None, &running(version, &[]))
        .reload
        .unwrap_or_default()
}

const S1: &str = " server s1 127.0.0.1:1 check weight 10\n";

#[test]
fn where_all_agrees_nothing_is_done() {
    let running = running("2.6.12", &[("s1", state("127.0.0.1:1", 10))]);
    let plan = plan(&wanted(S1), None, &running);
    assert!(plan.is_done());
    assert_eq!(plan.to_string(), "");
}

#[test]
fn a_new_server_starts_down_and_its_check_promotes_it() {
    let plan = plan(&wanted(S1), None, &running("2.6.12", &[]));
    let expected = [
        "add server b/s1 127.0.0.1:1 check pool-purge-delay 5s pool-max-conn -1 weight 10 id 1",
        "enable health b/s1",
        "set server b/s1 state drain",
        "set server b/s1 health down",
        "set server b/s1 state ready",
    ];
    assert_eq!(plan.steps[0].commands, expected);
    assert_eq!(plan.to_string(), "add b/s1 127.0.0.1:1 weight 10\n");
}

#[test]
fn a_server_without_a_check_is_only_made_ready() {
    let plan = plan(
        &wanted(" server s1 [::1]:1\n"),
        None,
        &running("2.6.12", &[]),
    );
    let expected = [
        "add server b/s1 [::1]:1 pool-purge-delay 5s pool-max-conn -1 weight 1 id 1",
        "set server b/s1 state ready",
    ];
    assert_eq!(plan.steps[0].commands, expected);
}

#[test]
fn a_server_that_left_goes_to_maintenance_once() {
    let mut left = state("127.0.0.1:1", 10);
    let first = plan(
        &wanted(""),
        Some(&wanted(S1)),
        &running("2.6.12", &[("s1", left.clone())]),
    );
    assert_eq!(first.steps[0].commands, ["set server b/s1 state maint"]);
    assert_eq!(texts(&first), ["retire b/s1"]);
    left.maintenance = true;
    let second = plan(&wanted(""), None, &running("2.6.12", &[("s1", left)]));
    assert_eq!(second, Plan::default());
}

#[test]
fn from_3_0_on_what_left_is_deleted() {
    let servers = [("s1", state("127.0.0.1:1", 10))];
    let plan = plan(&wanted(""), Some(&wanted(S1)), &running("3.0.11", &servers));
    assert_eq!(plan.to_string(), "retire b/s1\n");
    let later: Vec<String> = plan.later().collect();
    assert_eq!(later, ["delete b/s1 when its last connection has ended"]);
}

#[test]
fn what_waits_to_be_deleted_is_no_difference() {
    let mut retired = state("127.0.0.1:1", 10);
    retired.maintenance = true;
    let servers = [("s1", retired)];
    let plan = plan(&wanted(""), Some(&wanted(S1)), &running("3.0.11", &servers));
    assert!(plan.is_done() && plan.later().count() == 1, "{plan}");
}

#[test]
fn of_servers_with_the_same_cookie_the_first_of_the_file_is_the_first() {
    let line = |number: u8, cookie: &str| {
        format!(" server s{number} 127.0.0.{number}:1 cookie {cookie} weight 10\n")
    };
    let place = |number: u8, place: usize| State {
        place,
        ..state(&format!("127.0.0.{number}:1"), 10)
    };
    let runs = running("3.0.11", &[("s1", place(1, 2)), ("s2", place(2, 1))]);
    let same = wanted(&format!(
        " cookie C insert\n{}{}",
        line(1, "x"),
        line(2, "x")
    ));
    let why = plan(&same, None, &runs).reload;
    assert_eq!(
        why.as_deref(),
        Some("the servers of b with the same cookie run in another order")
    );
    let made = " cookie C insert dynamic\n dynamic-cookie-key k\n server s1 127.0.0.1:1 weight 10\n \
                server s2 127.0.0.1:1 weight 10\n";
    let why = plan(&wanted(made), None, &runs).reload;
    assert_eq!(
        why.as_deref(),
        Some("the servers of b with the same cookie run in another order")
    );
    for lines in [
        format!(" cookie C insert\n{}{}", line(1, "x"), line(2, "y")),
        format!("{}{}", line(1, "x"), line(2, "x")),
    ] {
        assert_eq!(plan(&wanted(&lines), None, &runs).reload, None, "{lines}");
    }
}

#[test]
fn a_retired_name_that_returns_is_moved_and_then_checked_anew() {
    let mut retired = State {
        maintenance: true,
        ..state("127.0.0.9:9", 1)
    };
    let moved = plan(
        &wanted(S1),
        None,
        &running("2.6.12", &[("s1", retired.clone())]),
    );
    let expected = [
        "set server b/s1 addr 127.0.0.1 port 1",
        "set server b/s1 weight 10",
    ];
    assert_eq!(moved.steps[0].commands, expected);
    assert_eq!(texts(&moved), ["set b/s1 address 127.0.0.1:1, weight 10"]);
    (retired.address, retired.weight) = (Some("127.0.0.1:1".parse().unwrap()), 10);
    let then = plan(&wanted(S1), None, &running("2.6.12", &[("s1", retired)]));
    let expected = [
        "set server b/s1 state drain",
        "set server b/s1 health down",
        "set server b/s1 state ready",
    ];
    assert_eq!(then.steps[0].commands, expected);
}

#[test]
fn a_check_of_the_old_address_is_waited_for() {
    let mut server = State {
        checking: true,
        ..state("127.0.0.9:9", 10)
    };
    let moved = plan(
        &wanted(S1),
        None,
        &running("2.6.12", &[("s1", server.clone())]),
    );
    let expected = [
        "set server b/s1 state maint",
        "set server b/s1 addr 127.0.0.1 port 1",
    ];
    assert_eq!(moved.steps[0].commands, expected);
    (server.maintenance, server.address) = (true, Some("127.0.0.1:1".parse().unwrap()));
    let waits = plan(
        &wanted(S1),
        None,
        &running("2.6.12", &[("s1", server.clone())]),
    );
    assert!(!waits.is_done());
    assert_eq!(waits.to_string(), "wait for the check of b/s1\n");
    server.checking = false;
    let then = plan(&wanted(S1), None, &running("2.6.12", &[("s1", server)]));
    assert_eq!(texts(&then), ["set b/s1 into use"]);
}

#[test]
fn a_weight_changes_without_taking_the_server_out() {
    let servers = [("s1", state("127.0.0.1:1", 1))];
    let plan = plan(&wanted(S1), None, &running("2.6.12", &servers));
    assert_eq!(plan.steps[0].commands, ["set server b/s1 weight 10"]);
}

#[test]
fn what_a_run_that_was_killed_left_halfway_is_finished() {
    let drained = State {
        drain: true,
        up: false,
        has_result: false,
        ..state("127.0.0.1:1", 10)
    };
    let halfway = plan(&wanted(S1), None, &running("2.6.12", &[("s1", drained)]));
    assert_eq!(texts(&halfway), ["set b/s1 into use"]);
    let added = State {
        maintenance: true,
        checked: false,
        ..state("127.0.0.1:1", 10)
    };
    let halfway = plan(&wanted(S1), None, &running("2.6.12", &[("s1", added)]));
    assert_eq!(halfway.steps[0].commands[0], "enable health b/s1");
    let unchecked = State {
        checked: false,
        ..state("127.0.0.1:1", 10)
    };
    let halfway = plan(&wanted(S1), None, &running("2.6.12", &[("s1", unchecked)]));
    assert_eq!(halfway.steps[0].commands, ["enable health b/s1"]);
}

#[test]
fn a_server_that_was_only_drained_is_not_set_down() {
    let drained = State {
        drain: true,
        ..state("127.0.0.1:1", 10)
    };
    let back = plan(&wanted(S1), None, &running("2.6.12", &[("s1", drained)]));
    assert_eq!(back.steps[0].commands, ["set server b/s1 state ready"]);
}

#[test]
fn an_agent_that_somebody_disabled_is_asked_again_and_nothing_else_is_set() {
    let left_alone = State {
        checked: false,
        weight: 5,
        ..state("127.0.0.1:1", 10)
    };
    let asked = plan(
        &wanted(AGENT),
        None,
        &running("2.6.12", &[("s1", left_alone)]),
    );
    assert_eq!(asked.steps[0].commands, ["enable agent b/s1"]);
}

#[test]
fn what_a_worker_has_read_without_a_fingerprint_is_not_what_its_environment_says() {
    let mut running = running("2.6.12", &[("s1", state("127.0.0.1:1", 10))]);
    running.taken = Some("0123".to_owned());
    let why = plan(&wanted(S1), None, &running).reload.unwrap();
    assert_eq!(
        why,
        "the running HAProxy has read a file without this fingerprint"
    );
}

#[test]
fn servers_of_another_form_are_left_alone() {
    let servers = [
        ("x", state("127.0.0.1:1", 1)),
        ("slot3", state("127.0.0.1:1", 1)),
    ];
    let file = " server x unix@/run/x\n server-template slot 5 127.0.0.1:1\n";
    assert!(plan(&wanted(file), None, &running("2.6.12", &servers)).is_done());
}

#[test]
fn another_fingerprint_is_a_reload_and_says_so() {
    let mut running = running("2.6.12", &[]);
    let text = super::plan(&wanted(S1), None, &running, &[]).to_string();
    assert_eq!(
        text,
        "reload, since the running HAProxy carries no fingerprint\n"
    );
    running.fingerprint = Some(Fingerprint::parse("g.h"));
    let text = plan(&wanted(S1), None, &running).to_string();
    assert_eq!(
        text,
        "reload, since the file differs in more than its servers from the one before, which is \
         not known\n"
    );
}

#[test]
fn a_file_without_a_fingerprint_is_known_by_its_bytes() {
    let file = Wanted::parse(b"backend b\n server s1 127.0.0.1:1 check weight 10\n");
    let mut running = running("2.6.12", &[("s1", state("127.0.0.1:1", 10))]);
    assert!(plan(&file, None, &running).reload.is_some());
    let Identity::Hash(hash) = &file.identity else {
        panic!("{:?}", file.identity);
    };
    running.taken = Some(hash.clone());
    assert!(plan(&file, None, &running).is_done());
}

#[test]
fn a_backend_that_is_not_in_the_file_is_a_reload() {
    let mut running = running("2.6.12", &[]);
    running.backends.insert("old".to_owned(), BTreeMap::new());
    let why = plan(&wanted(""), None, &running).reload.unwrap();
    assert_eq!(why, "backend old runs and is not in the file");
}

#[test]
fn other_settings_of_the_same_server_are_a_reload() {
    let good = wanted(" server s1 127.0.0.1:1 check backup weight 10\n");
    let running = running("2.6.12", &[("s1", state("127.0.0.1:1", 10))]);
    let why = plan(&wanted(S1), Some(&good), &running).reload.unwrap();
    assert_eq!(why, "the settings of b/s1 differ: `` was `backup`");
    let moved = wanted(" server s1 127.0.0.9:1 check weight 11\n");
    assert!(plan(&wanted(S1), Some(&moved), &running).is_done());
}

#[test]
fn settings_that_are_not_known_are_a_reload() {
    let mut running = running("2.6.12", &[("s1", state("127.0.0.1:1", 10))]);
    running.fingerprint = Some(Fingerprint::parse("f.other"));
    let why = plan(&wanted(S1), None, &running).reload.unwrap();
    assert_eq!(
        why,
        "it is not known which settings the running servers have"
    );
    running.made = Some(Made::unknown());
    assert!(
        plan(&wanted(S1), Some(&wanted(S1)), &running)
            .reload
            .is_some()
    );
}

#[test]
fn servers_with_settings_of_their_own_come_and_go_by_commands() {
    let line = |number: u8| format!(" server s{number} 127.0.0.1:1 cookie s{number} weight 10\n");
    let (one, both) = (wanted(&line(1)), wanted(&(line(1) + &line(2))));
    let s1 = ("s1", state("127.0.0.1:1", 10));
    let joins = plan(
        &both,
        Some(&one),
        &running("3.0.11", std::slice::from_ref(&s1)),
    );
    assert_eq!(joins.reload, None);
    assert_eq!(
        joins.steps[0].commands[0],
        "add server b/s2 127.0.0.1:1 cookie s2 weight 10"
    );
    let s2 = ("s2", state("127.0.0.1:1", 10));
    let leaves = plan(&one, Some(&both), &running("3.0.11", &[s1, s2]));
    assert_eq!(leaves.to_string(), "retire b/s2\n");
}

#[test]
fn what_is_added_with_settings_of_its_own_is_remembered_before() {
    let line = |number: u8| format!(" server s{number} 127.0.0.1:1 cookie s{number} weight 10\n");
    let (one, both) = (wanted(&line(1)), wanted(&(line(1) + &line(2))));
    let servers = ["s1", "s2"].map(|name| (name, state("127.0.0.1:1", 10)));
    let mut running = running("3.0.11", &servers[..1]);
    let Identity::Fingerprint(began) = &one.identity else {
        panic!("{:?}", one.identity);
    };
    running.fingerprint = Some(began.clone());
    let known = Known::new(&both, Some(&one), &running);
    running.made = known.adding(&both, &running);
    let added = servers.map(|(name, state)| (name.to_owned(), state));
    running.backends.insert("b".to_owned(), added.into());
    assert!(plan(&both, Some(&one), &running).is_done());
    let other = wanted(&(line(1) + &line(2).replace("cookie s2", "cookie s3")));
    let why = plan(&other, Some(&one), &running).reload.unwrap();
    assert_eq!(why, "the settings of b/s2 differ");
    let usual = wanted(&line(1).repeat(2).replacen("s1", "s2", 1));
    assert_eq!(known.adding(&one, &running), None);
    assert_eq!(known.adding(&usual, &running), None);
}

#[test]
fn what_left_with_settings_of_its_own_is_remembered() {
    let s2 = " server s2 127.0.0.1:1 check inter 7s weight 10\n";
    let s3 = " server s3 127.0.0.1:1 check weight 10\n";
    let (without, with) = (
        wanted(&(S1.to_owned() + s3)),
        wanted(&(S1.to_owned() + s3 + s2)),
    );
    let servers = ["s1", "s2", "s3"].map(|name| (name, state("127.0.0.1:1", 10)));
    let mut running = running("2.6.12", &servers);
    let Identity::Fingerprint(began) = &with.identity else {
        panic!("{:?}", with.identity);
    };
    running.fingerprint = Some(began.clone());
    let known = Known::new(&without, Some(&with), &running);
    running.made = known.made(&without, &running);
    let left = running.made.clone().unwrap().exceptions.unwrap();
    assert_eq!(left.keys().collect::<Vec<_>>(), ["b/s2"]);
    running
        .backends
        .get_mut("b")
        .unwrap()
        .get_mut("s2")
        .unwrap()
        .maintenance = true;
    let returned = plan(&with, Some(&without), &running);
    assert_eq!(returned.reload, None);
    assert_eq!(texts(&returned), ["set b/s2 into use"]);
    let changed = wanted(&(S1.to_owned() + s3 + &s2.replace("7s", "8s")));
    let why = plan(&changed, Some(&without), &running).reload.unwrap();
    assert_eq!(why, "the settings of b/s2 differ");
}

#[test]
fn an_id_that_the_file_names_is_the_one_that_runs() {
    let file = |id: &str| wanted(&format!(" server s1 127.0.0.1:1 check weight 10{id}\n"));
    let s1 = [("s1", state("127.0.0.1:1", 10))];
    assert!(plan(&file(" id 1"), None, &running("2.6.12", &s1)).is_done());
    let why = plan(&file(" id 7"), None, &running("2.6.12", &s1))
        .reload
        .unwrap();
    assert_eq!(why, "the id of b/s1 is 1 instead of 7");
    let added = plan(&file(" id 7"), None, &running("2.6.12", &[]));
    assert!(added.steps[0].commands[0].ends_with(" weight 10 id 7"));
    let taken = [(
        "old",
        State {
            id: 7,
            maintenance: true,
            ..state("127.0.0.1:1", 1)
        },
    )];
    let why = plan(&file(" id 7"), None, &running("2.6.12", &taken))
        .reload
        .unwrap();
    assert!(why.ends_with("another server has its id 7"), "{why}");
}

#[test]
fn what_a_dynamic_server_cannot_have_is_a_reload_that_names_it() {
    assert!(why(" balance source\n server s 127.0.0.1:1\n", "3.0.1").contains("a fixed table"));
    assert!(why(" balance static-rr\n server s 127.0.0.1:1\n", "3.0.1").contains("static-rr"));
    assert!(why(" server s 127.0.0.1:1 redir x\n", "3.0.1").contains("redir x"));
    assert!(why(" server s 127.0.0.1:1 cookie x\n", "2.6.12").contains("cookie"));
    assert_eq!(why(" server s 127.0.0.1:1 cookie x\n", "3.0.11"), "");
    assert!(
        why(
            " option external-check\n server s 127.0.0.1:1 check\n",
            "3.2.1"
        )
        .contains("external")
    );
    let hashed = " balance source\n hash-type consistent\n server s 127.0.0.1:1\n";
    assert_eq!(why(hashed, "2.6.12"), "");
    assert_eq!(why(hashed, "3.0.11"), "");
    assert_eq!(
        why(" balance random(2)\n server s 127.0.0.1:1\n", "2.6.12"),
        ""
    );
}

#[test]
fn what_default_server_says_is_said_in_full() {
    let file = " default-server check inter 2s weight 30\n server s1 127.0.0.1:1 rise 1\n";
    let plan = plan(&wanted(file), None, &running("3.0.11", &[]));
    assert_eq!(
        plan.steps[0].commands[0],
        "add server b/s1 127.0.0.1:1 check inter 2s rise 1 weight 30"
    );
    assert_eq!(plan.steps[0].commands[1], "enable health b/s1");
}

#[test]
fn before_3_0_dynamic_cookies_are_made_after_the_last_server() {
    let file = wanted(
        " cookie S insert dynamic\n dynamic-cookie-key x\n server s1 127.0.0.1:1\n server s2 127.0.0.2:1\n",
    );
    let commands = |version| {
        let steps = plan(&file, None, &running(version, &[])).steps;
        steps.last().unwrap().commands.last().unwrap().clone()
    };
    assert_eq!(commands("2.6.12"), "enable dynamic-cookie backend b");
    assert_eq!(commands("3.0.11"), "set server b/s2 state ready");
}

const AGENT: &str = " server s1 127.0.0.1:1 agent-check agent-port 9 weight 10\n";

#[test]
fn what_an_agent_has_set_stays() {
    let asked = State {
        asks_agent: true,
        checked: false,
        ..state("127.0.0.1:1", 10)
    };
    for set in [
        State {
            maintenance: true,
            ..asked.clone()
        },
        State {
            drain: true,
            ..asked.clone()
        },
        State {
            weight: 5,
            ..asked.clone()
        },
    ] {
        assert!(plan(&wanted(AGENT), None, &running("2.6.12", &[("s1", set)])).is_done());
    }
    let other = State {
        first_weight: 7,
        ..asked
    };
    let why = plan(&wanted(AGENT), None, &running("2.6.12", &[("s1", other)]))
        .reload
        .unwrap();
    assert_eq!(why, "b/s1 has an agent, and another weight");
}

#[test]
fn the_agent_of_a_server_that_leaves_is_asked_no_more_and_again_when_it_returns() {
    let mut asked = State {
        asks_agent: true,
        checked: false,
        maintenance: true,
        ..state("127.0.0.1:1", 10)
    };
    let left = plan(
        &wanted(""),
        Some(&wanted(AGENT)),
        &running("2.6.12", &[("s1", asked.clone())]),
    );
    assert_eq!(left.steps[0].commands, ["disable agent b/s1"]);
    asked.asks_agent = false;
    let back = plan(&wanted(AGENT), None, &running("2.6.12", &[("s1", asked)]));
    assert_eq!(
        back.steps[0].commands,
        [
            "enable agent b/s1",
            "set server b/s1 agent up",
            "set server b/s1 state ready"
        ]
    );
}

#[test]
fn a_server_whose_requests_maintenance_would_end_is_drained_first() {
    let line = " server s1 127.0.0.1:1 check on-marked-down shutdown-sessions weight 10\n";
    let mut left = state("127.0.0.1:1", 10);
    let drains = plan(
        &wanted(""),
        Some(&wanted(line)),
        &running("3.0.1", &[("s1", left.clone())]),
    );
    assert_eq!(drains.steps[0].commands, ["set server b/s1 state drain"]);
    assert!(drains.purge.is_empty());
    left.drain = true;
    let waits = plan(
        &wanted(""),
        Some(&wanted(line)),
        &running("3.0.1", &[("s1", left)]),
    );
    assert!(waits.is_done());
    let later: Vec<String> = waits.later().collect();
    assert_eq!(
        later,
        ["put b/s1 into maintenance when its last request has ended"]
    );
}

#[test]
fn a_leave_does_not_wait_for_a_reload_that_is_due() {
    let mut running = running(
        "3.0.1",
        &[
            ("s1", state("127.0.0.1:1", 10)),
            ("s2", state("127.0.0.2:1", 10)),
        ],
    );
    running.fingerprint = Some(Fingerprint::parse("other.h"));
    let due = plan(&wanted(S1), Some(&wanted(S1)), &running);
    assert_eq!(due.leaves[0].text, "retire b/s2");
    let text = due.to_string();
    assert!(text.starts_with("retire b/s2\nreload, since "), "{text}");
}

#[test]
fn new_names_for_all_servers_never_leave_a_backend_without_any_before_a_reload() {
    let mut running = running(
        "3.0.1",
        &[
            ("a", state("127.0.0.1:1", 10)),
            ("b", state("127.0.0.2:1", 10)),
        ],
    );
    running.fingerprint = Some(Fingerprint::parse("other.h"));
    let due = plan(&wanted(S1), None, &running);
    assert!(due.leaves.is_empty() && due.reload.is_some());
    assert!(texts(&due).contains(&"retire b/a"));
}

#[test]
fn where_the_order_of_the_servers_counts_another_one_is_a_reload() {
    let at = |place| State {
        place,
        ..state("127.0.0.1:1", 10)
    };
    let servers = [("s1", at(1)), ("s2", at(0))];
    let differs = |lines: &str, option: &str| {
        let line = |name| format!(" server {name} 127.0.0.1:1 check {option} weight 10\n");
        let file = wanted(&(lines.to_owned() + &line("s1") + &line("s2")));
        plan(&file, None, &running("3.0.1", &servers)).reload
    };
    let why = |which: &str| Some(format!("the {which}servers of b run in another order"));
    assert_eq!(differs("", "backup"), why("backup "));
    assert_eq!(differs(" balance source\n", ""), why(""));
    assert_eq!(differs(" option allbackups\n", "backup"), None);
    assert_eq!(differs("", ""), None);
}

#[test]
fn where_ids_count_those_of_the_places_in_the_file_are_needed() {
    let with = |id| State {
        id,
        ..state("127.0.0.1:1", 1)
    };
    let ring = " balance source\n hash-type consistent\n";
    let file = |option: &str| {
        let lines = ["s1", "s2"].map(|name| format!(" server {name} 127.0.0.1:1 {option}\n"));
        wanted(&(ring.to_owned() + &lines.concat()))
    };
    let why = |file: &Wanted, servers: &[(&str, State)]| {
        plan(file, None, &running("3.0.1", servers)).reload
    };
    assert_eq!(why(&file(""), &[("s1", with(1)), ("s2", with(2))]), None);
    let moved = why(&file(""), &[("s1", with(2)), ("s2", with(3))]).unwrap();
    assert!(moved.contains("`id {{ node.id }}`"), "{moved}");
    let address = file("hash-key addr-port");
    assert_eq!(why(&address, &[("s1", with(2)), ("s2", with(3))]), None);
}

#[test]
fn a_disabled_server_is_in_maintenance() {
    let file = wanted(" server s1 127.0.0.1:1 check disabled weight 10\n");
    let mut s1 = state("127.0.0.1:1", 10);
    let out = plan(&file, None, &running("2.6.12", &[("s1", s1.clone())]));
    assert_eq!(out.steps[0].commands, ["set server b/s1 state maint"]);
    s1.maintenance = true;
    assert!(plan(&file, None, &running("2.6.12", &[("s1", s1)])).is_done());
    let added = plan(&file, None, &running("2.6.12", &[]));
    let expected = [
        "enable health b/s1",
        "set server b/s1 state drain",
        "set server b/s1 health down",
        "set server b/s1 state maint",
    ];
    assert_eq!(added.steps[0].commands[1..], expected);
}

/// Two servers that run in `b`.
fn two(version: &str) -> Running {
    let servers = ["1", "2"].map(|n| state(&format!("127.0.0.{n}:1"), 10));
    let [s1, s2] = servers;
    running(version, &[("s1", s1), ("s2", s2)])
}

const BOTH: &str = " server s1 127.0.0.1:1 weight 10\n server s2 127.0.0.2:1 weight 10\n";

#[test]
fn what_leaves_is_in_use_until_the_reload_where_commands_cannot_add_what_comes() {
    let lines = |servers: &str| wanted(&format!(" balance source\n{servers}"));
    let renamed = lines(&BOTH.replace("server s", "server n"));
    let due = plan(&renamed, Some(&lines(BOTH)), &two("2.6.12"));
    assert!(due.reload.is_some() && texts(&due).is_empty(), "{due:?}");
    let half = lines(" server s1 127.0.0.1:1 weight 10\n");
    let leaves = plan(&half, Some(&lines(BOTH)), &two("2.6.12"));
    assert_eq!(texts(&leaves), ["retire b/s2"]);
}

#[test]
fn a_file_that_nothing_shows_to_be_whole_is_taken_by_a_reload_or_not_at_all() {
    let file = Wanted {
        identity: Identity::Hash("h".to_owned()),
        ..wanted(" server s1 127.0.0.9:1 weight 1\n")
    };
    let due = plan(&file, Some(&wanted(BOTH)), &two("2.6.12"));
    assert!(due.reload.is_some() && texts(&due).is_empty(), "{due:?}");
    let taken = Running {
        taken: Some("h".to_owned()),
        ..two("2.6.12")
    };
    let texts: Vec<String> = plan(&file, None, &taken)
        .to_string()
        .lines()
        .map(str::to_owned)
        .collect();
    assert_eq!(
        texts,
        ["set b/s1 address 127.0.0.9:1, weight 1", "retire b/s2"]
    );
}

#[test]
fn under_option_persist_a_leave_ends_with_a_reload_where_nothing_can_be_deleted() {
    let lines = |servers: &str| wanted(&format!(" option persist\n{servers}"));
    let leaves = |version: &str| {
        let one = lines(" server s1 127.0.0.1:1 weight 10\n");
        plan(&one, Some(&lines(BOTH)), &two(version))
    };
    assert_eq!(texts(&leaves("2.6.12")), ["retire b/s2"]);
    let why = leaves("2.6.12").reload.unwrap();
    assert_eq!(why, "clients stay with what left b, as it persists");
    assert_eq!(leaves("3.0.1").reload, None);
}

#[test]
fn with_connections_that_are_never_reused_a_move_before_3_0_is_a_reload() {
    let file = wanted(&format!(
        " http-reuse never\n{}",
        BOTH.replace("0.2:1", "0.9:1")
    ));
    let why = plan(&file, None, &two("2.6.12")).reload.unwrap();
    assert!(
        why.starts_with("b/s2 moves, and with `http-reuse never`"),
        "{why}"
    );
    assert_eq!(plan(&file, None, &two("3.0.1")).reload, None);
}

#[test]
fn another_weight_is_a_reload_where_the_balance_keeps_a_table() {
    for balance in ["source", "static-rr"] {
        let lines = format!(
            " balance {balance}\n{}",
            BOTH.replace("0.2:1 weight 10", "0.2:1 weight 7")
        );
        let due = plan(&wanted(&lines), None, &two("3.0.1"));
        assert!(due.steps.is_empty(), "{due:?}");
        let why = due.reload.unwrap();
        assert_eq!(
            why,
            "b/s2 has another weight, and its balance keeps a fixed table"
        );
    }
}

#[test]
fn what_others_track_goes_by_a_reload_where_they_stay_or_would_lose_requests() {
    let file = |option: &str, servers: &str| {
        let text = format!(
            "global\nbackend a\n{}backend b\n{servers}",
            BOTH.replace(" weight", &format!(" {option} weight"))
        );
        Wanted {
            identity: wanted("").identity,
            ..Wanted::parse(text.as_bytes())
        }
    };
    let one = " server s1 127.0.0.1:1 weight 10\n";
    let why = |wanted: &Wanted, before: &Wanted| {
        let mut running = two("3.0.1");
        running
            .backends
            .insert("a".to_owned(), running.backends["b"].clone());
        plan(wanted, Some(before), &running).reload
    };
    // Nobody tracks what leaves, or all who do leave too.
    assert_eq!(why(&file("", one), &file("", BOTH)), None);
    let tracks = file("track b/s2", BOTH);
    let stays = why(&file("track b/s1", one), &tracks).unwrap();
    assert!(
        stays.contains("a/s1") || stays.contains("b/s2 left, and servers track it"),
        "{stays}"
    );
    let moves = file(
        "track b/s2 on-marked-down shutdown-sessions",
        &BOTH.replace("0.2:1", "0.9:1"),
    );
    let before = file("track b/s2 on-marked-down shutdown-sessions", BOTH);
    assert_eq!(
        why(&moves, &before).as_deref(),
        Some("maintenance could end requests of b/s2")
    );
}

#[test]
fn what_stands_in_other_files_is_left_alone() {
    let mut running = running("2.6.12", &[("s1", state("127.0.0.1:1", 10))]);
    running.backends.insert("z".to_owned(), BTreeMap::new());
    let file = wanted(S1);
    let Identity::Fingerprint(began) = &file.identity else {
        panic!("{:?}", file.identity);
    };
    running.fingerprint = Some(began.clone());
    assert!(super::plan(&file, None, &running, &["/x/z.cfg".to_owned()]).is_done());
    assert!(super::plan(&file, None, &running, &[]).reload.is_some());
}

fn many(from: usize, count: usize) -> String {
    let lines = (from..from + count).map(|n| format!(" server s{n} 127.0.0.1:1 check\n"));
    lines.collect::<Vec<_>>().concat()
}

#[test]
fn adding_so_many_that_it_takes_longer_is_a_reload() {
    assert_eq!(why(&many(0, 1_200), "2.6.12"), "");
    assert!(why(&many(0, 1_300), "2.6.12").contains("1300 servers one by one takes longer"));
}

#[test]
fn before_3_0_too_many_that_left_are_purged_by_a_reload() {
    let retired = State {
        maintenance: true,
        ..state("127.0.0.1:1", 10)
    };
    let names: Vec<String> = (0..1_001).map(|n| format!("s{n}")).collect();
    let servers: Vec<(&str, State)> = names
        .iter()
        .map(|n| (n.as_str(), retired.clone()))
        .collect();
    let why = plan(&wanted(""), None, &running("2.8.1", &servers))
        .reload
        .unwrap();
    assert_eq!(why, "1001 servers that left are to be purged");
    assert_eq!(
        plan(&wanted(""), None, &running("3.0.1", &servers)).reload,
        None
    );
}
