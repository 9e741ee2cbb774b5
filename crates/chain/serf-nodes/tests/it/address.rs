//! Which addresses a node may have.

use super::{Case, backend, run};

#[test]
fn loopback_is_taken_only_when_it_is_allowed() {
    let members = [backend("s1", "127.0.42.101", "alive")];
    let refused = Case::new();
    let ran = refused.follow(&members, &[]);
    assert_eq!((ran.code, refused.nodes().len()), (1, 0));
    assert!(
        ran.stderr
            .contains("refused s1: the address is loopback: 127.0.42.101")
    );
    for option in [
        ["--allow-loopback"].as_slice(),
        &["--allow", "127.0.42.0/24"],
    ] {
        assert_eq!(Case::new().follow(&members, option).code, 0, "{option:?}");
    }
}

#[test]
fn loopback_may_be_allowed_by_the_environment() {
    let stdin = "s1\t127.0.42.101\tbackend\t\n";
    for (value, code) in [("1", 0), ("true", 0), ("0", 1), ("", 1), ("no", 1)] {
        let case = Case::new();
        let mut command = case.command();
        command
            .env("ALLOW_LOOPBACK", value)
            .env("SERF_EVENT", "member-join");
        assert_eq!(run(command.write_stdin(stdin)).code, code, "'{value}'");
    }
}

#[test]
fn an_allow_list_holds_for_events_and_lists() {
    let networks = [
        "--allow",
        "192.168.42.0/24,fd77::/64",
        "--allow",
        "10.9.0.0/16",
    ];
    let case = Case::new();
    let members = [
        backend("in1", "192.168.42.11", "alive"),
        backend("in2", "[fd77::2]", "alive"),
        backend("in3", "10.9.0.1", "alive"),
        backend("out", "192.168.43.11", "alive"),
    ];
    let ran = case.follow(&members, &networks);
    assert!(
        ran.stderr
            .contains("refused out: the address is outside of --allow")
    );
    assert_eq!(case.nodes().len(), 3);

    let case = Case::new();
    let mut command = case.command();
    command.args(networks).env("SERF_EVENT", "member-join");
    let stdin = "out\t192.168.43.11\tbackend\t\nin\t10.9.0.1\tbackend\t\n";
    assert_eq!(run(command.write_stdin(stdin)).code, 0);
    assert_eq!(case.nodes(), ["in 10.9.0.1"]);
}

#[test]
fn a_denied_address_is_refused() {
    let case = Case::new();
    let members = [
        backend("s1", "10.0.0.66", "alive"),
        backend("s2", "10.0.0.2", "alive"),
    ];
    let ran = case.follow(&members, &["--deny", "10.0.0.66,fd77::66"]);
    assert!(
        ran.stderr
            .contains("refused s1: the address is denied: 10.0.0.66")
    );
    assert_eq!(case.nodes(), ["s2 10.0.0.2"]);
}

#[test]
fn the_balancers_own_address_is_refused_in_a_list() {
    let case = Case::new();
    let ran = case.follow(&[backend("s1", "10.0.0.42", "alive")], &[]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.stderr
            .contains("refused s1: the address is a balancer's own: 10.0.0.42")
    );
    let named = ["--allow", "10.0.0.42"];
    assert_eq!(
        case.follow(&[backend("s1", "10.0.0.42", "alive")], &named)
            .code,
        0
    );
}

#[test]
fn the_agents_own_address_is_refused_in_an_event() {
    let case = Case::new();
    let mut command = case.command();
    command
        .env("SERF_EVENT", "member-join")
        .env("SERF_SELF_NAME", "edge");
    let stdin = "s1\t10.0.0.42\tbackend\t\nedge\t10.0.0.42\tproxy\t\ns2\t10.0.0.2\tbackend\t\n";
    let ran = run(command.write_stdin(stdin));
    assert!(
        ran.stderr
            .contains("refused s1: the address is a balancer's own"),
        "{}",
        ran.stderr
    );
    assert_eq!(case.nodes(), ["s2 10.0.0.2"]);
}
