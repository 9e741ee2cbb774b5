use super::*;

/// Reads one line alone.
fn read(line: &str) -> Parsed<'_> {
    Servers::default().read(line)
}

fn plain(line: &str) -> (&str, Server) {
    match read(line) {
        Parsed::Plain(name, server) => (name, server),
        other => panic!("{line}: {other:?}"),
    }
}

fn words(line: &str) -> String {
    plain(line).1.settings.words.clone()
}

fn why(line: &str) -> String {
    match read(line) {
        Parsed::Odd(why) => why,
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn name_and_settings_are_told_from_address_weight_and_id() {
    let line = "    server s1 10.0.0.1:3000 check inter 1s weight 50 rise 1 id 7";
    let (name, server) = plain(line);
    assert_eq!(name, "s1");
    assert_eq!(server.settings.words, "check inter 1s rise 1");
    let expected = Runtime {
        address: "10.0.0.1:3000".parse().unwrap(),
        weight: 50,
    };
    assert_eq!((server.runtime, server.id), (expected, Some(7)));
    assert!(server.settings.is_checked && !server.disabled);
}

#[test]
fn a_server_that_names_no_weight_and_no_id_has_haproxys_own() {
    let (_, server) = plain("server s1 10.0.0.1:3000");
    assert_eq!((server.runtime.weight, server.id), (1, None));
}

#[test]
fn servers_that_differ_in_address_and_weight_have_the_same_settings() {
    let one = words("\tserver  s1 10.0.0.1:3000  check weight 0");
    assert_eq!(one, words("server s2 [2001:db8::1]:81 weight 256 check"));
    assert_eq!(words("server s1 10.0.0.1:3000"), "");
}

#[test]
fn a_word_that_is_the_value_of_another_has_no_meaning_of_its_own() {
    let (_, server) = plain("server s1 10.0.0.1:80 cookie weight weight 5 cookie check");
    assert_eq!(server.runtime.weight, 5);
    assert!(!server.settings.is_checked);
    assert_eq!(server.settings.words, "cookie weight cookie check");
}

#[test]
fn a_disabled_server_is_one_that_starts_in_maintenance() {
    assert!(plain("server s1 10.0.0.1:80 disabled check").1.disabled);
    assert!(!plain("server s1 10.0.0.1:80 disabled enabled").1.disabled);
}

#[test]
fn what_default_server_says_is_in_front_of_what_the_line_says() {
    let mut servers = Servers::default();
    let defaults = |number, text| Line { number, text };
    servers.add_defaults(defaults(3, "default-server check inter 2s weight 7 # all"));
    let lines = [
        "server s1 10.0.0.1:80 inter 1s",
        "server s2 10.0.0.2:80 weight 9",
        "server s3 10.0.0.3:80 no-check",
    ];
    let read = lines.map(|line| match servers.read(line) {
        Parsed::Plain(_, server) => (server.runtime.weight, server.settings.words.clone()),
        other => panic!("{other:?}"),
    });
    let expected = [
        (7, "check inter 2s inter 1s"),
        (9, "check inter 2s"),
        (7, "inter 2s no-check"),
    ];
    assert_eq!(
        read,
        expected.map(|(weight, words)| (weight, words.to_owned()))
    );
}

#[test]
fn a_default_server_that_is_not_understood_spoils_those_behind_it() {
    let mut servers = Servers::default();
    assert!(matches!(
        servers.read("server s1 10.0.0.1:80"),
        Parsed::Plain(..)
    ));
    servers.add_defaults(Line {
        number: 4,
        text: "default-server frobnicate 7",
    });
    match servers.read("server s2 10.0.0.2:80") {
        Parsed::Odd(why) => assert_eq!(
            why,
            "what it inherits is not known: line 4: the option frobnicate is not known"
        ),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_words_of_a_line_are_read_alike_whatever_stood_before() {
    let lines = [
        "server a 10.0.0.1:80 check weight 5",
        "server b 10.0.0.1:80 check weight 6",
        "server c 10.0.0.1:80 check weight 999",
        "server d 10.0.0.1:80 check",
        "server e 10.0.0.1:80 check id 4",
        "server f 10.0.0.1:80 id 5 check",
        "server g 10.0.0.1:80 check frobnicate",
        "server h 10.0.0.1:80 check disabled weight 2",
    ];
    let mut servers = Servers::default();
    for line in lines {
        let (together, alone) = (servers.read(line), read(line));
        let told = |parsed: &Parsed| match parsed {
            Parsed::Plain(name, server) => format!(
                "{name} {:?} {:?} {} {}",
                server.runtime, server.id, server.disabled, server.settings.words
            ),
            other => format!("{other:?}"),
        };
        assert_eq!(told(&together), told(&alone), "{line}");
    }
}

#[test]
fn a_comment_behind_a_server_does_not_count() {
    for line in [
        "server s1 10.0.0.1:80 check # a note",
        "server s1 10.0.0.1:80 check#it's; \"so\"",
    ] {
        assert_eq!(words(line), "check", "{line}");
    }
    assert!(matches!(
        read("# server s1 10.0.0.1:80 check"),
        Parsed::Other
    ));
}

#[test]
fn a_line_that_haproxy_might_refuse_is_not_of_the_plain_form() {
    for line in [
        "server",
        "server s1",
        "server s1 10.0.0.1",
        "server s1 10.0.0.1:0",
        "server s1 10.0.0.1:65536",
        "server s1 localhost:80",
        "server s1 ${IP}:80",
        "server s/1 10.0.0.1:80",
        "server s1 [fe80::1%1]:80",
        "server s1 10.0.0.1:80 weight",
        "server s1 10.0.0.1:80 weight 257",
        "server s1 10.0.0.1:80 weight 1 weight 2",
        "server s1 10.0.0.1:80 id 0",
        "server s1 10.0.0.1:80 id 2147483648",
        "server s1 10.0.0.1:80 id 1 id 2",
        "server s1 10.0.0.1:80 inter",
    ] {
        assert!(!why(line).is_empty());
    }
    for line in [
        "",
        "default-server check",
        "server-template s 3 10.0.0.1:80",
    ] {
        assert!(matches!(read(line), Parsed::Other), "{line}");
    }
}

#[test]
fn what_is_not_understood_is_named() {
    for (line, expected) in [
        (
            "server s1 10.0.0.1:80 frobnicate",
            "the option frobnicate is not known",
        ),
        (
            "server s1 example.org:80",
            "its address is no IP address with a port",
        ),
        ("server s1 10.0.0.1:80 check-sni a;b", NOT_PLAIN),
        ("server s1 10.0.0.1:80 sni str(\"a\")", NOT_PLAIN),
        ("server s1 10.0.0.1:80 check\u{b}inter 1s", NOT_PLAIN),
        (
            "server s1 unix@/run/x check",
            "its address is no IP address with a port",
        ),
    ] {
        assert_eq!(why(line), expected, "{line}");
    }
}

#[test]
fn a_line_has_no_more_words_than_haproxy_reads() {
    let line = |words: usize| format!("server s1 10.0.0.1:80{}", " check".repeat(words));
    assert!(matches!(read(&line(MAX_WORDS)), Parsed::Plain(..)));
    assert!(matches!(read(&line(MAX_WORDS + 1)), Parsed::Odd(_)));
}

#[test]
fn the_checks_of_an_added_server_speak_what_its_requests_speak() {
    for (said, meant) in [
        ("check ssl verify none", "check ssl verify none check-ssl"),
        ("ssl check port 81", "ssl check port 81"),
        ("ssl check no-check-ssl", "ssl check"),
        ("ssl", "ssl"),
        (
            "check send-proxy-v2",
            "check send-proxy-v2 check-send-proxy",
        ),
        (
            "send-proxy check addr 127.0.0.1",
            "send-proxy check addr 127.0.0.1",
        ),
    ] {
        let line = format!("server s1 10.0.0.1:80 {said}");
        assert_eq!(plain(&line).1.settings.to_add((3, 0)), meant);
    }
}

#[test]
fn what_a_release_cannot_add_is_named_with_where_it_stands() {
    let mut servers = Servers::default();
    servers.add_defaults(Line {
        number: 9,
        text: "default-server redir http://a",
    });
    let Parsed::Plain(_, server) = servers.read("server s1 10.0.0.1:80 cookie a") else {
        panic!("it is plain");
    };
    let expected = "redir http://a (default-server, line 9)";
    assert_eq!(server.settings.obstacle((3, 0)), Some(expected));
    let (_, server) = plain("server s1 10.0.0.1:80 cookie a");
    assert_eq!(server.settings.obstacle((2, 6)), Some("cookie a"));
    assert_eq!(server.settings.obstacle((3, 0)), None);
}

#[test]
fn how_names_are_resolved_is_nothing_to_a_server_with_an_address() {
    let (_, server) = plain("server s1 10.0.0.1:80 resolvers dns init-addr none,last check");
    assert_eq!(
        server.settings.words,
        "resolvers dns init-addr none,last check"
    );
    assert_eq!(server.settings.to_add((3, 0)), "check");
    assert_eq!(server.settings.obstacle((2, 6)), None);
}

#[test]
fn before_3_0_an_added_server_is_told_what_it_would_begin_with() {
    let added = |said: &str| {
        let line = format!("server s1 10.0.0.1:80 {said}");
        plain(&line).1.settings.to_add((2, 6))
    };
    let pool = "pool-purge-delay 5s pool-max-conn -1";
    assert_eq!(added("check"), format!("check {pool}"));
    assert_eq!(
        added("pool-max-conn 7"),
        "pool-max-conn 7 pool-purge-delay 5s"
    );
    let observes = "observe layer4 error-limit 3";
    assert_eq!(
        added(observes),
        format!("{observes} {pool} on-error fail-check")
    );
}

#[test]
fn what_a_word_takes_back_counts_though_it_cannot_be_said() {
    let line = "server s1 10.0.0.1:80 ssl verify none check";
    assert_ne!(words(line), words(&format!("{line} no-check-ssl")));
    let (_, server) = plain("server s1 10.0.0.1:80 send-proxy-v2 no-send-proxy-v2-ssl");
    assert!(server.settings.obstacle((3, 2)).is_some());
    let (_, server) = plain("server s1 10.0.0.1:80 send-proxy-v2 check-send-proxy");
    assert_eq!(server.settings.obstacle((3, 2)), None);
}

#[test]
fn where_an_agent_sets_the_state_disabled_is_a_setting() {
    assert_eq!(
        words("server s1 10.0.0.1:80 agent-check disabled"),
        "agent-check disabled"
    );
    assert_eq!(words("server s1 10.0.0.1:80 check disabled"), "check");
}
