//! Places: a node is an address and a port as well as a name. No two processes can have
//! the same ones, so each place belongs to one living member. What another member says of
//! itself never takes it from the one that serves there.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, SocketAddr};

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
    ///
    /// Nor does a balancer take an address from the node whose file has it: that role is what
    /// its member says of itself. An address of this machine (`is_own`) is another matter, since
    /// HAProxy would send requests to itself.
    pub(crate) fn settle(
        roster: &mut Roster,
        files: &Files<'_>,
        is_own: impl Fn(IpAddr) -> bool,
    ) -> Self {
        clear_of_balancers(roster, files, is_own);
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
        roster.kept.sort_unstable();
        Self(owners)
    }

    /// Who has this place, if a living member does.
    pub(crate) fn owner<'a>(&self, place: SocketAddr, roster: &'a Roster) -> Option<&'a Name> {
        let number = *self.0.get(&place)?;
        Some(roster.claims.at(number).0)
    }
}

/// Refuses the living members that have the address of a balancer, unless they serve there.
fn clear_of_balancers(roster: &mut Roster, files: &Files<'_>, is_own: impl Fn(IpAddr) -> bool) {
    let (mut refused, mut kept) = (Vec::new(), Vec::new());
    for (number, (name, claim)) in roster.claims.iter().enumerate() {
        let Claim::Living(node) = claim else {
            continue;
        };
        let ip = node.ip.to_canonical();
        let Some(balancer) = roster.of_balancers.get(&ip) else {
            continue;
        };
        let file = files.get(name).copied().flatten();
        let serves = file.is_some_and(|file| file.ip.to_canonical() == ip);
        if serves && !is_own(ip) {
            kept.push((number, balancer.clone()));
        } else {
            refused.push(number);
        }
    }
    for number in refused {
        roster.refuse_address(number);
    }
    for (number, balancer) in kept {
        roster.keep(number, &balancer);
    }
}

/// Whether the file of this name has this place.
fn has(files: &Files<'_>, name: &Name, place: SocketAddr) -> bool {
    let node = files.get(name).copied().flatten();
    node.is_some_and(|node| node.place() == place)
}
