//! Remembers that the node had others.

use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;

use crate::verdict::Mark;

/// Makes the file if the node has others, and says whether it ever had.
pub(crate) fn keep(path: &Path, has_others: bool) -> Mark {
    if path.symlink_metadata().is_ok() {
        return Mark::Had;
    }
    if !has_others {
        return Mark::Never;
    }
    match File::options().write(true).create_new(true).open(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            Mark::Fails(format!("make {}: {error}", path.display()))
        }
        _ => Mark::Had,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_had_others_once_is_remembered() {
        let folder = harness::scratch();
        let path = folder.path().join("joined");
        assert!(matches!(keep(&path, false), Mark::Never));
        assert!(matches!(keep(&path, true), Mark::Had));
        assert!(matches!(keep(&path, false), Mark::Had));
    }

    #[test]
    fn what_cannot_be_made_is_told_with_its_path() {
        let Mark::Fails(why) = keep(Path::new("/nonexistent/joined"), true) else {
            panic!("it was made")
        };
        assert!(
            why.starts_with("make /nonexistent/joined: No such file"),
            "{why}"
        );
    }
}
