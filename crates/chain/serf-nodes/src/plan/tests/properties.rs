//! Properties that hold for every list, file and mark.

use super::*;
use proptest::prelude::*;

fn any_claim() -> impl Strategy<Value = Option<Claim>> {
    prop_oneof![
        (1u8..8, any_port()).prop_map(|(host, port)| {
            let address = format!("10.0.0.{host}{port}");
            Some(Claim::Living(node("x", &address)))
        }),
        Just(Some(Claim::Lost(Loss::Failed))),
        Just(Some(Claim::Lost(Loss::Refused))),
        Just(Some(Claim::Left)),
        Just(None),
    ]
}

/// The first two are the same port.
fn any_port() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just(""), Just(" port=3000"), Just(" port=80")]
}

/// A few names, each of which may have a file, a mark and a claim.
fn any_world() -> impl Strategy<Value = (World, Roster)> {
    let file = proptest::option::of(proptest::option::of((1u8..8, any_port())));
    let mark = proptest::option::of(proptest::option::of(0u64..100));
    let names = proptest::collection::vec((any_claim(), file, mark), 0..12);
    (names, proptest::bool::weighted(0.1)).prop_map(|(names, is_alone)| {
        let mut world = World::with(&[]);
        let mut claims = Vec::new();
        for (number, (claim, file, mark)) in names.into_iter().enumerate() {
            let text = format!("s{number}");
            let own = |node: Node| Node {
                name: name(&text),
                ..node
            };
            let claim = claim.map(|claim| match claim {
                Claim::Living(node) => Claim::Living(own(node)),
                other => other,
            });
            claims.extend(claim.map(|claim| (name(&text), claim)));
            if let Some(file) = file {
                let node = file.map(|(host, port)| node(&text, &format!("10.0.0.{host}{port}")));
                world.files.insert(name(&text), node);
            }
            if let Some(ago) = mark {
                let since = ago.map(|ago| start() - Duration::from_secs(ago));
                world.marks.insert(name(&text), since);
            }
        }
        let roster = Roster {
            claims: claims.into_iter().collect(),
            is_alone,
            ..Roster::default()
        };
        (world, roster)
    })
}

fn living_nodes(roster: &Roster) -> impl Iterator<Item = &Node> {
    roster.claims.iter().filter_map(|(_, claim)| match claim {
        Claim::Living(node) => Some(node),
        _ => None,
    })
}

/// Whether another living member claims the node's place.
fn has_rival(roster: &Roster, node: &Node) -> bool {
    living_nodes(roster).any(|other| other.name != node.name && other.place() == node.place())
}

