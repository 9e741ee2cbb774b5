use crate::fixture::{Fixture, TEMPLATE, write};

#[test]
fn what_haproxy_refuses_never_gets_there() {
    let fixture = Fixture::with_nodes(TEMPLATE, &["s1 10.0.0.1"]);
    fixture.run(&[]);
    let before = fixture.config();
    fixture.template(&TEMPLATE.replace("mode http", "mode http\n    frobnicate 7"));
    for _ in 0..2 {
        let run = fixture.run(&[]);
        assert_eq!(run.code, Some(100));
        for words in [
            "haproxy-gen: check what ",
            "haproxy.cfg.tera renders: ",
            "HAProxy refuses it, and the old ",
            "etc/haproxy.cfg stays:",
            "unknown keyword 'frobnicate'",
            "    6 |     frobnicate 7",
        ] {
            assert!(run.stderr.contains(words), "{words}: {}", run.stderr);
        }
        assert_eq!(fixture.config(), before);
    }
    fixture.template(TEMPLATE);
    assert_eq!(fixture.run(&[]).code, Some(1));
}

#[test]
fn a_configuration_that_listens_nowhere_is_refused() {
    let fixture = Fixture::new("global\n    stats timeout 30s\n");
    let run = fixture.run(&[]);
    assert_eq!(run.code, Some(100), "{}", run.stderr);
    assert!(
        run.stderr.contains("etc/haproxy.cfg is not made:"),
        "{}",
        run.stderr
    );
    assert!(!fixture.output().exists());
}

#[test]
fn a_warning_is_passed_on_and_is_no_refusal() {
    let fixture = Fixture::new(&TEMPLATE.replace("    timeout client 1s\n", ""));
    let run = fixture.run(&[]);
    assert_eq!(run.code, Some(0));
    assert!(run.stderr.contains("missing timeouts"), "{}", run.stderr);
}

#[test]
fn the_check_is_skipped_when_only_servers_differ() {
    let fixture = Fixture::with_nodes(TEMPLATE, &["s1 10.0.0.1"]);
    assert!(fixture.run_watched().1);
    for line in ["s2 10.0.0.2", "s1 10.0.0.9", "s2 10.0.0.2 weight=0 port=1"] {
        fixture.node(line);
        let (run, checked) = fixture.run_watched();
        assert_eq!((run.code, checked), (Some(0), false), "{line}");
        fixture.haproxy_takes_it().unwrap();
    }
    std::fs::remove_file(fixture.nodes().join("s1")).unwrap();
    let (run, checked) = fixture.run_watched();
    assert_eq!((run.code, checked), (Some(0), false));
}

#[test]
fn a_line_that_a_weight_and_an_id_make_too_long_is_refused() {
    let mut refused = 0;
    for words in 50..65 {
        let line = format!(
            "check{}{{% if node.weight == 7 %}} weight 7 id 7{{% endif %}}",
            " check".repeat(words - 1)
        );
        let template = TEMPLATE.replace("check weight {{ node.weight }}", &line);
        let fixture = Fixture::with_nodes(&template, &["s1 10.0.0.1"]);
        if fixture.run(&[]).code != Some(0) {
            refused += 1;
            continue;
        }
        fixture.node("s1 10.0.0.1 weight=7");
        refused += i32::from(fixture.run(&[]).code == Some(100));
        fixture.haproxy_takes_it().unwrap();
    }
    assert!((1..15).contains(&refused), "{refused}");
}

#[test]
fn servers_that_exchange_their_options_are_checked() {
    let options =
        "{% if node.weight == 1 %}check{% elif node.weight == 2 %}track nodes/s1{% endif %}";
    let template = TEMPLATE.replace("check weight {{ node.weight }}", options);
    let lines = [
        "s1 10.0.0.1 weight=1",
        "s2 10.0.0.2 weight=2",
        "s3 10.0.0.3 weight=3",
    ];
    let fixture = Fixture::with_nodes(&template, &lines);
    assert_eq!(fixture.run(&[]).code, Some(0));
    fixture.node("s1 10.0.0.1 weight=3");
    fixture.node("s3 10.0.0.3 weight=1");
    let run = fixture.run(&[]);
    assert_eq!(run.code, Some(100), "{}", run.stderr);
    fixture.haproxy_takes_it().unwrap();
}

#[test]
fn a_change_of_the_template_is_checked() {
    let fixture = Fixture::with_nodes(TEMPLATE, &["s1 10.0.0.1"]);
    fixture.run_watched();
    for (from, to) in [
        ("30s", "31s"),
        (" check weight", " check inter 1s weight"),
        ("bind 127.0.140.1:8080", "bind 127.0.140.1:8081"),
    ] {
        fixture.template(&TEMPLATE.replace(from, to));
        let (run, checked) = fixture.run_watched();
        assert_eq!((run.code, checked), (Some(0), true), "{to}");
    }
}

