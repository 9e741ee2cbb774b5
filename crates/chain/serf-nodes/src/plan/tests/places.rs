//! A node is an address and a port as well as a name.

use super::*;

fn at<'a>(text: &'a str, line: &str) -> (&'a str, Claim) {
    (text, Claim::Living(node(text, line)))
}

fn left(text: &str) -> (&str, Claim) {
    (text, Claim::Left)
}

impl World {
    /// Files of these names, each with the rest of its line.
    fn of(lines: &[(&str, &str)]) -> Self {
        let mut world = Self::with(&[]);
        let files = lines
            .iter()
            .map(|(text, line)| (name(text), Some(node(text, line))));
        world.files = files.collect();
        world
    }
}

fn reasons(plan: &Plan) -> Vec<&str> {
    let reasons = plan.actions.iter().filter_map(|action| match action {
        Action::Remove { why, .. } => Some(why.as_str()),
        _ => None,
    });
    reasons.collect()
}

#[test]
fn a_lost_node_whose_place_a_living_one_has_is_gone_at_once() {
    for loss in [Loss::Failed, Loss::Refused, Loss::OtherRole, Loss::Absent] {
        let mut world = World::with(&["s1", "s2"]);
        let of_s1 = ("s1", Claim::Lost(loss));
        let mut list = vec![living("s2"), at("s3", "10.0.0.1")];
        list.extend((loss != Loss::Absent).then_some(of_s1));
        let plan = world.follow(&roster(&list), "50%");
        assert_eq!(world.names(), ["s2", "s3"], "{loss:?}");
        assert_eq!(reasons(&plan), ["its place 10.0.0.1:3000 is now s3's"]);
        assert!(world.marks.is_empty() && plan.remarks.is_empty());
    }
}

#[test]
fn one_that_is_held_already_goes_with_its_mark() {
    let mut world = World::with(&["s1", "s2"]);
    world.follow(&roster(&[living("s2"), failed("s1")]), "50%");
    assert!(world.marks.contains_key(&name("s1")));
    let list = roster(&[living("s2"), failed("s1"), at("s3", "10.0.0.1")]);
    world.follow(&list, "50%");
    assert_eq!(world.names(), ["s2", "s3"]);
    assert!(world.marks.is_empty());
}

#[test]
fn a_place_is_compared_in_one_form_and_with_its_port() {
    for (lost, new, is_same) in [
        ("10.0.0.1", "10.0.0.1 port=3000", true),
        ("10.0.0.1 port=3000", "10.0.0.1", true),
        ("::ffff:10.0.0.1", "10.0.0.1", true),
        ("fd77:0:0::1 port=80", "fd77::1 port=80", true),
        (
            "10.0.0.1 service=api",
            "10.0.0.1 service=web weight=5",
            true,
        ),
        ("10.0.0.1 port=80", "10.0.0.1", false),
        ("10.0.0.1", "10.0.0.2", false),
    ] {
        let mut world = World::of(&[("s1", lost), ("s2", "10.0.0.2 port=1")]);
        let list = [failed("s1"), at("s2", "10.0.0.2 port=1"), at("s3", new)];
        world.follow(&roster(&list), "50%");
        let is_gone = !world.files.contains_key(&name("s1"));
        assert_eq!(is_gone, is_same, "{lost}, {new}");
    }
}

#[test]
fn who_is_replaced_does_not_count_as_lost() {
    let mut world = World::with(&["s1", "s2", "s3", "s4"]);
    let list = [("s5", "10.0.0.1"), ("s6", "10.0.0.2"), ("s7", "10.0.0.3")];
    let mut list: Vec<_> = list.map(|(name, line)| at(name, line)).into();
    list.push(failed("s4"));
    let plan = world.follow(&roster(&list), "50%");
    assert_eq!(world.names(), ["s4", "s5", "s6", "s7"]);
    assert!(plan.remarks.is_empty(), "{:?}", plan.remarks);
}

#[test]
fn who_is_replaced_goes_although_all_that_are_lost_stay() {
    let mut world = World::with(&["s1", "s2", "s3", "s4"]);
    world.follow(&roster(&[living("s1"), at("s5", "10.0.0.2")]), "50%");
    assert_eq!(world.names(), ["s1", "s3", "s4", "s5"]);
    world.now += HOLD;
    let plan = world.follow(&roster(&[living("s1"), at("s5", "10.0.0.2")]), "49%");
    assert_eq!(world.names(), ["s1", "s3", "s4", "s5"]);
    assert!(remarks(&plan)[0].starts_with("2 of 4 nodes are lost (s3, s4)"));
}

#[test]
fn an_agent_alone_replaces_nobody() {
    let mut world = World::with(&["s1"]);
    let alone = Roster {
        is_alone: true,
        ..roster(&[at("s2", "10.0.0.1")])
    };
    world.follow(&alone, "50%");
    assert_eq!(world.names(), ["s1", "s2"]);
}

#[test]
fn of_two_at_one_place_the_one_that_was_there_serves_and_the_other_is_told() {
    let mut world = World::with(&["s2", "s9"]);
    let list = roster(&[at("s1", "10.0.0.2"), living("s2"), living("s9")]);
    let plan = world.follow(&list, "50%");
    assert_eq!(world.names(), ["s2", "s9"]);
    assert_eq!(
        remarks(&plan),
        [
            "refused s1: its place 10.0.0.2:3000 is s2's until that leaves or is lost. Give \
             one of the two another address or port, or stop it"
        ]
    );
}

