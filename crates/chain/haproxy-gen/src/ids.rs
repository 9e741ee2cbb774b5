//! Ids that stay with their node.

use std::collections::HashMap;
use std::iter;

use haproxy_config::server_ids;
use nodes::Node;

/// The largest id. With `hash-type consistent` HAProxy multiplies an id by 4,096 in 32
/// bits, so with larger ones the points of two servers could be the same.
const MOST: u32 = (1 << 20) - 1;
/// The parameters of FNV-1a with 64 bits. The standard library's hash may change between
/// releases of Rust, and the ids must not.
const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;

/// An id for each node, from 1 to 1,048,575, and no id twice. `None` if there are more
/// nodes than ids.
///
/// A node has the id that it has in the file that was made before, `old`. A new one has
/// that which its name alone decides, or the next one that is free. What the template
/// itself gives to a server is not free; nor is what `old` gives to a server that is no
/// node: it is the template's, or that of a node that left, whose server the running
/// HAProxy may still have.
pub(crate) fn ids(nodes: &[Node], old: &str, template: &str) -> Option<Vec<u32>> {
    let mut used = Used::new();
    for (_, id) in server_ids(template) {
        used.take(id);
    }
    let mut kept: HashMap<&str, u32> = HashMap::new();
    for (name, id) in server_ids(old) {
        // A server of the template may be called as a node is.
        if used.is_free(id) {
            kept.entry(name).or_insert(id);
        }
    }
    let keep = |node: &Node| kept.remove(node.name.as_str()).filter(|id| used.take(*id));
    let ids: Vec<Option<u32>> = nodes.iter().map(keep).collect();
    for id in kept.into_values() {
        used.take(id);
    }
    let new = |(node, id): (&Node, Option<u32>)| id.or_else(|| used.next(node.name.as_str()));
    iter::zip(nodes, ids).map(new).collect()
}

/// The id that the name decides.
fn wish(name: &str) -> u32 {
    let add = |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME);
    let hash = name.bytes().fold(FNV_OFFSET, add);
    let wish = hash % u64::from(MOST) + 1;
    u32::try_from(wish).unwrap_or(MOST)
}

/// Which ids are used: a bit for each.
struct Used(Vec<u64>);

impl Used {
    fn new() -> Self {
        Self(vec![0; MOST as usize / 64 + 1])
    }

    /// Uses the id, unless it is used already or none that a node can have.
    fn take(&mut self, id: u32) -> bool {
        let is_free = self.is_free(id);
        if is_free {
            self.0[id as usize / 64] |= 1 << (id % 64);
        }
        is_free
    }

    fn is_free(&self, id: u32) -> bool {
        (1..=MOST).contains(&id) && self.0[id as usize / 64] & (1 << (id % 64)) == 0
    }

    /// Uses the first free id from the one on that the name decides.
    fn next(&mut self, name: &str) -> Option<u32> {
        let wish = wish(name);
        (wish..=MOST).chain(1..wish).find(|id| self.take(*id))
    }
}

#[cfg(test)]
mod tests;
