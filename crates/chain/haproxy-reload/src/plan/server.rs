//! One server: whether it runs as the file says, and the commands that bring it there.

use haproxy_config::{Runtime, Server};

use crate::haproxy::running::State;

/// What is to be done about a server that runs and is in the file.
#[derive(Debug, PartialEq)]
pub(crate) enum Change {
    Nothing,
    /// These commands, and what they do.
    Commands(Vec<String>, String),
    /// Nothing until the check that is under way has ended.
    Wait,
    /// A reload, for this reason.
    Reload(String),
}

/// Whether a server runs as the file says. This has to compare all of [`Runtime`],
/// which the fingerprint leaves out.
pub(crate) fn agrees(wanted: &Server, state: &State) -> bool {
    let Runtime { address, weight } = wanted.runtime;
    let is_its_id = wanted.id.is_none_or(|id| id == state.id);
    let is_checked = state.checked || !wanted.settings.is_checked;
    let is_as_set = if wanted.settings.has_agent {
        // State and weight are the agent's.
        state.asks_agent && state.first_weight == u32::from(weight)
    } else {
        state.weight == u32::from(weight)
            && state.maintenance == wanted.disabled
            && (wanted.disabled || !state.drain)
    };
    state.address == Some(address) && is_its_id && is_checked && is_as_set
}

/// What is to be done about the running server `id`. `ends_requests` is whether
/// maintenance would end its requests.
pub(crate) fn change(id: &str, wanted: &Server, state: &State, ends_requests: bool) -> Change {
    if agrees(wanted, state) {
        return Change::Nothing;
    }
    if let Some(said) = wanted.id.filter(|said| *said != state.id) {
        return Change::Reload(format!("the id of {id} is {} instead of {said}", state.id));
    }
    if wanted.settings.has_agent && state.asks_agent {
        return of_an_agent(id, wanted, state);
    }
    let moves = state.address != Some(wanted.runtime.address);
    let is_cut_off = moves || wanted.disabled;
    if is_cut_off && ends_requests && !state.maintenance {
        return Change::Reload(format!("maintenance could end requests of {id}"));
    }
    if wanted.settings.is_checked && state.maintenance && state.checking {
        // This may be a check of the old address, whose success HAProxy would count for
        // the new one.
        return Change::Wait;
    }
    if wanted.settings.has_agent && !moves && !state.maintenance {
        // State and weight are what the agent said last.
        let commands = vec![format!("enable agent {id}")];
        return Change::Commands(commands, format!("set {id} agent enabled"));
    }
    let (mut commands, mut words) = settings(id, wanted, state);
    // A server that moves is left in maintenance. A later step takes it into use, when no
    // check of the old address is under way and HAProxy has the new one: from 3.0 on it
    // takes that over some time after its answer.
    if !moves {
        let (more, word) = use_of(id, wanted, state);
        commands.extend(more);
        words.extend(word);
    }
    Change::Commands(commands, format!("set {id} {}", words.join(", ")))
}

/// The commands that take a server into use, or out of it, where it has its address; and
/// a word for that.
fn use_of(id: &str, wanted: &Server, state: &State) -> (Vec<String>, Option<String>) {
    let enables = wanted.settings.is_checked && !state.checked;
    let (commands, word) = if wanted.disabled {
        let commands = disable(id, wanted, state.maintenance, state.checked);
        (commands, "disabled")
    } else if state.drain && !state.maintenance && state.has_result {
        // It was checked all the time. Setting it DOWN could end its requests.
        (vec![format!("set server {id} state ready")], "into use")
    } else if state.maintenance || state.drain {
        (into_use(id, wanted, state.checked), "into use")
    } else if enables {
        (vec![format!("enable health {id}")], "checked")
    } else {
        return (Vec::new(), None);
    };
    (commands, Some(word.to_owned()))
}

/// A server whose agent is asked: its state and weight are never set.
fn of_an_agent(id: &str, wanted: &Server, state: &State) -> Change {
    if state.address != Some(wanted.runtime.address) {
        return Change::Reload(format!("{id} has an agent, and moves"));
    }
    if state.first_weight != u32::from(wanted.runtime.weight) {
        return Change::Reload(format!("{id} has an agent, and another weight"));
    }
    Change::Commands(
        vec![format!("enable health {id}")],
        format!("set {id} checked"),
    )
}

/// The commands that keep a server in maintenance, as one that starts so. Its check rests
/// only if it was enabled before the server went there.
pub(super) fn disable(id: &str, server: &Server, is_out: bool, checked: bool) -> Vec<String> {
    let mut commands = Vec::new();
    let enables = server.settings.is_checked && !checked;
    if enables {
        commands.push(format!("enable health {id}"));
        if is_out {
            commands.extend(down(id));
        }
    }
    if enables || !is_out {
        commands.push(format!("set server {id} state maint"));
    }
    commands
}

/// The commands that bring a server out of maintenance without any request for it.
fn down(id: &str) -> [String; 2] {
    ["state drain", "health down"].map(|state| format!("set server {id} {state}"))
}

/// The commands and words that set address and weight. For a new address the server is
/// put into maintenance first, since that address has not passed a check.
fn settings(id: &str, wanted: &Server, state: &State) -> (Vec<String>, Vec<String>) {
    let (mut commands, mut words) = (Vec::new(), Vec::new());
    let Runtime { address, weight } = wanted.runtime;
    if state.address != Some(address) {
        if !state.maintenance {
            commands.push(format!("set server {id} state maint"));
        }
        let (ip, port) = (address.ip(), address.port());
        commands.push(format!("set server {id} addr {ip} port {port}"));
        words.push(format!("address {address}"));
    }
    if state.weight != u32::from(weight) {
        commands.push(format!("set server {id} weight {weight}"));
        words.push(format!("weight {weight}"));
    }
    (commands, words)
}

/// The commands that take a server into use. A server with checks is set DOWN first, so
/// that it gets no request before HAProxy's own check has passed. An agent is taken to say
/// `up` until it has been asked, as at HAProxy's start. `state ready` comes last: if we are
/// killed before it, the server gets no requests.
pub(super) fn into_use(id: &str, server: &Server, checked: bool) -> Vec<String> {
    let settings = &server.settings;
    // Enabling checks that are enabled already corrupts a list in some releases since 3.2.
    let enable = (settings.is_checked && !checked).then(|| format!("enable health {id}"));
    let down = down(id).into_iter().filter(|_| settings.is_checked);
    let agent = [
        format!("enable agent {id}"),
        format!("set server {id} agent up"),
    ];
    let agent = agent.into_iter().filter(|_| settings.has_agent);
    let ready = format!("set server {id} state ready");
    let enable = enable.into_iter();
    enable.chain(down).chain(agent).chain([ready]).collect()
}

/// The commands that take a server that left out of use; none if it is already. In
/// maintenance a server finishes its requests and gets no new ones. Where HAProxy would
/// end them, it is drained first.
pub(super) fn retire(id: &str, state: &State, ends_requests: bool) -> Vec<String> {
    // An agent could take it into use again.
    let agent = state.asks_agent.then(|| format!("disable agent {id}"));
    let is_out = state.maintenance || (ends_requests && state.drain);
    let out = if ends_requests { "drain" } else { "maint" };
    let out = (!is_out).then(|| format!("set server {id} state {out}"));
    agent.into_iter().chain(out).collect()
}