#[test]
fn a_broken_server_line_is_refused_although_the_file_without_nodes_was_taken() {
    let fixture = Fixture::new(&TEMPLATE.replace(" check weight", " check intre 1s weight"));
    assert_eq!(fixture.run(&[]).code, Some(0));
    fixture.node("s1 10.0.0.1");
    let run = fixture.run(&[]);
    assert_eq!(run.code, Some(100));
    assert!(run.stderr.contains("| "), "{}", run.stderr);
    assert!(fixture.servers().is_empty());
}

#[test]
fn a_name_that_the_template_gives_to_every_server_is_refused() {
    let fixture = Fixture::with_nodes(
        &TEMPLATE.replace("{{ node.name }}", "same"),
        &["s1 10.0.0.1"],
    );
    assert_eq!(fixture.run(&[]).code, Some(0));
    fixture.node("s2 10.0.0.2");
    assert_eq!(fixture.run(&[]).code, Some(100));
}

#[test]
fn a_server_that_a_rule_needs_and_that_leaves_is_noticed() {
    let rule = "backend nodes\n    use-server s1 if TRUE";
    let template = TEMPLATE.replace("backend nodes\n{%-", &format!("{rule}\n{{%-"));
    let fixture = Fixture::with_nodes(&template, &["s1 10.0.0.1", "s2 10.0.0.2"]);
    assert_eq!(fixture.run(&[]).code, Some(0));
    std::fs::remove_file(fixture.nodes().join("s1")).unwrap();
    let run = fixture.run(&[]);
    assert_eq!(run.code, Some(100), "{}", run.stderr);
    assert_eq!(fixture.servers().len(), 2);
}

#[test]
fn a_file_that_a_person_edited_is_put_right() {
    let fixture = Fixture::with_nodes(TEMPLATE, &["s1 10.0.0.1"]);
    fixture.run(&[]);
    let right = fixture.config();
    for wrong in ["", "garbage\n", &right.replace("30s", "3s")] {
        write(&fixture.output(), wrong);
        assert_eq!(fixture.run(&[]).code, Some(0));
        assert_eq!(fixture.config(), right);
    }
}

#[test]
fn what_was_written_unchecked_is_checked_by_the_next_run() {
    let fixture = Fixture::new(&TEMPLATE.replace("mode http", "mode ftp"));
    assert_eq!(fixture.run(&["--no-check"]).code, Some(0));
    assert_eq!(fixture.run(&["--no-check"]).code, Some(1));
    assert_eq!(fixture.run(&[]).code, Some(100));
}

#[test]
fn a_damaged_mark_costs_a_check_and_no_more() {
    let fixture = Fixture::with_nodes(TEMPLATE, &["s1 10.0.0.1"]);
    fixture.run(&[]);
    for mark in [&b""[..], b"\xff\xfe", &[b'0'; 5000]] {
        write(&fixture.path("etc/.haproxy.cfg.checked"), mark);
        let (run, checked) = fixture.run_watched();
        assert_eq!((run.code, checked), (Some(1), true));
        assert!(!fixture.run_watched().1);
    }
}

#[test]
fn a_missing_haproxy_may_be_there_later() {
    let fixture = Fixture::with_nodes(TEMPLATE, &["s1 10.0.0.1"]);
    let mut command = fixture.command();
    command.args(["--haproxy", "/nonexistent/haproxy"]);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(111));
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(words.contains("/nonexistent/haproxy: there is no such program"));
    assert!(!fixture.output().exists());
}

#[test]
fn haproxy_is_found_where_an_ordinary_users_path_has_no_folder_for_it() {
    let fixture = Fixture::new(TEMPLATE);
    let mut command = fixture.command();
    let output = command.env("PATH", "/usr/bin:/bin").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    // HAProxy was asked, so what it refuses is refused.
    fixture.template("global\n    frobnicate\n");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(100), "{output:?}");
}

#[test]
fn a_haproxy_that_dies_is_not_a_refusal() {
    let fixture = Fixture::new(TEMPLATE);
    let mut command = fixture.command();
    let dying = fixture.path("dying");
    write(&dying, "#!/bin/sh\nkill -9 $$\n");
    std::process::Command::new("chmod")
        .arg("755")
        .arg(&dying)
        .status()
        .unwrap();
    let output = command.arg("--haproxy").arg(dying).output().unwrap();
    assert_eq!(output.status.code(), Some(111));
}

#[test]
fn a_master_that_runs_it_does_not_confuse_the_check() {
    let fixture = Fixture::with_nodes(TEMPLATE, &["s1 10.0.0.1"]);
    let mut command = fixture.command();
    command
        .arg("--haproxy")
        .arg(harness::require("haproxy"))
        .env("HAPROXY_MWORKER_WAIT_ONLY", "1")
        .env("HAPROXY_PROCESSES", "|type=m;fd=3")
        .env("HAPROXY_STARTUPLOGS_FD", "77");
    assert_eq!(command.status().unwrap().code(), Some(0));
}
