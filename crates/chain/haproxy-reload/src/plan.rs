//! Decides what to do: compares the wanted file with what runs and makes a list of
//! commands, or the reason for a reload. There is no I/O here.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::iter;

use haproxy_config::{Backend, Runtime, Server};

use crate::file::wanted::{Identity, Wanted};
use crate::haproxy::commands::Step;
use crate::haproxy::running::{Running, State};

/// Servers are added by commands as long as the number of new ones times that of all is
/// not above this; then a reload is faster. Each `add server` walks through all servers
/// that are there: adding 2,000 to an empty backend takes 0.4 s.
const MOST_ADDED: usize = 1_500_000;

/// How many servers that left may stay; if there are more, and they are more than half
/// of all, a reload purges them. Before 3.0 they cannot be deleted, and each uses 6 kB
/// of memory.
const MOST_RETIRED: usize = 1_000;

/// Options that HAProxy refuses for a server added at run time, or accepts without
/// effect.
const NEVER_ADDED: [&str; 4] = ["agent-check", "init-addr", "resolvers", "track"];

/// What makes the running HAProxy agree with the file.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Plan {
    /// Why commands are not enough; `None` if they are.
    pub(crate) reload: Option<String>,
    pub(crate) steps: Vec<Step>,
    /// A server that can only be changed when the check that is under way has ended.
    pub(crate) pending: Option<String>,
    /// Servers, as `BACKEND/NAME`, that are to be deleted as soon as they are idle.
    pub(crate) purge: Vec<String>,
}

impl Plan {
    pub(crate) fn reload(why: String) -> Self {
        Self {
            reload: Some(why),
            ..Self::default()
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        self.reload.is_none() && self.steps.is_empty() && self.pending.is_none()
    }
}

impl Display for Plan {
    /// One line for each thing to do; empty if there is nothing to do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(why) = &self.reload {
            return writeln!(f, "reload, since {why}");
        }
        self.steps
            .iter()
            .try_for_each(|step| writeln!(f, "{}", step.text))?;
        if let Some(server) = &self.pending {
            writeln!(f, "wait for the check of {server}")?;
        }
        self.purge
            .iter()
            .try_for_each(|server| writeln!(f, "delete {server}"))
    }
}

/// Compares the file with what runs. `good` is the last file that HAProxy took, if it
/// is known and not the same.
pub(crate) fn plan(wanted: &Wanted, good: Option<&Wanted>, running: &Running) -> Plan {
    let mut planner = Planner {
        running,
        plan: Plan::default(),
        added: 0,
        retired: 0,
    };
    if let Some(why) = differs(wanted, running).or_else(|| options_changed(wanted, good)) {
        planner.reload(why);
        return planner.plan;
    }
    for name in running.backends.keys() {
        if !wanted.backends.contains_key(name) {
            planner.reload(format!("backend {name} runs and is not in the file"));
        }
    }
    for (name, backend) in &wanted.backends {
        planner.backend(name, backend);
    }
    planner.limits();
    planner.plan
}

fn differs(wanted: &Wanted, running: &Running) -> Option<String> {
    let why = match (&wanted.identity, &running.fingerprint) {
        (Identity::Fingerprint(file), Some(worker)) if file == worker => return None,
        (Identity::Fingerprint(_), Some(_)) => "the file differs in more than its servers",
        (Identity::Fingerprint(_), None) => "the running HAProxy carries no fingerprint",
        (Identity::Hash(hash), _) if running.taken.as_ref() == Some(hash) => return None,
        (Identity::Hash(_), _) => "the file has no fingerprint and is not known to run",
    };
    Some(why.to_owned())
}

/// Finds a server whose options changed although the fingerprint did not, as in a file
/// that was edited by hand. HAProxy does not report options, so the comparison is with
/// the last file that it took.
fn options_changed(wanted: &Wanted, good: Option<&Wanted>) -> Option<String> {
    let is_fingerprinted = matches!(wanted.identity, Identity::Fingerprint(_));
    let good = good.filter(|good| is_fingerprinted && good.identity == wanted.identity)?;
    for (name, backend) in &wanted.backends {
        let Some(before) = good.backends.get(name) else {
            continue;
        };
        for (server, now) in &backend.servers {
            if before
                .servers
                .get(server)
                .is_some_and(|before| before.options != now.options)
            {
                return Some(format!("the options of {name}/{server} changed"));
            }
        }
    }
    None
}

struct Planner<'a> {
    running: &'a Running,
    plan: Plan,
    added: usize,
    retired: usize,
}

