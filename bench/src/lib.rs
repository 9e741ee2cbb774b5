//! What the benchmark and the tests of the whole system share: an HTTP client
//! that counts every request that fails.

pub mod client;
