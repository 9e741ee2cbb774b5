//! What the crate says of HAProxy, held against the HAProxy that is installed.

#![expect(clippy::unwrap_used, reason = "a test that is surprised fails")]

mod haproxy;
mod keywords;
mod samples;
