//! What happens in a real cluster, as a browser shows it. Nothing has to be asked for: the page
//! is open all the time.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use files::Durability::Unsynced;
use harness::cluster::{Cluster, FAILURE, SOON, printed, program};
use harness::{root, send, wait_for};
use nix::sys::signal::Signal::SIGKILL;
use serde_json::json;

use super::browser::PATIENCE;
use super::looks::LOOK;
use super::seen::Watched;
use crate::hold::{EXPIRED, lost, set_lost_since};

/// Ten times what a person waits at most for what the chain has just done.
const PROMPT: Duration = Duration::from_secs(12);

/// Starts a balancer with these variables, and `nodes` nodes, and looks at its page.
pub(super) fn started(cluster: &Cluster, nodes: &str, variables: &[(&str, &str)]) -> Watched {
    let words = ["up", nodes];
    let output = cluster
        .script(&words)
        .envs(variables.iter().copied())
        .output();
    printed(&output.unwrap(), &words);
    let watched = Watched::of(cluster);
    watched.sentence(&format!("{nodes} of {nodes} nodes serve"), SOON);
    watched
}

/// Whether `wanted` come in this order in `states`, others between them or not.
fn is_in_order(states: &[String], wanted: &[&str]) -> bool {
    let mut left = wanted.iter().peekable();
    for state in states {
        left.next_if(|wanted| *wanted == state);
    }
    left.peek().is_none()
}

#[test]
fn who_joins_and_who_leaves_is_there_at_once_with_a_word() {
    let cluster = Cluster::new(141);
    let watched = started(&cluster, "2", &[]);
    cluster.succeed(&["node", "start", "s3"]);
    let joined = watched.event("joined", "s3", PROMPT);
    watched.node_is("s3", "serves", PROMPT);
    watched.sentence("3 of 3 nodes serve", PROMPT);
    assert!(joined.text.contains(&cluster.address(103)), "{joined:?}");
    cluster.succeed(&["node", "stop", "s3"]);
    watched.node_is("s3", "left", PROMPT);
    watched.event("left", "s3", PROMPT);
    watched.sentence("2 of 2 nodes serve", PROMPT);
    let states = watched.states("s3");
    assert!(is_in_order(&states, &["serves", "left"]), "{states:?}");
    for bad in ["died", "lost", "silent"] {
        assert!(!states.contains(&bad.to_owned()), "{states:?}");
    }
    let tile = watched
        .browser
        .text("document.querySelector('#node-s3').textContent");
    assert!(tile.contains("left"), "{tile}");
    // It comes back, and is as any other.
    watched.forget();
    cluster.succeed(&["node", "start", "s3"]);
    watched.node_is("s3", "serves", PROMPT);
}

#[test]
fn who_is_killed_falls_silent_is_lost_and_dies_and_has_never_left() {
    let cluster = Cluster::new(142);
    let watched = started(&cluster, "3", &[("NODES_HOLD", "2s")]);
    cluster.succeed(&["node", "kill", "s3"]);
    let silent = watched.node_is("s3", "silent", PROMPT);
    assert!(silent.text.contains("does not answer"), "{silent:?}");
    watched.sentence("2 of 3", PROMPT);
    watched.event("lost", "s3", FAILURE);
    watched.node_is("s3", "died", SOON);
    watched.event("died", "s3", PROMPT);
    let states = watched.states("s3");
    assert!(is_in_order(&states, &["silent", "died"]), "{states:?}");
    assert!(!states.iter().any(|state| state == "left"), "{states:?}");

    let reload = cluster
        .full_reload(&program("haproxy-reload"))
        .output()
        .unwrap();
    assert!(reload.status.success(), "{reload:?}");
    let page = cluster.service_pid("ha", "page").unwrap();
    send(page, SIGKILL);
    wait_for("another page", SOON, || {
        cluster.service_pid("ha", "page").filter(|pid| *pid != page)
    });
    let again = Watched::of(&cluster);
    for watched in [&watched, &again] {
        watched.is_live(PATIENCE);
        watched.event("died", "s3", PROMPT);
        assert_eq!(watched.states("s3").last().unwrap(), "died");
        watched.sentence("2 of 2 nodes serve", PROMPT);
        let all = watched.all();
        assert!(!all.iter().any(|it| it.state == "left"), "{all:#?}");
    }
}

#[test]
fn where_too_many_are_lost_at_once_the_page_says_what_a_person_can_run() {
    let cluster = Cluster::new(143);
    let watched = started(&cluster, "4", &[]);
    let (names, nodes) = (["s2", "s3", "s4"], cluster.file("ha", "nodes"));
    for name in names {
        cluster.succeed(&["node", "kill", name]);
    }
    watched.sentence("1 of 4", PROMPT);
    wait_for("all three to be lost", FAILURE, || {
        // Serf finds that they are lost one by one. None may be given up before it has found
        // the last.
        set_lost_since(&nodes, Duration::ZERO);
        (lost(&nodes) == names).then_some(())
    });
    set_lost_since(&nodes, EXPIRED);
    let told = watched.sentence("NODES_MAX_LOST", SOON);
    let code = watched
        .browser
        .text("document.querySelector('#sentence code').textContent");
    assert!(code.contains("NODES_MAX_LOST"), "{code} {told:?}");
    assert_eq!(
        watched
            .browser
            .text("document.querySelector('#sentence').dataset.level"),
        "bad"
    );
    for name in names {
        watched.node_is(name, "held", PROMPT);
    }
    watched.event("held", "s", PROMPT);
    assert_eq!(watched.states("s1"), ["serves"]);
}

