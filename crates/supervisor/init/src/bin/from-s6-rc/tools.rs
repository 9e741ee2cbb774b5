//! What scripts use and this machine has not: each is told once, with what to do instead.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use files::{Links, open_regular};

/// Where programs are looked for.
const PATH: [&str; 6] = [
    "/command",
    "/usr/local/bin",
    "/usr/bin",
    "/bin",
    "/usr/sbin",
    "/sbin",
];
/// No more of a file is looked at.
const MOST: u64 = 64 << 10;

const AS_USER: &str = "use setpriv --reuid USER --regid GROUP --init-groups PROGRAM, su-exec or \
    gosu, or install the package s6";
const EXECLINE: &str =
    "install the package execline and link it there, or write the script for a shell";
const LOG: &str = "install the package s6, or let the service write to its output";
const S6: &str = "install the package s6";

/// Programs of s6-overlay's archives, and what to do without them.
const TOOLS: [(&str, &str); 23] = [
    ("execlineb", EXECLINE),
    (
        "justc-envdir",
        "use with-contenv, or s6-envdir of the package s6",
    ),
    ("logutil-service", LOG),
    ("printcontenv", "use with-contenv printenv NAME"),
    ("s6-applyuidgid", AS_USER),
    ("s6-chmod", "use chmod"),
    ("s6-chown", "use chown"),
    ("s6-env", "use env"),
    ("s6-envdir", S6),
    ("s6-log", LOG),
    ("s6-mkdir", "use mkdir"),
    (
        "s6-notifyoncheck",
        "install the package s6, or let run write a line to its notification-fd",
    ),
    ("s6-pause", "use sleep infinity"),
    ("s6-rc", "use svc -u and svc -d on /run/service/NAME"),
    ("s6-rc-db", "look into the service directories"),
    ("s6-setuidgid", AS_USER),
    ("s6-softlimit", "use ulimit, or install the package s6"),
    ("s6-svc", "link svc there, which takes the same letters"),
    ("s6-svok", S6),
    (
        "s6-svscanctl",
        "link svscanctl there, or make an empty file essential in the service",
    ),
    ("s6-svstat", "link svstat there"),
    ("s6-svwait", "use dependencies.d, or svc -w on the service"),
    (
        "with-contenv",
        "link it there: ours is /usr/bin/with-contenv",
    ),
];

/// A line for each tool that one of `files` uses and that is not there.
pub(crate) fn missing(
    files: &[(PathBuf, Vec<u8>)],
    is_there: impl Fn(&str) -> bool,
) -> Vec<String> {
    let mut first: BTreeMap<&str, (&Path, &str)> = BTreeMap::new();
    for (path, text) in files {
        let text = String::from_utf8_lossy(text);
        for word in words(&text) {
            let name = word.rsplit('/').next().unwrap_or(word);
            let tool = TOOLS.binary_search_by_key(&name, |(tool, _)| tool);
            if let Ok(tool) = tool
                && !first.contains_key(TOOLS[tool].0)
                && !is_there(word)
            {
                first.insert(TOOLS[tool].0, (path, TOOLS[tool].1));
            }
        }
    }
    let told = |(tool, (path, instead)): (&str, (&Path, &str))| {
        format!(
            "{} uses {tool}, which is not there: {instead}",
            path.display()
        )
    };
    first.into_iter().map(told).collect()
}

/// What could be the name of a program. Comments have none but in the first line.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_part = |it: char| it.is_ascii_alphanumeric() || "/-_.+".contains(it);
    let lines = text.lines().enumerate();
    let lines = lines.filter(|(number, line)| {
        !line.trim_start().starts_with('#') || *number == 0 && line.starts_with("#!")
    });
    lines.flat_map(move |(_, line)| line.split(move |it| !is_part(it)))
}

/// Whether a program is there, by its name or by its path.
pub(crate) fn is_there(word: &str) -> bool {
    if word.starts_with('/') {
        return Path::new(word).exists();
    }
    PATH.iter()
        .any(|folder| Path::new(folder).join(word).exists())
}

/// The program that runs execline's scripts.
pub(crate) fn execlineb() -> Option<PathBuf> {
    let found = PATH
        .iter()
        .map(|folder| Path::new(folder).join("execlineb"));
    let mut found = found.filter(|path| path.is_file());
    found.next()
}

/// The scripts in service directories, and those beside each other in folders, as far as
/// they can be read.
pub(crate) fn scripts(services: &[PathBuf], folders: &[PathBuf]) -> Vec<(PathBuf, Vec<u8>)> {
    let names = ["run", "finish", "up", "down", "log/run"];
    let of_service = |service: &PathBuf| names.map(|name| service.join(name));
    let services = services.iter().flat_map(of_service);
    let paths = services.chain(folders.iter().flat_map(|folder| entries(folder)));
    let read = |path: PathBuf| Some((beginning(&path)?, path));
    let read = paths.filter_map(read);
    read.map(|(text, path)| (path, text)).collect()
}

/// What is in a directory and not hidden, in order.
pub(crate) fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries
        .filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."))
        .map(|entry| entry.path())
        .collect();
    paths.sort();
    paths
}

fn beginning(path: &Path) -> Option<Vec<u8>> {
    if !fs::metadata(path).ok()?.is_file() {
        return None;
    }
    let (file, _) = open_regular(path, Links::Follow).ok()?;
    let mut text = Vec::new();
    file.take(MOST).read_to_end(&mut text).ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(texts: &[&str]) -> Vec<String> {
        let file = |(number, text): (usize, &&str)| {
            let path = PathBuf::from(format!("/s/{number}/run"));
            (path, text.as_bytes().to_vec())
        };
        let files: Vec<_> = texts.iter().enumerate().map(file).collect();
        missing(&files, |word| word == "s6-svc" || word == "/command/s6-log")
    }

    #[test]
    fn tools_are_in_order() {
        assert!(TOOLS.is_sorted_by_key(|(name, _)| name));
    }

    #[test]
    fn what_is_not_there_is_told_once_with_its_first_file() {
        let told = of(&[
            "#!/bin/sh\nexec true",
            "#!/bin/sh\nexec s6-setuidgid me true",
            "#!/bin/sh\nx=$(printcontenv A); exec \"s6-setuidgid\" me true",
        ]);
        let starts: Vec<_> = told
            .iter()
            .map(|line| line.split(',').next().unwrap())
            .collect();
        assert_eq!(
            starts,
            ["/s/2/run uses printcontenv", "/s/1/run uses s6-setuidgid"]
        );
    }

    #[test]
    fn the_interpreter_counts_and_comments_do_not() {
        assert_eq!(
            of(&["#!/command/execlineb -P\n# s6-log is not used\n"]).len(),
            1
        );
        assert_eq!(of(&["#!/bin/sh\n  # s6-log is not used\n"]), [""; 0]);
    }

    #[test]
    fn a_path_is_looked_for_as_it_is() {
        assert_eq!(of(&["/command/s6-log x", "s6-svc -d x"]), [""; 0]);
        assert_eq!(of(&["/command/s6-svc -d x"]).len(), 1);
    }

    #[test]
    fn parts_of_other_words_are_no_tools() {
        assert_eq!(
            of(&["ls /etc/s6-overlay/s6-rc.d my-s6-log s6-logger"]),
            [""; 0]
        );
    }
}
