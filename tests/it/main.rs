//! The whole system, on the real Serf, HAProxy and Docker.
//!
//! Every test takes a loopback net of its own (from N.66 on, of the run's 127.N), so
//! none meets another, a second run, or a cluster that runs on this machine. They need
//! the programs in `target/bin`: `scripts/test` builds them.

#![expect(clippy::unwrap_used, reason = "in a test it says what did not work")]
#![expect(clippy::print_stderr, reason = "a failed test shows the logs")]

mod agent;
mod architecture;
mod attacks;
mod balancers;
mod churn;
mod crash;
mod disk;
mod evidence;
mod examples;
mod flood;
mod gossip;
mod handlers;
mod hold;
mod hostile;
mod injected;
mod join;
mod journal;
mod limits;
mod load;
mod lost;
mod multicast;
mod names;
mod namespaces;
mod networks;
mod page;
mod prometheus;
mod report;
mod scripts;
mod settings;
mod silence;
mod slow;
mod soak;
mod tags;
mod tour;
mod view;

#[cfg(feature = "containers")]
mod containers;
