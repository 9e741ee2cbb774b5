//! HAProxy's command sockets: one line is asked, and the whole answer is read, within
//! limits for time and size.

mod socket;
pub mod stat;

pub use socket::{Absent, SILENCE, Socket, TURN, pause};