#[test]
fn of_two_at_one_place_that_are_new_the_first_by_name_serves() {
    let mut world = World::with(&[]);
    let list = roster(&[at("s2", "10.0.0.1"), at("s1", "10.0.0.1 port=3000")]);
    world.follow(&list, "50%");
    assert_eq!(world.names(), ["s1"]);
}

#[test]
fn of_two_files_with_one_place_one_stays() {
    let mut world = World::of(&[("s1", "10.0.0.1"), ("s2", "10.0.0.1"), ("s3", "10.0.0.3")]);
    let list = roster(&[at("s1", "10.0.0.1"), at("s2", "10.0.0.1"), living("s3")]);
    world.follow(&list, "50%");
    assert_eq!(world.names(), ["s1", "s3"]);
}

#[test]
fn the_other_is_taken_at_the_run_in_which_the_first_leaves_or_is_lost() {
    for first in [left("s1"), failed("s1")] {
        let mut world = World::with(&["s1", "s2"]);
        let rival = || at("s9", "10.0.0.1");
        world.follow(&roster(&[living("s1"), living("s2"), rival()]), "50%");
        assert_eq!(world.names(), ["s1", "s2"]);
        let plan = world.follow(&roster(&[first, living("s2"), rival()]), "50%");
        assert_eq!(world.names(), ["s2", "s9"]);
        assert!(plan.remarks.is_empty(), "{:?}", plan.remarks);
    }
}

#[test]
fn one_that_moves_to_a_place_that_is_taken_is_lost_and_held() {
    let mut world = World::with(&["s1", "s2", "s3"]);
    let moved = || at("s3", "10.0.0.1");
    let list = roster(&[living("s1"), living("s2"), moved()]);
    world.follow(&list, "50%");
    assert_eq!(world.names(), ["s1", "s2", "s3"]);
    assert_eq!(world.files[&name("s3")], Some(node("s3", "10.0.0.3")));
    world.now += HOLD;
    assert_eq!(world.follow(&list, "50%").remarks.len(), 1);
    assert_eq!(world.names(), ["s1", "s2"]);
}

#[test]
fn two_that_swap_their_places_both_serve() {
    let mut world = World::with(&["s1", "s2"]);
    let list = roster(&[at("s1", "10.0.0.2"), at("s2", "10.0.0.1")]);
    let plan = world.follow(&list, "50%");
    assert!(plan.remarks.is_empty());
    assert_eq!(world.files[&name("s1")], Some(node("s1", "10.0.0.2")));
    assert_eq!(world.files[&name("s2")], Some(node("s2", "10.0.0.1")));
}

/// The list in which a balancer of this name claims this address.
fn with_balancer(balancer: &str, ip: &str, members: &[(&str, Claim)]) -> Roster {
    let of_balancers = [(ip.parse().unwrap(), balancer.to_string())];
    Roster {
        of_balancers: of_balancers.into(),
        ..roster(members)
    }
}

#[test]
fn a_balancer_that_claims_the_address_of_a_node_does_not_push_it_out() {
    let mut world = World::of(&[("s1", "::ffff:10.0.0.1"), ("s2", "10.0.0.2")]);
    // It may take another port, and another form of its address.
    for line in ["10.0.0.1", "::ffff:10.0.0.1", "10.0.0.1 port=80"] {
        let list = with_balancer("evil", "10.0.0.1", &[at("s1", line), living("s2")]);
        for _ in 0..3 {
            let plan = world.follow(&list, "50%");
            assert_eq!(world.files[&name("s1")], Some(node("s1", line)));
            assert!(world.marks.is_empty() && plan.due.is_none());
            assert_eq!(
                remarks(&plan),
                [format!(
                    "kept s1: the balancer 'evil' claims its address {}, where s1 serves. Give \
                     one of the two another address, or stop it",
                    node("s1", line).ip
                )]
            );
            world.now += HOLD;
        }
    }
}

#[test]
fn a_node_does_not_come_to_the_address_of_a_balancer() {
    for file in [None, Some("10.0.0.2")] {
        let mut world = World::of(&[("s9", "10.0.0.9")]);
        world
            .files
            .extend(file.map(|line| (name("s1"), Some(node("s1", line)))));
        let list = [at("s1", "10.0.0.1 port=80"), living("s9")];
        let plan = world.follow(&with_balancer("ha", "10.0.0.1", &list), "50%");
        let own = "refused s1: the address is a balancer's own: 10.0.0.1";
        assert_eq!(remarks(&plan), [own]);
        world.now += HOLD;
        world.follow(&with_balancer("ha", "10.0.0.1", &list), "50%");
        assert_eq!(world.names(), ["s9"]);
    }
}

#[test]
fn a_node_at_this_machines_own_address_is_refused_although_it_was_there_first() {
    let mut world = World::of(&[("s1", "10.0.0.42"), ("s9", "10.0.0.9")]);
    let list = [at("s1", "10.0.0.42"), living("s9")];
    let list = with_balancer("ha", "10.0.0.42", &list);
    world.follow(&list, "50%");
    world.now += HOLD;
    world.follow(&list, "50%");
    assert_eq!(world.names(), ["s9"]);
}

#[test]
fn who_took_the_place_of_a_balancers_address_first_also_keeps_out_a_twin() {
    let mut world = World::with(&["s1", "s2"]);
    let list = [living("s1"), at("a", "10.0.0.1"), living("s2")];
    let plan = world.follow(&with_balancer("evil", "10.0.0.1", &list), "50%");
    assert_eq!(world.names(), ["s1", "s2"]);
    assert_eq!(plan.remarks.len(), 2, "{:?}", plan.remarks);
}
