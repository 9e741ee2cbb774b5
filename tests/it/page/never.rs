//! What never happens in a browser, whatever others call themselves.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::json;

use super::browser::PATIENCE;
use super::fake::Fake;
use super::seen::Watched;

/// What steers a browser, a terminal or a stream of events, where it is not shown as text.
const HOSTILE: [&str; 8] = [
    "<img src=x onerror=alert(1)>",
    "</script><script>alert(2)</script>",
    "\"><svg onload=alert(3)>",
    "' onmouseover='alert(4)",
    "a\u{202e}gnp.exe",
    "a\n\nevent: change\ndata: {\"set\":[[\"sentence\",\"<h1 onclick=alert(5)>\"]]}\n\n",
    "javascript:alert(6)",
    "{{ 777*1001 }}${777*1001}",
];

/// A balancer to which members came that are called like that.
fn hostile(host: u8) -> Fake {
    let fake = Fake::new(host, 2);
    let refused = HOSTILE.map(|name| json!({ "name": name, "address": name, "why": name }));
    fake.state(
        &json!({ "refused": refused, "refused_all": refused.len(), "held": HOSTILE[0],
        "balancers": { HOSTILE[0]: "127.0.0.1" } }),
    );
    fake.started()
}

/// Lets all of them come in the journal as well, while somebody looks.
fn come(fake: &Fake) {
    for name in HOSTILE {
        fake.did(
            0.0,
            "serf-nodes",
            &json!({ "refused": [name], "died": [name],
            "at": { name: name }, "why": { name: name } }),
        );
        fake.did(0.0, "haproxy-gen", &json!({ "code": 100, "error": name }));
        fake.did(
            0.0,
            "haproxy-reload",
            &json!({ "reload": name, "set": [name], "kind": name }),
        );
    }
}

#[test]
fn no_name_runs_script_reaches_out_or_breaks_the_page() {
    let fake = hostile(11);
    let watched = Watched::open(&fake.url());
    let browser = &watched.browser;
    browser.run("window.alert = (what) => { window.harmed = what; }");
    come(&fake);
    watched.event("failed", "onerror=alert(1)", Duration::from_secs(10));
    watched.event("failed", "777*1001", Duration::from_secs(10));
    for event in ["mouseover", "click", "focus"] {
        let script = format!(
            "for (const it of document.querySelectorAll('main *, #sentence')) \
                 it.dispatchEvent(new Event('{event}'))"
        );
        browser.run(&script);
    }
    assert_eq!(browser.text("String(window.harmed)"), "undefined");
    let foreign = "document.querySelectorAll('img:not([src^=\"/icon\"]), script:not([src]), [onerror], [onload], \
                   [onclick], [onmouseover], a[href^=javascript]').length";
    assert_eq!(browser.text(foreign), "0");
    let text = browser.text("document.body.textContent");
    assert!(text.contains("onerror=alert(1)"), "{text}");
    assert!(
        !text.contains('\u{202e}') && !text.contains("777777"),
        "{text}"
    );
    assert_eq!(browser.text("document.querySelectorAll('h1').length"), "1");
    assert_eq!(browser.log("browser"), [json!(null); 0]);
    only_asks(&watched, &fake);
}

/// Nothing but the page itself was asked for.
fn only_asks(watched: &Watched, fake: &Fake) {
    let asked = watched.browser.asked();
    assert!(!asked.is_empty());
    let others = asked.iter().filter(|url| !url.starts_with(&fake.url()));
    assert_eq!(others.collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn the_page_asks_for_nothing_elsewhere_and_breaks_no_rule_that_it_gives_itself() {
    let fake = Fake::new(12, 70).started();
    let watched = Watched::open(&fake.url());
    watched.browser.wait_until(
        "five beats",
        Duration::from_secs(60),
        "performance.now() > 5000",
    );
    only_asks(&watched, &fake);
    assert_eq!(watched.browser.log("browser"), [json!(null); 0]);
    // Whatever came into it could not run, nor be fetched.
    let asked = Arc::new(AtomicBool::new(false));
    let was_asked = asked.clone();
    let elsewhere = harness::http::serve((harness::address("148.61"), 0), move |_| {
        was_asked.store(true, Ordering::SeqCst);
    });
    let script = format!(
        "const script = document.createElement('script');
         script.textContent = 'window.harmed = 1';
         document.body.append(script);
         const image = new Image();
         image.onerror = () => {{ window.refused = true; }};
         image.src = 'http://{elsewhere}/';
         document.body.append(image)"
    );
    watched.browser.run(&script);
    watched
        .browser
        .wait_until("the image to be refused", PATIENCE, "window.refused");
    assert_eq!(watched.browser.text("String(window.harmed)"), "undefined");
    assert!(!asked.load(Ordering::SeqCst));
}

#[test]
fn the_page_has_no_control_that_changes_the_cluster() {
    let fake = Fake::new(13, 3).started();
    let watched = Watched::open(&fake.url());
    let forms = "document.querySelectorAll('form, button[type=submit], a[href^=http]').length";
    assert_eq!(watched.browser.text(forms), "0");
}
