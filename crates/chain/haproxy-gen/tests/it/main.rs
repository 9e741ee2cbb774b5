//! haproxy-gen as its users run it, with the real HAProxy.

#![expect(
    clippy::unwrap_used,
    reason = "what fails here fails the test, and says where"
)]

mod capacity;
mod check;
mod endless;
mod faults;
mod fixture;
mod ids;
mod includes;
mod mounts;
mod nodes;
mod options;
mod property;
mod record;
mod robust;
mod running;
mod several;
mod shipped;
mod surroundings;
mod template;
