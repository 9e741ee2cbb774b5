use std::collections::BTreeSet;
use std::net::SocketAddr;

use proptest::prelude::*;

use super::*;

/// A model of what the commands change in HAProxy's list of servers.
#[derive(Default)]
pub(super) struct Model {
    /// Servers that have a new address while a check of the old one is under way.
    deceived: BTreeSet<String>,
}

impl Model {
    pub(super) fn obey(&mut self, running: &mut Running, command: &str) {
        let words: Vec<&str> = command.split_whitespace().collect();
        let (backend, name) = words[2].split_once('/').unwrap();
        let name = name.to_owned();
        let servers = running.backends.get_mut(backend).unwrap();
        if words[0] == "add" {
            let number = |name| {
                let at = words.iter().rposition(|word| *word == name);
                at.map(|at| words[at + 1].parse().unwrap())
            };
            let added = state(words[3], number("weight").unwrap());
            let added = State {
                id: number("id").unwrap_or(1),
                first_weight: 1,
                maintenance: true,
                checked: false,
                up: false,
                ..added
            };
            assert!(servers.insert(name, added).is_none(), "{command}");
            return;
        }
        let state = servers.get_mut(&name).unwrap();
        match words[3..] {
            ["state", "maint"] => (state.maintenance, state.up) = (true, false),
            ["state", "drain"] => (state.maintenance, state.drain) = (false, true),
            ["state", "ready"] => {
                assert!(!self.deceived.contains(&name), "{command}");
                (state.maintenance, state.drain) = (false, false);
            }
            ["health", "down"] => state.up = false,
            ["weight", weight] => state.weight = weight.parse().unwrap(),
            ["addr", ip, "port", port] => {
                assert!(state.maintenance, "{command}");
                state.address = Some(SocketAddr::new(ip.parse().unwrap(), port.parse().unwrap()));
                self.deceived.extend(state.checking.then_some(name));
            }
            [] if words[..2] == ["enable", "health"] => {
                assert!(!std::mem::replace(&mut state.checked, true), "{command}");
            }
            _ => panic!("unknown command {command}"),
        }
    }

    pub(super) fn checks_end(&mut self, running: &mut Running) {
        running
            .backends
            .values_mut()
            .flat_map(BTreeMap::values_mut)
            .for_each(|state| state.checking = false);
        self.deceived.clear();
    }
}

fn any_state() -> impl Strategy<Value = State> {
    let flags = any::<[bool; 5]>();
    (1..4u16, 0..3u32, flags).prop_map(
        |(port, weight, [maintenance, drain, checked, checking, up])| {
            let address = Some(([127, 0, 0, 1], port).into());
            State {
                address,
                weight,
                maintenance,
                drain,
                checked,
                checking,
                up,
                ..super::state("127.0.0.1:1", 1)
            }
        },
    )
}

fn any_file() -> impl Strategy<Value = String> {
    proptest::collection::btree_map("s[0-5]", (1..4u16, 0..3u32), 0..6).prop_map(|servers| {
        let line = |(name, (port, weight))| {
            format!(" server {name} 127.0.0.1:{port} check weight {weight}\n")
        };
        servers.into_iter().map(line).collect()
    })
}

/// A file, and a HAProxy with the same fingerprint whose servers are in any state.
pub(crate) fn any_situation() -> impl Strategy<Value = (Wanted, Running)> {
    let servers = proptest::collection::btree_map("s[0-5]", any_state(), 0..6);
    (any_file(), servers).prop_map(|(file, servers)| {
        let mut running = running("2.6.12", &[]);
        running.backends.insert("b".to_owned(), servers);
        (wanted(&file), running)
    })
}

proptest! {
    /// Whatever state HAProxy is in, and wherever a run is killed, later runs put it
    /// right, and no server is made ready while a check of its old address is under
    /// way.
    #[test]
    fn any_state_becomes_the_wanted_one(
        (wanted, mut running) in any_situation(),
        killed_after in 0..20usize,
    ) {
        let mut model = Model::default();
        for most in [killed_after, usize::MAX, usize::MAX, usize::MAX] {
            let plan = plan(&wanted, None, &running);
            let steps = plan.steps.into_iter().chain(plan.leaves);
            let commands = steps.flat_map(|step| step.commands);
            commands.take(most).for_each(|command| model.obey(&mut running, &command));
            if most == usize::MAX {
                model.checks_end(&mut running);
            }
        }
        prop_assert!(plan(&wanted, None, &running).is_done());
    }
}
