use haproxy_config::Runtime;

use super::*;

const FILE: &str = "\
global
    setenv CONFIG_FINGERPRINT abc123
    stats socket \"${HAPROXY_CLI-*:9999}\" level admin
defaults
    balance leastconn
frontend web
    bind \"${HAPROXY_HTTP-*:80}\"
    server not a server here
backend nodes
    option httpchk HEAD /
    server s1 127.0.0.1:3000 check inter 1s weight 50 id 7 # by hand
    server s2 [::1]:3000 check
    server unix unix@/run/x check
    server named example.org:80
    server quoted \"127.0.0.1:3000\"
    server off 127.0.0.1:3000 disabled
    server heavy 127.0.0.1:3000 weight 257
    server odd 127.0.0.1:3000 check;shutdown
    server-template slot 1-5 127.0.0.1:1
listen both
    bind 127.0.0.1:81,127.0.0.1:82
    balance source
peers others
    server s9 127.0.0.1:10000
";

fn wanted() -> Wanted {
    Wanted::parse(FILE.as_bytes())
}

fn unfit(text: &[u8]) -> Option<&'static str> {
    torn(text).or_else(|| Wanted::parse(text).lacks())
}

#[test]
fn a_fingerprint_counts_where_it_is_that_of_the_file() {
    let wanted = wanted();
    let parsed = Config::parse(FILE);
    let print = haproxy_config::fingerprint(&parsed, None);
    let text = parsed.with_fingerprint(&print.to_string());
    let made = Wanted::parse(text.as_bytes());
    assert_eq!(made.identity, Identity::Fingerprint(print));
    let edited = text.replace("leastconn", "roundrobin");
    let edited = Wanted::parse(edited.as_bytes());
    assert!(matches!(edited.identity, Identity::Hash(_)));
    assert_eq!(wanted.listeners.len(), 3);
    assert!(wanted.listeners.iter().any(Listener::is_for_clients));
}

#[test]
fn servers_of_the_plain_form_are_read_with_their_settings() {
    let wanted = wanted();
    let nodes = &wanted.backends["nodes"];
    let names: Vec<&str> = nodes.servers.keys().map(String::as_str).collect();
    assert_eq!(names, ["off", "s1", "s2"]);
    let s1 = &nodes.servers["s1"];
    let runtime = Runtime {
        address: "127.0.0.1:3000".parse().unwrap(),
        weight: 50,
    };
    assert_eq!((s1.runtime, s1.id), (runtime, Some(7)));
    assert_eq!(s1.settings.words, "check inter 1s");
    // The line names no weight, and HAProxy's default is 1.
    assert_eq!(nodes.servers["s2"].runtime.weight, 1);
}

#[test]
fn a_file_that_would_end_all_service_is_refused() {
    assert_eq!(unfit(FILE.as_bytes()), None);
    let text = |bytes: &[u8]| unfit(bytes).unwrap();
    assert!(text(b"").contains("empty"));
    assert!(text(b"global\n\0\n").contains("no text"));
    assert!(text(&FILE.as_bytes()[..FILE.len() - 5]).contains("a part of it is missing"));
    assert!(text(b"global\n    daemon\n").contains("no `bind`"));
    // HAProxy accepts such a file, and then no later one could be passed to it.
    let deaf = b"global\n    stats socket /s level user\nfrontend f\n    bind :80\n";
    assert!(text(deaf).contains("no `stats socket PATH level admin`"));
}

#[test]
fn a_file_with_too_little_room_for_variables_is_refused() {
    let with = |limit| FILE.replace("global\n", &format!("global\n tune.vars.{limit}\n"));
    let why = unfit(with("proc-max-size 64").as_bytes()).unwrap();
    assert!(
        why.contains("tune.vars.proc-max-size is below 16384"),
        "{why}"
    );
    for limit in [
        "proc-max-size 16384",
        "global-max-size 0",
        "txn-max-size 64",
    ] {
        assert_eq!(unfit(with(limit).as_bytes()), None, "{limit}");
    }
}

#[test]
fn the_digest_tells_one_file_from_the_next() {
    let identity = |bytes| Wanted::parse(bytes).identity;
    assert_ne!(identity(b"a\n"), identity(b"b\n"));
    assert_eq!(identity(b"a\n"), identity(b"a\n"));
}

proptest::proptest! {
    #[test]
    fn no_file_makes_it_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..500)) {
        unfit(&bytes);
    }

    #[test]
    fn no_mixture_of_its_words_makes_it_panic(
        words in proptest::collection::vec(
            "(backend|server|defaults|from|bind|a|1.2.3.4:5|weight|id|[\n\"' ;${}\\\\#-])", 0..60)
    ) {
        unfit(words.join(" ").as_bytes());
    }
}
