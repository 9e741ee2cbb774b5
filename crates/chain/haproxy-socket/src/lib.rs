//! HAProxy's command sockets: one line is asked, and the whole answer is read, within
//! limits for time and size.

mod name;
mod socket;
pub mod stat;

pub use name::is_name;
pub use socket::{Absent, SILENCE, Socket, TURN, pause};
