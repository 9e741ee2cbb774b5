use super::*;

const HEAD: &str = "global\n    stats timeout 30s\nbackend nodes\n    balance roundrobin\n";

fn file(servers: &[&str]) -> String {
    let mut text = HEAD.to_string();
    for server in servers {
        text.push_str("    server ");
        text.push_str(server);
        text.push('\n');
    }
    text
}

fn print(text: &str) -> String {
    fingerprint(&Config::parse(text), None).to_string()
}

fn checked(text: &str) -> Option<String> {
    check_hash(&Config::parse(text))
}

#[test]
fn the_hash_is_the_published_fnv_1a() {
    assert_eq!(hash_of(b"foobar"), "85944171f73967e8");
}

#[test]
fn the_fingerprint_of_a_file_never_changes_between_releases() {
    assert_eq!(
        print(&file(&["s1 10.0.0.1:80 check"])),
        "9c4b7c31c3075655.4256fe6af27722e2"
    );
}

#[test]
fn who_serves_where_and_how_much_does_not_change_the_fingerprint() {
    let one = print(&file(&["s1 10.0.0.1:80 check weight 100"]));
    for servers in [
        &["s1 10.0.0.9:81 check weight 100"][..],
        &["s1 10.0.0.1:80 check weight 0 id 7"],
        &["s2 10.0.0.1:80 weight 1 check", "s3 [::1]:80 check"],
    ] {
        assert_eq!(print(&file(servers)), one, "{servers:?}");
    }
}

#[test]
fn blanks_and_comments_are_no_part_of_the_fingerprint() {
    let one = file(&["s1 10.0.0.1:80 check"]);
    let other = one
        .replace("    stats", "\n\t stats")
        .replace("roundrobin\n", "roundrobin # as all\n  # 7 nodes\n\n");
    assert_ne!(one, other);
    assert_eq!(print(&one), print(&other));
}

#[test]
fn settings_of_servers_are_a_part_of_their_own() {
    let prints = |servers: &[&str]| {
        let print = fingerprint(&Config::parse(&file(servers)), None);
        assert_eq!(Fingerprint::parse(&print.to_string()), print);
        print
    };
    let one = prints(&["s1 10.0.0.1:80 cookie a"]);
    let other = prints(&["s1 10.0.0.1:80 cookie b"]);
    assert_eq!(one.lines, other.lines);
    assert_ne!(one.servers, other.servers);
}

#[test]
fn the_servers_of_a_section_of_which_nothing_is_known_are_lines() {
    let lines = |text: &str| fingerprint(&Config::parse(text), None).lines;
    for (before, after) in [
        ("", ".if defined(X)\nbackend b\n.endif\n"),
        ("disabled\n", ""),
    ] {
        let section = |server: &str| format!("backend a\n{before}server {server}\n{after}");
        let one = lines(&section("s1 10.0.0.1:80"));
        for server in [
            "s2 10.0.0.1:80",
            "s1 10.0.0.2:80",
            "s1 10.0.0.1:80 weight 2",
            "s1 10.0.0.1:80 id 2",
            "s1 10.0.0.1:80 disabled",
            "s1 10.0.0.1:80 check",
        ] {
            assert_ne!(lines(&section(server)), one, "{before}{server}");
        }
    }
    let enabled = "defaults\ndisabled\nbackend a\nenabled\nserver s1 10.0.0.1:80\n";
    assert_eq!(lines(enabled), lines(&enabled.replace("s1", "s2")));
}

#[test]
fn an_edited_file_is_known_also_beside_a_section_without_servers() {
    let text = file(&["s1 10.0.0.1:80 check inter 9s"]) + "listen stats\n    stats enable\n";
    let example = text.replace("    stats enable", "    server e 192.0.2.1:80");
    let print = fingerprint(&Config::parse(&text), Some(&Config::parse(&example)));
    let made = Config::parse(&text).with_fingerprint(&print.to_string());
    assert_eq!(Config::parse(&made).true_fingerprint(), Some(print));
    let edited = made.replace("inter 9s", "inter 1s");
    assert_eq!(Config::parse(&edited).true_fingerprint(), None);
}

#[test]
fn the_place_among_servers_of_another_form_is_a_line_where_it_counts() {
    let lines = |balance: &str, servers: &[&str]| {
        let text = file(servers).replace("roundrobin", balance);
        fingerprint(&Config::parse(&text), None).lines
    };
    let one = ["s1 10.0.0.1:80", "s2 localhost:80"];
    let other = ["s2 localhost:80", "s1 10.0.0.1:80"];
    assert_ne!(lines("source", &one), lines("source", &other));
    assert_eq!(lines("roundrobin", &one), lines("roundrobin", &other));
    let template = "    server-template t 1-3 localhost:80\n";
    let behind = file(&["s1 10.0.0.1:80"]).replace("roundrobin", "source");
    let before = behind.replace("    server", &format!("{template}    server"));
    let hash = |text: &str| fingerprint(&Config::parse(text), None).lines;
    assert_ne!(hash(&(behind + template)), hash(&before));
    let backups = one.map(|line| format!("{line} backup"));
    let [first, second] = [&backups[0], &backups[1]];
    assert_ne!(
        lines("roundrobin", &[first, second]),
        lines("roundrobin", &[second, first])
    );
}

