//! Servers with an agent, which sets their state and weight.

use harness::wait_for;

use super::case::{Case, DRAIN, MAINTENANCE, State, Template, each, nodes, template};
use super::peers::Agent;
use crate::haproxy::{PATIENCE, address};

const AGENT: u16 = 4000;

fn agent(test: u8, number: u8, word: &'static str) -> Agent {
    let mut address = address(test, number);
    address.set_port(AGENT);
    Agent::start(address, word)
}

fn asked() -> Template {
    let options =
        format!("check inter 100ms agent-check agent-port {AGENT} agent-inter 100ms weight 100");
    template(&each(&options))
}

#[test]
fn the_agent_of_a_node_that_left_is_asked_no_more() {
    let nodes = nodes(153, &[1, 2]);
    let (stays, left) = (agent(153, 1, "ready"), agent(153, 2, "ready"));
    let case = Case::start(153, &asked(), &[1, 2]);
    wait_for("both to be asked", PATIENCE, || {
        (stays.asked() > 0 && left.asked() > 0).then_some(())
    });
    case.remove(2);
    case.step_without_reload();
    // One question may be under way.
    let (before, until) = (left.asked(), stays.asked() + 4);
    wait_for("further questions", PATIENCE, || {
        (stays.asked() >= until).then_some(())
    });
    assert!(left.asked() <= before + 1, "it is asked on");
    assert!(case.is_out("s2"));
    let served = nodes[1].requests();
    (0..10).for_each(|_| assert_eq!(case.get("/"), "s1"));
    assert_eq!(nodes[1].requests(), served);
    case.assert_agrees();
}

#[test]
fn what_an_agent_sets_stays() {
    let _nodes = nodes(154, &[1, 2, 3, 4]);
    let words = ["maint", "drain", "50%", "50%"];
    let numbered = (1..).zip(words);
    let _agents: Vec<Agent> = numbered.map(|(n, word)| agent(154, n, word)).collect();
    let case = Case::start(154, &asked(), &[1, 2, 3]);
    let states = || ["s1", "s2", "s3"].map(|name| case.state(name).unwrap());
    let is_set = |[maint, drain, half]: &[State; 3]| {
        maint.admin & MAINTENANCE != 0 && drain.admin & DRAIN != 0 && half.weight == 50
    };
    let set = wait_for("the agents to be heard", PATIENCE, || {
        Some(states()).filter(is_set)
    });
    case.assert_agrees();
    case.assert_agrees();
    assert_eq!(states(), set);
    let shown = case.run(&["--status"]).stdout();
    assert!(shown.contains("the agent of nodes/s1, or a person, has set: maintenance"));
    case.add(4, "");
    case.step_without_reload();
    assert_eq!(states(), set);
    wait_for("the joined node's agent to be heard", PATIENCE, || {
        let is_up = case.stat("s4", "status")? == "UP";
        (is_up && case.state("s4")?.weight == 50).then_some(())
    });
    case.assert_agrees();
    assert_eq!(states(), set);
    let served: Vec<String> = case.shares(10).into_keys().collect();
    assert_eq!(served, ["s3", "s4"]);
}
