//! The container's environment as a directory: one file for each variable, whose content is the value. One line feed at
//! its end is none of the value's, since scripts write `echo value >NAME`; a value that ends in one is written with one
//! more, so that every value comes back as it was.
//!
//! Services start with a small environment, as under s6-overlay, and `with-contenv` gives them this one. A script
//! that writes one more file gives the next script one more variable.

use std::ffi::{OsStr, OsString};
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use nix::libc;
use servicedir::{open_regular, open_regular_with};

use super::place;

/// Where s6-overlay keeps it.
const DEFAULT: &str = "/var/run/s6/container_environment";

/// Its name beside a scan directory.
pub(crate) const NAME: &str = "container_environment";

/// The longest file name of the file systems that we meet.
const NAME_MAX: usize = libc::NAME_MAX.unsigned_abs() as usize;

/// Makes `dir` hold exactly the variables `vars`; gives the names that no file can have.
pub(crate) fn write(
    dir: &Path,
    vars: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Vec<OsString>> {
    clear(dir)?;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(mode())
        .create(dir)
        .with_context(|| format!("create {}", dir.display()))?;
    let mut left_out = Vec::new();
    for (name, value) in vars {
        if is_variable(&name) {
            write_one(&dir.join(&name), value.as_bytes())?;
        } else {
            left_out.push(name);
        }
    }
    Ok(left_out)
}

/// Reads what [`write()`] has written and what others have added since, in name order.
pub fn read(dir: &Path) -> Result<Vec<(OsString, OsString)>> {
    let mut vars = Vec::new();
    for entry in fs::read_dir(dir).with_context(|| format!("read {}", dir.display()))? {
        let name = entry
            .with_context(|| format!("read {}", dir.display()))?
            .file_name();
        if !is_variable(&name) {
            continue;
        }
        if let Some(value) = read_one(&dir.join(&name))? {
            vars.push((name, value));
        }
    }
    vars.sort();
    Ok(vars)
}

/// The directory that belongs to a program started in `cwd`: beside the scan directory when `cwd` is a service
/// directory or its `log`, so that several supervisors can run on one machine, and s6-overlay's otherwise, or the
/// user's own.
#[must_use]
pub fn find(cwd: &Path) -> PathBuf {
    cwd.ancestors()
        .skip(2)
        .take(2)
        .map(|above| above.join(NAME))
        .chain([DEFAULT.into(), place::own().join(NAME)])
        .find(|dir| is_ours(dir))
        .unwrap_or_else(|| PathBuf::from(DEFAULT))
}

/// Root must not take its environment from somebody who can make a directory above its working directory.
fn is_ours(dir: &Path) -> bool {
    fs::symlink_metadata(dir).is_ok_and(|meta| {
        meta.is_dir() && (meta.uid() == 0 || meta.uid() == nix::unistd::geteuid().as_raw())
    })
}

/// In a container, services that are other users read it. A machine has others as well, who
/// are not to see what is hidden from them in `/proc`.
fn mode() -> u32 {
    if std::process::id() == 1 {
        0o755
    } else {
        0o700
    }
}

fn is_variable(name: &OsStr) -> bool {
    let bytes = name.as_bytes();
    !bytes.is_empty()
        && bytes.len() <= NAME_MAX
        && !bytes.starts_with(b".")
        && !bytes.iter().any(|byte| matches!(byte, b'/' | b'=' | 0))
}

/// What an earlier life of the container has left must not be seen in this one.
fn clear(dir: &Path) -> Result<()> {
    let removed = match fs::symlink_metadata(dir) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(dir),
        Ok(_) => fs::remove_file(dir),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    };
    removed.with_context(|| format!("remove the old {}", dir.display()))
}

fn write_one(path: &Path, value: &[u8]) -> Result<()> {
    let end: &[u8] = if value.ends_with(b"\n") { b"\n" } else { b"" };
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    open_regular_with(path, &mut options)
        .and_then(|mut file| file.write_all(&[value, end].concat()))
        .with_context(|| format!("write {}", path.display()))
}

