//! Many changes, and many nodes.

use super::case::{Case, each, template};
use crate::haproxy::address;

const SHIPPED: &str = include_str!("../../../../../../ha/config/haproxy.cfg.tera");

/// How often a node moves.
const MOVES: u8 = 100;

#[test]
fn no_change_of_an_address_is_a_reload() {
    let case = Case::start(173, &template(&each("")), &[1, 2]);
    let worker = case.worker();
    for turn in 1..=MOVES {
        case.place(1, address(173, 10 + turn % 7), "");
        let told = case.step();
        assert_eq!(case.worker(), worker, "move {turn}: {told}");
    }
    case.assert_agrees();
}

#[test]
fn the_hundred_and_first_node_is_no_reload_and_neither_is_its_leave() {
    let numbers: Vec<u8> = (1..=100).collect();
    let case = Case::start_with_text(174, SHIPPED, &numbers);
    case.assert_agrees();
    for _ in 0..3 {
        case.add(101, "");
        case.step_without_reload();
        case.remove(101);
        case.step_without_reload();
    }
    case.assert_agrees();
}
