//! The messages of multicast DNS, as Serf's own discovery has them.

use std::net::{IpAddr, SocketAddr};

use exit::misuse;
use simple_dns::rdata::{A, AAAA, PTR, RData, SRV, TXT};
use simple_dns::{CLASS, Name, Packet, PacketFlag, QCLASS, QTYPE, Question, ResourceRecord, TYPE};

/// How long others may remember an answer, in seconds, as Serf has it.
const LIFE: u32 = 120;

/// The name under which the agents of one cluster look for each other.
#[derive(Debug)]
pub(crate) struct Service {
    name: String,
    cluster: String,
}

impl Service {
    /// Refuses a name that cannot be a part of one in DNS.
    pub(crate) fn of(cluster: &str) -> anyhow::Result<Self> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let name = format!("_serf_{cluster}._tcp.local");
        if cluster.is_empty() || !cluster.chars().all(is_plain) || Name::new(&name).is_err() {
            return Err(misuse(format_args!(
                "a cluster cannot be found as '{}': use letters, digits, '-' and '_', at most 57",
                exit::escape(cluster.as_bytes())
            )));
        }
        let cluster = cluster.to_owned();
        Ok(Self { name, cluster })
    }

    fn name(&self) -> Name<'_> {
        Name::new_unchecked(&self.name)
    }
}

/// Asks who is of the service. The answer may come to the asker alone.
pub(crate) fn question(service: &Service) -> anyhow::Result<Vec<u8>> {
    let mut packet = Packet::new_query(0);
    let kind = (QTYPE::TYPE(TYPE::PTR), QCLASS::CLASS(CLASS::IN));
    let question = Question::new(service.name(), kind.0, kind.1, true);
    packet.questions.push(question);
    Ok(packet.build_bytes_vec()?)
}

/// The number of a message that asks who is of the service; none of another message.
pub(crate) fn asked(message: &[u8], service: &Service) -> Option<u16> {
    let packet = Packet::parse(message).ok()?;
    let is_meant = |question: &Question<'_>| {
        question.qname == service.name()
            && matches!(question.qtype, QTYPE::ANY | QTYPE::TYPE(TYPE::PTR))
    };
    let is_question = !packet.has_flags(PacketFlag::RESPONSE);
    (is_question && packet.questions.iter().any(is_meant)).then(|| packet.id())
}

/// Says that the agent at `own` is of the service.
pub(crate) fn answer(service: &Service, own: SocketAddr, number: u16) -> anyhow::Result<Vec<u8>> {
    // What is no letter or digit of an address becomes a dash, so that it is one word.
    let word = own
        .to_string()
        .replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    let word = word.trim_matches('-');
    let (instance, host) = (format!("{word}.{}", service.name), format!("{word}.local"));
    let (instance, host) = (Name::new(&instance)?, Name::new(&host)?);
    let says = format!("Serf '{}' cluster", service.cluster);
    let address = match own.ip() {
        IpAddr::V4(ip) => RData::A(A::from(ip)),
        IpAddr::V6(ip) => RData::AAAA(AAAA::from(ip)),
    };
    let place = SRV {
        priority: 10,
        weight: 1,
        port: own.port(),
        target: host.clone(),
    };
    let mut packet = Packet::new_reply(number);
    packet.set_flags(PacketFlag::AUTHORITATIVE_ANSWER);
    let record = |name: &Name<'_>, data| {
        ResourceRecord::new(name.clone().into_owned(), CLASS::IN, LIFE, data)
    };
    packet.answers = vec![
        record(&service.name(), RData::PTR(PTR(instance.clone()))),
        record(&instance, RData::SRV(place)),
        record(&host, address),
        record(&instance, RData::TXT(TXT::new().with_string(&says)?)),
    ];
    Ok(packet.build_bytes_vec()?)
}

/// The agents that a message says are of the service; nothing else of it is believed.
pub(crate) fn found(message: &[u8], service: &Service) -> Vec<SocketAddr> {
    let Ok(packet) = Packet::parse(message) else {
        return Vec::new();
    };
    if !packet.has_flags(PacketFlag::RESPONSE) {
        return Vec::new();
    }
    let records: Vec<_> = packet
        .answers
        .iter()
        .chain(&packet.additional_records)
        .collect();
    let of = |name: &Name<'_>| {
        let its = records.iter().filter(|record| record.name == *name);
        its.take(MOST)
            .map(|record| &record.rdata)
            .collect::<Vec<_>>()
    };
    let mut agents = Vec::new();
    for pointer in of(&service.name()) {
        let RData::PTR(PTR(instance)) = pointer else {
            continue;
        };
        for place in of(instance) {
            let RData::SRV(place) = place else { continue };
            let addresses = of(&place.target).into_iter().filter_map(address_of);
            agents.extend(addresses.map(|ip| SocketAddr::new(ip, place.port)));
        }
    }
    agents.truncate(MOST);
    agents
}

/// The agents that one message can tell of.
const MOST: usize = 16;

fn address_of(data: &RData<'_>) -> Option<IpAddr> {
    match data {
        RData::A(a) => Some(IpAddr::V4(a.address.into())),
        RData::AAAA(aaaa) => Some(IpAddr::V6(aaaa.address.into())),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
