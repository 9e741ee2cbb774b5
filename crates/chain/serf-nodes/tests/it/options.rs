//! Options, their environment, and the page.

use super::{Case, backend, list, run};

#[test]
fn help_is_the_page() {
    let output = Case::new().command().arg("--help").output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let page = String::from_utf8(output.stdout).unwrap();
    for heading in ["Interface", "Member list", "Files", "Exit codes", "Notes"] {
        assert!(
            page.contains(&format!("\n{heading}\n")),
            "{heading}: {page}"
        );
    }
}

#[test]
fn wrong_options_are_misuse() {
    let case = Case::new();
    for (arguments, why) in [
        (&["--member", "-"][..], "unexpected argument '--member'"),
        (&["s1"], "unexpected argument 's1'"),
        (&["--members", "-", "--log-only"], "cannot be used with"),
        (&["--members", "-", "--hold", "soon"], "--hold"),
        (
            &["--members", "-", "--max-lost", "101%"],
            "'101%' is not 0% to 100%",
        ),
        (
            &["--members", "-", "--allow", "heig"],
            "'heig' is not an IP address",
        ),
        (&["--members", "-", "--deny", "10.0.0.0/8"], "--deny"),
    ] {
        let ran = case.run(arguments, "");
        assert_eq!(ran.code, 100, "{arguments:?}");
        assert!(ran.stderr.starts_with("serf-nodes: "), "{}", ran.stderr);
        assert!(ran.stderr.contains(why), "{arguments:?}: {}", ran.stderr);
    }
}

#[test]
fn options_win_over_the_environment() {
    let case = Case::new();
    std::fs::create_dir(case.path("other")).unwrap();
    let (nodes, log) = (case.path("other"), case.path("other.log"));
    let mut command = case.command();
    command
        .args(["--members", "-", "--nodes"])
        .arg(nodes)
        .arg("--log")
        .arg(log);
    let text = list(&[backend("s1", "10.0.0.1", "alive")]);
    assert_eq!(run(command.write_stdin(text)).code, 0);
    assert!(case.path("other/s1").exists() && case.path("other.log").exists());
    assert!(case.nodes().is_empty() && case.log().is_empty());
}

/// A run with these variables on a list of three, of whom one has another role and one
/// has failed.
fn with(variables: &[(&str, &str)]) -> (Case, super::Ran) {
    let case = Case::with(&["s1 10.0.0.1", "s2 10.1.0.2", "s3 10.0.0.3"]);
    let members = [
        backend("s1", "10.0.0.1", "alive"),
        backend("s2", "10.1.0.2", "alive").replace(r#""backend""#, r#""web""#),
        backend("s3", "10.0.0.3", "failed"),
    ];
    let mut command = case.command();
    command.envs(variables.iter().copied());
    let ran = run(command.args(["--members", "-"]).write_stdin(list(&members)));
    (case, ran)
}

#[test]
fn policy_can_come_from_the_environment() {
    let gone = ("NODES_HOLD", "0s");
    let all = ("NODES_MAX_LOST", "100%");
    for (variables, nodes) in [
        (&[][..], &["s1", "s2", "s3"][..]),
        (&[gone], &["s1", "s2", "s3"]),
        (&[gone, all], &["s1"]),
        (&[gone, all, ("SERF_ROLE", "web")], &["s2"]),
        (&[gone, all, ("NODES_DENY", "10.0.0.9, 10.0.0.1")], &[]),
        (&[gone, all, ("NODES_ALLOW", "10.1.0.0/16,")], &[]),
        (
            &[gone, all, ("NODES_ALLOW", "10.1.0.0/16,10.0.0.0/16")],
            &["s1"],
        ),
    ] {
        let (case, ran) = with(variables);
        let lines = case.nodes();
        let names: Vec<_> = lines.iter().map(|line| &line[..2]).collect();
        assert_eq!(names, nodes, "{variables:?}: {}", ran.stderr);
    }
}

#[test]
fn an_empty_variable_is_one_that_is_not_set() {
    for variable in super::VARIABLES {
        if ["NODES_DIR", "SERF_LOG"].contains(&variable) {
            continue;
        }
        let (case, ran) = with(&[(variable, "")]);
        assert_eq!(
            (ran.code, case.nodes().len()),
            (1, 3),
            "{variable}: {}",
            ran.stderr
        );
    }
}

#[test]
fn a_wrong_variable_is_misuse_and_an_empty_option_too() {
    for (variable, value) in [
        ("NODES_HOLD", "soon"),
        ("NODES_MAX_LOST", "most"),
        ("NODES_ALLOW", "10.0.0.0/33"),
        ("NODES_DENY", ","),
    ] {
        assert_eq!(with(&[(variable, value)]).1.code, 100, "{variable}");
    }
    for option in ["--allow", "--deny"] {
        let ran = Case::new().run(&["--members", "-", option, ""], "");
        assert_eq!(ran.code, 100, "{option}: {}", ran.stderr);
    }
}

#[test]
fn the_role_of_nodes_can_be_another() {
    let case = Case::new();
    let mut command = case.command();
    command
        .args(["--role", "web"])
        .env("SERF_EVENT", "member-join");
    let stdin = "s1\t10.0.0.1\tweb\t\ns2\t10.0.0.2\tbackend\t\n";
    assert_eq!(run(command.write_stdin(stdin)).code, 0);
    assert_eq!(case.nodes(), ["s1 10.0.0.1"]);
}

#[test]
fn the_log_may_be_stderr() {
    let case = Case::new();
    let mut command = case.command();
    command
        .args(["--log", "-"])
        .env("SERF_EVENT", "member-join");
    let ran = run(command.write_stdin("s1\t10.0.0.1\tbackend\t\n"));
    let mut lines: Vec<&str> = ran.stderr.lines().collect();
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "Member join event received from: s1 with role backend",
            "Member join script triggered",
            "serf-nodes: added s1 10.0.0.1",
        ]
    );
}

#[test]
fn a_log_that_cannot_be_written_does_not_stop_the_work() {
    let case = Case::new();
    let mut command = case.command();
    command
        .env("SERF_LOG", case.path("missing/log"))
        .args(["--members", "-"]);
    let ran = run(command.write_stdin(list(&[backend("s1", "10.0.0.1", "alive")])));
    assert_eq!((ran.code, case.nodes().len()), (0, 1));
    assert!(
        ran.stderr.contains("serf-nodes: write the log "),
        "{}",
        ran.stderr
    );
}
