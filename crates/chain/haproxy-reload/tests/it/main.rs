//! The program as it is run: on the real HAProxy, and where no real one
//! answers so oddly, on a fake one.

#![expect(clippy::unwrap_used, reason = "a test that is surprised fails")]

mod cut;
mod fake;
mod haproxy;
mod load;
mod node;
mod odd;
mod options;
mod relay;
mod reloads;
mod servers;
mod sockets;
mod status;
mod together;
