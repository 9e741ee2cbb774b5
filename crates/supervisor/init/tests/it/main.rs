//! The supervisor as it is seen from outside: its service directories by the tools of s6, and what s6 does not have.
//!
//! `SUPERVISOR=s6-svscan` runs the tests on the real one. Those of what only ours does ask [`world::ours_alone`] first,
//! with the reason. What the releases of s6 do differently is in [`releases`].

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a helper's failure is the test's, and its words are read by people"
)]

mod bug;
mod clocks;
mod control;
mod environment;
mod events;
mod failing;
mod forwarding;
mod group;
mod help;
mod load;
mod log;
mod namespace;
mod obstacles;
mod oneshot;
mod order;
mod plain;
mod policy;
#[path = "../../../servicedir/tests/releases/mod.rs"]
mod releases;
mod resources;
mod s6_overlay;
mod s6_rc;
mod scandir;
mod settings;
mod side_by_side;
mod stages;
mod status;
mod stop;
mod terminal;
mod world;
