//! The command line of `s6-svscanctl`.

use std::path::PathBuf;

use anyhow::{Result, bail};
use exit::misuse;
use svc::command_line::{Asked, CommandLine, Next, Words};

const USAGE: &str = "usage: svscanctl [ -zabhitqnN ] scandir";

const LETTERS: &str = "zabhitqnN";

/// s6-svscanctl sends no more letters than this, which a supervisor reads at once.
const LETTERS_MAX: usize = 64;

/// What the command line says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) letters: Vec<u8>,
    pub(crate) scandir: PathBuf,
}

impl Options {
    /// As for s6-svscanctl, words behind the scan directory mean nothing.
    pub(crate) fn parse(words: Words) -> Result<Asked<Options>> {
        let mut line = CommandLine::new(words, USAGE);
        let mut letters = String::new();
        let operands = loop {
            match line.read()? {
                Next::Letter(letter) if LETTERS.contains(letter) => letters.push(letter),
                Next::Name(name) if name == "help" => return Ok(Asked::Page),
                Next::Name(name) if name == "version" => return Ok(Asked::Version),
                Next::Letter(_) | Next::Name(_) => bail!(line.wrong()),
                Next::Operands(operands) => break operands,
            }
        };
        let scandir = operands.into_iter().next().ok_or_else(|| line.wrong())?;
        if letters.len() > LETTERS_MAX {
            bail!(misuse("too many commands"));
        }
        Ok(Asked::Work(Options {
            letters: letters.into_bytes(),
            scandir: scandir.into(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Arg, CommandFactory};
    use svc::pages::Svscanctl;

    fn parse(line: &str) -> Result<Asked<Options>> {
        let words = format!("svscanctl {line}");
        Options::parse(Words::new(words.split_whitespace()))
    }

    #[test]
    fn letters_keep_their_order() {
        let Ok(Asked::Work(options)) = parse("-an -tb dir") else {
            panic!("it is right");
        };
        assert_eq!(options.letters, b"antb");
        assert_eq!(options.scandir, PathBuf::from("dir"));
    }

    #[test]
    fn every_letter_stands_in_the_usage() {
        assert!(USAGE.contains(&format!("[ -{LETTERS} ]")));
    }

    #[test]
    fn every_option_is_in_the_list_for_manual_and_completions_and_none_else() {
        let page = Svscanctl::command();
        for letter in ('!'..='~').filter(|letter| *letter != '-') {
            let mut listed = page.get_arguments().filter_map(Arg::get_short);
            let is_listed = listed.any(|it| it == letter);
            let is_known = parse(&format!("-{letter} dir")).is_ok();
            assert_eq!(is_known, is_listed, "-{letter}");
        }
        let names: Vec<&str> = page.get_arguments().filter_map(Arg::get_long).collect();
        assert_eq!(names, ["help", "version"]);
        assert_eq!(parse("--help").unwrap(), Asked::Page);
        assert_eq!(parse("--version").unwrap(), Asked::Version);
    }

    #[test]
    fn wrong_use_is_answered_with_the_usage() {
        for line in ["", "-a", "-f dir", "-p dir", "--bogus dir"] {
            assert_eq!(parse(line).unwrap_err().to_string(), USAGE, "{line}");
        }
    }
}
