//! `svc`, `svstat` and `svscanctl` beside the real `s6-svc`, `s6-svstat` and `s6-svscanctl`, on services that a real
//! `s6-svscan` supervises. What its releases do differently is in [`releases`].

#![expect(clippy::unwrap_used, reason = "a helper's failure is the test's")]

mod against_s6;
mod alone;
#[path = "../../../servicedir/tests/releases/mod.rs"]
mod releases;
mod scandir;
mod world;
