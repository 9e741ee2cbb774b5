//! What the tests of several crates share.

pub mod haproxy;
pub mod http;
pub mod load;
mod net;
mod owned;
mod processes;
mod program;
mod scratch;
pub mod wait;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub use net::{address, net};
pub use owned::{Owned, family, send};
pub use processes::{has_ended, processes_of};
pub use program::write_program;
pub use scratch::{Scratch, scratch};

/// How often a fact is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Waits until `fact` is there and returns it.
///
/// # Panics
/// When it is not there within `deadline`, saying `what` was waited for.
pub fn wait_for<T>(what: &str, deadline: Duration, mut fact: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = fact() {
            return found;
        }
        assert!(
            start.elapsed() < deadline,
            "waited {deadline:?} in vain for {what}"
        );
        pause();
    }
}

/// Between two looks.
fn pause() {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that waits for facts"
    )]
    std::thread::sleep(LOOK_EVERY);
}

/// Where `program` is on the PATH.
///
/// # Panics
/// When it is not installed, saying what to do.
#[must_use]
pub fn require(program: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin"), PathBuf::from("/sbin")])
        .map(|directory| directory.join(program))
        .find(|candidate| is_program(candidate))
        .unwrap_or_else(|| panic!("{program} is not installed: scripts/require {program}"))
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata()
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fact_is_returned_when_it_comes() {
        let mut looks = 0;
        let found = wait_for("the third look", Duration::from_secs(30), || {
            looks += 1;
            (looks == 3).then_some("found")
        });
        assert_eq!(found, "found");
    }

    #[test]
    #[should_panic(expected = "in vain for nothing")]
    fn a_fact_that_never_comes_is_named() {
        wait_for("nothing", Duration::from_millis(1), || None::<()>);
    }

    #[test]
    #[should_panic(expected = "scripts/require no-such-program")]
    fn a_missing_program_is_named_with_what_installs_it() {
        let _ = require("no-such-program");
    }
}
