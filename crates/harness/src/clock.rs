//! Clocks that a test can set for the processes that it starts. Nobody changes the clocks of this machine.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::Scratch;

/// The compiled `clock.c`, which is preloaded, and the files by which a test sets it.
#[derive(Debug)]
pub struct Clock {
    dir: Scratch,
}

impl Clock {
    /// Compiles the clock, which says the right time until a test sets it.
    ///
    /// # Panics
    /// When `cc` cannot compile it.
    #[expect(clippy::new_without_default, reason = "it compiles a program")]
    pub fn new() -> Clock {
        let clock = Clock {
            dir: crate::scratch(),
        };
        let compiled = Command::new(crate::require("cc"))
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"])
            .arg(clock.path("clock.so"))
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/src/clock.c"))
            .status()
            .expect("run cc");
        assert!(compiled.success(), "cc has failed");
        clock
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The environment of a process that goes by these clocks.
    pub fn environment(&self) -> [(&'static str, String); 3] {
        [
            ("LD_PRELOAD", "clock.so"),
            ("CLOCK_OFFSET", "offset"),
            ("CLOCK_FAULT", "fault"),
        ]
        .map(|(name, file)| (name, self.path(file).display().to_string()))
    }

    /// Sets the wall clock this many seconds off, also for what runs already.
    pub fn set(&self, seconds: i64) {
        self.put("offset", &seconds.to_string());
    }

    /// When `init` has asked for the time this often it panics, since the standard library does not expect a clock that
    /// fails.
    pub fn fail_at(&self, question: u32) {
        self.put("fault", &question.to_string());
    }

    /// As [`Clock::fail_at`], and it panics once more when it asks the next time.
    pub fn fail_twice_at(&self, question: u32) {
        self.put("fault", &format!("{question} again"));
    }

    /// Replaces a file whole, so that nobody reads half of it.
    fn put(&self, name: &str, content: &str) {
        let new = self.path("new");
        #[expect(
            clippy::disallowed_methods,
            reason = "a fixture, renamed when it is whole"
        )]
        fs::write(&new, content).expect("write what the clock reads");
        fs::rename(new, self.path(name)).expect("rename what the clock reads");
    }
}
