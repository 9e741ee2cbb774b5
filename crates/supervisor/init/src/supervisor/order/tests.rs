//! Orders of a few services, which can be read, and of thousands, which have to end.

use super::*;

/// Each service with what it needs.
fn order(services: &[(&str, &[&str])]) -> (Order, Vec<String>) {
    let owned: Vec<(String, Vec<String>)> = services
        .iter()
        .map(|(name, needs)| {
            (
                (*name).into(),
                needs.iter().map(ToString::to_string).collect(),
            )
        })
        .collect();
    order_of(&owned)
}

fn order_of(services: &[(String, Vec<String>)]) -> (Order, Vec<String>) {
    let dependents: Vec<Dependent> = services
        .iter()
        .map(|(name, needs)| Dependent { name, needs })
        .collect();
    Order::new(&dependents)
}

/// As many services, named by their numbers, of which each needs these others.
fn many(count: usize, needs: impl Fn(usize) -> Vec<usize>) -> (Order, Vec<String>) {
    let name = |number: usize| format!("s{number}");
    let services: Vec<(String, Vec<String>)> = (0..count)
        .map(|number| (name(number), needs(number).into_iter().map(name).collect()))
        .collect();
    order_of(&services)
}

/// In which rounds the services start, if each round starts those that have what they
/// need. The answer has all of them, unless there is a circle.
fn rounds(order: &mut Order, count: usize) -> Vec<usize> {
    let mut there = vec![false; count];
    let mut rounds = Vec::new();
    loop {
        let next: Vec<usize> = (0..count)
            .filter(|index| !there[*index] && order.is_met(*index, |need| there[need]))
            .collect();
        if next.is_empty() {
            return rounds;
        }
        rounds.push(next.len());
        for index in next {
            there[index] = true;
        }
    }
}

#[test]
fn each_knows_what_it_needs_and_who_needs_it() {
    let services: [(&str, &[&str]); 3] = [
        ("serf", &["web"]),
        ("web", &[]),
        ("watch", &["serf", "web"]),
    ];
    let (order, complaints) = order(&services);
    assert!(complaints.is_empty());
    assert_eq!(order.needs(0), [1]);
    assert_eq!(order.needs(2), [0, 1]);
    assert_eq!(order.needed_by(1), [0, 2]);
    assert_eq!(order.needs(9), []);
    assert_eq!(order.needed_by(9), []);
}

#[test]
fn what_is_not_there_is_told_and_not_waited_for() {
    let (order, complaints) = order(&[("web", &["db"])]);
    assert_eq!(
        complaints,
        ["web: needs db, which is not there: not waited for"]
    );
    assert_eq!(order.needs(0), []);
}

#[test]
fn a_circle_is_told_and_broken() {
    let (circle, complaints) = order(&[("a", &["b"]), ("b", &["c"]), ("c", &["a"])]);
    assert_eq!(
        complaints,
        ["c: needs a, which needs it in turn: not waited for"]
    );
    assert_eq!(circle.needs(2), []);
    let (_, complaints) = order(&[("a", &["a"])]);
    assert_eq!(
        complaints,
        ["a: needs a, which needs it in turn: not waited for"]
    );
}

#[test]
fn a_need_that_is_named_twice_is_met_once() {
    let (mut order, complaints) = order(&[("a", &["b", "b"]), ("b", &[])]);
    assert!(complaints.is_empty());
    assert!(!order.is_met(0, |_| false));
    assert!(order.is_met(0, |need| need == 1));
}

#[test]
fn of_two_with_the_same_name_the_first_counts() {
    let (order, _) = order(&[("web", &["db"]), ("db", &[]), ("db", &[])]);
    assert_eq!(order.needs(0), [1]);
}

#[test]
fn all_needs_are_met_or_one_is_missed_whichever_was_missed_before() {
    let (mut order, _) = order(&[("a", &["b", "c", "d"]), ("b", &[]), ("c", &[]), ("d", &[])]);
    for missing in [1, 3, 2, 1, 1, 3] {
        assert!(!order.is_met(0, |need| need != missing), "{missing}");
    }
    assert!(order.is_met(0, |_| true));
    assert!(!order.is_met(0, |need| need != 1));
}

#[test]
fn each_need_is_looked_at_once_until_it_is_there() {
    let count = 2000;
    let (mut order, _) = many(count + 1, |number| {
        (0..if number == count { count } else { 0 }).collect()
    });
    let looks = std::cell::Cell::new(0);
    for there in 0..count {
        let is_there = |need| {
            looks.set(looks.get() + 1);
            need < there
        };
        assert!(!order.is_met(count, is_there));
    }
    assert_eq!(looks.get(), 2 * count - 1);
}

#[test]
fn a_chain_of_any_length_is_followed() {
    for count in [2000, 200_000] {
        let (order, complaints) = many(count, |number| (number + 1..count).take(1).collect());
        assert!(complaints.is_empty());
        assert_eq!(order.needs(0), [1]);
        assert_eq!(order.needed_by(count - 1), [count - 2]);
    }
}

#[test]
fn layers_of_which_each_needs_all_of_the_one_before_start_one_after_the_other() {
    let before = |number: usize| {
        let layer = number / 100;
        (layer.saturating_sub(1) * 100..layer * 100).collect()
    };
    let (mut order, complaints) = many(2000, before);
    assert!(complaints.is_empty());
    assert_eq!(order.needs(1999).len(), 100);
    assert_eq!(order.needed_by(0).len(), 100);
    assert_eq!(rounds(&mut order, 2000), [100; 20]);
}

#[test]
fn those_that_need_all_before_them_start_one_by_one() {
    let (mut order, complaints) = many(450, |number| (0..number).collect());
    assert!(complaints.is_empty());
    assert_eq!(rounds(&mut order, 450), [1; 450]);
}

#[test]
fn one_large_circle_is_broken_once() {
    let (mut order, complaints) = many(2000, |number| vec![(number + 1) % 2000]);
    assert_eq!(
        complaints,
        ["s1999: needs s0, which needs it in turn: not waited for"]
    );
    assert_eq!(rounds(&mut order, 2000).len(), 2000);
}

#[test]
fn each_of_many_circles_is_broken() {
    let next_of_ten = |number: usize| vec![number / 10 * 10 + (number + 1) % 10];
    let (mut order, complaints) = many(2000, next_of_ten);
    assert_eq!(complaints.len(), 200);
    assert_eq!(rounds(&mut order, 2000), [200; 10]);
    // Everybody needs everybody.
    let (mut order, complaints) = many(450, |_| (0..450).collect());
    assert_eq!(complaints.len(), 450 * 451 / 2);
    assert_eq!(rounds(&mut order, 450), [1; 450]);
}
