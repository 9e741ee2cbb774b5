//! The program as people run it, with the real HAProxy, or with a fake one for answers that
//! no real one gives.

#![expect(clippy::unwrap_used, reason = "a test that is surprised fails")]

mod cases;
mod certificates;
mod compare;
mod cut;
mod fake;
mod generated;
mod haproxy;
mod load;
mod maps;
mod no_file;
mod node;
mod odd;
mod options;
mod pace;
mod record;
mod relay;
mod reloads;
mod servers;
mod several;
mod sockets;
mod status;
mod together;
