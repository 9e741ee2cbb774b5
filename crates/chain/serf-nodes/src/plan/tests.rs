mod places;
mod properties;

use std::net::IpAddr;

use super::*;

const HOLD: Duration = Duration::from_secs(30);

fn policy(max_lost: &str) -> Policy {
    Policy {
        hold: HOLD,
        max_lost: max_lost.parse().unwrap(),
    }
}

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn node(name: &str, address: &str) -> Node {
    let name = Name::parse(name).unwrap();
    let line = format!("{name} {address}");
    Node::parse(&name, &line).unwrap()
}

/// The address of a node of this name: each has its own.
fn home(name: &str) -> String {
    let number = name.trim_start_matches(|c: char| !c.is_ascii_digit());
    format!("10.0.0.{}", number.parse::<u8>().unwrap_or(200))
}

fn start() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

/// `/nodes`, its marks and the clock, in memory.
#[derive(Debug)]
struct World {
    files: BTreeMap<Name, Option<Node>>,
    marks: Marks,
    now: SystemTime,
}

impl World {
    fn with(names: &[&str]) -> Self {
        let file = |text: &&str| (name(text), Some(node(text, &home(text))));
        Self {
            files: names.iter().map(file).collect(),
            marks: Marks::new(),
            now: start(),
        }
    }

    fn follow(&mut self, roster: &Roster, max_lost: &str) -> Plan {
        let plan = self.plan(roster, max_lost);
        for action in &plan.actions {
            self.apply(action.clone());
        }
        plan
    }

    fn plan(&self, roster: &Roster, max_lost: &str) -> Plan {
        let (files, policy) = (listed(&self.files), policy(max_lost));
        let mut roster = roster.clone();
        let own = "10.0.0.42".parse::<IpAddr>().unwrap();
        let places = Places::settle(&mut roster, &files, |ip| ip == own);
        plan(&roster, &places, &files, &self.marks, self.now, policy)
    }

    fn apply(&mut self, action: Action) {
        match action {
            Action::Add { node } | Action::Write { node, .. } => {
                self.marks.remove(&node.name);
                self.files.insert(node.name.clone(), Some(node));
            }
            Action::Remove { name, .. } => {
                self.files.remove(&name);
                self.marks.remove(&name);
            }
            Action::Mark { name, .. } => {
                self.marks.insert(name, Some(self.now));
            }
            Action::Unmark { name, .. } => {
                self.marks.remove(&name);
            }
        }
    }

    fn names(&self) -> Vec<&str> {
        self.files.keys().map(Name::as_str).collect()
    }
}

fn listed(files: &BTreeMap<Name, Option<Node>>) -> Files<'_> {
    let files = files.iter();
    files
        .map(|(name, node)| (name.clone(), node.as_ref()))
        .collect()
}

/// A list with these members that does not count as the agent alone.
fn roster(members: &[(&str, Claim)]) -> Roster {
    Roster {
        claims: members
            .iter()
            .map(|(text, claim)| (name(text), claim.clone()))
            .collect(),
        ..Roster::default()
    }
}

fn living(text: &str) -> (&str, Claim) {
    (text, Claim::Living(node(text, &home(text))))
}

fn failed(text: &str) -> (&str, Claim) {
    (text, Claim::Lost(Loss::Failed))
}

fn remarks(plan: &Plan) -> Vec<&str> {
    plan.remarks.iter().map(Remark::text).collect()
}

