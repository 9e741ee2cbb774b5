//! `svc` and `svstat` beside the real `s6-svc` and `s6-svstat`, on services that a real `s6-svscan` supervises.

#![expect(clippy::unwrap_used, reason = "a helper's failure is the test's")]

mod against_s6;
mod alone;
mod world;
