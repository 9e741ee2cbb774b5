use std::net::{Ipv4Addr, TcpListener};

use super::*;

fn listeners(line: &str) -> Vec<Listener> {
    haproxy_config::Config::parse(&format!("frontend f\n{line}\n")).listeners()
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
    probe(&listeners(&line), &BTreeMap::new(), nobody).unwrap();
}

#[test]
fn an_address_of_another_machine_is_told() {
    let listeners = listeners("bind 192.0.2.1:80");
    let error = probe(&listeners, &BTreeMap::new(), std::process::id()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "bind 192.0.2.1:80: this machine has no such address"
    );
}

proptest::proptest! {
    #[test]
    fn no_line_makes_it_panic(text in ".*") {
        let _ = row(&text);
        let _ = hex_ip(&text);
    }
}