#[test]
fn new_and_changed_nodes_are_written_and_equal_ones_are_not() {
    let mut world = World::with(&["s1", "s2"]);
    let moved = Claim::Living(node("s2", "10.0.0.102 weight=50"));
    let plan = world.follow(&roster(&[living("s1"), ("s2", moved), living("s3")]), "50%");
    let written: Vec<_> = plan
        .actions
        .iter()
        .map(|action| match action {
            Action::Write { node, old } => (node.name.as_str(), old.is_some()),
            Action::Add { node } => (node.name.as_str(), false),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(written, [("s2", true), ("s3", false)]);
}

#[test]
fn a_file_that_holds_no_node_is_written_anew() {
    let mut world = World::with(&[]);
    world.files.insert(name("s1"), None);
    let actions = world.follow(&roster(&[living("s1")]), "50%").actions;
    assert!(
        matches!(actions[..], [Action::Write { old: None, .. }]),
        "{actions:?}"
    );
    assert!(world.files[&name("s1")].is_some());
}

#[test]
fn a_node_that_left_is_removed_at_once_even_with_all_others() {
    let mut world = World::with(&["s1", "s2", "s3"]);
    let left = |text| (text, Claim::Left);
    world.follow(&roster(&[left("s1"), left("s2"), left("s3")]), "50%");
    assert!(world.names().is_empty());
}

#[test]
fn a_lost_node_stays_until_its_hold_is_over() {
    let mut world = World::with(&["s1", "s2", "s3"]);
    let list = roster(&[living("s1"), living("s2"), failed("s3")]);
    world.follow(&list, "50%");
    world.now += Duration::from_millis(29_999);
    world.follow(&list, "50%");
    assert_eq!(world.names(), ["s1", "s2", "s3"]);
    world.now += Duration::from_millis(1);
    world.follow(&list, "50%");
    assert_eq!(world.names(), ["s1", "s2"]);
    assert!(world.marks.is_empty());
}

#[test]
fn a_node_that_nobody_waited_for_was_lost_for_no_time() {
    let s3 = name("s3");
    let missing = [Missing {
        name: &s3,
        file: None,
        why: Loss::Failed,
    }];
    let marks = Marks::from([(s3.clone(), Some(start() - HOLD))]);
    let why = |hold| {
        let mut plan = Plan::default();
        plan.hold(&missing, &marks, start(), hold, false);
        match plan.actions.as_slice() {
            [Action::Remove { why, .. }] => why.clone(),
            others => panic!("{others:?}"),
        }
    };
    assert_eq!(why(HOLD), "lost for 30s, it has failed");
    assert_eq!(why(Duration::ZERO), "it has failed");
}

#[test]
fn the_next_hold_that_ends_is_due() {
    let mut world = World::with(&["s1", "s2", "s3", "s4"]);
    let one = roster(&[living("s1"), living("s2"), living("s3"), failed("s4")]);
    assert_eq!(world.follow(&one, "50%").due, Some(start() + HOLD));
    world.now += HOLD / 3;
    let two = roster(&[living("s1"), living("s2"), failed("s3"), failed("s4")]);
    assert_eq!(world.follow(&two, "50%").due, Some(start() + HOLD));
    world.now = start() + HOLD;
    let next = world.now + HOLD / 3;
    assert_eq!(world.follow(&two, "50%").due, Some(next));
    assert_eq!(world.names(), ["s1", "s2", "s3"]);
    world.now = next;
    assert_eq!(world.follow(&two, "50%").due, None);
    assert_eq!(world.names(), ["s1", "s2"]);
}

#[test]
fn nothing_is_due_while_nobody_is_held_or_all_stay_or_the_agent_is_alone() {
    let mut world = World::with(&["s1", "s2", "s3"]);
    let all = [living("s1"), living("s2"), living("s3")];
    assert_eq!(world.follow(&roster(&all), "50%").due, None);
    let most = roster(&[living("s1"), failed("s2"), failed("s3")]);
    assert_eq!(world.follow(&most, "50%").due, None);
    let alone = Roster {
        is_alone: true,
        ..roster(&[living("s1")])
    };
    assert_eq!(world.follow(&alone, "50%").due, None);
    // Those that were marked meanwhile are due again as soon as they are believed.
    assert_eq!(world.follow(&most, "100%").due, Some(start() + HOLD));
}

#[test]
fn a_node_that_comes_back_begins_anew_when_it_is_lost_again() {
    let mut world = World::with(&["s1", "s2", "s3"]);
    let lost = roster(&[living("s1"), living("s2")]);
    world.follow(&lost, "50%");
    world.now += HOLD / 2;
    let back = world.follow(&roster(&[living("s1"), living("s2"), living("s3")]), "50%");
    let unmark = Action::Unmark {
        name: name("s3"),
        is_back: true,
    };
    assert_eq!(back.actions, [unmark]);
    world.follow(&lost, "50%");
    world.now += Duration::from_millis(29_999);
    world.follow(&lost, "50%");
    assert_eq!(world.names(), ["s1", "s2", "s3"]);
}

#[test]
fn when_more_than_half_are_lost_all_of_them_stay() {
    let mut world = World::with(&["s1", "s2", "s3"]);
    let list = roster(&[living("s1"), failed("s2")]);
    world.follow(&list, "50%");
    world.now += HOLD * 100;
    let plan = world.follow(&list, "50%");
    assert_eq!(world.names(), ["s1", "s2", "s3"]);
    assert_eq!(
        remarks(&plan),
        [
            "2 of 3 nodes are lost (s2, s3), more than 50%: all of them stay. \
          If they are gone for good: \
          NODES_MAX_LOST=100% NODES_HOLD=0s member-event sync"
        ]
    );
}

#[test]
fn a_person_confirms_that_they_are_gone() {
    let mut world = World::with(&["s1", "s2", "s3"]);
    let list = roster(&[failed("s1"), failed("s2"), failed("s3")]);
    world.follow(&list, "50%");
    world.now += HOLD;
    let plan = world.follow(&list, "100%");
    assert!(world.names().is_empty() && plan.remarks.is_empty());
}

#[test]
fn half_of_the_nodes_and_a_single_one_may_go() {
    for names in [&["s1"][..], &["s1", "s2"], &["s1", "s2", "s3", "s4"]] {
        let mut world = World::with(names);
        let (gone, staying) = names.split_at(names.len().div_ceil(2));
        let list = roster(&staying.iter().map(|name| living(name)).collect::<Vec<_>>());
        world.follow(&list, "50%");
        world.now += HOLD;
        world.follow(&list, "50%");
        assert_eq!(world.names(), staying, "without {gone:?}");
    }
}

#[test]
fn new_nodes_and_those_that_left_are_reckoned_with() {
    let mut world = World::with(&["s1", "s2", "s3"]);
    let replaced = roster(&[living("s4"), living("s5"), living("s6")]);
    world.follow(&replaced, "50%");
    world.now += HOLD;
    world.follow(&replaced, "50%");
    assert_eq!(world.names(), ["s4", "s5", "s6"]);

    let mut world = World::with(&["s1", "s2", "s3", "s4"]);
    let left = ("s4", Claim::Left);
    let list = roster(&[left, failed("s1"), failed("s2"), living("s3")]);
    world.follow(&list, "50%");
    world.now += HOLD;
    world.follow(&list, "50%");
    assert_eq!(world.names(), ["s1", "s2", "s3"]);
}

#[test]
fn an_agent_alone_removes_nothing_and_starts_no_hold() {
    let mut world = World::with(&["s1", "s2"]);
    let alone = Roster {
        is_alone: true,
        ..roster(&[])
    };
    let plan = world.follow(&alone, "100%");
    assert!(plan.actions.is_empty());
    assert_eq!(
        remarks(&plan),
        ["the member list has nobody but the agent itself: all nodes stay"]
    );
}

#[test]
fn an_agent_alone_that_misses_nobody_is_nothing_to_tell() {
    let alone = Roster {
        is_alone: true,
        ..roster(&[living("s1")])
    };
    for names in [&[][..], &["s1"]] {
        let mut world = World::with(names);
        world.follow(&alone, "50%");
        assert_eq!(world.names(), ["s1"]);
        assert!(world.follow(&alone, "50%").remarks.is_empty());
    }
}

#[test]
fn marks_of_names_without_a_file_go() {
    let mut world = World::with(&["s1"]);
    world.marks.insert(name("gone"), Some(start()));
    world.follow(&roster(&[living("s1")]), "50%");
    assert!(world.marks.is_empty());
}

#[test]
fn a_mark_without_a_date_or_from_the_future_begins_anew() {
    for date in [None, Some(start() + Duration::from_secs(86_400))] {
        let mut world = World::with(&["s1", "s2"]);
        world.marks.insert(name("s2"), date);
        world.follow(&roster(&[living("s1")]), "50%");
        assert_eq!(world.marks[&name("s2")], Some(start()));
    }
}

#[test]
fn a_share_is_0_to_100_percent() {
    for (text, percent) in [("50%", 50), ("0", 0), ("100%", 100)] {
        assert_eq!(text.parse(), Ok(Percent(percent)));
    }
    for text in ["", "%", "101%", "-1", "50%%", "half"] {
        assert_eq!(
            text.parse::<Percent>(),
            Err(format!("'{text}' is not 0% to 100%"))
        );
    }
}

/// Who is lost after a plan: name, seconds since the start, and whether the hold ends.
fn lost_ones(plan: &Plan) -> Vec<(&str, u64, bool)> {
    let since = |lost: &Lost| lost.since.duration_since(start()).unwrap().as_secs();
    let lost = plan.lost.iter();
    lost.map(|lost| (lost.name.as_str(), since(lost), lost.until.is_some()))
        .collect()
}

#[test]
fn who_is_lost_and_until_when_is_told_for_as_long_as_the_file_is_there() {
    let mut world = World::with(&["s1", "s2", "s3"]);
    let list = roster(&[living("s1"), living("s2"), failed("s3")]);
    let plan = world.follow(&list, "50%");
    assert_eq!(lost_ones(&plan), [("s3", 0, true)]);
    assert_eq!(plan.lost[0].until, Some(start() + HOLD));
    assert_eq!((plan.lost[0].why, plan.held), (Loss::Failed, None));
    world.now += HOLD / 3;
    let two = roster(&[living("s1"), failed("s2"), failed("s3")]);
    let plan = world.follow(&two, "50%");
    assert_eq!(lost_ones(&plan), [("s2", 10, false), ("s3", 0, false)]);
    let words = plan.held.unwrap();
    assert!(words.ends_with("member-event sync"), "{words}");
    world.now += HOLD;
    assert!(world.follow(&list, "50%").lost.is_empty());
}

#[test]
fn while_the_agent_is_alone_who_was_lost_before_stays_so() {
    let mut world = World::with(&["s1", "s2", "s3"]);
    world.follow(&roster(&[living("s1"), living("s2"), failed("s3")]), "50%");
    let alone = Roster {
        is_alone: true,
        ..roster(&[living("s1")])
    };
    let plan = world.follow(&alone, "50%");
    assert_eq!(lost_ones(&plan), [("s3", 0, false)]);
    let words = plan.held.unwrap();
    assert!(words.contains("nobody but the agent itself"), "{words}");
}

#[test]
fn who_said_that_it_leaves_is_told_from_who_is_gone() {
    let mut world = World::with(&["s1", "s2", "s3", "s4"]);
    let list = [
        ("s1", Claim::Left),
        failed("s2"),
        failed("s3"),
        ("s5", Claim::Living(node("s5", &home("s3")))),
    ];
    world.marks.insert(name("s2"), Some(start() - HOLD));
    let mut gone = Vec::new();
    for action in world.follow(&roster(&list), "100%").actions {
        if let Action::Remove {
            name,
            old,
            has_left,
            ..
        } = action
        {
            let old = old.map(|old| old.ip.to_string());
            assert_eq!(old, Some(home(name.as_str())));
            gone.push((name.to_string(), has_left));
        }
    }
    gone.sort();
    let gone: Vec<_> = gone
        .iter()
        .map(|(name, left)| (name.as_str(), *left))
        .collect();
    assert_eq!(gone, [("s1", true), ("s2", false), ("s3", false)]);
}
