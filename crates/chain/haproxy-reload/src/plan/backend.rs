//! One backend: which servers are added, changed and taken out of use.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use haproxy_config::{Algorithm, Backend, Release, Runtime, Server};

use super::Planner;
use super::known::{InBackend, Its};
use super::server::{Change, agrees, change, disable, into_use, retire};
use crate::haproxy::commands::Step;
use crate::haproxy::running::State;

/// How a template gives servers ids that stay theirs.
const REMEDY: &str = "`id {{ node.id }}` in their lines helps";

type Servers = BTreeMap<String, State>;

impl Planner<'_> {
    /// Plans the changes of one backend. Both lists are sorted by name, so one walk
    /// through both is enough.
    pub(super) fn backend(&mut self, backend: &str, wanted: &Backend) {
        if wanted.hidden().is_some() {
            return;
        }
        let no_servers = Servers::new();
        let running = self.running.backends.get(backend).unwrap_or(&no_servers);
        let known = Rc::clone(&self.known);
        let known = known.in_backend(backend);
        let is_known = known.is_exactly(wanted);
        let (mut new, mut left) = (Vec::new(), Vec::new());
        let mut others = running.iter().peekable();
        for (name, server) in &wanted.servers {
            while let Some(other) = others.next_if(|(running, _)| *running < name) {
                left.push(other);
            }
            match others.next_if(|(running, _)| *running == name) {
                // Most servers are as they should be.
                Some((_, state)) if is_known && agrees(server, state) => {}
                Some((_, state)) => {
                    let id = format!("{backend}/{name}");
                    if let Some(why) = self.fixed(wanted, server, state) {
                        self.reload(format!("{id} {why}"));
                        continue;
                    }
                    let its = known.of(name);
                    let ends_requests =
                        known.ends_requests(&its) || self.known.ends_requests_of_others(&id);
                    self.change(&id, server, state, &its, ends_requests);
                }
                None => new.push((name.as_str(), server)),
            }
        }
        left.extend(others);
        left.retain(|(name, _)| wanted.is_odd(name).is_none());
        let are_added = self.add(backend, wanted, running, &new);
        self.retire(&known, wanted, running, &left, are_added);
        let is_other = !new.is_empty() || !left.is_empty();
        self.check_places(backend, wanted, running, is_other);
    }

    /// What of a running server only a reload changes in this backend.
    fn fixed(&self, wanted: &Backend, server: &Server, state: &State) -> Option<&'static str> {
        let has_other_weight = state.weight != u32::from(server.runtime.weight);
        let is_weighed = !server.settings.has_agent && has_other_weight;
        let moves = state.address != Some(server.runtime.address);
        if is_weighed && wanted.algorithm().is_ordered() {
            return Some("has another weight, and its balance keeps a fixed table");
        }
        let stays = moves && wanted.never_reuses() && !self.deletes();
        stays.then_some("moves, and with `http-reuse never` kept connections would not")
    }

    fn change(&mut self, id: &str, wanted: &Server, state: &State, its: &Its, ends_requests: bool) {
        if self.known.has_source() && its.differ(&wanted.settings) {
            self.reload(format!(
                "the settings of {id} differ{}",
                its.told(&wanted.settings)
            ));
        }
        match change(id, wanted, state, ends_requests) {
            Change::Nothing => {}
            Change::Commands(commands, text) => self.plan.steps.push(Step { text, commands }),
            Change::Wait => {
                self.plan.pending.get_or_insert_with(|| id.to_owned());
            }
            Change::Reload(why) => self.reload(why),
        }
    }

    /// Why none of the servers can be added by commands.
    fn obstacle(&self, wanted: &Backend) -> Option<String> {
        let first = self.others.first().filter(|_| wanted.inherits_from_before);
        first
            .map(|file| format!("it may inherit from {file}"))
            .or_else(|| wanted.algorithm().obstacle())
    }

    /// Plans to add the new servers, and returns whether commands can add all of them.
    fn add(
        &mut self,
        backend: &str,
        wanted: &Backend,
        running: &Servers,
        new: &[(&str, &Server)],
    ) -> bool {
        let Some(((first, _), obstacle)) = new.first().map(|it| (it, self.obstacle(wanted))) else {
            return true;
        };
        if let Some(why) = obstacle {
            self.cannot_add(&format!("{backend}/{first}"), &why);
            return false;
        }
        let release = self.running.release();
        let mut ids = Ids::new(wanted, running, release);
        let mut steps = Vec::new();
        for (name, server) in new {
            let id = format!("{backend}/{name}");
            let number = ids.of(name, server);
            let why = server
                .settings
                .obstacle(release)
                .or(wanted.obstacle(server));
            match (why, number) {
                (Some(why), _) => self.cannot_add(&id, why),
                (None, Err(why)) => self.cannot_add(&id, &why),
                (None, Ok(number)) => steps.push(added(&id, server, number, release)),
            }
        }
        self.added += steps.len();
        if wanted.has_dynamic_cookie()
            && release < (3, 0)
            && let Some(last) = steps.last_mut()
        {
            let command = format!("enable dynamic-cookie backend {backend}");
            last.commands.push(command);
        }
        let are_added = steps.len() == new.len();
        self.plan.steps.extend(steps);
        are_added
    }

    fn cannot_add(&mut self, id: &str, why: &str) {
        self.reload(format!("{id} cannot be added at run time: {why}"));
    }

    /// Takes the servers that left out of use. Where more leave than stay, a reload that is
    /// due comes before, and only the reload does it where commands cannot add those that
    /// come: new names for all of them must not leave the backend without any.
    fn retire(
        &mut self,
        known: &InBackend,
        wanted: &Backend,
        running: &Servers,
        left: &[(&String, &State)],
        are_added: bool,
    ) {
        if wanted.persists() && !self.deletes() && !left.is_empty() {
            self.reload(format!(
                "clients stay with what left {}, as it persists",
                wanted.name
            ));
        }
        let mut steps = Vec::new();
        for (name, state) in left {
            let id = known.id(name);
            if self.known.is_tracked(&id) {
                self.reload(format!("{id} left, and servers track it"));
                continue;
            }
            let ends_requests = known.ends_requests(&known.of(name));
            let commands = retire(&id, state, ends_requests);
            if !commands.is_empty() {
                let text = format!("retire {id}");
                steps.push(Step { text, commands });
            } else if !state.maintenance {
                self.plan.draining.push(id.clone());
            }
            if self.deletes() && (state.maintenance || !ends_requests) {
                self.plan.purge.push(id);
            }
        }
        self.retired += left.len();
        if steps.is_empty() {
            return;
        }
        let stays = |(name, state): &(&String, &State)| {
            !state.maintenance && wanted.servers.contains_key(*name)
        };
        if steps.len() <= running.iter().filter(stays).count() {
            self.plan.leaves.extend(steps);
        } else if are_added {
            self.plan.steps.extend(steps);
        }
    }

    /// Asks for a reload where the order of the servers or their ids count, and are not
    /// those that a HAProxy would have that was started with the file.
    fn check_places(&mut self, backend: &str, wanted: &Backend, running: &Servers, is_other: bool) {
        let algorithm = wanted.algorithm();
        let is_ordered = algorithm.is_ordered();
        let counts =
            |server: &Server| is_ordered || (wanted.has_one_backup() && server.settings.is_backup);
        let place = |name: &&str| running.get(*name).map_or(usize::MAX, |state| state.place);
        let mut groups = wanted.with_equal_cookies().into_iter();
        if groups.any(|group| !group.is_sorted_by_key(place)) {
            self.reload(format!(
                "the servers of {backend} with the same cookie run in another order"
            ));
        }
        let mut counted = Vec::new();
        if wanted.servers.values().any(counts) {
            let ordered = wanted.in_order().into_iter();
            counted.extend(
                ordered
                    .filter(|(_, server)| counts(server))
                    .map(|(name, _)| name),
            );
        }
        if !counted.is_sorted_by_key(place) {
            let backup = if is_ordered { "" } else { "backup " };
            self.reload(format!(
                "the {backup}servers of {backend} run in another order"
            ));
        }
        if algorithm.goes_by_ids() {
            self.check_ids(backend, wanted, running, is_other);
        }
    }

    fn check_ids(&mut self, backend: &str, wanted: &Backend, running: &Servers, is_other: bool) {
        let is_ring = wanted.algorithm() == Algorithm::Ring;
        let counts = |server: &Server| server.id.is_none() && id_decides(wanted, server);
        if !wanted.servers.values().any(counts) {
            return;
        }
        let agree = match wanted.ids() {
            Some(ids) => ids.iter().all(|(name, id)| {
                let state = running.get(*name);
                state.is_none_or(|state| state.id == *id || !counts(&wanted.servers[*name]))
            }),
            // Only a change can have made them other ones.
            None => !is_other,
        };
        if !agree {
            let ring = if is_ring {
                ", or from 3.0 on `hash-key addr-port`"
            } else {
                ""
            };
            self.reload(format!(
                "{backend} distributes by ids, and they are not those of the servers' places in \
                 the file; {REMEDY}{ring}"
            ));
        }
    }
}

