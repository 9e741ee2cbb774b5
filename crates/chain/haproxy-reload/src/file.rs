//! What the file says, and what is kept beside it.

pub(crate) mod admin;
pub(crate) mod kept;
pub(crate) mod wanted;