#[test]
fn every_other_change_changes_the_fingerprint() {
    let one = file(&["s1 10.0.0.1:80 check inter 1s"]);
    for (from, to) in [
        ("30s", "31s"),
        ("inter 1s", "inter 2s"),
        ("backend nodes", "backend other"),
        ("check", "check backup"),
        ("10.0.0.1:80", "localhost:80"),
    ] {
        assert_ne!(print(&one.replace(from, to)), print(&one), "{from}");
    }
}

#[test]
fn a_server_whose_options_differ_from_the_others_is_part_of_the_fingerprint() {
    let usual = ["s1 10.0.0.1:80 check", "s2 10.0.0.2:80 check"];
    let one = file(&[usual[0], usual[1], "s3 10.0.0.3:80 check backup"]);
    let other = file(&[usual[0], usual[1], "s4 10.0.0.3:80 check backup"]);
    assert_ne!(print(&one), print(&other));
    let joined = file(&[
        usual[0],
        usual[1],
        "s3 10.0.0.3:80 check backup",
        "s9 10.0.0.9:80 check",
    ]);
    assert_eq!(print(&one), print(&joined));
}

#[test]
fn the_first_server_of_a_section_does_not_change_the_fingerprint_where_an_example_shows_it() {
    let none = file(&[]);
    let first = file(&["s1 10.0.0.1:80 check"]);
    let example = file(&["example 192.0.2.1:80 check"]);
    assert_ne!(print(&none), print(&first));
    let with_example = fingerprint(&Config::parse(&none), Some(&Config::parse(&example)));
    assert_eq!(
        with_example.servers,
        fingerprint(&Config::parse(&first), None).servers
    );
}

#[test]
fn what_was_checked_with_one_server_need_not_be_checked_with_others() {
    let one = checked(&file(&["s1 10.0.0.1:80 check"]));
    assert!(one.is_some());
    let more = file(&["s2 10.0.0.1:80 check weight 3", "s3 10.0.0.3:80 check"]);
    assert_eq!(checked(&more), one);
}

#[test]
fn the_first_server_and_new_options_are_checked() {
    let one = file(&["s1 10.0.0.1:80 check"]);
    assert_ne!(checked(&file(&[])), checked(&one));
    assert_ne!(checked(&one.replace("check", "chekc")), checked(&one));
    let both = file(&["s1 10.0.0.1:80 check", "s2 10.0.0.2:80 chekc"]);
    assert_ne!(checked(&both), checked(&one));
}

#[test]
fn a_name_or_an_id_that_is_given_twice_is_noticed() {
    for second in ["s1 10.0.0.2:80 id 2", "s2 10.0.0.2:80 id 1"] {
        let text = format!("backend a\nserver s1 10.0.0.1:80 id 1\nserver {second}\n");
        assert_eq!(checked(&text), None, "{second}");
    }
}

#[test]
fn who_has_which_options_is_part_of_what_was_checked() {
    let one = file(&[
        "s1 10.0.0.1:80 check",
        "s2 10.0.0.2:80 track s1",
        "s3 10.0.0.3:80",
    ]);
    let other = file(&[
        "s1 10.0.0.1:80",
        "s2 10.0.0.2:80 track s1",
        "s3 10.0.0.3:80 check",
    ]);
    assert_ne!(checked(&one), checked(&other));
}

#[test]
fn what_only_haproxy_can_tell_is_always_checked() {
    for servers in [
        &["s1 10.0.0.1:80 id 7", "x localhost:80 id 7"][..],
        &["s1 10.0.0.1:80 guid a"],
    ] {
        assert_eq!(checked(&file(servers)), None, "{servers:?}");
    }
    let slots = file(&["s1 10.0.0.1:80"]) + "    server-template s 1-5 10.0.0.1:80\n";
    assert_eq!(checked(&slots), None);
}

#[test]
fn a_name_that_is_there_twice_is_always_checked() {
    let twice = file(&["s1 10.0.0.1:80 check", "s1 10.0.0.2:80 check"]);
    assert_eq!(checked(&twice), None);
}

#[test]
fn a_server_that_a_rule_refers_to_is_part_of_the_mark() {
    for reference in ["use-server s1 if TRUE", "acl up srv_is_up(nodes/s1)"] {
        let with = |server: &str| file(&[server]).replace("balance roundrobin", reference);
        let referred = checked(&with("s1 10.0.0.1:80 check"));
        assert_ne!(
            referred,
            checked(&with("s2 10.0.0.1:80 check")),
            "{reference}"
        );
        assert_eq!(
            referred,
            checked(&with("s1 10.0.0.9:80 check")),
            "{reference}"
        );
    }
}

#[test]
fn a_name_with_a_colon_is_found_where_a_rule_refers_to_it() {
    for reference in ["use-server a:b if TRUE", "acl up srv_is_up(nodes/a:b)"] {
        let with = |server: &str| file(&[server]).replace("balance roundrobin", reference);
        let referred = checked(&with("a:b 10.0.0.1:80 check"));
        for other in [
            "a 10.0.0.1:80 check",
            "b 10.0.0.1:80 check",
            "c 10.0.0.1:80 check",
        ] {
            assert_ne!(referred, checked(&with(other)), "{reference}, {other}");
        }
    }
}

#[test]
fn a_file_with_its_fingerprint_has_the_same_one() {
    let text = file(&["s1 10.0.0.1:80 check"]);
    let insert = |text: &str| Config::parse(text).with_fingerprint(&print(text));
    let inserted = insert(&text);
    assert_ne!(inserted, text);
    assert_eq!(print(&inserted), print(&text));
    assert_eq!(insert(&inserted), inserted);
}
