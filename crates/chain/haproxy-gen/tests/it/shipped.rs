//! The templates that are installed.

use crate::fixture::{Fixture, Run};

fn template(name: &str) -> String {
    let path = harness::root().join("ha/config").join(name);
    std::fs::read_to_string(path).unwrap()
}

fn shipped(name: &str) -> Fixture {
    Fixture::new(&template(name))
}

fn make(fixture: &Fixture) -> Run {
    let run = fixture.run(&[]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    fixture.haproxy_takes_it().unwrap();
    assert_eq!(fixture.run(&[]).code, Some(1));
    run
}

/// The fingerprint, without the part by which an edited file is known.
fn fingerprint(fixture: &Fixture) -> String {
    let config = fixture.config();
    let mut words = config.split_ascii_whitespace();
    words.find(|word| *word == "CONFIG_FINGERPRINT").unwrap();
    let parts: Vec<&str> = words.next().unwrap().split('.').take(2).collect();
    parts.join(".")
}

#[test]
fn haproxy_takes_them_with_any_number_of_nodes() {
    for name in ["haproxy.cfg.tera", "services.cfg.tera"] {
        let fixture = shipped(name);
        let mut count = 0;
        for nodes in [0, 1, 3, 150, 1500] {
            while count < nodes {
                count += 1;
                let service = if name.starts_with('s') && count % 3 == 0 {
                    " service=api"
                } else {
                    ""
                };
                let ip = format!("10.1.{}.{}", count / 256, count % 256);
                fixture.node(&format!("s{count} {ip}{service}"));
            }
            make(&fixture);
            assert_eq!(fixture.servers().len(), nodes, "{name}");
        }
    }
}

#[test]
fn a_node_has_the_line_that_the_lab_asks_for() {
    let fixture = shipped("haproxy.cfg.tera");
    fixture.node("s1 192.168.42.11");
    fixture.node("s2 192.168.42.22 weight=7");
    make(&fixture);
    let options = "check inter 600ms fastinter 100ms downinter 15ms fall 2 rise 1 weight";
    assert_eq!(
        fixture.servers(),
        [
            format!("server s1 192.168.42.11:3000 {options} 100"),
            format!("server s2 192.168.42.22:3000 {options} 7")
        ]
    );
}

#[test]
fn nothing_but_servers_changes_between_two_memberships_of_a_step() {
    let fixture = shipped("haproxy.cfg.tera");
    make(&fixture);
    let none = (fixture.config(), fingerprint(&fixture));
    for count in 1..=2 {
        fixture.node(&format!("s{count} 10.0.0.{count}"));
        make(&fixture);
        assert_eq!(fingerprint(&fixture), none.1);
        let config = fixture.config();
        let is_other = |line: &&str| !line.contains("server s") && !line.contains("FINGERPRINT");
        let rest = config.lines().filter(is_other);
        assert!(rest.eq(none.0.lines().filter(is_other)));
    }
}

#[test]
fn dead_nodes_are_looked_at_less_often_the_more_nodes_there_are() {
    let fixture = shipped("haproxy.cfg.tera");
    let mut count = 0;
    for (nodes, interval) in [(32, "15ms"), (128, "50ms"), (129, "100ms"), (257, "200ms")] {
        while count < nodes {
            count += 1;
            fixture.node(&format!("s{count} 10.0.1.{}", count % 256));
        }
        fixture.run(&["--no-check"]);
        let words = format!(" downinter {interval} ");
        assert!(fixture.servers().iter().all(|line| line.contains(&words)));
    }
}

#[test]
fn a_service_has_its_own_backend() {
    let fixture = shipped("services.cfg.tera");
    fixture.node("a1 10.0.0.1 service=api port=9000");
    fixture.node("w1 10.0.0.2 service=web");
    fixture.node("x1 10.0.0.3");
    make(&fixture);
    let config = fixture.config();
    let (web, api) = config.split_once("\nbackend api").unwrap();
    assert!(api.contains("server a1 10.0.0.1:9000 ") && !web.contains("server a1"));
    for server in ["server w1 10.0.0.2:3000 ", "server x1 10.0.0.3:3000 "] {
        assert!(web.contains(server) && !api.contains(server));
    }
}

#[test]
fn the_commented_stickiness_works_as_it_stands() {
    let fixture = shipped("haproxy.cfg.tera");
    fixture.node("s1 10.0.0.1");
    make(&fixture);
    let text = std::fs::read_to_string(fixture.path("haproxy.cfg.tera")).unwrap();
    let sticky = text.replace("    #cookie", "    cookie");
    let sticky = sticky.replace("    #dynamic-cookie-key", "    dynamic-cookie-key");
    assert_eq!(sticky.len() + 2, text.len());
    fixture.template(&sticky);
    make(&fixture);
}

#[test]
fn one_that_was_cut_off_while_it_was_saved_never_takes_the_place_of_the_file() {
    for name in ["haproxy.cfg.tera", "services.cfg.tera"] {
        let fixture = shipped(name);
        fixture.node("s1 10.1.0.1");
        make(&fixture);
        let (whole, config) = (template(name), fixture.config());
        let cuts = (0..whole.len()).step_by(whole.len() / 40);
        for cut in cuts.chain([whole.len() - 1]) {
            // What ends with a whole line may be meant so.
            let cut = whole[..cut].trim_end_matches('\n').len();
            fixture.template(&whole[..cut]);
            let run = fixture.run(&[]);
            assert_eq!(run.code, Some(100), "{name} cut at {cut}: {run:?}");
            assert_eq!(fixture.config(), config, "{name} cut at {cut}");
        }
    }
}
