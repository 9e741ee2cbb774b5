//! How the page looks, by day and by night, on a desk and on a telephone; and that whoever
//! cannot see it, or has no mouse, gets the same.

use serde_json::json;

use super::browser::{Browser, Look, PATIENCE};
use super::fake::{Fake, address_of, now};

/// What is wrong with how a page is shown.
pub(super) const LOOK: &str = include_str!("look.js");

/// A balancer with one of everything, whose name is said in the sentence.
fn eventful(host: u8, nodes: u64) -> Fake {
    let fake = Fake::new(host, nodes);
    let name = |number: u64| format!("web-{number:04}");
    let since = now() - 3.0;
    let why = "it has failed";
    fake.is(2, "DOWN");
    fake.is(3, "DOWN");
    fake.state(&json!({
        "members": { "alive": nodes, "failed": 1, "left": 2 },
        "lost": { name(3): { "since": since, "until": since + 3600.0, "why": why } },
        "refused": [{
            "name": "a-node-with-a-name-of-sixty-three-characters-which-is-the-most-1",
            "address": "203.0.113.7",
            "why": "203.0.113.7 is outside of --allow 10.0.0.0/8, 192.168.0.0/16",
        }],
        "refused_all": 1,
    }));
    let (lost, gone) = (name(3), name(nodes + 1));
    fake.did(
        200.0,
        "haproxy-gen",
        &json!({
            "code": 100,
            "error": "check what /config/haproxy.cfg.tera renders: HAProxy refuses it, and the old \
                      /etc/haproxy/haproxy.cfg stays:\n  parsing [line 19] : unknown proxy mode \
                      'gopher'.\n    19 |     mode gopher",
        }),
    );
    fake.did(150.0, "haproxy-gen", &json!({ "after": 50.0 }));
    fake.did(
        120.0,
        "haproxy-reload",
        &json!({
            "reload": "only a reload changes defaults: timeout client", "kind": "changed",
        }),
    );
    fake.did(
        60.0,
        "serf-nodes",
        &json!({
            "left": [gone], "at": { gone: address_of(nodes + 1) },
        }),
    );
    fake.did(
        3.0,
        "serf-nodes",
        &json!({ "lost": [lost], "why": { lost: why } }),
    );
    fake.started()
}

fn browser_at(fake: &Fake, look: Look) -> Browser {
    let browser = Browser::open(look);
    browser.go(&fake.url());
    let live = "document.documentElement.dataset.live === 'live'";
    browser.wait_until("the page to be live", PATIENCE, live);
    browser
}

fn looks_good(fake: &Fake, nodes: u64) {
    let browser = browser_at(fake, Look::WIDE);
    let mut wrong = Vec::new();
    for look in Look::ALL {
        browser.look(look);
        // What changes step by step is at its end.
        browser.run(
            "for (const it of document.getAnimations()) {
                 if (it.effect.getComputedTiming().endTime < Infinity) it.finish();
             }",
        );
        let name = look.name();
        browser.picture(&format!("{nodes}-nodes-{name}"));
        let found = browser.run(LOOK);
        let found = found.as_array().unwrap().iter();
        wrong.extend(found.map(|it| format!("{name}: {}", it.as_str().unwrap())));
    }
    assert!(wrong.is_empty(), "{nodes} nodes: {wrong:#?}");
}

#[test]
fn a_page_of_three_nodes_looks_good_everywhere() {
    looks_good(&eventful(1, 3), 3);
}

#[test]
fn a_page_of_sixty_tiles_looks_good_everywhere() {
    // One more has left, and one is refused.
    looks_good(&eventful(2, 58), 60);
}

#[test]
fn a_page_of_a_thousand_nodes_looks_good_everywhere() {
    let fake = eventful(3, 1000);
    looks_good(&fake, 1000);
    let browser = browser_at(&fake, Look::WIDE);
    let shown = |what: &str| browser.text(&format!("document.querySelectorAll('{what}').length"));
    assert_eq!(
        browser.text("document.querySelector('#nodes').dataset.layout"),
        "squares"
    );
    assert_eq!(shown("#nodes > li[data-state=serves]"), "998");
    // The worst are first, and a name finds its node.
    let first = "document.querySelector('#nodes > li').dataset.state";
    assert_ne!(browser.text(first), "serves");
    browser.run(
        "const filter = document.querySelector('#filter');
         filter.value = 'web-0777';
         filter.dispatchEvent(new Event('input', { bubbles: true }))",
    );
    let only = "[...document.querySelectorAll('#nodes > li')].filter((it) => it.checkVisibility())\
                .map((it) => it.dataset.name).join() === 'web-0777'";
    browser.wait_until("one node to be shown", PATIENCE, only);
    let height = browser.run("return document.documentElement.scrollHeight");
    assert!(height.as_f64().unwrap() < 4000.0, "{height}");
}

#[test]
fn a_page_without_nodes_says_so() {
    let fake = Fake::new(4, 0).started();
    let browser = browser_at(&fake, Look::WIDE);
    let found = browser.run(LOOK);
    assert_eq!(found, json!([]));
    let sentence = browser.text("document.querySelector('#sentence').textContent");
    assert!(sentence.to_lowercase().contains("no node"), "{sentence}");
}

#[test]
fn without_script_the_page_is_whole_at_its_load_event() {
    let fake = eventful(5, 3);
    let browser = Browser::open(Look::WIDE);
    browser.allow_scripts(false);
    browser.go(&fake.url());
    assert_eq!(
        browser.text("document.documentElement.dataset.live"),
        "still"
    );
    let text = browser.text("document.body.innerText");
    for word in [
        "web-0001",
        "web-0002",
        "does not answer",
        "gopher",
        "10.0.0.2",
    ] {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert_eq!(
        browser.text("document.querySelector('#stale').checkVisibility()"),
        "false"
    );
    assert_eq!(browser.run(LOOK), json!([]));
    browser.picture("without-script");
}

#[test]
fn who_wants_no_motion_sees_none() {
    let fake = eventful(6, 3);
    let browser = browser_at(&fake, Look::WIDE);
    browser.prefer(&[("prefers-reduced-motion", "reduce")]);
    let moves = browser.run(
        "const seconds = (text) => text.split(',').map(parseFloat).some((it) => it > 0.01);
         return [...document.querySelectorAll('*')].filter((it) => {
             const style = getComputedStyle(it);
             return (style.animationName !== 'none' && seconds(style.animationDuration)) ||
                 (style.transitionProperty !== 'none' && seconds(style.transitionDuration));
         }).map((it) => it.outerHTML.slice(0, 80)).slice(0, 5)",
    );
    assert_eq!(moves, json!([]));
}
