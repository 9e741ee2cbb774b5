//! What HAProxy says: its worker and its master, asked at their command sockets.

pub(crate) mod master;
pub(crate) mod running;
pub(crate) mod runtime;
pub(crate) mod stat;
