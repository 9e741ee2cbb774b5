//! The comments in a configuration that name the files that were made together with it.

use crate::capacity::{COMMENT as CAPACITY, behind_fingerprint};

/// What stands in each comment before the path.
const COMMENT: &str = "# file ";

/// The text with a comment for each path, in place of any that were there: behind the line
/// of the fingerprint, or at the beginning of a file without one, and behind the comment of
/// [`with_capacity`](crate::with_capacity), if that stands there.
///
/// A path with a line feed has no place in a comment, and is left out.
#[must_use]
pub fn with_files(text: &str, paths: &[&str]) -> String {
    let (before, behind) = text.split_at(place(text));
    let old: usize = lines(behind).map(str::len).sum();
    let mut new = before.to_owned();
    for path in paths.iter().filter(|path| !path.contains('\n')) {
        new.extend(["    ", COMMENT, path, "\n"]);
    }
    new + &behind[old..]
}

/// The paths in these comments. One that stands elsewhere is somebody else's.
#[must_use]
pub fn files_of(text: &str) -> Vec<String> {
    // Looking for the fingerprint takes longer than this in a large file without one.
    if !text.contains(COMMENT) {
        return Vec::new();
    }
    let behind = &text[place(text)..];
    lines(behind).filter_map(path).map(str::to_owned).collect()
}

/// Where the comments stand.
fn place(text: &str) -> usize {
    let begin = behind_fingerprint(text);
    let next = text[begin..].split_inclusive('\n').next();
    let capacity = next.filter(|line| line.trim_start().starts_with(CAPACITY));
    begin + capacity.map_or(0, str::len)
}

/// The lines with such a comment at the beginning of `text`.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive('\n')
        .take_while(|line| path(line).is_some())
}

/// The path that the line names. A blank at its end is a part of it.
fn path(line: &str) -> Option<&str> {
    let path = line.trim_start().strip_prefix(COMMENT)?;
    Some(path.strip_suffix('\n').unwrap_or(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Config, capacity_of, fingerprint, with_capacity};

    const PLAIN: &str = "global\n    setenv CONFIG_FINGERPRINT 0123\n    daemon\n    # file /no\n";
    const PATHS: [&str; 2] = ["/etc/haproxy/hosts.map", "/with a blank .acl "];

    #[test]
    fn they_stand_behind_the_fingerprint_or_else_at_the_beginning() {
        assert_eq!(
            with_files(PLAIN, &PATHS),
            "global\n    setenv CONFIG_FINGERPRINT 0123\n    # file /etc/haproxy/hosts.map\n    \
             # file /with a blank .acl \n    daemon\n    # file /no\n"
        );
        let bare = with_files("defaults\n", &PATHS[..1]);
        assert_eq!(bare, "    # file /etc/haproxy/hosts.map\ndefaults\n");
        assert_eq!(files_of(&bare), PATHS[..1]);
    }

    #[test]
    fn what_is_written_is_read_and_one_elsewhere_is_not() {
        assert!(files_of(PLAIN).is_empty());
        assert_eq!(files_of(&with_files(PLAIN, &PATHS)), PATHS);
        assert_eq!(with_files(PLAIN, &[]), PLAIN);
        assert!(files_of("").is_empty());
        assert_eq!(files_of("# file /x"), ["/x"]);
    }

    #[test]
    fn they_and_the_capacity_come_in_either_order() {
        for text in [PLAIN, "defaults\n", ""] {
            let one = with_files(&with_capacity(text, 64), &PATHS);
            let other = with_capacity(&with_files(text, &PATHS), 64);
            assert_eq!(one, other);
            assert_eq!(capacity_of(&one), Some(64));
            assert_eq!(files_of(&one), PATHS);
        }
    }

    #[test]
    fn new_ones_take_the_place_of_old_ones() {
        let old = with_capacity(&with_files(PLAIN, &PATHS), 64);
        let new = with_files(&old, &["/other"]);
        assert_eq!(files_of(&new), ["/other"]);
        assert_eq!(with_files(&new, &[]), with_capacity(PLAIN, 64));
    }

    #[test]
    fn no_path_becomes_a_line_of_its_own() {
        let text = with_files(PLAIN, &["/x\n    user root", "/y"]);
        assert_eq!(files_of(&text), ["/y"]);
        assert!(!text.contains("user root"));
    }

    #[test]
    fn they_do_not_count_in_the_fingerprint() {
        let print = |text: &str| fingerprint(&Config::parse(text), None);
        assert_eq!(print(&with_files(PLAIN, &PATHS)), print(PLAIN));
    }
}
