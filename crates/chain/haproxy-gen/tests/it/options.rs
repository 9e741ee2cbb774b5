use crate::fixture::{Fixture, TEMPLATE, write};

#[test]
fn the_file_is_made_and_the_second_run_has_nothing_to_do() {
    let fixture = Fixture::with_nodes(TEMPLATE, &["s2 10.0.0.2", "s1 10.0.0.1 port=81 weight=5"]);
    let run = fixture.run(&[]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    assert_eq!(
        fixture.servers(),
        [
            "server s1 10.0.0.1:81 check weight 5",
            "server s2 10.0.0.2:3000 check weight 100"
        ]
    );
    let run = fixture.run(&[]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(1), ""));
}

#[test]
fn the_environment_stands_for_the_paths() {
    let fixture = Fixture::with_nodes(TEMPLATE, &["s1 10.0.0.1"]);
    let status = Fixture::bare()
        .env("NODES_DIR", fixture.nodes())
        .env("HAPROXY_TEMPLATE", fixture.path("haproxy.cfg.tera"))
        .env("HAPROXY_CFG", fixture.output())
        .arg("--no-check")
        .status();
    assert_eq!(status.unwrap().code(), Some(0));
    assert_eq!(fixture.servers().len(), 1);
}

#[test]
fn an_option_wins_over_the_environment() {
    let fixture = Fixture::with_nodes(TEMPLATE, &["s1 10.0.0.1"]);
    let mut command = fixture.command();
    command.env("HAPROXY_CFG", "/nonexistent/haproxy.cfg");
    let status = command.arg("--no-check").status().unwrap();
    assert_eq!(status.code(), Some(0));
}

/// The code and the words of a run with these variables.
fn run_with(fixture: &Fixture, variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let mut command = fixture.command();
    let output = command.envs(variables.iter().copied()).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    (output.status.code(), said)
}

#[test]
fn policy_can_come_from_the_environment() {
    let fixture = Fixture::with_nodes(TEMPLATE, &["s1 10.0.0.1"]);
    let program = ("HAPROXY_PROGRAM", "/nonexistent/haproxy");
    for (variables, code, says) in [
        (&[program][..], 111, "run /nonexistent/haproxy: "),
        (
            &[program, ("HAPROXY_NO_CHECK", "0")],
            111,
            "run /nonexistent",
        ),
        (
            &[("HAPROXY_CHECK", "false")],
            100,
            "the check `false` refuses it",
        ),
        (
            &[("HAPROXY_CHECK", "false"), ("HAPROXY_NO_CHECK", "1")],
            100,
            "exclude each other",
        ),
        (
            &[("HAPROXY_TEMPLATE_LIMIT", "0s")],
            100,
            "it has to be more than 0",
        ),
        (&[program, ("HAPROXY_NO_CHECK", "1")], 0, ""),
    ] {
        let (is, said) = run_with(&fixture, variables);
        assert_eq!(is, Some(code), "{variables:?}: {said}");
        assert!(said.contains(says), "{variables:?}: {said}");
    }
}

#[test]
fn an_empty_variable_is_one_that_is_not_set() {
    let fixture = Fixture::with_nodes(TEMPLATE, &["s1 10.0.0.1"]);
    assert_eq!(run_with(&fixture, &[]).0, Some(0));
    for name in crate::fixture::VARIABLES {
        let (code, said) = run_with(&fixture, &[(name, "")]);
        assert_eq!((code, said.as_str()), (Some(1), ""), "{name}");
    }
}

