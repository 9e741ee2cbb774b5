//! What a Serf agent and its clients say to each other at the agent's RPC port.
//!
//! The bytes of questions and answers are for everybody ([`request`], [`reply`],
//! [`members`], [`Values`]). [`Client`] is for programs that ask once and end: it waits, and
//! all of its waiting has one end.

mod address;
mod agent;
mod client;
mod filter;
mod key;
mod members;
mod stats;
mod values;
mod wire;

pub use address::{Address, left_until};
pub use agent::Agent;
pub use client::Client;
pub use filter::{Filter, NOT_LEFT, any_of};
pub use key::read_key;
pub use members::{Member, members};
pub use stats::Stats;
pub use values::{Lie, Values};
pub use wire::{
    AUTH, Bytes, FIRST_QUESTION, HANDSHAKE, Reply, complaint, greeting, reply, request,
};
