//! A folder of a test's own. Everything that the test has started in it goes with it.

use std::path::Path;

use crate::processes;

/// An empty directory. When the value goes, every process that is tied to the directory is
/// killed, and then the directory is removed, so that a test that fails half-way leaves
/// nothing behind. What is to end in its own way has to be told to before that.
#[derive(Debug)]
pub struct Scratch(tempfile::TempDir);

impl Scratch {
    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        processes::end(self.path());
    }
}

/// Makes such a directory in the folder that `MUSTER_SCRATCH` names, or in `/tmp`. Its path is
/// short, since the path of a Unix socket is limited to 107 bytes.
///
/// # Panics
/// When it cannot be made.
pub fn scratch() -> Scratch {
    let beside = std::env::var_os("MUSTER_SCRATCH").unwrap_or_else(|| "/tmp".into());
    let made = tempfile::Builder::new()
        .prefix("muster-")
        .tempdir_in(beside)
        .expect("make a scratch directory");
    Scratch(made)
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;
    use std::process::{Child, Command, Stdio};
    use std::time::Duration;

    use super::*;
    use crate::{processes_of, wait_for};

    /// One process that works in the folder, one that has it in its environment, a
    /// shell that has it in an argument, the child of that, and one that a shell
    /// in it has left behind.
    fn start_five(scratch: &Scratch) -> [Child; 3] {
        let path = scratch.path();
        let sleep = || {
            let mut sleep = Command::new("sleep");
            sleep.arg("1000").stdin(Stdio::null());
            sleep
        };
        let mut shell = Command::new("sh");
        shell.args(["-c", "sleep 1000; :", &path.join("x").display().to_string()]);
        let mut orphan = Command::new("sh");
        orphan.args(["-c", "setsid sleep 1000 &"]).current_dir(path);
        let in_it = sleep().current_dir(path).spawn().unwrap();
        let given_it = sleep().env("FOLDER", path).spawn().unwrap();
        let told_it = shell.spawn().unwrap();
        assert!(orphan.status().unwrap().success());
        wait_for("five processes", Duration::from_secs(60), || {
            (processes_of(path).len() == 5).then_some(())
        });
        [in_it, given_it, told_it]
    }

    #[test]
    fn nothing_that_was_started_in_it_outlives_it_although_the_test_fails() {
        let mut path = std::path::PathBuf::new();
        let failed = catch_unwind(std::panic::AssertUnwindSafe(|| {
            let scratch = scratch();
            path = scratch.path().to_path_buf();
            let _children = start_five(&scratch);
            panic!("as a test does that fails");
        }));
        assert!(failed.is_err());
        assert_eq!(processes_of(&path), []);
        assert!(!path.exists());
    }

    #[test]
    fn what_belongs_to_another_folder_is_let_be() {
        let (one, other) = (scratch(), scratch());
        let mut sleep = Command::new("sleep")
            .arg("1000")
            .current_dir(other.path())
            .spawn()
            .unwrap();
        drop(one);
        assert!(sleep.try_wait().unwrap().is_none());
        assert_eq!(processes_of(other.path()), [sleep.id().cast_signed()]);
        drop(other);
        assert!(!sleep.wait().unwrap().success());
    }
}
