//! One injected fault at each system call of a program, from the moment when it has started:
//! whatever fails, and wherever it is killed, the files stay whole, no node and no server is
//! missing, the program says what failed, and the next run puts all right.
//!
//! `scripts/inject` tries every fault. The tests by themselves try one in twenty, chosen by
//! the seed that they print. strace counts the calls of every thread by itself, so that a
//! fault can strike in several of them.

mod agent;
mod folder;
mod haproxy_gen;
mod haproxy_reload;
mod init;
mod member_event;
mod node_health;
mod plan;
mod serf_nodes;
mod serf_watch;
mod trace;
mod trial;

/// One in so many faults is tried where nobody says how many.
const EVERY: usize = 20;

fn every() -> usize {
    std::env::var("INJECT_EVERY").map_or(EVERY, |every| {
        let every = every.parse().ok().filter(|every| *every > 0);
        every.expect("INJECT_EVERY is a number from 1 on")
    })
}

fn seed() -> u64 {
    std::env::var("MUSTER_SEED").map_or_else(
        |_| fastrand::u64(..),
        |seed| seed.parse().expect("MUSTER_SEED is a number"),
    )
}

fn write(path: &std::path::Path, text: &str) {
    files::replace(path, text.as_bytes(), files::Durability::Unsynced).unwrap();
}
