use std::time::Duration;

use super::*;
use crate::plan;
use nodes::Name;

fn at(seconds: f64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs_f64(seconds)
}

fn lost_since(name: &str, until: Option<f64>, why: Loss) -> plan::Lost {
    plan::Lost {
        name: Name::parse(name).unwrap(),
        since: at(5.125),
        until: until.map(at),
        why,
    }
}

fn refusal(name: &str, why: &str) -> Refusal {
    Refusal::of(name, b"10.0.0.1:7946", why.to_owned())
}

fn facts_of(roster: &Roster, plan: &Plan) -> Facts {
    of(roster, plan, |name, ip| name == "ha" || ip.is_unspecified())
}

#[test]
fn who_is_lost_has_a_time_and_the_reason_that_a_person_can_act_on() {
    let roster = Roster {
        refused: vec![refusal("s1", "the weight 'x'"), refusal("s2", "other")],
        ..Roster::default()
    };
    let plan = Plan {
        lost: vec![
            lost_since("s1", Some(35.125), Loss::Refused),
            lost_since("s2", None, Loss::Failed),
        ],
        ..Plan::default()
    };
    let lost = facts_of(&roster, &plan).lost;
    let told = |name: &str| {
        let lost: &Lost = &lost[name];
        (lost.since, lost.until, lost.why.as_str())
    };
    assert_eq!(told("s1"), (5.125, Some(35.125), "the weight 'x'"));
    assert_eq!(told("s2"), (5.125, None, "it has failed"));
}

#[test]
fn of_the_balancers_the_others_are_named() {
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    let all = [("ha", "10.0.0.1"), ("hb", "10.0.0.2"), ("hc", "::")];
    let roster = Roster {
        balancers: all
            .into_iter()
            .map(|(name, text)| (name.to_owned(), ip(text)))
            .collect(),
        ..Roster::default()
    };
    let others = facts_of(&roster, &Plan::default()).balancers;
    let want = BTreeMap::from([("hb".to_owned(), "10.0.0.2".to_owned())]);
    assert_eq!(others, want);
}

#[test]
fn of_a_flood_of_refused_members_the_first_are_named_and_all_counted() {
    let roster = Roster {
        refused: (0..10_000)
            .map(|number| refusal(&format!("s{number:05}"), "why"))
            .collect(),
        ..Roster::default()
    };
    let facts = facts_of(&roster, &Plan::default());
    assert_eq!((facts.refused.len(), facts.refused_all), (50, 10_000));
    let first = &facts.refused[0];
    let told = (first.name.as_str(), first.address.as_str());
    assert_eq!(told, ("s00000", "10.0.0.1"));
}

fn lost_ones(names: &[(&str, Option<f64>)]) -> Facts {
    let lost = |(name, until): &(&str, Option<f64>)| {
        let until = *until;
        let lost = Lost {
            until,
            ..Lost::default()
        };
        ((*name).to_owned(), lost)
    };
    Facts {
        lost: names.iter().map(lost).collect(),
        ..Facts::default()
    }
}

#[test]
fn who_is_held_is_news_once_for_as_long_as_it_is() {
    let none = Facts::default();
    let one = lost_ones(&[("s1", Some(9.0))]);
    let two = lost_ones(&[("s1", None), ("s2", None)]);
    let three = lost_ones(&[("s1", None), ("s2", None), ("s3", None)]);
    assert!(newly_held(&one, &none).is_empty());
    assert_eq!(newly_held(&two, &one), ["s1", "s2"]);
    assert!(newly_held(&two, &two).is_empty());
    assert_eq!(newly_held(&three, &two), ["s3"]);
    assert_eq!(newly_held(&two, &none), ["s1", "s2"]);
}

#[test]
fn who_is_refused_is_news_once_whatever_the_reason() {
    let refused = |all: &[(&str, &str)]| {
        let all: Vec<Refusal> = all.iter().map(|(name, why)| refusal(name, why)).collect();
        shown(&all)
    };
    let before = Facts {
        refused: refused(&[("s1", "one")]),
        ..Facts::default()
    };
    let now = refused(&[("s1", "other"), ("s2", "two"), ("s2", "two again")]);
    let new = newly_refused(&now, &before);
    assert_eq!(new.into_keys().collect::<Vec<_>>(), ["s2"]);
}
