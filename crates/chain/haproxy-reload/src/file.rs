//! haproxy.cfg, and the files beside it.

pub(crate) mod admin;
pub(crate) mod certificates;
pub(crate) mod content;
pub(crate) mod kept;
pub(crate) mod patterns;
pub(crate) mod read_by;
pub(crate) mod wanted;
