use super::*;

fn environment(name: &str) -> Option<String> {
    (name == "HTTP").then(|| "127.0.0.9:81".to_owned())
}

fn expanded(line: &str) -> Vec<String> {
    let addresses = Listener(line.to_owned()).tcp_addresses(&environment);
    addresses.iter().map(ToString::to_string).collect()
}

#[test]
fn addresses_are_read_as_haproxy_reads_them() {
    assert_eq!(expanded("bind *:80"), ["0.0.0.0:80"]);
    assert_eq!(expanded("bind :80"), ["0.0.0.0:80"]);
    assert_eq!(expanded("bind :::80 v6only"), ["[::]:80"]);
    assert_eq!(expanded("bind [::1]:80 ssl crt x"), ["[::1]:80"]);
    assert_eq!(
        expanded("bind ipv6@:80,ipv4@127.0.0.1:81"),
        ["[::]:80", "127.0.0.1:81"]
    );
    assert_eq!(expanded("bind 127.0.0.1:80-82").len(), 3);
    assert_eq!(expanded("stats socket *:9999 level user"), ["0.0.0.0:9999"]);
}

#[test]
fn the_environment_is_haproxys() {
    assert_eq!(expanded("bind \"${HTTP-*:80}\""), ["127.0.0.9:81"]);
    assert_eq!(expanded("bind \"${STATS-*:1936}\""), ["0.0.0.0:1936"]);
}

#[test]
fn what_cannot_be_tried_is_left_to_haproxy() {
    for line in [
        "bind /run/x.sock",
        "bind unix@/run/x.sock",
        "bind abns@x:1",
        "bind quic4@:443",
        "bind fd@3",
        "bind example.org:80",
        "bind :0",
        "bind :1-65535",
        "bind :9-8",
        "bind :80 transparent",
        "bind :80 interface eth0",
        "stats timeout 1m",
        "bind",
    ] {
        assert_eq!(expanded(line), [""; 0], "{line}");
    }
}

#[test]
fn the_lines_that_open_sockets_are_found_in_their_sections() {
    let config = Config::parse(
        "global\n stats socket /s level admin\n stats timeout 1m\n bind :1\n\
         frontend f\n bind :2 # web\nlisten l\n bind :3\nbackend b\n bind :4\n stats enable\n",
    );
    let listeners = config.listeners();
    let lines: Vec<&str> = listeners
        .iter()
        .map(|listener| listener.0.as_str())
        .collect();
    assert_eq!(
        lines,
        ["stats socket /s level admin", "bind :2 # web", "bind :3"]
    );
    let ours = listeners.iter().map(Listener::is_for_all_commands);
    assert_eq!(ours.collect::<Vec<_>>(), [true, false, false]);
    let clients = listeners.iter().map(Listener::is_for_clients);
    assert_eq!(clients.collect::<Vec<_>>(), [false, true, true]);
}

#[test]
fn the_last_level_of_a_socket_counts() {
    let paths = |line: &str| Listener(line.to_owned()).command_paths(&environment);
    assert_eq!(
        paths("stats socket unix@/s,/t level user level admin"),
        [PathBuf::from("/s"), PathBuf::from("/t")]
    );
    assert!(paths("stats socket /s level admin level user").is_empty());
    assert!(paths("bind /s level admin").is_empty());
}

proptest::proptest! {
    #[test]
    fn no_line_makes_it_panic(text in ".*") {
        expanded(&format!("bind {text}"));
    }
}

#[test]
fn certificates_are_named_behind_crt_and_stand_in_the_folder_of_crt_base() {
    let text = "global # of all\n  crt-base \"/etc/a b\"\nfrontend f\n  bind :1 ssl crt x.pem crt /y/ crt \
        \"$DIR/z\"\n  bind :2\n  server s 10.0.0.1:80 ssl crt no\n";
    let config = Config::parse(text);
    let base = config.certificate_base();
    let listeners = config.listeners();
    let named = listeners
        .iter()
        .flat_map(|it| it.certificates(base.as_deref()));
    assert_eq!(named.collect::<Vec<_>>(), ["/etc/a b/x.pem", "/y/"]);
    assert_eq!(listeners[0].certificates(None), ["x.pem", "/y/"]);
}
