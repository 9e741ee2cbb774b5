//! The first line of a script, as the kernel reads it.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The kernel looks for an interpreter in this much of a file.
const LOOKED_AT: u64 = 256;

/// What follows `#!` in the first line of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shebang<'a> {
    /// The line as it stands there, with spaces and a carriage return at its end.
    pub(crate) line: &'a [u8],
    /// The first word of the line; empty if there is none.
    pub(crate) interpreter: &'a Path,
    /// The rest of the line, which the kernel passes as one argument; empty if there
    /// is none.
    pub(crate) argument: &'a OsStr,
}

impl<'a> Shebang<'a> {
    /// The first line in the beginning of a file; none if it is no script.
    pub(crate) fn of(start: &'a [u8]) -> Option<Self> {
        let rest = start.strip_prefix(b"#!")?;
        let line = rest.split(|byte| *byte == b'\n').next()?;
        let words = line.trim_ascii();
        let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
        let end = words.iter().position(is_space).unwrap_or(words.len());
        let (interpreter, argument) = words.split_at(end);
        Some(Self {
            line,
            interpreter: Path::new(OsStr::from_bytes(interpreter)),
            argument: OsStr::from_bytes(argument.trim_ascii()),
        })
    }
}

/// The beginning of a file, as far as the kernel looks at it.
pub(crate) fn beginning_of(path: &Path) -> io::Result<Vec<u8>> {
    servicedir::read_beginning(path, LOOKED_AT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(start: &[u8]) -> Option<(&str, &str)> {
        let shebang = Shebang::of(start)?;
        let interpreter = shebang.interpreter.to_str().unwrap();
        Some((interpreter, shebang.argument.to_str().unwrap()))
    }

    #[test]
    fn first_lines_are_split_as_the_kernel_does() {
        assert_eq!(split(b"#!/bin/sh\n"), Some(("/bin/sh", "")));
        assert_eq!(
            split(b"#! /usr/bin/env  sh -e \nx"),
            Some(("/usr/bin/env", "sh -e"))
        );
        assert_eq!(split(b"#!/bin/sh"), Some(("/bin/sh", "")));
        assert_eq!(split(b"#!\n"), Some(("", "")));
        assert_eq!(split(b"echo\n"), None);
        assert_eq!(split(b""), None);
    }
}
