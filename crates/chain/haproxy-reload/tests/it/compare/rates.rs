//! How often each HAProxy checks its servers, as these see it.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::Duration;

use super::sites::{Sites, Visits};

/// The line by which a site sees which HAProxy visits it.
pub(crate) const OWN_SOURCE: &str = "source \"${HAPROXY_ADDRESS}\"";
/// How long visits are counted. Most checks are made every 50 to 200 ms.
const WINDOW: Duration = Duration::from_millis(800);
/// How often they are counted anew, since a busy machine is late with some checks.
const TRIES: usize = 3;

/// Compares how often the two visit each site, if that can be seen.
pub(crate) fn compare(sites: &Sites, config: &str) -> Option<String> {
    if !config.contains(OWN_SOURCE) {
        return None;
    }
    let mut found = None;
    for _ in 0..TRIES {
        sites.visits();
        harness::wait::pass(WINDOW);
        found = difference(&sites.visits(), [1, 2].map(|last| sites.address(last)));
        found.as_ref()?;
    }
    found
}

fn difference(visits: &Visits, [old, new]: [Ipv4Addr; 2]) -> Option<String> {
    let ports: BTreeSet<(u8, u16)> = visits
        .keys()
        .map(|(site, port, _)| (*site, *port))
        .collect();
    ports.into_iter().find_map(|(site, port)| {
        let count = |from| visits.get(&(site, port, from)).copied().unwrap_or(0);
        let (old, new) = (count(old), count(new));
        let is_close = old.max(new) <= 2 * old.min(new) + 3;
        (!is_close).then(|| {
            format!(
                "the port {port} of site {site} is visited {old} times, by a new one {new} times"
            )
        })
    })
}

#[test]
fn who_visits_far_more_often_is_found() {
    let ips = [1, 2].map(|last| Ipv4Addr::new(127, 0, 0, last));
    let visits = |old, new| Visits::from([((1, 3000, ips[0]), old), ((1, 3000, ips[1]), new)]);
    assert_eq!(difference(&visits(8, 5), ips), None);
    assert_eq!(difference(&visits(0, 3), ips), None);
    assert!(difference(&visits(8, 1), ips).is_some());
    assert!(difference(&visits(0, 4), ips).is_some());
}
