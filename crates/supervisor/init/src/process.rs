//! Processes: how they start, what the kernel says of them, and how they end.

pub mod diagnose;
pub(crate) mod reap;
pub(crate) mod shebang;
pub(crate) mod signals;
pub(crate) mod spawn;
pub(crate) mod sys;
pub(crate) mod terminal;
