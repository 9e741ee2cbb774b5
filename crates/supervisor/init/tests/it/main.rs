//! The supervisor from outside: its service directories through Debian's own s6 tools, and what is beyond s6.
//!
//! `SUPERVISOR=s6-svscan` runs the part that both have in common against the real one; what only ours does asks
//! [`world::ours_alone`] first, with the reason. What the releases of s6 do differently is in [`releases`].

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
mod help;
mod load;
mod namespace;
mod order;
mod plain;
mod policy;
#[path = "../../../servicedir/tests/releases/mod.rs"]
mod releases;
mod resources;
mod scandir;
mod settings;
mod side_by_side;
mod stages;
mod status;
mod world;
