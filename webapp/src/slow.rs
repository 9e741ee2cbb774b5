//! Delays that people set to see how a balancer takes slow nodes, and whom they slow down.
//!
//! Whoever reaches the node itself slows it for everybody, as the lab wants it. A visitor whom a
//! balancer has sent slows only what he asks for himself: one client would otherwise take away
//! all nodes from all others.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::HeaderMap;
use lru::LruCache;

/// No balancer waits longer. A typing error must not make a node look dead for ever.
const LONGEST: u32 = 60 * 60 * 1000;
/// The longest delay of a visitor: a slow answer and not a lost one, since each balancer waits
/// longer. Visitors that come through a proxy share its address, and so the delay of one of them.
const LONGEST_OF_CLIENT: u32 = 10 * 1000;
/// So long does it hold.
const LASTS: Duration = Duration::from_secs(5 * 60);
/// So many clients with a delay are known.
const MOST_CLIENTS: usize = 1_000;
/// So many requests of one client wait at a time for the delay that it has set.
pub(crate) const MOST_OF_CLIENT: u32 = 8;
/// So many requests wait at a time for such delays in all.
const MOST_OF_CLIENTS: u32 = 256;
/// So many requests wait at a time in all, also where the node itself is slow. Each holds a
/// connection and a few kilobytes.
const MOST: u32 = 2_000;

/// HAProxy adds the client's address at its end; what comes before that a client can make up.
const FORWARDED_FOR: &str = "x-forwarded-for";
/// What balancers add. A client that makes one up is slowed alone, too.
const FORWARDED: [&str; 4] = [
    FORWARDED_FOR,
    "x-forwarded-port",
    "x-forwarded-proto",
    "forwarded",
];

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asker {
    /// Somebody who reaches the node itself.
    Direct,
    /// A visitor whom a balancer has sent, by its address; by none where that is not told.
    Client(IpAddr),
}

/// Why a request is not held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Too many of the client's own requests wait.
    OfClient,
    /// Too many requests wait in all.
    OfAll,
}

#[derive(Default)]
pub(crate) struct Slow(Mutex<State>);

struct State {
    node: u32,
    clients: LruCache<IpAddr, Client>,
    /// How many requests wait for delays of clients, and in all.
    of_clients: u32,
    all: u32,
}

struct Client {
    delay: u32,
    since: Instant,
    waiting: u32,
}

/// A request that waits; its place is free again when this is dropped.
pub(crate) struct Held {
    pub(crate) delay: Duration,
    slow: Arc<Slow>,
    client: Option<IpAddr>,
}

impl Asker {
    pub(crate) fn of(headers: &HeaderMap) -> Asker {
        if !FORWARDED.iter().any(|name| headers.contains_key(*name)) {
            return Asker::Direct;
        }
        let last = headers.get_all(FORWARDED_FOR).iter().next_back();
        let last = last.and_then(|it| it.to_str().ok()?.rsplit(',').next());
        let ip = last.and_then(|it| it.trim().parse::<IpAddr>().ok());
        let unknown = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        Asker::Client(ip.map_or(unknown, |ip| ip.to_canonical()))
    }

    /// The longest delay that it can set, in milliseconds.
    pub(crate) fn longest(self) -> u32 {
        match self {
            Asker::Direct => LONGEST,
            Asker::Client(_) => LONGEST_OF_CLIENT,
        }
    }
}

impl Default for State {
    fn default() -> Self {
        Self {
            node: 0,
            // A cache with a bound would allocate room for all clients at once.
            clients: LruCache::unbounded(),
            of_clients: 0,
            all: 0,
        }
    }
}

impl Slow {
    /// Sets the delay of the node, or that of a client, in milliseconds.
    pub(crate) fn set(&self, asker: Asker, delay: u32, now: Instant) {
        let mut state = self.state();
        let ip = match asker {
            Asker::Direct => {
                state.node = delay;
                return;
            }
            Asker::Client(ip) => ip,
        };
        let waiting = state.clients.peek(&ip).map_or(0, |client| client.waiting);
        if delay == 0 && waiting == 0 {
            state.clients.pop(&ip);
            return;
        }
        let client = Client {
            delay,
            since: now,
            waiting,
        };
        state.clients.put(ip, client);
        if state.clients.len() > MOST_CLIENTS {
            state.clients.pop_lru();
        }
    }

