//! What the page says, worked out from what was read.

mod types;

#[expect(unused_imports, reason = "the parts are put together last")]
pub(crate) use types::*;
