//! Nothing that a test has started outlives it, even if the test fails.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use harness::{processes_of, wait_for};

use crate::world::{Kind, SOON, Service, World};

/// A test that starts a service which leaves a process behind, does `make`, and then
/// fails.
fn fail(kind: Kind, make: fn(&World)) {
    let mut folder = PathBuf::new();
    let failed = catch_unwind(AssertUnwindSafe(|| {
        let run = "setsid sleep 1000 & trap '' TERM HUP; sleep 1000; exec sleep 1000";
        let world = World::with(kind, &[Service::new("s", run), Service::sleeper("t")]);
        folder = world.dir.path().to_path_buf();
        wait_for("supervisor and services", SOON, || {
            (processes_of(&folder).len() >= 5).then_some(())
        });
        make(&world);
        panic!("as a test does that fails");
    }));
    assert!(failed.is_err());
    assert_eq!(processes_of(&folder), [], "of {kind:?}");
    assert!(!folder.exists());
}

#[test]
fn its_supervisor_and_all_services_are_ended() {
    fail(Kind::from_environment(), |_| ());
}

#[test]
fn they_are_although_the_supervisor_has_been_killed() {
    fail(Kind::S6, |world| world.signal(nix::sys::signal::SIGKILL));
}
