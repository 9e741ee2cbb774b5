//! Clocks that a test can set for the processes that it starts. Nobody changes the clocks of this machine.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use harness::Scratch;

/// The compiled `clock.c`, which is preloaded, and the files by which a test sets it.
pub(crate) struct Clock {
    dir: Scratch,
}

impl Clock {
    pub(crate) fn new() -> Clock {
        let clock = Clock {
            dir: harness::scratch(),
        };
        let compiled = Command::new(harness::require("cc"))
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"])
            .arg(clock.path("clock.so"))
            .arg(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/tests/it/world/clock.c"
            ))
            .status()
            .unwrap();
        assert!(compiled.success());
        clock
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The environment of a process that goes by these clocks.
    pub(crate) fn environment(&self) -> [(&'static str, String); 3] {
        [
            ("LD_PRELOAD", "clock.so"),
            ("CLOCK_OFFSET", "offset"),
            ("CLOCK_FAULT", "fault"),
        ]
        .map(|(name, file)| (name, self.path(file).display().to_string()))
    }

    /// Sets the wall clock this many seconds off.
    pub(crate) fn set(&self, seconds: i64) {
        self.put("offset", &seconds.to_string());
    }

    /// When `init` has asked for the time this often it panics, since the standard library does not expect a clock that
    /// fails.
    pub(crate) fn fail_at(&self, question: u32) {
        self.put("fault", &question.to_string());
    }

    /// As [`Clock::fail_at`], and it panics once more when it asks the next time.
    pub(crate) fn fail_twice_at(&self, question: u32) {
        self.put("fault", &format!("{question} again"));
    }

    /// Replaces a file whole, so that nobody reads half of it.
    fn put(&self, name: &str, content: &str) {
        let new = self.path("new");
        super::write_file(&new, content, 0o644);
        fs::rename(new, self.path(name)).unwrap();
    }
}