pub(super) fn replace_in(template: &Path, old: &str, new: &str) {
    let text = std::fs::read_to_string(template).unwrap();
    assert!(text.contains(old), "{text}");
    files::replace(template, text.replace(old, new).as_bytes(), Unsynced).unwrap();
}

#[test]
fn a_template_that_breaks_is_told_with_step_and_reason_until_it_is_mended() {
    let cluster = Cluster::new(144);
    let own = harness::scratch();
    let template = own.path().join("haproxy.cfg.tera");
    let shipped = std::fs::read(root().join("ha/config/haproxy.cfg.tera")).unwrap();
    files::replace(&template, &shipped, Unsynced).unwrap();
    let path = template.to_str().unwrap();
    let watched = started(&cluster, "2", &[("HAPROXY_TEMPLATE", path)]);
    replace_in(&template, "mode http\n", "mode gopher\n");
    let sync = ["node", "run", "ha", "member-event", "sync"];
    let output = cluster.run_script(&sync);
    assert_eq!(output.status.code(), Some(100), "{output:?}");
    let failed = watched.event("failed", "haproxy-gen", PROMPT);
    assert!(failed.text.contains("gopher"), "{failed:?}");
    let sentence = watched.sentence("haproxy-gen", PROMPT);
    assert!(sentence.text.contains("since"), "{sentence:?}");
    watched.first("the box of haproxy.cfg to be marked", PROMPT, |it| {
        it.what == "box" && it.id == "box-config" && it.state == "bad"
    });
    for name in ["s1", "s2"] {
        assert_eq!(watched.states(name).last().unwrap(), "serves");
    }
    watched.forget();
    replace_in(&template, "mode gopher\n", "mode http\n");
    cluster.succeed(&sync);
    watched.event("mended", "haproxy-gen", PROMPT);
    watched.sentence("2 of 2 nodes serve", PROMPT);
    watched.first("the box of haproxy.cfg to be well", PROMPT, |it| {
        it.what == "box" && it.id == "box-config" && it.state == "well"
    });
}

#[test]
fn a_member_that_cannot_be_a_node_has_a_tile_with_the_reason() {
    let cluster = Cluster::new(145);
    let denied = cluster.address(120);
    let watched = started(&cluster, "2", &[("NODES_DENY", &denied)]);
    cluster.launch("s9", &denied).unwrap();
    let refused = watched.node_is("s9", "refused", SOON);
    assert!(
        refused.text.contains("denied") && refused.text.contains(&denied),
        "{refused:?}"
    );
    watched.event("refused", "s9", PROMPT);
    assert_eq!(watched.states("s1"), ["serves"]);
    cluster.succeed(&["node", "stop", "s9"]);
    watched.node_is("s9", "gone", SOON);
}

#[test]
fn a_service_that_dies_is_shown_with_its_restarts() {
    let cluster = Cluster::new(146);
    let watched = started(&cluster, "2", &[]);
    let restarts = "document.querySelector('#service-hangup').textContent";
    let before = watched.browser.text(restarts);
    send(cluster.service_pid("ha", "hangup").unwrap(), SIGKILL);
    let other = format!("{restarts}.includes('1') && {restarts} !== {before:?}");
    watched
        .browser
        .wait_until("the restart to be counted", SOON, &other);
    let up = "document.querySelector('#service-hangup').dataset.state === 'up'";
    watched.browser.wait_until("it to be up again", SOON, up);
    assert_eq!(watched.browser.run(LOOK), json!([]));
}

#[test]
fn another_balancer_is_shown_with_whether_it_agrees() {
    let cluster = Cluster::new(147);
    let watched = started(&cluster, "2", &[]);
    let hidden = "!document.querySelector('#balancers').checkVisibility()";
    watched
        .browser
        .wait_until("no other balancer to be shown", PROMPT, hidden);
    cluster.succeed(&["node", "balancer", "hb", &cluster.address(43)]);
    let agrees = "document.querySelector('#balancer-hb')?.dataset.agrees === 'yes'";
    watched.browser.wait_until("the two to agree", SOON, agrees);
    // Nobody runs its chain any more, and somebody else has put a file into its folder.
    let watch = cluster.file("hb", "services/watch");
    let down = Command::new(program("svc")).arg("-d").arg(watch).status();
    assert!(down.unwrap().success());
    let stray = cluster.file("hb", "nodes/s9");
    let line = format!("s9 {}\n", cluster.address(109));
    files::replace(&stray, line.as_bytes(), Unsynced).unwrap();
    let differs = "document.querySelector('#balancer-hb')?.dataset.agrees === 'no'";
    watched.browser.wait_until("them to differ", SOON, differs);
}
