//! The stream of differences: a page that gets none says so, and heals by itself.

use std::time::Duration;

use nix::sys::signal::Signal::{SIGCONT, SIGSTOP};

use super::browser::PATIENCE;
use super::fake::Fake;
use super::seen::Watched;

/// Ten times what it takes at most.
const STALE: Duration = Duration::from_secs(30);

fn is_stale(watched: &Watched) {
    let stale = "document.documentElement.dataset.live === 'stale' && \
                 document.querySelector('#stale').checkVisibility()";
    watched
        .browser
        .wait_until("the page to say that it is stale", STALE, stale);
}

fn heals(watched: &Watched) {
    watched.is_live(STALE);
    let hidden = "!document.querySelector('#stale').checkVisibility()";
    watched
        .browser
        .wait_until("it to say so no longer", STALE, hidden);
}

/// How colourful the first tile is, and how strongly it is drawn.
fn drawn(watched: &Watched) -> String {
    watched.browser.text(
        "(() => {
             let seen = '';
             for (let it = document.querySelector('#nodes > li'); it; it = it.parentElement) {
                 const style = getComputedStyle(it);
                 seen += `${style.filter} ${style.opacity} ${style.color};`;
             }
             return seen;
         })()",
    )
}

#[test]
fn a_page_whose_server_is_gone_greys_out_and_heals_by_itself() {
    let mut fake = Fake::new(21, 3).started();
    let watched = Watched::open(&fake.url());
    let before = drawn(&watched);
    fake.stop();
    is_stale(&watched);
    let grey =
        "document.querySelector('#nodes > li').getAnimations({ subtree: true }).length === 0";
    watched.browser.wait_until("it to be drawn", PATIENCE, grey);
    assert_ne!(drawn(&watched), before);
    watched.browser.picture("stale");
    // What it says is what it was, and that it is old.
    assert!(
        watched
            .browser
            .text("document.querySelector('#nodes').textContent")
            .contains("web-0001")
    );
    fake.is(2, "DOWN");
    fake.start();
    heals(&watched);
    watched.node_is("web-0002", "silent", PATIENCE);
}

#[test]
fn a_page_whose_stream_stands_still_says_so() {
    let fake = Fake::new(22, 3).started();
    let watched = Watched::open(&fake.url());
    fake.page().signal(SIGSTOP);
    is_stale(&watched);
    fake.page().signal(SIGCONT);
    heals(&watched);
}

#[test]
fn the_seventh_tab_loads_and_a_tab_that_is_shown_again_is_up_to_date() {
    let fake = Fake::new(23, 3).started();
    let watched = Watched::open(&fake.url());
    let browser = &watched.browser;
    let mut tabs = vec![browser.handle()];
    for _ in 0..7 {
        tabs.push(browser.tab());
        browser.go(&fake.url());
        watched.is_live(PATIENCE);
    }
    fake.is(1, "DOWN");
    let silent = "document.querySelector('#node-web-0001').dataset.state === 'silent'";
    browser.wait_until("the last tab to show it", PATIENCE, silent);
    for tab in tabs.iter().rev() {
        browser.go_on_in(tab);
        watched.is_live(PATIENCE);
        browser.wait_until("this tab to show it", PATIENCE, silent);
    }
}
