//! Which requests may fail because of what has happened: docs/silent-nodes.md and
//! docs/operations.md say what each fault costs.

use std::time::Duration;

use harness::load::Mishap;

use super::plan::{BALANCERS, Fault, PAUSE};

/// Between the moment that something happens and the one that is noted, on a busy machine.
const SKEW: Duration = Duration::from_millis(200);
/// What was under way when a node died is lost until then: the balancer hears of it at once.
const AT_ONCE: Duration = Duration::from_secs(1);
/// A node that is reached again, and a connection that is made again: the kernel may ask for
/// the address for a second, and a check comes every 0.6 s.
const AGAIN: Duration = Duration::from_secs(3);
/// A HAProxy that is killed serves again: it starts, and checks nodes that have died.
const RESTART: Duration = Duration::from_secs(8);
/// A request that waits for a silent node which nobody has given up: as long as the client
/// does.
const PATIENCE: Duration = Duration::from_secs(11);

/// A fault that happened, in times from the beginning of the round.
#[derive(Clone, Copy, Debug)]
pub(super) struct Happened {
    pub(super) host: u8,
    pub(super) fault: Fault,
    pub(super) from: Duration,
    pub(super) until: Duration,
}

/// Which requests a fault is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Requests {
    /// Those that are sent once only.
    Posts,
    All,
}

/// What explains that requests fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Excuse {
    /// `None` is both.
    balancer: Option<u8>,
    requests: Requests,
    from: Duration,
    until: Duration,
}

impl Excuse {
    fn new(
        happened: &Happened,
        balancer: Option<u8>,
        requests: Requests,
        longer: Duration,
    ) -> Self {
        Self {
            balancer,
            requests,
            from: happened.from,
            until: happened.until + longer,
        }
    }

    /// Whether it explains that a request of this balancer failed.
    pub(super) fn explains(&self, balancer: u8, method: &str, mishap: &Mishap) -> bool {
        self.balancer.is_none_or(|it| it == balancer)
            && (self.requests == Requests::All || method == "POST")
            && mishap.due <= self.until
            && mishap.due + mishap.took + SKEW >= self.from
    }
}

/// What explains failures in a round in which all this has happened. `reloaded` are the
/// balancers whose HAProxy has been reloaded: an old worker waits for silent nodes.
pub(super) fn excuses(happened: &[Happened], reloaded: &[u8]) -> Vec<Excuse> {
    let own = happened.iter().filter_map(|it| of_itself(happened, it));
    let waits = BALANCERS.into_iter().flat_map(|balancer| {
        let silent = happened.iter().filter(|it| is_silent(it));
        let unheard = silent.filter(move |silent| {
            reloaded.contains(&balancer) || has_no_hangup(happened, balancer, silent)
        });
        unheard.map(move |it| Excuse::new(it, Some(balancer), Requests::All, PATIENCE))
    });
    own.chain(waits).collect()
}

fn of_itself(all: &[Happened], it: &Happened) -> Option<Excuse> {
    let is_balancer = BALANCERS.contains(&it.host);
    let (balancer, requests, longer) = match it.fault {
        Fault::CableCut if is_balancer => (Some(it.host), Requests::All, AGAIN),
        Fault::Frozen("worker") => (Some(it.host), Requests::All, AGAIN),
        Fault::Killed("ha" | "worker") => {
            let until = file_trouble(all, it).unwrap_or(it.until);
            let longer = until.saturating_sub(it.until) + RESTART;
            (Some(it.host), Requests::All, longer)
        }
        _ if is_balancer => return None,
        Fault::Dies | Fault::Killed("webapp") | Fault::AnyKilled(_) => {
            (None, Requests::Posts, AT_ONCE)
        }
        _ if is_silent(it) => (None, Requests::Posts, AGAIN),
        _ => return None,
    };
    Some(Excuse::new(it, balancer, requests, longer))
}

/// Whether nodes say nothing meanwhile, and for so long that their requests are ended.
fn is_silent(it: &Happened) -> bool {
    let node = !BALANCERS.contains(&it.host);
    match it.fault {
        Fault::CableCut => node,
        Fault::SwitchesApart => true,
        Fault::Frozen("webapp") => it.until > it.from + PAUSE,
        _ => false,
    }
}

