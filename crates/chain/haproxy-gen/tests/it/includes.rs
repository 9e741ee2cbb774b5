//! Templates of several files, and what they have beside Tera's own.

use crate::fixture::{Fixture, Run, TEMPLATE, write};

const PARTS: &str = "{%- component server(node: map, options=\"check\") -%}
    server {{ node.name }} {{ node.address }} {{ options }} weight {{ node.weight }}
{%- endcomponent server %}";

fn with_parts(template: &str) -> Fixture {
    let fixture = Fixture::with_nodes(template, &["s1 10.0.0.1", "s2 10.0.0.2 weight=7"]);
    write(&fixture.path("parts.tera"), PARTS);
    fixture
}

/// What the program makes of this template's text from stdin, in the folder of the fixture.
fn from_stdin(fixture: &Fixture, template: &str, arguments: &[&str]) -> Run {
    let mut command = assert_cmd::Command::from_std(Fixture::bare());
    command
        .current_dir(fixture.path(""))
        .arg("--nodes")
        .arg(fixture.nodes());
    command.args(["--template", "-"]).args(arguments);
    command.write_stdin(template).output().unwrap().into()
}

#[test]
fn an_included_component_makes_the_same_file_as_the_lines_themselves() {
    let plain = Fixture::with_nodes(TEMPLATE, &["s1 10.0.0.1", "s2 10.0.0.2 weight=7"]);
    assert_eq!(plain.run(&[]).code, Some(0));
    let line = "server {{ node.name }} {{ node.address }} check weight {{ node.weight }}";
    assert!(TEMPLATE.contains(line));
    let template = TEMPLATE.replace(line, "{{<server node={node} />}}");
    let fixture = with_parts(&format!("{{%- include 'parts.tera' -%}}{template}"));
    let run = fixture.run(&[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(fixture.config(), plain.config());
}

#[test]
fn a_mistake_in_an_included_file_is_shown_with_its_own_place() {
    for (part, place) in [("a\n{{ nodes | nofilter }}", ":2:"), ("{{ nodez }}", ":1:")] {
        let fixture = with_parts(&format!("{TEMPLATE}{{% include 'parts.tera' %}}\n"));
        write(&fixture.path("parts.tera"), part);
        let run = fixture.run(&[]);
        assert_eq!(run.code, Some(100), "{}", run.stderr);
        let place = format!("{}{place}", fixture.path("parts.tera").display());
        assert!(run.stderr.contains(&place), "{}", run.stderr);
        assert!(!fixture.output().exists());
    }
}

#[test]
fn a_file_that_is_not_there_is_told_with_the_place_that_names_it() {
    let fixture = Fixture::new(&format!("{TEMPLATE}{{% include 'missing' %}}\n"));
    let run = fixture.run(&[]);
    assert_eq!(run.code, Some(100), "{}", run.stderr);
    assert!(
        run.stderr.contains("`missing`") && run.stderr.contains(".tera:15:"),
        "{}",
        run.stderr
    );
}

#[test]
fn nodes_and_services_count_that_only_an_included_file_names() {
    let fixture = Fixture::with_nodes("{% include 'all' -%}\n", &["s1 10.0.0.1 service=web"]);
    let template = format!("{{#- services: web -#}}\n{TEMPLATE}    # {{{{ capacity }}}}\n");
    write(&fixture.path("all"), template);
    let run = fixture.run(&[]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(fixture.servers().len(), 1);
    assert!(fixture.config().ends_with("# 16\n"));
}

#[test]
fn a_file_outside_of_the_templates_folder_is_never_read() {
    let fixture = Fixture::new("{% include '../secret' %}");
    std::fs::create_dir(fixture.path("in")).unwrap();
    write(&fixture.path("secret"), "frobnicate");
    let template = "{% include '../secret' %}";
    write(&fixture.path("in/t"), template);
    let path = fixture.path("in/t").display().to_string();
    let mut command = Fixture::bare();
    command.arg("--nodes").arg(fixture.nodes());
    command.args(["--template", &path, "--output", "-"]);
    let run: Run = command.output().unwrap().into();
    assert_eq!(run.code, Some(100));
    assert_eq!(run.stdout, "");
    assert!(
        run.stderr.contains("it is not in the template's folder"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_template_can_come_from_stdin() {
    let fixture = with_parts(TEMPLATE);
    let template = "{% include 'parts.tera' %}{{ nodes | map(attribute='name') }}";
    let wrong = from_stdin(&fixture, template, &["--output", "-"]);
    assert_eq!(wrong.code, Some(100));
    assert!(
        wrong
            .stderr
            .contains("parse /dev/stdin: Unknown filter `map`"),
        "{}",
        wrong.stderr
    );
    let template =
        "{% include 'parts.tera' %}{% for node in nodes %}{{<server node={node}/>}}\n{% endfor %}";
    let right = from_stdin(&fixture, template, &["--output", "-"]);
    assert_eq!(right.code, Some(0), "{}", right.stderr);
    assert!(
        right
            .stdout
            .ends_with("server s2 10.0.0.2:3000 check weight 7\n"),
        "{}",
        right.stdout
    );
}

#[test]
fn a_variable_of_the_environment_begins_no_line_of_its_own() {
    let template = TEMPLATE.replace("30s", "{{ env(name='TEST_STATS', default='7s') }}");
    let fixture = Fixture::with_nodes(&template, &["s1 10.0.0.1"]);
    assert_eq!(fixture.run(&[]).code, Some(0));
    assert!(fixture.config().contains("stats timeout 7s\n"));
    let run = |value: &str| -> Run {
        let mut command = fixture.command();
        command.env("TEST_STATS", value).arg("--no-check");
        command.output().unwrap().into()
    };
    assert_eq!(run("9s").code, Some(0));
    assert!(fixture.config().contains("stats timeout 9s\n"));
    let injected = run("9s\n    stats socket /tmp/x level admin");
    assert_eq!(injected.code, Some(100), "{}", injected.stderr);
    assert!(
        injected
            .stderr
            .contains("the variable TEST_STATS has control characters")
    );
    assert!(fixture.config().contains("stats timeout 9s\n"));
}

#[test]
fn a_changed_file_that_the_template_digests_changes_the_fingerprint() {
    let digest = "setenv ERRORS {{ file_digest(path='errors') }}\n    stats";
    let fixture = Fixture::with_nodes(&TEMPLATE.replace("stats", digest), &["s1 10.0.0.1"]);
    let print = || {
        let config = fixture.config();
        let line = config.lines().find(|it| it.contains("CONFIG_FINGERPRINT"));
        line.unwrap().to_owned()
    };
    std::fs::create_dir(fixture.path("errors")).unwrap();
    write(&fixture.path("errors/503.http"), "one");
    assert_eq!(fixture.run(&[]).code, Some(0));
    let first = print();
    assert_eq!(fixture.run(&[]).code, Some(1));
    write(&fixture.path("errors/503.http"), "two");
    assert_eq!(fixture.run(&[]).code, Some(0));
    assert_ne!(print(), first);
}

#[test]
fn a_file_that_cannot_be_digested_leaves_the_old_one() {
    let digest = "setenv ERRORS {{ file_digest(path='errors') }}\n    stats";
    let fixture = Fixture::with_nodes(TEMPLATE, &["s1 10.0.0.1"]);
    assert_eq!(fixture.run(&[]).code, Some(0));
    let before = fixture.config();
    fixture.template(&TEMPLATE.replace("stats", digest));
    let run = fixture.run(&[]);
    assert_eq!(run.code, Some(111), "{}", run.stderr);
    assert!(
        run.stderr.contains("/errors: there is no such file"),
        "{}",
        run.stderr
    );
    assert_eq!(fixture.config(), before);
}

#[test]
fn a_group_has_its_place_in_each_run() {
    let template = format!(
        "{TEMPLATE}    # {{% for zone, all in nodes | group_by(attribute='tags.zone') %}}{{{{ zone }}}}{{% endfor %}}\n"
    );
    let lines: Vec<String> = (0..12)
        .map(|number| format!("s{number} 10.0.0.{number} zone=z{}", number % 6))
        .collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let fixture = Fixture::with_nodes(&template, &lines);
    assert_eq!(fixture.run(&[]).code, Some(0));
    for _ in 0..5 {
        assert_eq!(fixture.run(&[]).code, Some(1));
    }
}