/// `None` for a file that has gone since it was listed, and for what is no regular file: a FIFO would never end.
fn read_one(path: &Path) -> Result<Option<OsString>> {
    if !fs::metadata(path).is_ok_and(|meta| meta.is_file()) {
        return Ok(None);
    }
    let mut value = Vec::new();
    open_regular(path)
        .and_then(|mut file| file.read_to_end(&mut value))
        .with_context(|| format!("read {}", path.display()))?;
    value.pop_if(|last| *last == b'\n');
    // The kernel ends a variable at the first NUL; s6-overlay turns them into line feeds, and scripts rely on it.
    value
        .iter_mut()
        .filter(|byte| **byte == 0)
        .for_each(|byte| *byte = b'\n');
    Ok(Some(OsString::from_vec(value)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::Write;

    fn vars(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
        pairs
            .iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect()
    }

    #[test]
    fn empty_huge_and_multi_line_values_come_back_as_they_were() {
        let dir = harness::scratch();
        let huge = "x".repeat(120_000);
        let written = vars(&[
            ("EMPTY", ""),
            ("HUGE", &huge),
            ("LINES", "a\nb\n\n"),
            ("SPACES", "  a\t "),
        ]);
        let env = dir.path().join("env");
        assert!(write(&env, written.clone()).unwrap().is_empty());
        assert_eq!(read(&env).unwrap(), written);
    }

    #[test]
    fn the_line_feed_of_an_echo_is_none_of_the_value() {
        let dir = harness::scratch();
        for (written, value) in [
            ("later\n", "later"),
            ("later", "later"),
            ("later\n\n", "later\n"),
            ("\n", ""),
            ("a\r\n", "a\r"),
        ] {
            let mut file = File::create(dir.path().join("ADDED")).unwrap();
            file.write_all(written.as_bytes()).unwrap();
            assert_eq!(read(dir.path()).unwrap(), vars(&[("ADDED", value)]));
        }
    }

    #[test]
    fn values_that_end_in_line_feeds_come_back_as_they_were() {
        let dir = harness::scratch();
        let written = vars(&[("A", "\n"), ("B", "b\n"), ("C", "c\n\n"), ("D", "\nd")]);
        let env = dir.path().join("env");
        write(&env, written.clone()).unwrap();
        assert_eq!(read(&env).unwrap(), written);
        assert_eq!(fs::read(env.join("B")).unwrap(), b"b\n\n");
        assert_eq!(fs::read(env.join("D")).unwrap(), b"\nd");
    }

    #[test]
    fn bytes_that_are_no_text_come_back_as_they_were() {
        let dir = harness::scratch();
        let raw = OsString::from_vec(vec![0xff, 0xfe, b'=', 0x80]);
        write(dir.path(), [("RAW".into(), raw.clone())]).unwrap();
        assert_eq!(read(dir.path()).unwrap(), [("RAW".into(), raw)]);
    }

    #[test]
    fn names_that_are_no_file_names_are_left_out_and_told() {
        let dir = harness::scratch();
        let long = "L".repeat(256);
        let given = vars(&[
            ("a/b", "1"),
            (".hidden", "2"),
            ("", "3"),
            (&long, "4"),
            ("GOOD", "5"),
        ]);
        let left_out = write(&dir.path().join("env"), given).unwrap();
        assert_eq!(left_out, ["a/b", ".hidden", "", &long]);
        assert_eq!(
            read(&dir.path().join("env")).unwrap(),
            vars(&[("GOOD", "5")])
        );
    }

    #[test]
    fn what_an_earlier_life_left_is_gone() {
        let dir = harness::scratch();
        write(dir.path(), vars(&[("OLD", "1")])).unwrap();
        write(dir.path(), vars(&[("NEW", "2")])).unwrap();
        assert_eq!(read(dir.path()).unwrap(), vars(&[("NEW", "2")]));
    }

    #[test]
    fn a_nul_byte_becomes_a_line_feed() {
        let dir = harness::scratch();
        write_one(&dir.path().join("NUL"), b"a\0b").unwrap();
        assert_eq!(read(dir.path()).unwrap(), vars(&[("NUL", "a\nb")]));
    }

    #[test]
    fn directories_and_fifos_are_not_variables() {
        let dir = harness::scratch();
        fs::create_dir(dir.path().join("DIR")).unwrap();
        nix::unistd::mkfifo(&dir.path().join("FIFO"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert_eq!(read(dir.path()).unwrap(), []);
    }

    #[test]
    fn it_is_found_from_a_service_directory_and_from_its_log() {
        let dir = harness::scratch();
        let env = place::beside(&dir.path().join("services"), NAME);
        write(&env, vars(&[])).unwrap();
        assert_eq!(find(&dir.path().join("services/web")), env);
        assert_eq!(find(&dir.path().join("services/web/log")), env);
    }

    #[test]
    fn elsewhere_it_is_where_s6_overlay_has_it() {
        let dir = harness::scratch();
        assert_eq!(find(&dir.path().join("services/web")), Path::new(DEFAULT));
        assert_eq!(find(Path::new("/")), Path::new(DEFAULT));
    }

    #[test]
    fn a_link_is_not_trusted() {
        let dir = harness::scratch();
        write(&dir.path().join("real"), vars(&[])).unwrap();
        std::os::unix::fs::symlink("real", dir.path().join(NAME)).unwrap();
        assert_eq!(find(&dir.path().join("services/web")), Path::new(DEFAULT));
    }

    #[test]
    fn a_directory_that_is_not_there_is_an_error_that_names_it() {
        let error = read(Path::new("/nonexistent/env")).unwrap_err();
        assert!(
            format!("{error:#}").starts_with("read /nonexistent/env: "),
            "{error:#}"
        );
    }
}
