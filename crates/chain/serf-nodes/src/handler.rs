//! Handles one event: writes its lines to the log and applies its members to
//! `/nodes`.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::ffi::OsStrExt;
use std::time::SystemTime;

use anyhow::Context;
use exit::escape;
use exit::{Exit, misuse};
use journal::Step;
use nodes::{Name, Node, Nodes};

use crate::admission::Admission;
use crate::apply::Applier;
use crate::event::{Event, EventMember, Kind, LEAVE, Lines};
use crate::log::Log;
use crate::marks::MarkFolder;
use crate::plan::Action;
use crate::refusal::Refusal;
use crate::{address, facts, remarks};

/// `--log-only`. Here it is a failure if the log cannot be written, since nothing else
/// is asked for.
pub(crate) fn log_only(log: &mut Log) -> anyhow::Result<Exit> {
    let (kind, event) = read()?;
    log_event(kind, event.lines(), log);
    log.flush()?;
    Ok(Exit::Changed)
}

/// Without an option: applies the event at once.
pub(crate) fn run(
    nodes: &Nodes,
    admission: &Admission,
    log: &mut Log,
    step: &mut Step,
) -> anyhow::Result<Exit> {
    let (kind, event) = read()?;
    if kind == Kind::Other {
        return Ok(Exit::Unchanged);
    }
    let members = log_event(kind, event.lines(), log);
    apply(kind, &members, nodes, admission, log, step)
}

fn read() -> anyhow::Result<(Kind, Event)> {
    let event = env::var_os("SERF_EVENT").ok_or_else(|| {
        misuse("SERF_EVENT is not set: run by Serf as event handler, or give --members")
    })?;
    let kind = event.to_str().and_then(Kind::parse).ok_or_else(|| {
        let event = escape(event.as_bytes());
        misuse(format_args!(
            "'{event}' in SERF_EVENT is no event of Serf's"
        ))
    })?;
    let event = Event::read(io::stdin()).context("read the event from stdin")?;
    Ok((kind, event))
}

/// Writes the lab's lines for the event, and what was refused, to the log. Returns the
/// members; none if the event is not about members.
fn log_event<'a>(kind: Kind, lines: Lines<'a>, log: &mut Log) -> Vec<EventMember<'a>> {
    let Some(triggered) = kind.triggered() else {
        return Vec::new();
    };
    log.line(triggered);
    for member in &lines.members {
        log.line(kind.received(member));
    }
    for remark in remarks::refused(lines.refused.iter().map(String::as_str)) {
        log.tell(remark.text());
    }
    lines.members
}

fn apply(
    kind: Kind,
    members: &[EventMember<'_>],
    nodes: &Nodes,
    admission: &Admission,
    log: &mut Log,
    step: &mut Step,
) -> anyhow::Result<Exit> {
    let of_balancers = balancers(members, admission);
    let _lock = nodes.lock()?;
    let (named, mut refused) = named(members, admission);
    // All of them are read first: an event of which one node cannot be read changes none.
    let mut present = BTreeMap::new();
    for (name, _) in &named {
        present.insert(name.clone(), nodes.get(name)?);
    }
    let mut owners = Owners::of(nodes)?;
    let lost = MarkFolder::new(nodes);
    let mut applier = Applier::new(nodes, lost, SystemTime::now(), log, step.line());
    for (name, member) in named {
        let old = present.get(&name).cloned().flatten();
        let decided = decide(kind, member, &name, old, admission, &of_balancers);
        let decided = decided.and_then(|action| {
            let noted = action.map(|action| owners.note(&name, action));
            noted.transpose()
        });
        match decided {
            Ok(Some(action)) => {
                applier.apply(&action);
                present.insert(name, left_by(action));
            }
            Ok(None) => {}
            Err(why) => refused.push(Refusal::of(name.as_str(), member.address, why)),
        }
    }
    for remark in remarks::refused(refused.iter().map(Refusal::text)) {
        applier.log().tell(remark.text());
    }
    let result = applier.finish();
    facts::tell_refused(step, &facts::shown(&refused));
    result
}

/// The members that have a name of a node, and why others are refused.
pub(crate) fn named<'a>(
    members: &'a [EventMember<'a>],
    admission: &Admission,
) -> (Vec<(Name, &'a EventMember<'a>)>, Vec<Refusal>) {
    let (mut named, mut refused) = (Vec::new(), Vec::new());
    for member in members {
        match name(member) {
            Ok(name) => named.push((name, member)),
            Err(why) if admission.is_node(member.role) => {
                refused.push(Refusal::nameless(member.name, member.address, why));
            }
            Err(_) => {}
        }
    }
    (named, refused)
}

