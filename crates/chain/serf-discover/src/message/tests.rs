use super::*;

fn service() -> Service {
    Service::of("muster").unwrap()
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

#[test]
fn a_question_is_understood_by_those_of_the_same_cluster_alone() {
    let asking = question(&service()).unwrap();
    assert_eq!(asked(&asking, &service()), Some(0));
    assert_eq!(asked(&asking, &Service::of("other").unwrap()), None);
    assert!(found(&asking, &service()).is_empty());
}

#[test]
fn an_answer_gives_the_address_and_is_no_question() {
    for own in ["10.77.0.1:7946", "[fd77::1]:8000", "[::1]:7946"] {
        let told = answer(&service(), address(own), 7).unwrap();
        assert_eq!(found(&told, &service()), [address(own)], "{own}");
        assert!(found(&told, &Service::of("other").unwrap()).is_empty());
        assert_eq!(asked(&told, &service()), None);
        assert_eq!(Packet::parse(&told).unwrap().id(), 7);
    }
}

/// An answer as Serf 0.9.4 sends it, with compressed names.
#[test]
fn the_answer_of_a_serf_agent_is_understood() {
    let mut packet = Packet::new_reply(0);
    let own = service();
    let instance = Name::new_unchecked("n1._serf_muster._tcp.local");
    let host = Name::new_unchecked("debian");
    let place = SRV {
        priority: 10,
        weight: 1,
        port: 7946,
        target: host.clone(),
    };
    let record = |name: &Name<'_>, data| {
        ResourceRecord::new(name.clone().into_owned(), CLASS::IN, 120, data)
    };
    packet.answers = vec![
        record(&own.name(), RData::PTR(PTR(instance.clone()))),
        record(&instance, RData::SRV(place)),
        record(
            &host,
            RData::A(A::from(std::net::Ipv4Addr::new(10, 77, 0, 1))),
        ),
    ];
    let bytes = packet.build_bytes_vec_compressed().unwrap();
    assert_eq!(found(&bytes, &own), [address("10.77.0.1:7946")]);
}

#[test]
fn what_is_cut_off_or_changed_never_panics() {
    let told = answer(&service(), address("10.77.0.1:7946"), 7).unwrap();
    for length in 0..told.len() {
        assert!(found(&told[..length], &service()).is_empty());
    }
    for place in 0..told.len() {
        for byte in [0, 0x3f, 0xc0, 0xff] {
            let mut changed = told.clone();
            changed[place] = byte;
            assert!(found(&changed, &service()).len() <= 1);
            asked(&changed, &service());
        }
    }
}

#[test]
fn one_message_tells_of_a_few_agents_only() {
    let mut packet = Packet::new_reply(0);
    let own = service();
    let record = |name: &Name<'_>, data| {
        ResourceRecord::new(name.clone().into_owned(), CLASS::IN, 120, data)
    };
    let host = Name::new_unchecked("a");
    for _ in 0..100 {
        let place = SRV {
            priority: 0,
            weight: 0,
            port: 1,
            target: host.clone(),
        };
        packet
            .answers
            .push(record(&own.name(), RData::PTR(PTR(host.clone()))));
        packet.answers.push(record(&host, RData::SRV(place)));
        packet
            .answers
            .push(record(&host, RData::A(A { address: 1 })));
    }
    let bytes = packet.build_bytes_vec_compressed().unwrap();
    assert_eq!(found(&bytes, &own).len(), MOST);
}

#[test]
fn a_name_that_dns_does_not_take_is_refused() {
    assert!(Service::of(&"x".repeat(57)).is_ok());
    for name in ["", "a b", "a\u{1b}", &"x".repeat(58)] {
        let refused = Service::of(name).unwrap_err().to_string();
        assert!(!refused.contains('\u{1b}'), "{refused:?}");
    }
}
