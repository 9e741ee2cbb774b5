//! Clocks that a test can set, for the processes that it starts: this machine's own are nobody's to change.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use harness::Scratch;

/// What preloads `clock.c`, and the files by which the test speaks with it.
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

    /// What a process that goes by these clocks needs in its environment.
    pub(crate) fn environment(&self) -> [(&'static str, String); 3] {
        [
            ("LD_PRELOAD", "clock.so"),
            ("CLOCK_OFFSET", "offset"),
            ("CLOCK_FAULT", "fault"),
        ]
        .map(|(name, file)| (name, self.path(file).display().to_string()))
    }

    /// The wall clock is so many seconds off from now on.
    pub(crate) fn set(&self, seconds: i64) {
        self.put("offset", &seconds.to_string());
    }

    /// `init` panics when it asks the time for so many times: the standard library knows no clock that fails.
    pub(crate) fn fail_at(&self, question: u32) {
        self.put("fault", &question.to_string());
    }

    /// As [`Clock::fail_at`], and when it asks again after the panic.
    pub(crate) fn fail_twice_at(&self, question: u32) {
        self.put("fault", &format!("{question} again"));
    }

    /// Whole, so that nobody reads half of it.
    fn put(&self, name: &str, content: &str) {
        let new = self.path("new");
        super::write_file(&new, content, 0o644);
        fs::rename(new, self.path(name)).unwrap();
    }
}
