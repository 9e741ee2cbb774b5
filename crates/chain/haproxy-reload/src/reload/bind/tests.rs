use std::net::TcpListener;

use super::*;

fn expanded(line: &str) -> Vec<String> {
    let environment = BTreeMap::from([("HTTP".to_owned(), "127.0.0.9:81".to_owned())]);
    addresses(line, &environment)
        .iter()
        .map(ToString::to_string)
        .collect()
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
fn the_kernels_table_is_read() {
    let line = "  12: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 \
                0 0 4711 1 0000000000000000 100 0 0 10 0";
    let expected = Listening {
        address: "127.0.0.1:8080".parse().unwrap(),
        inode: 4711,
    };
    assert_eq!(
        row(line),
        cfg!(target_endian = "little").then_some(expected)
    );
    assert_eq!(row(&line.replace(" 0A ", " 01 ")), None);
    assert_eq!(row("sl local_address"), None);
}

#[test]
fn a_wildcard_meets_every_address_of_its_port() {
    let socket = |text: &str| Listening {
        address: text.parse().unwrap(),
        inode: 1,
    };
    let other = "127.0.0.2:80".parse().unwrap();
    assert!(socket("0.0.0.0:80").meets(other));
    assert!(socket("[::]:80").meets(other));
    assert!(socket("[::ffff:127.0.0.2]:80").meets(other));
    assert!(!socket("127.0.0.1:80").meets(other));
    assert!(!socket("127.0.0.2:81").meets(other));
}

#[test]
fn a_strangers_port_is_found_and_ones_own_is_not_one() {
    let listener = TcpListener::bind("127.0.50.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let wildcard = (Ipv4Addr::UNSPECIFIED, address.port()).into();
    let somebody_else = BTreeSet::from([1]);
    let own = own_sockets(std::process::id());
    let error = probe_one(address, &listening(), &somebody_else)
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        format!("bind {address}: another program listens there")
    );
    probe_one(address, &listening(), &own).unwrap();
    probe_one(wildcard, &listening(), &own).unwrap();
    drop(listener);
    probe_one(address, &listening(), &somebody_else).unwrap();
}

#[test]
fn a_haproxy_that_cannot_be_looked_at_is_trusted_with_what_is_there() {
    let listener = TcpListener::bind("127.0.50.2:0").unwrap();
    let line = format!("bind {}", listener.local_addr().unwrap());
    let nobody = u32::MAX;
    probe(&[line], &BTreeMap::new(), nobody).unwrap();
}

#[test]
fn an_address_of_another_machine_is_told() {
    let lines = ["bind 192.0.2.1:80".to_owned()];
    let error = probe(&lines, &BTreeMap::new(), std::process::id()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "bind 192.0.2.1:80: this machine has no such address"
    );
}

proptest::proptest! {
    #[test]
    fn no_line_makes_it_panic(text in ".*") {
        expanded(&format!("bind {text}"));
        let _ = row(&text);
        let _ = hex_ip(&text);
    }
}
