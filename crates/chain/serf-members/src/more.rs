//! What has to be asked after the first answer, which has everybody but those that have left.

use std::collections::BTreeSet;

use serf_rpc::{Filter, Member, any_of};

/// The largest number of names that are asked for one by one: the agent tries an expression
/// with all of them on each of its members.
const MOST_NAMES: usize = 32;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum More {
    /// The first answer has every node.
    Nothing,
    /// Those that this lets through are added to it. That does not ask for a status, since one
    /// that had left may have come back between the two questions.
    Named(Filter),
    /// All members are asked for, in place of the first answer.
    All,
}

pub(crate) fn more(nodes: &BTreeSet<String>, first: &[Member]) -> More {
    if nodes.is_empty() {
        return More::Nothing;
    }
    let seen: BTreeSet<&[u8]> = first.iter().map(|member| member.name.0).collect();
    let missing = nodes.iter().map(String::as_bytes);
    let missing: Vec<&[u8]> = missing.filter(|name| !seen.contains(name)).collect();
    match missing.len() {
        0 => More::Nothing,
        1..=MOST_NAMES => More::Named(Filter {
            name: any_of(missing),
            ..Filter::default()
        }),
        _ => More::All,
    }
}

/// Whether a member of the whole list is to be shown.
pub(crate) fn is_wanted(nodes: &BTreeSet<String>, member: &Member) -> bool {
    let name = str::from_utf8(member.name.0);
    member.status.0 != b"left" || name.is_ok_and(|name| nodes.contains(name))
}

#[cfg(test)]
mod tests {
    use serf_rpc::Bytes;

    use super::*;

    fn member(name: &'static str, status: &'static str) -> Member<'static> {
        Member {
            name: Bytes(name.as_bytes()),
            addr: None,
            port: 7946,
            tags: None,
            status: Bytes(status.as_bytes()),
            delegate_min: 2,
            delegate_max: 5,
            delegate_cur: 4,
        }
    }

    fn nodes(names: impl IntoIterator<Item = &'static str>) -> BTreeSet<String> {
        names.into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn nobody_is_asked_for_twice() {
        let first = [member("s1", "alive"), member("s2", "failed")];
        assert_eq!(more(&nodes([]), &first), More::Nothing);
        assert_eq!(more(&nodes(["s1", "s2"]), &first), More::Nothing);
    }

    #[test]
    fn a_node_that_the_answer_does_not_have_is_asked_for_by_its_name() {
        let first = [member("s1", "alive")];
        let filter = Filter {
            name: r"(?:s2\.a|s3)".to_owned(),
            ..Filter::default()
        };
        assert_eq!(
            more(&nodes(["s1", "s2.a", "s3"]), &first),
            More::Named(filter)
        );
    }

    #[test]
    fn many_such_nodes_are_looked_for_in_the_whole_list() {
        let many: BTreeSet<String> = (0..=MOST_NAMES).map(|n| format!("s{n}")).collect();
        assert_eq!(more(&many, &[]), More::All);
        assert!(is_wanted(&many, &member("s1", "left")));
        assert!(!is_wanted(&many, &member("other", "left")));
        assert!(is_wanted(&many, &member("other", "leaving")));
    }
}
