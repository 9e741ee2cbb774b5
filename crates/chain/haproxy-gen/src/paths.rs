//! Where a configuration names a file.

use std::ops::Range;
use std::path::{Path, PathBuf, absolute};

/// The path from the root on, so that two ways to write one are the same. The file need not
/// be there, its folder should.
pub(crate) fn whole(path: &Path) -> PathBuf {
    if let Ok(real) = path.canonicalize() {
        return real;
    }
    let path = absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
    match (folder, path.file_name()) {
        (Some(folder), Some(name)) => folder.join(name),
        _ => path,
    }
}

/// The path as a configuration keeps it for haproxy-reload: from the root on, with its links.
pub(crate) fn as_recorded(path: &Path) -> String {
    let whole = absolute(path).unwrap_or_else(|_| path.to_path_buf());
    whole.to_string_lossy().into_owned()
}

/// The places in `text` where a path to this file stands, however it is written. A relative
/// one may begin at any of `folders`, and is one only where HAProxy expects a file: a node
/// can be called as a file is.
pub(crate) fn places(text: &str, file: &Path, folders: &[PathBuf]) -> Vec<Range<usize>> {
    let Some(name) = file.file_name().and_then(|name| name.to_str()) else {
        return Vec::new();
    };
    let as_given = exact(text, file);
    let file = whole(file);
    let is_file = |written: &str| {
        let written = Path::new(written);
        if written.is_absolute() {
            return whole(written) == file;
        }
        folders
            .iter()
            .any(|folder| whole(&folder.join(written)) == file)
    };
    let found = text.match_indices(name).filter_map(|(at, _)| {
        let start = text[..at].rfind(|c| !is_part(c));
        let start = start.map_or(0, |before| before + char_length(&text[before..]));
        let place = start..at + name.len();
        let is_whole = !text[place.end..].starts_with(is_part);
        let is_expected =
            text[place.start..].starts_with('/') || expects_file(&text[..place.start]);
        (is_whole && is_expected && is_file(&text[place.clone()])).then_some(place)
    });
    let mut found: Vec<Range<usize>> = found.chain(as_given).collect();
    // One that was found in both ways is found once, and of two that overlap the longer.
    found.sort_by_key(|place| (place.start, std::cmp::Reverse(place.end)));
    found.dedup_by(|next, kept| next.start < kept.end);
    found
}

/// The places of the path as it was given, from the root on. It may have blanks and whatever
/// else in it.
fn exact(text: &str, file: &Path) -> Vec<Range<usize>> {
    let absolute = absolute(file).unwrap_or_else(|_| file.to_path_buf());
    let Some(path) = absolute.to_str() else {
        return Vec::new();
    };
    let found = text.match_indices(path).map(|(at, _)| at..at + path.len());
    let is_whole = |place: &Range<usize>| {
        !text[..place.start].ends_with(is_part) && !text[place.end..].starts_with(is_part)
    };
    found.filter(is_whole).collect()
}

/// The text with another path in these places.
pub(crate) fn replaced(text: &str, places: &[Range<usize>], path: &str) -> String {
    let mut made = String::with_capacity(text.len());
    let mut rest = 0;
    for place in places {
        made.push_str(&text[rest..place.start]);
        made.push_str(path);
        rest = place.end;
    }
    made.push_str(&text[rest..]);
    made
}

/// Whether the character can be a part of a path that stands in a configuration without
/// quotes.
fn is_part(c: char) -> bool {
    c.is_alphanumeric() || "./_-+~".contains(c)
}

/// Whether a file's path follows: it is the argument of a converter or of `-f`, or has the
/// name of its kind before it.
fn expects_file(before: &str) -> bool {
    let before = before.strip_suffix(['"', '\'']).unwrap_or(before);
    before.ends_with(['(', '@']) || before.trim_end_matches([' ', '\t']).ends_with(" -f")
}

fn char_length(text: &str) -> usize {
    text.chars().next().map_or(0, char::len_utf8)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_file_is_found_however_its_path_is_written() {
        let scratch = harness::scratch();
        let path = |name: &str| scratch.path().join(name);
        for folder in ["real", "other"] {
            std::fs::create_dir(path(folder)).unwrap();
        }
        symlink("real", path("link")).unwrap();
        let file = path("real/a.map");
        let root = scratch.path().display().to_string();
        let folders = [path("real"), path("other")];
        for written in [
            format!("{root}/real/a.map"),
            format!("{root}/link/a.map"),
            format!("{root}//real/./a.map"),
            format!("{root}/other/../real/a.map"),
            "a.map".to_owned(),
            "./a.map".to_owned(),
            "../link/a.map".to_owned(),
        ] {
            for file in [file.clone(), path("link/a.map")] {
                for text in [
                    format!("é{{ src,map({written},x) }} map(\"{written}\")"),
                    format!(
                        "acl x src -f {written}\nhttp-request x if {{ src -f  \"{written}\" }}"
                    ),
                ] {
                    let found = places(&text, &file, &folders);
                    assert_eq!(found.len(), 2, "{text}");
                    let new = text.replace(&written, "/new");
                    assert_eq!(replaced(&text, &found, "/new"), new);
                }
            }
        }
    }

    #[test]
    fn a_path_with_any_characters_is_found_where_it_stands_as_it_was_given() {
        for name in [
            "co:lon", "a b", "at@", "a,b", "a=b", "50%", "(x)", "[x]", "it's",
        ] {
            let file = PathBuf::from(format!("/nonexistent/{name}/h.acl"));
            let text = format!("acl x src -f \"{}\"\n", file.display());
            let found = places(&text, &file, &[]);
            assert_eq!(
                replaced(&text, &found, "/new"),
                "acl x src -f \"/new\"\n",
                "{name}"
            );
        }
    }

    #[test]
    fn another_file_is_not_taken_for_it() {
        let file = Path::new("/etc/haproxy/a.map");
        let folders = [PathBuf::from("/etc/haproxy")];
        for text in [
            "/etc/haproxy/a.map.old",
            "/etc/a.map",
            "/etc/haproxy/xa.map",
            "maps/a.map",
            "map(a.mapé)",
            "server a.map 10.0.0.1:80",
            "use-server a.map if { req.hdr(x) a.map }",
        ] {
            assert!(places(text, file, &folders).is_empty(), "{text}");
        }
        assert!(places("x", Path::new("/"), &folders).is_empty());
    }
}