/// The node that an action leaves, for the next member of the same name.
fn left_by(action: Action) -> Option<Node> {
    match action {
        Action::Write { node, .. } => Some(node),
        _ => None,
    }
}

/// Decides what the event of one member means for its file, which holds `old`.
pub(crate) fn decide(
    kind: Kind,
    member: &EventMember<'_>,
    name: &Name,
    old: Option<Node>,
    admission: &Admission,
    of_balancers: &BTreeSet<IpAddr>,
) -> Result<Option<Action>, String> {
    let address = String::from_utf8_lossy(member.address);
    match kind {
        Kind::Other => Ok(None),
        // If the address differs, the file was made for another member of that name.
        _ if !admission.is_node(member.role) => Ok(old
            .filter(|old| Some(old.ip) == address::parse(&address))
            .map(|old| remove(name, Some(old), "it has another role"))),
        // Whom the event speaks of is another one: the node of the file may live.
        Kind::Gone(_) if is_elsewhere(old.as_ref(), &address) => {
            let file = old.map_or_else(String::new, |old| old.ip.to_string());
            Err(format!("its file has another address, {file}, and stays"))
        }
        Kind::Gone(event) => Ok(Some(remove(name, old, event))),
        Kind::Join | Kind::Update => {
            let ip = admission.address(&address)?;
            if of_balancers.contains(&ip) && !admission.is_shared(ip) {
                return Err(format!("the address is a balancer's own: {ip}"));
            }
            Ok(write(name, ip, old))
        }
    }
}

fn remove(name: &Name, old: Option<Node>, why: &str) -> Action {
    Action::Remove {
        name: name.clone(),
        old,
        why: why.to_string(),
        has_left: why == LEAVE,
        owner: None,
    }
}

/// Whether the file has another address than the event. Serf does not always know one.
fn is_elsewhere(old: Option<&Node>, address: &str) -> bool {
    let (old, ip) = (old.map(|old| old.ip), address::parse(address));
    old.is_some_and(|old| ip.is_some_and(|ip| ip != old.to_canonical()))
}

/// Who has each place, according to the files.
struct Owners(BTreeMap<SocketAddr, Name>);

impl Owners {
    fn of(nodes: &Nodes) -> anyhow::Result<Self> {
        let nodes = nodes.list()?.nodes.into_iter();
        Ok(Self(nodes.map(|node| (node.place(), node.name)).collect()))
    }

    /// Takes note of an action, or refuses one that would give a place to a second node.
    fn note(&mut self, name: &Name, action: Action) -> Result<Action, String> {
        let place = match &action {
            Action::Write { node, .. } => Some(node.place()),
            _ => None,
        };
        let owner = place.and_then(|place| self.0.get(&place));
        if let (Some(place), Some(owner)) = (place, owner.filter(|owner| *owner != name)) {
            return Err(format!(
                "its place {place} is {owner}'s until that leaves or is lost. Give one of the \
                 two another address or port, or stop it"
            ));
        }
        self.0.retain(|_, owner| owner != name);
        self.0.extend(place.map(|place| (place, name.clone())));
        Ok(action)
    }
}

/// Writes the new address. Everything else stays as the file has it, since the tags of
/// an event cannot be told apart.
fn write(name: &Name, ip: IpAddr, old: Option<Node>) -> Option<Action> {
    let fresh = Node {
        name: name.clone(),
        ip,
        port: None,
        weight: None,
        service: None,
        tags: std::collections::BTreeMap::new(),
    };
    let node = Node {
        ip,
        ..old.clone().unwrap_or(fresh)
    };
    (old.as_ref() != Some(&node)).then_some(Action::Write { node, old })
}

fn name(member: &EventMember<'_>) -> Result<Name, String> {
    match std::str::from_utf8(member.name) {
        Ok(name) => Name::parse(name),
        Err(_) => Err(format!("the name '{}' is not UTF-8", escape(member.name))),
    }
}

/// The addresses of the balancers in the event, and of this agent if it is in it.
fn balancers(members: &[EventMember<'_>], admission: &Admission) -> BTreeSet<IpAddr> {
    let own_name = env::var_os("SERF_SELF_NAME").unwrap_or_default();
    members
        .iter()
        .filter(|member| {
            let is_self = member.name == own_name.as_bytes() && !admission.is_node(member.role);
            is_self || admission.is_balancer(member.role)
        })
        .filter_map(|member| address::parse(&String::from_utf8_lossy(member.address)))
        .collect()
}

#[cfg(test)]
mod tests;
