//! A picture of a real run: for `scripts/picture`.

use std::time::Duration;

use harness::cluster::{Cluster, FAILURE, SOON};
use harness::load;
use harness::wait::pass;

use super::browser::{Browser, Look, PATIENCE};
use super::events::started;

/// How long the lines of a tile are, so that they are whole in the picture.
const MINUTE: Duration = Duration::from_secs(60);

#[test]
#[ignore = "it takes minutes, and makes a picture: scripts/picture"]
fn five_nodes_of_which_one_has_just_left_and_one_is_lost() {
    let cluster = Cluster::new(148);
    let watched = started(&cluster, "5", &[("NODES_HOLD", "1h")]);
    let load = load::start(cluster.front(), 60);
    pass(MINUTE);
    cluster.succeed(&["node", "kill", "s4"]);
    watched.event("lost", "s4", FAILURE);
    cluster.succeed(&["node", "stop", "s5"]);
    watched.node_is("s5", "left", SOON);
    // One that has just been opened shows it as anybody sees it.
    let browser = Browser::open(Look::WIDE);
    browser.go(&watched.browser.text("location.href"));
    let live = "document.documentElement.dataset.live === 'live'";
    browser.wait_until("the page to be live", PATIENCE, live);
    pass(Duration::from_secs(3));
    load.stop();
    // Below are the starts of the cluster itself.
    browser.picture_down_to("page", "#services");
}