impl Planner<'_> {
    /// Asks for a reload. Only the first reason is kept.
    fn reload(&mut self, why: String) {
        self.plan.reload.get_or_insert(why);
    }

    fn step(&mut self, text: impl Display, commands: Vec<String>) {
        let text = text.to_string();
        self.plan.steps.push(Step { text, commands });
    }

    fn deletes(&self) -> bool {
        self.running.release() >= (3, 0)
    }

    /// Plans the changes of one backend. Both lists are sorted by name, so one walk
    /// through both is enough.
    fn backend(&mut self, backend: &str, wanted: &Backend) {
        let id = |server: &String| format!("{backend}/{server}");
        let running = self.running.backends.get(backend);
        let mut running = running.into_iter().flatten().peekable();
        let mut left = Vec::new();
        for (name, server) in &wanted.servers {
            while let Some(other) = running.next_if(|(running, _)| *running < name) {
                left.push(other);
            }
            match running.next_if(|(running, _)| *running == name) {
                Some((_, state)) if agrees(server, state) => {}
                Some((_, state)) => self.change(&id(name), server, state),
                None => self.add(&id(name), server, wanted),
            }
        }
        for (name, state) in left.into_iter().chain(running) {
            if !wanted.is_fixed(name) {
                self.retire(&id(name), state);
            }
        }
    }

    fn obstacle(&self, backend: &Backend, server: &Server) -> Option<String> {
        let release = self.running.release();
        if backend.default_server {
            return Some("default-server does not apply to it".to_owned());
        }
        if backend.dynamic_cookie {
            return Some("its dynamic cookie is made at the start only".to_owned());
        }
        let cookie = (release < (3, 0)).then_some("cookie");
        for option in NEVER_ADDED.into_iter().chain(cookie) {
            if server.has(option) {
                return Some(format!("the option {option} is not possible"));
            }
        }
        let balance = backend.balance.as_deref().unwrap_or("roundrobin");
        match (balance, backend.hash_type.as_deref()) {
            ("roundrobin" | "leastconn" | "first", _) => None,
            (balance, _) if balance.starts_with("random") => None,
            ("static-rr", _) => Some("balance static-rr has fixed servers".to_owned()),
            (_, Some("consistent")) if release >= (2, 9) => None,
            (_, Some("consistent")) => Some("before 2.9 it would get a wrong share".to_owned()),
            (balance, _) => Some(format!("balance {balance} has fixed servers")),
        }
    }

    fn add(&mut self, id: &str, server: &Server, backend: &Backend) {
        if let Some(why) = self.obstacle(backend, server) {
            self.reload(format!("{id} cannot be added at run time: {why}"));
            return;
        }
        let Server {
            runtime, options, ..
        } = server;
        let Runtime { address, weight } = runtime;
        let line = format!("add server {id} {address} {options} weight {weight}");
        let commands = iter::once(line).chain(into_use(id, server, false));
        self.step(
            format_args!("add {id} {address} weight {weight}"),
            commands.collect(),
        );
        self.added += 1;
    }

    fn change(&mut self, id: &str, wanted: &Server, state: &State) {
        if wanted.is_checked() && state.maintenance && state.checking {
            // This may be a check of the old address, whose success HAProxy would count
            // for the new one.
            self.plan.pending.get_or_insert_with(|| id.to_owned());
            return;
        }
        let (mut words, mut commands) = settings(id, wanted, state);
        let moves = state.address != Some(wanted.runtime.address);
        if moves && wanted.is_checked() && !state.maintenance {
            // This step leaves the server in maintenance, with its new address. A later
            // one takes it into use, when no check of the old address is under way.
        } else if moves || state.maintenance || state.drain {
            commands.extend(into_use(id, wanted, state.checked));
            words.push("into use".to_owned());
        } else if wanted.is_checked() && !state.checked {
            commands.push(format!("enable health {id}"));
            words.push("checked".to_owned());
        }
        if !commands.is_empty() {
            self.step(format_args!("set {id} {}", words.join(", ")), commands);
        }
    }

    fn retire(&mut self, id: &str, state: &State) {
        if !state.maintenance {
            // In maintenance a server finishes its requests and gets no new ones.
            let commands = vec![format!("set server {id} state maint")];
            self.step(format_args!("retire {id}"), commands);
        }
        self.retired += 1;
        if self.deletes() {
            self.plan.purge.push(id.to_owned());
        }
    }

    fn limits(&mut self) {
        let all = self
            .running
            .backends
            .values()
            .map(BTreeMap::len)
            .sum::<usize>();
        if self.added * (all + self.added) > MOST_ADDED {
            self.reload(format!(
                "adding {} servers one by one takes longer",
                self.added
            ));
        }
        if !self.deletes() && self.retired > MOST_RETIRED && self.retired > all / 2 {
            self.reload(format!(
                "{} servers that left are to be purged",
                self.retired
            ));
        }
    }
}

/// Whether a server runs as the file says. This has to compare all of [`Runtime`],
/// which the fingerprint leaves out.
pub(crate) fn agrees(wanted: &Server, state: &State) -> bool {
    let Runtime { address, weight } = wanted.runtime;
    state.address == Some(address)
        && state.weight == u32::from(weight)
        && !state.maintenance
        && !state.drain
        && (state.checked || !wanted.is_checked())
}

/// The words and commands that set address and weight. For a new address the server is
/// put into maintenance first, since that address has not passed a check.
fn settings(id: &str, wanted: &Server, state: &State) -> (Vec<String>, Vec<String>) {
    let (mut words, mut commands) = (Vec::new(), Vec::new());
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
    (words, commands)
}

/// The commands that take a server into use. A server with checks is set DOWN first, so
/// that it gets no request before HAProxy's own check has passed. `state ready` must
/// come last: if we are killed before it, the server gets no requests.
fn into_use(id: &str, server: &Server, checked: bool) -> Vec<String> {
    if !server.is_checked() {
        return vec![format!("set server {id} state ready")];
    }
    // Enabling checks that are enabled already corrupts a list in some releases since
    // 3.2.
    let enable = (!checked).then(|| format!("enable health {id}"));
    let states = ["state drain", "health down", "state ready"];
    let states = states.map(|state| format!("set server {id} {state}"));
    enable.into_iter().chain(states).collect()
}

#[cfg(test)]
pub(crate) mod tests;
