//! What the member list says about each name.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use exit::escape;
use nodes::{Name, Node, parse_port, parse_weight};

use crate::address;
use crate::admission::Admission;
use crate::by_name::ByName;
use crate::members::Member;
use crate::refusal::Refusal;

/// The statuses that a member has.
const STATUSES: [&str; 5] = ["alive", "failed", "leaving", "left", "none"];
/// How many balancers are named. Everybody in the cluster can claim to be one.
const MAX_BALANCERS: usize = 50;

/// What the list says about a name, from the strongest claim to the weakest. If a name
/// is there twice, the strongest claim counts. Lost is stronger than left, since it
/// does no harm to keep a node for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// It is a living backend that is accepted as a node.
    Living(Node),
    /// It is not a backend that can be used, at least for the moment.
    Lost(Loss),
    /// It has announced that it leaves.
    Left,
}

/// Why a node is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Loss {
    /// It lives, but its address or one of its tags is refused.
    Refused,
    /// It lives, but with another role.
    OtherRole,
    /// Serf cannot reach it.
    Failed,
    /// It is not in the list.
    Absent,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "what it says of itself is refused",
            Self::OtherRole => "it has another role",
            Self::Failed => "it has failed",
            Self::Absent => "it is not in the member list",
        })
    }
}

/// The member list, sorted by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Roster {
    pub(crate) claims: ByName<Claim>,
    /// Whether only the agent itself, or nobody, is in the list.
    pub(crate) is_alone: bool,
    /// The addresses that living balancers claim, each with the name of one of these, as it
    /// is shown.
    pub(crate) of_balancers: BTreeMap<IpAddr, String>,
    /// The living members that want to be nodes and are refused, sorted.
    pub(crate) refused: Vec<Refusal>,
    /// Sorted messages about claims to the addresses of nodes that are not heeded.
    pub(crate) kept: Vec<String>,
    /// How many members have each status of Serf's.
    pub(crate) statuses: BTreeMap<&'static str, u64>,
    /// The living balancers by name, as it is shown: those with an address that a node could
    /// have as well, and no more than [`MAX_BALANCERS`].
    pub(crate) balancers: BTreeMap<String, IpAddr>,
}

impl Roster {
    pub(crate) fn new(members: &[Member<'_>], admission: &Admission) -> Self {
        let mut roster = Self {
            is_alone: members.iter().all(|member| member.name == members[0].name),
            of_balancers: addresses_of_balancers(members, admission),
            statuses: statuses(members),
            balancers: balancers(members, admission),
            ..Self::default()
        };
        for member in in_order(members) {
            roster.take(member, admission);
        }
        roster.refused.sort_unstable();
        roster.refused.dedup();
        roster
    }

    pub(crate) fn is_living(&self, name: &Name) -> bool {
        matches!(self.claims.get(name), Some(Claim::Living(_)))
    }

    /// Refuses the living member with the number `rival`, since `owner` has its place. The
    /// caller sorts the messages again.
    pub(crate) fn refuse(&mut self, rival: usize, owner: usize) {
        let Some(node) = self.lose(rival) else { return };
        let why = format!(
            "its place {} is {}'s until that leaves or is lost. Give one of the two another \
             address or port, or stop it",
            node.place(),
            self.claims.at(owner).0,
        );
        self.refuse_node(&node, why);
    }

    /// Refuses the living member with this number, since a balancer has its address. The
    /// caller sorts the messages again.
    pub(crate) fn refuse_address(&mut self, number: usize) {
        let Some(node) = self.lose(number) else {
            return;
        };
        let why = format!("the address is a balancer's own: {}", node.ip);
        self.refuse_node(&node, why);
    }

    fn refuse_node(&mut self, node: &Node, why: String) {
        let address = node.ip.to_string();
        let refusal = Refusal::of(node.name.as_str(), address.as_bytes(), why);
        self.refused.push(refusal);
    }

    /// Does not heed that `balancer` claims the address of the living member with this number,
    /// which serves there. The caller sorts the messages again.
    pub(crate) fn keep(&mut self, number: usize, balancer: &str) {
        let (name, Claim::Living(node)) = self.claims.at(number) else {
            return;
        };
        self.kept.push(format!(
            "kept {name}: the balancer '{balancer}' claims its address {}, where {name} serves. \
             Give one of the two another address, or stop it",
            node.ip
        ));
    }

    /// Takes the living member with this number for one that is refused.
    fn lose(&mut self, number: usize) -> Option<Node> {
        let claim = Claim::Lost(Loss::Refused);
        match std::mem::replace(self.claims.value_mut(number), claim) {
            Claim::Living(node) => Some(node),
            _ => None,
        }
    }

    fn take(&mut self, member: &Member<'_>, admission: &Admission) {
        let is_backend = member.is_alive() && admission.is_node(member.role().as_bytes());
        let name = match Name::parse(&member.name) {
            Ok(name) => name,
            Err(why) if is_backend => {
                let (name, address) = (member.name.as_bytes(), member.addr.as_bytes());
                return self.refused.push(Refusal::nameless(name, address, why));
            }
            Err(_) => return,
        };
        let claim = match member.status.as_ref() {
            "alive" if is_backend => match node(&name, member, admission) {
                Ok(node) => Claim::Living(node),
                Err(why) => {
                    let refusal = Refusal::of(name.as_str(), member.addr.as_bytes(), why);
                    self.refused.push(refusal);
                    Claim::Lost(Loss::Refused)
                }
            },
            "alive" => Claim::Lost(Loss::OtherRole),
            "left" | "leaving" => Claim::Left,
            _ => Claim::Lost(Loss::Failed),
        };
        self.claim(name, claim);
    }

    fn claim(&mut self, name: Name, claim: Claim) {
        match self.claims.last_mut() {
            Some((last, other)) if *last == name => {
                if is_stronger(&claim, other) {
                    *other = claim;
                }
            }
            _ => self.claims.push(name, claim),
        }
    }
}

/// The members sorted by name, so that those with the same name follow each other.
fn in_order<'a, 'b>(members: &'b [Member<'a>]) -> Vec<&'b Member<'a>> {
    let mut members: Vec<_> = members.iter().collect();
    members.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    members
}

