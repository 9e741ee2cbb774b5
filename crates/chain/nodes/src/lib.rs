//! `/nodes`: a directory with one file for each node, which has the node's name and
//! holds one line.
//!
//! The line is `<name> <address>`, then `key=value` for each tag that is used
//! (`port`, `weight`, `service`), separated by one space, with a final line feed. A
//! file may also be written by hand, with further tags and more space. Files whose
//! name begins with a dot are not nodes.

mod address;
mod directory;
mod file;
mod line;
mod name;

pub use address::check_address;
pub use directory::{Listing, Nodes, Refused};
pub use line::{DEFAULT_PORT, Node, parse_port, parse_weight};
pub use name::Name;
