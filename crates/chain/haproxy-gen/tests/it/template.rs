use crate::fixture::{Fixture, Run, TEMPLATE, write};

fn refusal(template: &str) -> String {
    let fixture = Fixture::with_nodes(template, &["s1 10.0.0.1"]);
    let run = fixture.run(&[]);
    assert_eq!(run.code, Some(100), "{}", run.stderr);
    assert!(!fixture.output().exists());
    run.stderr
}

#[test]
fn an_undefined_field_is_shown_with_its_place_and_those_that_there_are() {
    let words = refusal(&TEMPLATE.replace("node.weight", "node.wieght"));
    assert!(words.starts_with("haproxy-gen: render "), "{words}");
    assert!(words.contains("haproxy.cfg.tera:13:"), "{words}");
    assert!(words.contains("weight"), "{words}");
}

#[test]
fn broken_syntax_is_shown_with_its_place() {
    let words = refusal(&TEMPLATE.replace("{{ node.name }}", "{{ node.name }"));
    assert!(words.starts_with("haproxy-gen: parse "), "{words}");
    assert!(words.contains("haproxy.cfg.tera:13:"), "{words}");
}

#[test]
fn a_tag_that_not_every_node_has_is_an_error_unless_there_is_a_default() {
    let words = refusal(&TEMPLATE.replace("node.weight", "node.tags.share"));
    assert!(words.contains("share"), "{words}");
    let template = TEMPLATE.replace("node.weight", "node.tags.share | default(value=7)");
    let fixture = Fixture::with_nodes(&template, &["s1 10.0.0.1", "s2 10.0.0.2 share=9"]);
    assert_eq!(fixture.run(&[]).code, Some(0));
    assert!(fixture.servers()[0].ends_with("weight 7"));
    assert!(fixture.servers()[1].ends_with("weight 9"));
}

#[test]
fn all_tags_of_a_node_come_in_the_same_order_each_time() {
    let tags = "# {% for key, value in node.tags %}{{ key }}={{ value }} {% endfor %}";
    let line = "s1 10.0.0.1 a=1 b=2 c=3 d=4 e=5 f=6 g=7 h=8";
    let template = TEMPLATE.replace("    server ", &format!("    {tags}\n    server "));
    let fixture = Fixture::with_nodes(&template, &[line]);
    assert_eq!(fixture.run(&[]).code, Some(0));
    let config = fixture.config();
    assert!(
        config.contains("# a=1 b=2 c=3 d=4 e=5 f=6 g=7 h=8 \n"),
        "{config}"
    );
    assert_eq!(fixture.run(&[]).code, Some(1));
}

#[test]
fn a_template_that_is_no_text_is_refused_in_words() {
    let fixture = Fixture::new(TEMPLATE);
    write(&fixture.path("haproxy.cfg.tera"), b"global\n\xff\n");
    let run = fixture.run(&[]);
    assert_eq!(run.code, Some(100));
    assert!(run.stderr.contains("it is not UTF-8"), "{}", run.stderr);
}

#[test]
fn a_template_saved_on_windows_gives_the_same_file() {
    let fixture = Fixture::with_nodes(TEMPLATE, &["s1 10.0.0.1"]);
    fixture.run(&[]);
    let right = fixture.config();
    fixture.template(&format!("\u{feff}{}", TEMPLATE.replace('\n', "\r\n")));
    assert_eq!(fixture.run(&[]).code, Some(1));
    assert_eq!(fixture.config(), right);
}

#[test]
fn a_template_whose_last_line_has_no_end_is_refused_since_it_may_be_cut_off() {
    let fixture = Fixture::with_nodes(TEMPLATE.trim_end(), &["s1 10.0.0.1"]);
    let run = fixture.run(&["--no-check"]);
    assert_eq!(run.code, Some(100), "{}", run.stderr);
    assert!(
        run.stderr.contains("may have been cut off"),
        "{}",
        run.stderr
    );
    assert!(!fixture.output().exists());
}

