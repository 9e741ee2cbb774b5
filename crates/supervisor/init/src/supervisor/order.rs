//! Which services start before others, and stop after them. No I/O.
//!
//! Everything here takes time in proportion to the services and their needs: a set of
//! hundreds, each of which names all before it, must not be felt.

use std::collections::{HashMap, HashSet};

/// What the order has to know of a service.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dependent<'a> {
    pub(crate) name: &'a str,
    pub(crate) needs: &'a [String],
}

/// The services that each service needs, and those that need it, all by their indices.
#[derive(Clone, Debug, Default)]
pub(crate) struct Order {
    needs: Vec<Vec<usize>>,
    needed_by: Vec<Vec<usize>>,
    /// For each service the place among its needs of one that was not there.
    missed: Vec<usize>,
}

impl Order {
    /// The order of `dependents`, and in words which of their needs cannot be followed:
    /// those that are not there, and those that close a circle.
    pub(crate) fn new(dependents: &[Dependent]) -> (Self, Vec<String>) {
        let named = by_name(dependents);
        let find = |need: &String| named.get(need.as_str()).copied();
        let found: Vec<Vec<usize>> = dependents
            .iter()
            .map(|node| node.needs.iter().filter_map(find).collect())
            .collect();
        let closing = closing(&found);
        let mut order = Self {
            needs: vec![Vec::new(); dependents.len()],
            needed_by: vec![Vec::new(); dependents.len()],
            missed: vec![0; dependents.len()],
        };
        let mut complaints = Vec::new();
        for (index, node) in dependents.iter().enumerate() {
            for need in node.needs {
                let why = match find(need) {
                    None => "which is not there: not waited for",
                    Some(needed) if closing.contains(&(index, needed)) => {
                        "which needs it in turn: not waited for"
                    }
                    Some(needed) => {
                        order.needs[index].push(needed);
                        order.needed_by[needed].push(index);
                        continue;
                    }
                };
                complaints.push(format!("{}: needs {need}, {why}", node.name));
            }
        }
        (order, complaints)
    }

    /// What `index` needs.
    pub(crate) fn needs(&self, index: usize) -> &[usize] {
        self.needs.get(index).map_or(&[], Vec::as_slice)
    }

    /// Who needs `index`.
    pub(crate) fn needed_by(&self, index: usize) -> &[usize] {
        self.needed_by.get(index).map_or(&[], Vec::as_slice)
    }

    /// Whether all is there that `index` needs. The look begins at what was missed the
    /// last time, so that asking again and again costs no more than one look at each.
    pub(crate) fn is_met(&mut self, index: usize, is_there: impl Fn(usize) -> bool) -> bool {
        let Some((needs, missed)) = self.needs.get(index).zip(self.missed.get_mut(index)) else {
            return true;
        };
        let (before, from) = needs.split_at(*missed);
        let mut places = (*missed..).zip(from).chain((0..).zip(before));
        match places.find(|(_, needed)| !is_there(**needed)) {
            Some((place, _)) => {
                *missed = place;
                false
            }
            None => true,
        }
    }
}

/// Of two of the same name, as after a rename, the first counts.
fn by_name<'a>(dependents: &[Dependent<'a>]) -> HashMap<&'a str, usize> {
    let all = dependents.iter().enumerate().rev();
    all.map(|(index, node)| (node.name, index)).collect()
}

/// Where the search for circles is with a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    No,
    /// It, or something that it needs in turn, is being looked at.
    OnPath,
    Done,
}

/// The needs, each as who needs whom, without which there is no circle. The search goes
/// along the needs, and keeps its path itself: a chain may be longer than the stack.
fn closing(needs: &[Vec<usize>]) -> HashSet<(usize, usize)> {
    let mut closing = HashSet::new();
    let mut seen = vec![Seen::No; needs.len()];
    for first in 0..needs.len() {
        if seen[first] != Seen::No {
            continue;
        }
        seen[first] = Seen::OnPath;
        let mut path = vec![(first, needs[first].iter())];
        while let Some((index, left)) = path.last_mut() {
            let Some(next) = left.next().copied() else {
                seen[*index] = Seen::Done;
                path.pop();
                continue;
            };
            match seen[next] {
                Seen::No => {
                    seen[next] = Seen::OnPath;
                    path.push((next, needs[next].iter()));
                }
                Seen::OnPath => drop(closing.insert((*index, next))),
                Seen::Done => {}
            }
        }
    }
    closing
}

#[cfg(test)]
mod tests;