/// Whether `one` wins over `other`. Of two that live, the same one always wins,
/// although Serf's list comes in random order.
fn is_stronger(one: &Claim, other: &Claim) -> bool {
    match (one, other) {
        (Claim::Living(one), Claim::Living(other)) => {
            (one.ip, one.line()) < (other.ip, other.line())
        }
        (Claim::Living(_), _) | (Claim::Lost(_), Claim::Left) => true,
        (Claim::Lost(one), Claim::Lost(other)) => one < other,
        _ => false,
    }
}

/// The addresses of the living balancers, except for those that a node may share. One that
/// has failed does not count, since a backend may have got its address. Of several at one
/// address the last in name order is named.
fn addresses_of_balancers(
    members: &[Member<'_>],
    admission: &Admission,
) -> BTreeMap<IpAddr, String> {
    let mut found: Vec<(IpAddr, &str)> = living_balancers(members, admission)
        .filter_map(|member| Some((address::parse(&member.addr)?, member.name.as_ref())))
        .filter(|(ip, _)| !admission.is_shared(*ip))
        .collect();
    found.sort_unstable();
    let shown = |(ip, name): (IpAddr, &str)| (ip, escape(name.as_bytes()).to_string());
    found.into_iter().map(shown).collect()
}

fn living_balancers<'a, 'b>(
    members: &'a [Member<'b>],
    admission: &Admission,
) -> impl Iterator<Item = &'a Member<'b>> {
    let is_balancer = |member: &&Member<'_>| admission.is_balancer(member.role().as_bytes());
    members
        .iter()
        .filter(|it| it.is_alive())
        .filter(is_balancer)
}

/// The balancers at addresses that may be asked. Of several with one name any is as good.
fn balancers(members: &[Member<'_>], admission: &Admission) -> BTreeMap<String, IpAddr> {
    let named = |member: &Member<'_>| {
        let ip = admission.address(&member.addr).ok()?;
        Some((escape(member.name.as_bytes()).to_string(), ip))
    };
    let all: BTreeMap<String, IpAddr> = living_balancers(members, admission)
        .filter_map(named)
        .collect();
    all.into_iter().take(MAX_BALANCERS).collect()
}

fn statuses(members: &[Member<'_>]) -> BTreeMap<&'static str, u64> {
    let mut statuses = BTreeMap::new();
    for member in members {
        let known = STATUSES.into_iter().find(|known| *known == member.status);
        *statuses.entry(known.unwrap_or("none")).or_default() += 1;
    }
    statuses
}

fn node(name: &Name, member: &Member<'_>, admission: &Admission) -> Result<Node, String> {
    let tags = &member.tags;
    Ok(Node {
        name: name.clone(),
        ip: admission.address(&member.addr)?,
        port: tag(&tags.port, parse_port)?,
        weight: tag(&tags.weight, parse_weight)?,
        service: tag(&tags.service, Name::parse)?,
        tags: BTreeMap::new(),
    })
}

fn tag<T>(value: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Result<Option<T>, String> {
    if value.is_empty() {
        Ok(None)
    } else {
        parse(value).map(Some)
    }
}

#[cfg(test)]
mod tests;