#[test]
fn a_last_line_whose_end_the_template_takes_away_is_ended() {
    let template = TEMPLATE.replace("{%- endfor %}", "{%- endfor -%}");
    let fixture = Fixture::with_nodes(&template, &["s1 10.0.0.1"]);
    assert_eq!(fixture.run(&[]).code, Some(0));
    assert!(fixture.config().ends_with("weight 100\n"));
}

#[test]
fn a_template_without_global_works_without_a_fingerprint() {
    let template = TEMPLATE.split_once("defaults").unwrap().1;
    let fixture = Fixture::with_nodes(&format!("defaults{template}"), &["s1 10.0.0.1"]);
    assert_eq!(fixture.run(&[]).code, Some(0));
    assert!(!fixture.config().contains("CONFIG_FINGERPRINT"));
    assert_eq!(fixture.run(&[]).code, Some(1));
}

#[test]
fn the_fingerprint_stands_for_all_but_the_servers() {
    let fixture = Fixture::new(TEMPLATE);
    let fingerprint = || {
        assert_eq!(fixture.run(&[]).code, Some(0));
        let config = fixture.config();
        let line = config.lines().nth(1).unwrap();
        let print = line.strip_prefix("    setenv CONFIG_FINGERPRINT ").unwrap();
        let parts: Vec<&str> = print.split('.').collect();
        let is_hash = |part: &&str| part.len() == 16 && u64::from_str_radix(part, 16).is_ok();
        assert!(parts.len() >= 2 && parts.iter().all(is_hash), "{print}");
        // Without a third part, the servers of the file are those that count.
        [parts[0].to_string(), parts[1].to_string()]
    };
    let empty = fingerprint();
    fixture.node("s1 10.0.0.1");
    assert_eq!(fingerprint(), empty);
    fixture.node("s1 10.0.0.7 weight=0");
    assert_eq!(fingerprint(), empty);
    fixture.template(&TEMPLATE.replace("check", "check inter 7s"));
    assert_ne!(fingerprint(), empty);
}

#[test]
fn a_template_for_handlebars_is_told_what_to_write_instead() {
    let handlebars = TEMPLATE.replace("{%- for node in nodes %}", "{{#each addresses}}");
    let words = refusal(&handlebars.replace("{%- endfor %}", "{{/each}}"));
    assert!(words.contains("haproxy.cfg.tera:12:"), "{words}");
    assert!(words.contains("It is written for Handlebars"), "{words}");
    assert!(words.contains("{% for node in addresses %}"), "{words}");
    let words = refusal(&TEMPLATE.replace("{{ node.name }}", "{{this.host}}"));
    assert!(words.contains("It is written for Handlebars"), "{words}");
}

#[test]
fn a_template_sees_what_its_caller_sets() {
    let fixture = Fixture::with_nodes("{{ name }} at {{ ip }}: {{ list[1].a }}\n", &[]);
    let print = |arguments: &[&str]| {
        let mut command = Fixture::bare();
        command.arg("--nodes").arg(fixture.nodes());
        command
            .arg("--template")
            .arg(fixture.path("haproxy.cfg.tera"));
        let output = command.args(["--output", "-"]).args(arguments).output();
        Run::from(output.unwrap())
    };
    let list = r#"list=[{},{"a":7}]"#;
    let run = print(&["--set", "name=s1", "--set", "ip=10.0.0.1", "--set", list]);
    assert_eq!(run.stdout, "s1 at 10.0.0.1: 7\n", "{}", run.stderr);
    let run = print(&["--set", "name=s1", "--set", list]);
    assert_eq!(run.code, Some(100));
    assert!(run.stderr.contains("Variable `ip` is not defined"));
    let run = print(&["--set", "name=a\nb"]);
    assert_eq!(run.code, Some(100));
    assert!(run.stderr.contains("control characters"), "{}", run.stderr);
}
