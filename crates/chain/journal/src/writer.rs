//! Appends to the journal. Several programs write at the same time, and none waits.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use anyhow::Context;
use nix::fcntl::OFlag;

/// The size in bytes above which the journal is renamed and a new one begins.
const MAX_JOURNAL: u64 = 5 * 1024 * 1024;

/// Appends these lines, each with one call.
pub(crate) fn append(path: &Path, lines: &[Vec<u8>]) -> anyhow::Result<()> {
    let what = || format!("write the journal {}", path.display());
    let (mut file, mut length) = open(path).with_context(what)?;
    let more: usize = lines.iter().map(Vec::len).sum();
    if length + more as u64 > MAX_JOURNAL {
        (file, length) = start_anew(path, file, length).with_context(what)?;
    }
    let mut torn = is_torn(&file, length).with_context(what)?;
    for line in lines {
        write(&file, line, torn).with_context(what)?;
        torn = false;
    }
    Ok(())
}

/// Appends the line to a file of at most `most` bytes; `false` if it has more.
pub(crate) fn append_within(path: &Path, line: &[u8], most: u64) -> anyhow::Result<bool> {
    let what = || format!("append to {}", path.display());
    let (file, length) = open(path).with_context(what)?;
    if length > most {
        return Ok(false);
    }
    let torn = is_torn(&file, length).with_context(what)?;
    write(&file, line, torn).with_context(what)?;
    Ok(true)
}

/// A line that a full disk cut is ended before the next one, which is whole.
fn write(mut file: &File, line: &[u8], torn: bool) -> io::Result<()> {
    let line = if torn {
        [b"\n", line].concat()
    } else {
        line.to_owned()
    };
    match file.write(&line)? {
        written if written == line.len() => Ok(()),
        _ => Err(io::ErrorKind::StorageFull.into()),
    }
}

/// Whether the last of so many bytes ends no line.
fn is_torn(file: &File, length: u64) -> io::Result<bool> {
    let mut last = [b'\n'];
    if let Some(at) = length.checked_sub(1) {
        file.read_exact_at(&mut last, at)?;
    }
    Ok(last != *b"\n")
}

/// Opens it so that this does not wait, and says how long it is. A link may lead anywhere, and
/// what is no regular file is none.
fn open(path: &Path) -> io::Result<(File, u64)> {
    let mut options = OpenOptions::new();
    options.create(true).read(true).append(true).mode(0o644);
    options.custom_flags((OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW | OFlag::O_NOCTTY).bits());
    let file = options.open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    Ok((file, metadata.len()))
}

/// Renames the journal to `.1`, and begins a new one, unless another program does that. One that
/// is a bind mount cannot be renamed, so it is emptied.
fn start_anew(path: &Path, file: File, length: u64) -> anyhow::Result<(File, u64)> {
    let Some(_lock) = files::try_lock(&files::lock_beside(path))? else {
        return Ok((file, length));
    };
    let mut older = path.as_os_str().to_owned();
    older.push(".1");
    // Another one may have been first.
    let (named, length) = open(path)?;
    if length <= MAX_JOURNAL / 2 {
        return Ok((named, length));
    }
    match fs::rename(path, older) {
        Ok(()) => Ok(open(path)?),
        Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
            file.set_len(0)?;
            Ok((file, 0))
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_was_cut_spoils_no_other() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("muster.jsonl");
        append(&path, &[b"{\"cut".to_vec()]).unwrap();
        append(&path, &[b"{}\n".to_vec(), b"[]\n".to_vec()]).unwrap();
        assert_eq!(fs::read_to_string(path).unwrap(), "{\"cut\n{}\n[]\n");
    }

    #[test]
    fn a_flood_leaves_two_bounded_files_and_loses_no_recent_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("muster.jsonl");
        for number in 0..4000 {
            let line = format!("{number:04000}\n").into_bytes();
            append(&path, &[line]).unwrap();
        }
        let size = |path: &Path| path.metadata().unwrap().len();
        let older = directory.path().join("muster.jsonl.1");
        assert!(size(&path) <= MAX_JOURNAL && size(&older) <= MAX_JOURNAL);
        assert!(size(&older) > MAX_JOURNAL - 8192);
        assert!(fs::read_to_string(&path).unwrap().ends_with("3999\n"));
    }

    #[test]
    fn what_is_no_regular_file_is_not_written() {
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(directory.path().join("elsewhere"), &link).unwrap();
        assert!(append(&link, &[b"{}\n".to_vec()]).is_err());
        assert!(append(Path::new("/dev/null"), &[b"{}\n".to_vec()]).is_err());
        assert!(!directory.path().join("elsewhere").exists());
    }
}