/// When a HAProxy can start that could not at the time of `it`, for want of files or of room.
fn file_trouble(all: &[Happened], it: &Happened) -> Option<Duration> {
    let hinders = |fault: Fault| match fault {
        Fault::Unreadable(file) => file.starts_with("haproxy"),
        other => other == Fault::DiskFull,
    };
    let same = all
        .iter()
        .filter(|other| other.host == it.host && hinders(other.fault));
    let meets = same.filter(|other| other.from <= it.until + RESTART && other.until >= it.from);
    meets.map(|other| other.until).max()
}

/// Whether `haproxy-hangup` may not have run while nodes were silent.
fn has_no_hangup(all: &[Happened], balancer: u8, silent: &Happened) -> bool {
    all.iter().any(|it| {
        it.host == balancer
            && matches!(
                it.fault,
                Fault::Killed("hangup") | Fault::Frozen("hangup" | "init") | Fault::AnyKilled(_)
            )
            && it.from <= silent.until + AGAIN
            && it.until + AGAIN >= silent.from
    })
}

#[cfg(test)]
mod tests {
    use harness::http::Failure;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn happened(host: u8, fault: Fault, from: u32, until: u32) -> Happened {
        Happened {
            host,
            fault,
            from: SECOND * from,
            until: SECOND * until,
        }
    }

    fn is_explained(excuses: &[Excuse], balancer: u8, method: &str, due: u32, took: u32) -> bool {
        let mishap = Mishap {
            due: SECOND * due,
            took: SECOND * took,
            failure: Failure::Status(502),
        };
        let mut excuses = excuses.iter();
        excuses.any(|it| it.explains(balancer, method, &mishap))
    }

    #[test]
    fn a_node_that_is_killed_explains_the_posts_in_flight_and_no_get() {
        let excuses = excuses(&[happened(3, Fault::Dies, 5, 5)], &[]);
        assert!(is_explained(&excuses, 42, "POST", 4, 1));
        assert!(is_explained(&excuses, 43, "POST", 5, 0));
        assert!(!is_explained(&excuses, 42, "POST", 3, 1));
        assert!(!is_explained(&excuses, 42, "POST", 7, 1));
        assert!(!is_explained(&excuses, 42, "GET", 5, 0));
    }

    #[test]
    fn a_node_that_leaves_or_pauses_explains_nothing() {
        let faults = [
            happened(3, Fault::Leaves, 5, 9),
            happened(4, Fault::Frozen("webapp"), 5, 6),
            happened(42, Fault::TemplateBroken(1), 5, 9),
            happened(43, Fault::DiskFull, 5, 9),
            happened(42, Fault::Killed("serf"), 5, 5),
        ];
        assert_eq!(excuses(&faults, &[42]), []);
    }

    #[test]
    fn a_haproxy_that_is_killed_explains_its_own_requests_alone_until_it_serves_again() {
        let killed = happened(42, Fault::Killed("ha"), 5, 5);
        let alone = excuses(&[killed], &[]);
        assert!(is_explained(&alone, 42, "GET", 6, 0));
        assert!(!is_explained(&alone, 43, "GET", 6, 0));
        assert!(!is_explained(&alone, 42, "GET", 20, 0));
        let trouble = happened(42, Fault::Unreadable("haproxy"), 3, 14);
        let longer = excuses(&[trouble, killed], &[]);
        assert!(is_explained(&longer, 42, "GET", 20, 0));
        let template = happened(42, Fault::TemplateBroken(3), 3, 14);
        let no_longer = excuses(&[template, killed], &[]);
        assert!(!is_explained(&no_longer, 42, "GET", 20, 0));
    }

    #[test]
    fn a_silent_node_explains_a_get_only_where_its_requests_are_not_ended() {
        let silent = happened(3, Fault::CableCut, 5, 9);
        let heard = excuses(&[silent], &[]);
        assert!(is_explained(&heard, 42, "POST", 5, 2));
        assert!(!is_explained(&heard, 42, "GET", 5, 2));
        let reloaded = excuses(&[silent], &[43]);
        assert!(is_explained(&reloaded, 43, "GET", 5, 10));
        assert!(!is_explained(&reloaded, 42, "GET", 5, 10));
        let unended = excuses(&[silent, happened(42, Fault::Frozen("hangup"), 4, 8)], &[]);
        assert!(is_explained(&unended, 42, "GET", 5, 10));
        assert!(!is_explained(&unended, 43, "GET", 5, 10));
    }
}
