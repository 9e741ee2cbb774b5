//! Configurations as people have them: haproxy-gen makes the file of a template, and
//! haproxy-reload makes the real HAProxy follow it.

mod agents;
mod case;
mod checks;
mod cookies;
mod ids;
mod leaves;
mod lines;
mod many;
mod peers;
mod settings;