proptest! {
    #[test]
    fn no_two_files_of_living_members_have_one_place_and_each_place_has_one((mut world, roster) in any_world()) {
        world.follow(&roster, "50%");
        for place in living_nodes(&roster).map(Node::place) {
            let owners = world.files.values().flatten().filter(|node| node.place() == place);
            let owners: Vec<_> = owners.map(|node| &node.name).collect();
            let living = owners.iter().filter(|name| roster.is_living(name)).count();
            prop_assert_eq!(living, 1, "{:?} at {}", owners, place);
            prop_assert!(owners.len() == 1 || roster.is_alone, "{:?} at {}", owners, place);
        }
    }

    #[test]
    fn a_living_node_that_has_its_file_and_its_place_is_not_pushed_out((mut world, roster) in any_world()) {
        let before = world.files.clone();
        let has_place = |node: &Node| {
            let file = before.get(&node.name).and_then(Option::as_ref);
            file.is_some_and(|file| file.place() == node.place())
        };
        world.follow(&roster, "50%");
        for node in living_nodes(&roster).filter(|node| has_place(node)) {
            let is_first = living_nodes(&roster)
                .filter(|other| other.place() == node.place() && has_place(other))
                .all(|other| node.name <= other.name);
            if is_first {
                prop_assert_eq!(&world.files[&node.name], &Some(node.clone()));
            }
        }
    }

    #[test]
    fn before_the_moment_that_is_due_nothing_goes_and_at_it_something_does((mut world, roster) in any_world()) {
        let due = world.follow(&roster, "50%").due;
        prop_assert_eq!(world.plan(&roster, "50%").due, due);
        let Some(due) = due else {
            world.now += HOLD * 1000;
            prop_assert!(world.plan(&roster, "50%").actions.is_empty());
            return Ok(());
        };
        world.now = due - Duration::from_millis(1);
        prop_assert!(world.plan(&roster, "50%").actions.is_empty());
        world.now = due;
        let actions = world.plan(&roster, "50%").actions;
        prop_assert!(matches!(actions[..], [Action::Remove { .. }, ..]), "{:?}", actions);
    }

    #[test]
    fn every_name_stands_once_beside_its_file_in_order((world, roster) in any_world()) {
        let files = listed(&world.files);
        let entries = side_by_side(&roster, &files);
        prop_assert!(entries.is_sorted_by(|one, other| one.name < other.name));
        for entry in &entries {
            prop_assert_eq!(entry.claim, roster.claims.get(entry.name));
            prop_assert_eq!(entry.file, files.get(entry.name));
        }
        let only_files = world.files.keys().filter(|name| !roster.claims.contains(name));
        prop_assert_eq!(entries.len(), roster.claims.len() + only_files.count());
    }

    #[test]
    fn a_plan_that_was_carried_out_leaves_nothing_to_do((mut world, roster) in any_world()) {
        world.follow(&roster, "50%");
        let again = world.follow(&roster, "50%");
        prop_assert!(again.actions.is_empty(), "{again:?}");
    }

    #[test]
    fn the_living_have_their_file_and_those_that_left_have_none((mut world, roster) in any_world()) {
        world.follow(&roster, "50%");
        for (name, claim) in roster.claims.iter() {
            match claim {
                Claim::Living(node) if !has_rival(&roster, node) => {
                    prop_assert_eq!(&world.files[name], &Some(node.clone()));
                }
                Claim::Left if !roster.is_alone => prop_assert!(!world.files.contains_key(name)),
                _ => {}
            }
        }
    }

    #[test]
    fn no_more_nodes_are_removed_than_is_allowed((mut world, roster) in any_world(), share in 0usize..=100) {
        let before = world.files.clone();
        let files = listed(&before);
        let mut settled = roster.clone();
        let places = Places::settle(&mut settled, &files, |_| false);
        let entries = side_by_side(&settled, &files);
        let (replaced, lost) = lost(&entries, &settled, &places);
        let (lost, all) = (lost.len(), count(&entries) - replaced.len());
        world.follow(&roster, &format!("{share}%"));
        let left = |name: &Name| roster.claims.get(name) == Some(&Claim::Left);
        let is_replaced = |name: &Name| replaced.iter().any(|it| it.node.name == *name);
        let is_allowed = |name: &Name| !roster.is_alone && (left(name) || is_replaced(name));
        let removed = before
            .keys()
            .filter(|name| !world.files.contains_key(*name) && !is_allowed(name))
            .count();
        prop_assert!(removed == 0 || !roster.is_alone);
        prop_assert!(removed <= 1 || removed * 100 <= share * all, "{removed} of {all}");
        prop_assert!(lost <= 1 || lost * 100 <= share * all || removed == 0);
    }

    #[test]
    fn a_member_that_is_refused_changes_nothing_for_the_others((world, mut roster) in any_world()) {
        let actions = |roster: &Roster| world.plan(roster, "50%").actions;
        let before = actions(&roster);
        let hostile = (name("hostile"), Claim::Lost(Loss::Refused));
        let claims = roster.claims.iter();
        let claims = claims.map(|(name, claim)| (name.clone(), claim.clone()));
        roster.claims = claims.chain([hostile]).collect();
        roster.refused.push(Refusal::of("hostile", b"", "why".to_string()));
        prop_assert_eq!(before, actions(&roster));
    }
}
