use std::os::unix::fs::symlink;

use crate::fixture::{Fixture, TEMPLATE, write};

#[test]
fn hostile_files_are_told_and_left_out() {
    let fixture = Fixture::with_nodes(TEMPLATE, &["good 10.0.0.1"]);
    let files = fixture.nodes();
    for (name, content) in [
        (
            "evil",
            "evil 10.0.0.2:80 backup\n    server x 10.0.0.3:80\n",
        ),
        ("tagged", "tagged 10.0.0.2 zone=\"a'b\n"),
        ("quoted", "quoted 10.0.0.2 zone=${HOME}\n"),
        ("heavy", "heavy 10.0.0.2 weight=257\n"),
        ("port", "port 10.0.0.2 port=80;port=81\n"),
        ("other", "name 10.0.0.2\n"),
        ("any", "any 0.0.0.0\n"),
        ("host", "host localhost\n"),
        ("windows", "windows 10.0.0.2\r\n"),
        ("empty", ""),
        ("a\u{1b}[31mb", "x 10.0.0.2\n"),
    ] {
        write(&files.join(name), content);
    }
    symlink("/etc/passwd", files.join("link")).unwrap();
    let run = fixture.run(&[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(fixture.servers().len(), 1);
    let told = run.stderr.lines().filter(|line| line.contains("left out"));
    assert_eq!(told.count(), 11, "{}", run.stderr);
    assert!(run.stderr.contains("left out 2 more such files"));
    assert!(!run.stderr.contains('\u{1b}'));
    fixture.haproxy_takes_it().unwrap();
}

#[test]
fn a_tag_cannot_leave_its_word() {
    let template = TEMPLATE.replace("weight {{ node.weight }}", "cookie {{ node.tags.zone }}");
    let fixture = Fixture::with_nodes(&template, &["s1 10.0.0.1 zone=a"]);
    assert_eq!(fixture.run(&[]).code, Some(0));
    write(&fixture.nodes().join("s2"), "s2 10.0.0.2 zone=a#b\n");
    let run = fixture.run(&[]);
    assert_eq!(run.code, Some(1));
    assert!(
        run.stderr.contains("/nodes/s2: 'zone=a#b' has"),
        "{}",
        run.stderr
    );
}

#[test]
fn hidden_files_are_no_nodes() {
    let fixture = Fixture::with_nodes(TEMPLATE, &["s1 10.0.0.1"]);
    write(&fixture.nodes().join(".s2.new"), "garbage");
    let run = fixture.run(&[]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
}

#[test]
fn nodes_of_services_that_the_template_does_not_serve_are_told_and_left_out() {
    let lines = [
        "s1 10.0.0.1",
        "w1 10.0.0.2 service=web",
        "m1 10.0.0.3 service=mail",
    ];
    let fixture = Fixture::with_nodes(TEMPLATE, &lines);
    let run = fixture.run(&[]);
    assert_eq!(
        fixture.servers(),
        ["server s1 10.0.0.1:3000 check weight 100"]
    );
    assert!(
        run.stderr.contains("does not serve: m1 (mail), w1 (web); "),
        "{}",
        run.stderr
    );
    assert_eq!(run.stderr.lines().count(), 1);
    fixture.template(&format!("{{#- services: web -#}}\n{TEMPLATE}"));
    let run = fixture.run(&[]);
    assert_eq!(
        fixture.servers(),
        ["server w1 10.0.0.2:3000 check weight 100"]
    );
    assert!(
        run.stderr
            .contains("does not serve: m1 (mail), s1 (none); "),
        "{}",
        run.stderr
    );
}

#[test]
fn a_declaration_of_services_that_cannot_be_read_is_refused() {
    let fixture = Fixture::new(&format!("{{# services: a,b #}}\n{TEMPLATE}"));
    let run = fixture.run(&[]);
    assert_eq!(run.code, Some(100));
    assert!(run.stderr.contains("'a,b'"), "{}", run.stderr);
}

#[test]
fn no_node_at_all_is_legal() {
    let fixture = Fixture::new(TEMPLATE);
    assert_eq!(fixture.run(&[]).code, Some(0));
    fixture.haproxy_takes_it().unwrap();
}
