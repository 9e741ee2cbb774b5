//! What is in a folder, and whether each file is whole: as it was, or as it is to be.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The files of a folder, by their paths in it.
pub(super) type Files = BTreeMap<String, Vec<u8>>;

/// The regular files in `folder` and below, but for what `shown` leaves out.
pub(super) fn read(folder: &Path, shown: impl Fn(&str, Vec<u8>) -> Option<Vec<u8>>) -> Files {
    let mut files = Files::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).into_iter().flatten().flatten() {
            let (path, kind) = (entry.path(), entry.file_type());
            let Ok(kind) = kind else { continue };
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() {
                let name = path.strip_prefix(folder).unwrap_or(&path);
                let name = name.to_string_lossy().into_owned();
                // One that goes meanwhile is not there.
                let content = fs::read(&path).ok();
                if let Some(content) = content.and_then(|content| shown(&name, content)) {
                    files.insert(name, content);
                }
            }
        }
    }
    files
}

/// Times and hashes differ from run to run: each digit, be it hexadecimal, becomes a 0.
pub(super) fn without_digits(content: Vec<u8>) -> Vec<u8> {
    let digit = |byte: u8| match byte {
        b'a'..=b'f' | b'0'..=b'9' => b'0',
        other => other,
    };
    content.into_iter().map(digit).collect()
}

/// What is wrong with what is left, where each file may be as before or as after.
pub(super) fn half(left: &Files, before: &Files, after: &Files) -> Vec<String> {
    let names: BTreeSet<&String> = left
        .keys()
        .chain(before.keys())
        .chain(after.keys())
        .collect();
    let wrong = names.into_iter().filter(|name| {
        let found = left.get(*name);
        found != before.get(*name) && found != after.get(*name)
    });
    wrong
        .map(|name| match left.get(name) {
            Some(content) => format!(
                "{name} is neither old nor new: {:?}",
                String::from_utf8_lossy(content)
            ),
            None => format!("{name} is gone"),
        })
        .collect()
}

/// Puts files back into a folder, and removes all others that are in it.
pub(super) fn restore(folder: &Path, files: &Files) {
    for name in read(folder, |_, content| Some(content)).keys() {
        if !files.contains_key(name) {
            fs::remove_file(folder.join(name)).unwrap();
        }
    }
    for (name, content) in files {
        files::replace(&folder.join(name), content, files::Durability::Unsynced).unwrap();
    }
}

/// What differs between two folders.
pub(super) fn differences(left: &Files, right: &Files) -> Vec<String> {
    half(left, right, right)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(of: &[(&str, &str)]) -> Files {
        let of = of.iter();
        of.map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec()))
            .collect()
    }

    #[test]
    fn a_file_may_be_the_old_one_or_the_new_one_and_nothing_else() {
        let before = files(&[("a", "1"), ("goes", "x")]);
        let after = files(&[("a", "2"), ("comes", "y")]);
        for right in [
            before.clone(),
            after.clone(),
            files(&[("a", "1"), ("goes", "x"), ("comes", "y")]),
        ] {
            assert_eq!(half(&right, &before, &after), [""; 0]);
        }
        let wrong = files(&[("a", ""), ("goes", "x"), ("b", "left")]);
        let words = half(&wrong, &before, &after);
        assert_eq!(
            words,
            [
                "a is neither old nor new: \"\"",
                "b is neither old nor new: \"left\""
            ]
        );
        let gone = files(&[("comes", "y")]);
        assert_eq!(half(&gone, &before, &after), ["a is gone"]);
    }

    #[test]
    fn a_folder_is_read_with_what_is_below_it() {
        let scratch = harness::scratch();
        fs::create_dir(scratch.path().join("in")).unwrap();
        for name in ["a", "in/b", "in/time"] {
            let path = scratch.path().join(name);
            files::replace(&path, b"12:3e", files::Durability::Unsynced).unwrap();
        }
        let shown = |name: &str, content| match name {
            "a" => None,
            "in/time" => Some(without_digits(content)),
            _ => Some(content),
        };
        let found = read(scratch.path(), shown);
        assert_eq!(found, files(&[("in/b", "12:3e"), ("in/time", "00:00")]));
        let old = files(&[("in/b", "b")]);
        restore(scratch.path(), &old);
        assert_eq!(read(scratch.path(), |_, content| Some(content)), old);
    }
}