/// Whether requests come to this server by its id.
fn id_decides(wanted: &Backend, server: &Server) -> bool {
    let algorithm = wanted.algorithm();
    let by_address = algorithm == Algorithm::Ring && server.settings.hashes_address;
    algorithm.goes_by_ids() && !by_address
}

/// The ids for servers that are added.
struct Ids<'a> {
    wanted: &'a Backend,
    /// Those that the file would give, if they count.
    of_the_file: Option<BTreeMap<&'a str, u32>>,
    /// Whether one has to be said in any case.
    always: bool,
    taken: BTreeSet<u32>,
    /// All below are taken.
    next: u32,
}

impl<'a> Ids<'a> {
    fn new(wanted: &'a Backend, running: &Servers, release: Release) -> Self {
        let decide = wanted.algorithm().goes_by_ids();
        // Before 3.0, an added server without an id has its places on the ring, which
        // `balance random` uses too, as if it were 0.
        let always = release < (3, 0);
        Self {
            wanted,
            of_the_file: (decide || always).then(|| wanted.ids()).flatten(),
            always,
            taken: running.values().map(|state| state.id).collect(),
            next: 1,
        }
    }

    /// The id to say for the server `name`; `None` if HAProxy may choose. The error is why
    /// it cannot have the one that it needs.
    fn of(&mut self, name: &str, server: &Server) -> Result<Option<u32>, String> {
        let natural = self
            .of_the_file
            .as_ref()
            .and_then(|ids| ids.get(name).copied());
        let Some(id) = server.id.or(natural) else {
            return Ok(self.always.then(|| self.free()));
        };
        if self.taken.insert(id) {
            return Ok(Some(id));
        }
        if server.id.is_some() {
            return Err(format!("another server has its id {id}"));
        }
        if id_decides(self.wanted, server) {
            return Err(format!(
                "by its place it gets the id {id}, which another server has; {REMEDY}"
            ));
        }
        Ok(Some(self.free()))
    }

    fn free(&mut self) -> u32 {
        while !self.taken.insert(self.next) {
            self.next += 1;
        }
        self.next
    }
}

fn added(id: &str, server: &Server, number: Option<u32>, release: Release) -> Step {
    let Runtime { address, weight } = server.runtime;
    let words = server.settings.to_add(release);
    let number = number
        .map(|number| format!(" id {number}"))
        .unwrap_or_default();
    let line = format!("add server {id} {address} {words} weight {weight}{number}");
    let line = line.replace("  ", " ");
    let mut commands = vec![line];
    commands.extend(if server.disabled {
        disable(id, server, true, false)
    } else {
        into_use(id, server, false)
    });
    let disabled = if server.disabled { ", disabled" } else { "" };
    Step {
        text: format!("add {id} {address} weight {weight}{disabled}"),
        commands,
    }
}
