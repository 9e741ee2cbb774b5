//! What the page says, worked out from what was read.

mod types;

pub(crate) use types::*;
