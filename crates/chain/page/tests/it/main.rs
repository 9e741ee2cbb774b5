//! The page as a process, spoken to over its socket.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(
    clippy::disallowed_methods,
    reason = "fixtures are written as a person would"
)]

mod clients;
mod haproxy;
mod harmless;
mod hosts;
mod page;
mod peers;
mod reading;
mod routes;
mod secrets;
mod stop;
mod streams;