#[test]
fn a_dash_prints_it_and_writes_nothing() {
    let fixture = Fixture::with_nodes(TEMPLATE, &["s1 10.0.0.1"]);
    let run = fixture.run(&["--diff"]);
    assert_eq!(run.code, Some(0));
    let mut command = Fixture::bare();
    command.arg("--nodes").arg(fixture.nodes());
    command
        .arg("--template")
        .arg(fixture.path("haproxy.cfg.tera"));
    let output = command.args(["--output", "-"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("    server s1 10.0.0.1:3000 check weight 100\n"));
    fixture.run(&[]);
    assert_eq!(text, fixture.config());
}

#[test]
fn a_difference_is_shown_and_nothing_written() {
    let fixture = Fixture::with_nodes(TEMPLATE, &["s1 10.0.0.1"]);
    fixture.run(&[]);
    let before = fixture.config();
    fixture.node("s2 10.0.0.2");
    let run = fixture.run(&["--diff"]);
    assert_eq!(run.code, Some(0));
    let added: Vec<_> = run
        .stdout
        .lines()
        .filter(|line| line.starts_with('+'))
        .collect();
    assert_eq!(added.len(), 2, "{}", run.stdout);
    assert_eq!(added[1], "+    server s2 10.0.0.2:3000 check weight 100");
    assert_eq!(fixture.config(), before);
    fixture.run(&[]);
    let run = fixture.run(&["--diff"]);
    assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""));
}

#[test]
fn a_difference_leaves_not_even_a_lock_behind() {
    let fixture = Fixture::with_nodes(TEMPLATE, &["s1 10.0.0.1"]);
    assert_eq!(fixture.run(&["--diff"]).code, Some(0));
    let left = std::fs::read_dir(fixture.path("etc")).unwrap().count();
    assert_eq!(left, 0);
}

#[test]
fn a_difference_that_haproxy_refuses_is_shown_with_its_words() {
    let fixture = Fixture::new(&TEMPLATE.replace("mode http", "mode ftp"));
    let run = fixture.run(&["--diff"]);
    assert_eq!(run.code, Some(100));
    assert!(run.stdout.contains("+    mode ftp"), "{}", run.stdout);
    assert!(run.stderr.contains("mode ftp"), "{}", run.stderr);
}

#[test]
fn wrong_use_is_100() {
    let fixture = Fixture::new(TEMPLATE);
    for arguments in [&["--frobnicate"][..], &["extra"], &["--nodes"]] {
        let output = Fixture::bare().args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(100), "{arguments:?}");
        assert!(output.stderr.starts_with(b"haproxy-gen: "));
    }
    let mut command = Fixture::bare();
    command.arg("--nodes").arg(fixture.nodes());
    let output = command.args(["--diff", "--output", "-"]).output().unwrap();
    assert_eq!(output.status.code(), Some(100));
}

#[test]
fn help_is_the_page_of_the_program() {
    let output = Fixture::bare().arg("--help").output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let page = String::from_utf8(output.stdout).unwrap();
    for heading in ["Interface", "Files", "Signals", "Exit codes", "Notes"] {
        assert!(page.contains(heading), "{heading}");
    }
    assert!(page.contains("{# services: web api - #}"), "{page}");
}

#[test]
fn what_is_missing_is_told_by_its_path() {
    let fixture = Fixture::new(TEMPLATE);
    for (option, path, words) in [
        ("--nodes", "/nonexistent/n", "list /nonexistent/n: "),
        ("--template", "/nonexistent/t", "read /nonexistent/t: "),
        (
            "--output",
            "/nonexistent/o/c",
            "make /nonexistent/o/c: its folder /nonexistent/o is missing",
        ),
    ] {
        let mut command = Fixture::bare();
        for (name, value) in [
            ("--nodes", fixture.nodes()),
            ("--template", fixture.path("haproxy.cfg.tera")),
            ("--output", fixture.output()),
        ] {
            let value = if name == option { path.into() } else { value };
            command.arg(name).arg(value);
        }
        let output = command.arg("--no-check").output().unwrap();
        let words_said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(111), "{words_said}");
        assert!(words_said.contains(words), "{words_said}");
    }
}

#[test]
fn the_mode_of_the_file_is_kept() {
    use std::os::unix::fs::PermissionsExt;
    let fixture = Fixture::with_nodes(TEMPLATE, &["s1 10.0.0.1"]);
    write(&fixture.output(), "old");
    let mode = std::fs::Permissions::from_mode(0o640);
    std::fs::set_permissions(fixture.output(), mode).unwrap();
    assert_eq!(fixture.run(&[]).code, Some(0));
    let mode = fixture.output().metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o640);
}