    /// How long a request has to wait, if it has to; or why it is not let to.
    pub(crate) fn hold(
        self: &Arc<Self>,
        asker: Asker,
        now: Instant,
    ) -> Result<Option<Held>, Refusal> {
        let mut state = self.state();
        let ip = match asker {
            Asker::Direct => None,
            Asker::Client(ip) => Some(ip),
        };
        let own = ip.and_then(|ip| state.clients.peek(&ip));
        let own = own.filter(|it| now.saturating_duration_since(it.since) < LASTS);
        let own = own.map_or((0, 0), |it| (it.delay, it.waiting));
        let (delay, client) = match own {
            (delay, waiting) if delay > state.node => {
                if waiting >= MOST_OF_CLIENT {
                    return Err(Refusal::OfClient);
                }
                (delay, ip)
            }
            _ => (state.node, None),
        };
        if delay == 0 {
            return Ok(None);
        }
        if state.all >= MOST || (client.is_some() && state.of_clients >= MOST_OF_CLIENTS) {
            return Err(Refusal::OfAll);
        }
        state.count(client, |count| count + 1);
        Ok(Some(Held {
            delay: Duration::from_millis(delay.into()),
            slow: Arc::clone(self),
            client,
        }))
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn count(&mut self, client: Option<IpAddr>, next: impl Fn(u32) -> u32) {
        self.all = next(self.all);
        let Some(ip) = client else { return };
        self.of_clients = next(self.of_clients);
        // It may have given way to another client.
        if let Some(client) = self.clients.peek_mut(&ip) {
            client.waiting = next(client.waiting);
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut state = self.slow.state();
        state.count(self.client, |count| count.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn client(number: u8) -> Asker {
        Asker::Client(IpAddr::from([10, 0, 0, number]))
    }

    fn delay(slow: &Arc<Slow>, asker: Asker, now: Instant) -> Option<u128> {
        let held = slow.hold(asker, now).unwrap();
        held.map(|held| held.delay.as_millis())
    }

    fn asker(headers: &[(&'static str, &str)]) -> Asker {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_str(value).unwrap());
        }
        Asker::of(&map)
    }

    #[test]
    fn who_asks_is_what_the_balancer_says_last() {
        let forwarded = "x-forwarded-for";
        assert_eq!(asker(&[]), Asker::Direct);
        assert_eq!(asker(&[(forwarded, "10.0.0.1")]), client(1));
        assert_eq!(asker(&[(forwarded, "::ffff:10.0.0.1")]), client(1));
        // What comes before that, the client has sent itself.
        let made_up = [(forwarded, "10.0.0.9"), (forwarded, "10.0.0.8, 10.0.0.1")];
        assert_eq!(asker(&made_up), client(1));
        let unknown = Asker::Client(Ipv4Addr::UNSPECIFIED.into());
        for nonsense in ["", "unknown", "10.0.0.1:5", "10.0.0.1,"] {
            assert_eq!(asker(&[(forwarded, nonsense)]), unknown, "{nonsense}");
        }
        assert_eq!(asker(&[("x-forwarded-port", "80")]), unknown);
    }

    #[test]
    fn a_client_slows_itself_alone_and_who_reaches_the_node_slows_all() {
        let (slow, now) = (Arc::new(Slow::default()), Instant::now());
        slow.set(client(1), 500, now);
        assert_eq!(delay(&slow, client(1), now), Some(500));
        assert_eq!(delay(&slow, client(2), now), None);
        assert_eq!(delay(&slow, Asker::Direct, now), None);
        slow.set(Asker::Direct, 300, now);
        assert_eq!(delay(&slow, client(1), now), Some(500));
        assert_eq!(delay(&slow, client(2), now), Some(300));
        // No client makes a slow node fast.
        slow.set(client(2), 100, now);
        slow.set(client(1), 0, now);
        for asker in [client(1), client(2), Asker::Direct] {
            assert_eq!(delay(&slow, asker, now), Some(300));
        }
        slow.set(Asker::Direct, 0, now);
        assert_eq!(delay(&slow, client(1), now), None);
    }

    #[test]
    fn a_delay_of_a_client_ends_by_itself() {
        let (slow, now) = (Arc::new(Slow::default()), Instant::now());
        slow.set(client(1), 500, now);
        assert_eq!(delay(&slow, client(1), now + LASTS), None);
    }

    #[test]
    fn a_client_holds_a_few_requests_and_gets_their_places_back() {
        let (slow, now) = (Arc::new(Slow::default()), Instant::now());
        slow.set(client(1), 500, now);
        slow.set(client(2), 500, now);
        let mut held: Vec<_> = (0..MOST_OF_CLIENT)
            .map(|_| slow.hold(client(1), now).unwrap().unwrap())
            .collect();
        let refused = |asker| slow.hold(asker, now).err();
        assert_eq!(refused(client(1)), Some(Refusal::OfClient));
        // To set it anew is no way around that, nor are others hindered.
        slow.set(client(1), 0, now);
        slow.set(client(1), 400, now);
        assert_eq!(refused(client(1)), Some(Refusal::OfClient));
        assert_eq!((refused(client(2)), refused(client(3))), (None, None));
        held.pop();
        assert_eq!(refused(client(1)), None);
        held.clear();
        let state = slow.state();
        assert_eq!((state.all, state.of_clients), (0, 0));
    }

    #[test]
    fn many_clients_together_hold_no_more_than_a_part_of_all() {
        let (slow, now) = (Arc::new(Slow::default()), Instant::now());
        let mut held = Vec::new();
        let mut refused = 0;
        for number in 0..=u8::MAX {
            slow.set(client(number), 500, now);
            for _ in 0..2 {
                match slow.hold(client(number), now) {
                    Ok(one) => held.push(one),
                    Err(why) => {
                        assert_eq!(why, Refusal::OfAll);
                        refused += 1;
                    }
                }
            }
        }
        assert_eq!(held.len(), 256);
        assert_eq!(refused, 256);
        slow.set(Asker::Direct, 600, now);
        assert_eq!(delay(&slow, client(9), now), Some(600));
    }

    #[test]
    fn clients_are_forgotten_when_there_are_too_many() {
        let (slow, now) = (Arc::new(Slow::default()), Instant::now());
        for number in 0..3_000_u32 {
            let ip = IpAddr::from(number.to_be_bytes());
            slow.set(Asker::Client(ip), 500, now);
            std::mem::forget(slow.hold(Asker::Client(ip), now));
        }
        assert_eq!(slow.state().clients.len(), MOST_CLIENTS);
    }
}
