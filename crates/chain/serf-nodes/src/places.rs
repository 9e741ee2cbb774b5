//! Places: a node is an address and a port as well as a name. No two processes can have
//! the same ones, so each place belongs to one living member.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::SocketAddr;

use nodes::Name;

use crate::plan::Files;
use crate::roster::{Claim, Roster};

/// The places of the living members, each with the number of its owner in the roster.
#[derive(Debug)]
pub(crate) struct Places(HashMap<SocketAddr, usize>);

impl Places {
    /// Finds the owner of each place, and refuses the other living members that claim it.
    ///
    /// The owner is the one whose file has the place already: otherwise everybody in the
    /// cluster could push out a node with a member that has its address. If none or
    /// several have it, it is the first in name order.
    pub(crate) fn settle(roster: &mut Roster, files: &Files<'_>) -> Self {
        let mut owners = HashMap::with_capacity(roster.claims.len());
        let mut refused = Vec::new();
        for (number, (name, claim)) in roster.claims.iter().enumerate() {
            let Claim::Living(node) = claim else {
                continue;
            };
            let place = node.place();
            match owners.entry(place) {
                Entry::Vacant(entry) => {
                    entry.insert(number);
                }
                Entry::Occupied(mut entry) => {
                    let (first, _) = roster.claims.at(*entry.get());
                    let is_first = has(files, first, place) || !has(files, name, place);
                    let rival = if is_first {
                        number
                    } else {
                        entry.insert(number)
                    };
                    refused.push((rival, place));
                }
            }
        }
        for (rival, place) in refused {
            roster.refuse(rival, owners[&place]);
        }
        roster.refused.sort_unstable();
        Self(owners)
    }

    /// Who has this place, if a living member does.
    pub(crate) fn owner<'a>(&self, place: SocketAddr, roster: &'a Roster) -> Option<&'a Name> {
        let number = *self.0.get(&place)?;
        Some(roster.claims.at(number).0)
    }
}

/// Whether the file of this name has this place.
fn has(files: &Files<'_>, name: &Name, place: SocketAddr) -> bool {
    let node = files.get(name).copied().flatten();
    node.is_some_and(|node| node.place() == place)
}
