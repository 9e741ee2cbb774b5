//! A message of multicast DNS, from whoever is on the network.

use crate::message::{Service, answer, asked, found, question};

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| holds(bytes));

/// How many agents one message can tell of.
const MOST: usize = 16;

fn holds(bytes: &[u8]) {
    let service = Service::of("lab").expect("it is a name");
    let number = asked(bytes, &service);
    let agents = found(bytes, &service);
    assert!(agents.len() <= MOST, "{agents:?}");
    assert!(
        number.is_none() || agents.is_empty(),
        "a question is no answer"
    );
    for agent in agents {
        let answer = answer(&service, agent, 7).expect("any address can be told");
        assert_eq!(found(&answer, &service), [agent]);
        assert_eq!(asked(&answer, &service), None);
    }
    // A cluster's name comes from a person.
    if let Ok(name) = str::from_utf8(bytes)
        && let Ok(service) = Service::of(name)
    {
        let question = question(&service).expect("any cluster can be asked for");
        assert!(asked(&question, &service).is_some(), "{service:?}");
    }
}

#[cfg(test)]
#[test]
fn every_message_of_the_corpus_holds() {
    harness::corpus("multicast-dns", holds);
}
