//! `/nodes`: one file a node, named after it, that holds one line.
//!
//! `<name> <address>`, then `key=value` for each tag that is used (`port`,
//! `weight`, `service`), separated by one space, and a final line feed. A file
//! written by hand is as good as any. Files whose name begins with a dot are not
//! nodes.

mod address;
mod directory;
mod file;
mod line;
mod name;

pub use address::check_address;
pub use directory::{Listing, Nodes, Refused};
pub use line::{Node, parse_port, parse_weight};
pub use name::Name;
