use super::*;

mod fingerprint;
pub(crate) mod model;

const HEAD: &str = "global\n setenv CONFIG_FINGERPRINT f\nbackend b\n";

fn wanted(servers: &str) -> Wanted {
    Wanted::parse(format!("{HEAD}{servers}").as_bytes())
}

pub(crate) fn state(address: &str, weight: u32) -> State {
    State {
        address: Some(address.parse().unwrap()),
        weight,
        maintenance: false,
        drain: false,
        checked: true,
        checking: false,
        up: true,
    }
}

fn running(version: &str, servers: &[(&str, State)]) -> Running {
    let servers = servers
        .iter()
        .map(|(name, state)| ((*name).to_owned(), state.clone()));
    Running {
        version: version.to_owned(),
        fingerprint: Some("f".to_owned()),
        backends: BTreeMap::from([("b".to_owned(), servers.collect())]),
        ..Running::default()
    }
}

fn texts(plan: &Plan) -> Vec<&str> {
    plan.steps.iter().map(|step| step.text.as_str()).collect()
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
        "add server b/s1 127.0.0.1:1 check weight 10",
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
        "add server b/s1 [::1]:1  weight 1",
        "set server b/s1 state ready",
    ];
    assert_eq!(plan.steps[0].commands, expected);
}

#[test]
fn a_server_that_left_goes_to_maintenance_once() {
    let mut left = state("127.0.0.1:1", 10);
    let first = plan(
        &wanted(""),
        None,
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
    let plan = plan(&wanted(""), None, &running("3.0.11", &servers));
    assert_eq!(plan.to_string(), "retire b/s1\ndelete b/s1\n");
}

#[test]
fn a_retired_name_that_returns_is_moved_and_checked_anew() {
    let retired = State {
        maintenance: true,
        ..state("127.0.0.9:9", 1)
    };
    let plan = plan(&wanted(S1), None, &running("2.6.12", &[("s1", retired)]));
    let expected = [
        "set server b/s1 addr 127.0.0.1 port 1",
        "set server b/s1 weight 10",
        "set server b/s1 state drain",
        "set server b/s1 health down",
        "set server b/s1 state ready",
    ];
    assert_eq!(plan.steps[0].commands, expected);
    assert_eq!(
        texts(&plan),
        ["set b/s1 address 127.0.0.1:1, weight 10, into use"]
    );
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
    running.fingerprint = Some("g".to_owned());
    let text = plan(&wanted(S1), None, &running).to_string();
    assert_eq!(
        text,
        "reload, since the file differs in more than its servers\n"
    );
    running.fingerprint = None;
    let text = plan(&wanted(S1), None, &running).to_string();
    assert_eq!(
        text,
        "reload, since the running HAProxy carries no fingerprint\n"
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
fn other_options_of_the_same_server_are_a_reload() {
    let good = wanted(" server s1 127.0.0.1:1 check backup weight 10\n");
    let running = running("2.6.12", &[("s1", state("127.0.0.1:1", 10))]);
    let why = plan(&wanted(S1), Some(&good), &running).reload.unwrap();
    assert_eq!(why, "the options of b/s1 changed");
    let moved = wanted(" server s1 127.0.0.9:1 check weight 11\n");
    assert!(plan(&wanted(S1), Some(&moved), &running).is_done());
}

#[test]
fn a_server_that_runs_keeps_its_id_whatever_the_file_says() {
    let running = running("2.6.12", &[("s1", state("127.0.0.1:1", 10))]);
    let file = |id: &str| wanted(&format!(" server s1 127.0.0.1:1 check weight 10{id}\n"));
    for id in ["", " id 7", " id 8"] {
        assert!(plan(&file(id), Some(&file(" id 7")), &running).is_done());
    }
    let added = plan(
        &file(" id 7"),
        None,
        &Running {
            backends: BTreeMap::from([("b".to_owned(), BTreeMap::new())]),
            ..running
        },
    );
    assert!(!added.steps[0].commands[0].contains(" id "));
}

#[test]
fn what_a_dynamic_server_cannot_have_is_a_reload_that_names_it() {
    assert!(
        why(" default-server inter 1s\n server s 127.0.0.1:1\n", "3.0.1")
            .contains("default-server")
    );
    assert!(why(" balance source\n server s 127.0.0.1:1\n", "3.0.1").contains("balance source"));
    let cookie = " dynamic-cookie-key x\n server s 127.0.0.1:1\n";
    assert!(why(cookie, "3.0.1").contains("dynamic cookie"));
    assert!(why(" balance static-rr\n server s 127.0.0.1:1\n", "3.0.1").contains("static-rr"));
    assert!(why(" server s 127.0.0.1:1 resolvers x\n", "3.0.1").contains("resolvers"));
    assert!(why(" server s 127.0.0.1:1 cookie x\n", "2.6.12").contains("cookie"));
    assert_eq!(why(" server s 127.0.0.1:1 cookie x\n", "3.0.11"), "");
    let hashed = " balance source\n hash-type consistent\n server s 127.0.0.1:1\n";
    assert!(why(hashed, "2.8.3").contains("wrong share"));
    assert_eq!(why(hashed, "3.0.11"), "");
    assert_eq!(
        why(" balance random(2)\n server s 127.0.0.1:1\n", "2.6.12"),
        ""
    );
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
