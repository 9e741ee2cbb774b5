//! The target of the fuzzer, and its corpus as a test.

#![cfg_attr(fuzzing, no_main)]

#[path = "../../../../fuzz/targets/journal.rs"]
mod fuzz;
