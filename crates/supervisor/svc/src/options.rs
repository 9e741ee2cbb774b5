//! The command line of `s6-svc`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};
use exit::misuse;
use servicedir::{Letter, parse_signal};
use svc::command_line::{Asked, CommandLine, Next, Words};

use crate::wait::Wait;

const USAGE: &str = "usage: svc [ -wu | -wU | -wd | -wD | -wr | -wR ] [ -T timeout ] \
                     [ -s signal ] [ -abqhkti12pcyrlPCKoduDUxOQ ] servicedir...";

/// s6-svc sends no more letters than this: a FIFO takes them all at once or none.
const LETTERS_MAX: usize = 62;

/// What the command line says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) letters: Vec<u8>,
    pub(crate) wait: Option<Wait>,
    /// How long to wait at most; `None` means for ever.
    pub(crate) timeout: Option<Duration>,
    pub(crate) services: Vec<PathBuf>,
}

impl Options {
    pub(crate) fn parse(words: Words) -> Result<Asked<Options>> {
        let mut line = CommandLine::new(words, USAGE);
        let mut options = Options::default();
        let services = loop {
            match line.read()? {
                Next::Letter(letter) => options.take(letter, &mut line)?,
                Next::Name(name) if name == "help" => return Ok(Asked::Page),
                Next::Name(name) if name == "version" => return Ok(Asked::Version),
                Next::Name(_) => bail!(line.wrong()),
                Next::Operands(services) => break services,
            }
        };
        if services.is_empty() {
            bail!(line.wrong())
        }
        if services.iter().any(|service| service.is_empty()) {
            bail!(misuse("invalid service path"));
        }
        if options.letters.len() > LETTERS_MAX {
            bail!(misuse("too many commands"));
        }
        options.services = services.into_iter().map(PathBuf::from).collect();
        Ok(Asked::Work(options))
    }

    fn take(&mut self, letter: char, line: &mut CommandLine) -> Result<()> {
        match letter {
            'w' => self.wait = Some(Wait::parse(&line.value()?).ok_or_else(|| line.wrong())?),
            'T' => self.timeout = milliseconds(&line.value()?)?,
            's' => self.letters.push(letter_sending(&line.value()?)?),
            letter => {
                let byte = u8::try_from(letter).ok();
                let known = byte.filter(|byte| Letter::parse(*byte).is_some());
                self.letters.push(known.ok_or_else(|| line.wrong())?);
            }
        }
        Ok(())
    }
}

fn milliseconds(text: &str) -> Result<Option<Duration>> {
    let number: u32 = text.parse().map_err(|_| misuse(USAGE))?;
    Ok((number > 0).then(|| Duration::from_millis(number.into())))
}

/// A signal by its name or its number, where one of the letters sends it.
fn letter_sending(text: &str) -> Result<u8> {
    let signal =
        parse_signal(text).ok_or_else(|| misuse(format_args!("invalid signal: {text}")))?;
    let letter = Letter::sending(signal).and_then(Letter::byte);
    letter.ok_or_else(|| {
        misuse(format_args!(
            "{text} is none of the signals that a letter sends"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Arg, CommandFactory};
    use svc::pages::Svc;

    fn parse(line: &str) -> Result<Options> {
        let words: Vec<&str> = line.split_whitespace().collect();
        parse_words(&words)
    }

    fn parse_words(words: &[&str]) -> Result<Options> {
        match Options::parse(Words::new([&["svc"], words].concat()))? {
            Asked::Work(options) => Ok(options),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn letters_keep_their_order() {
        let options = parse("-wU -T 500 -ud -x dir").unwrap();
        assert_eq!(options.letters, b"udx");
        assert_eq!(options.wait, Wait::parse("U"));
        assert_eq!(options.timeout, Some(Duration::from_millis(500)));
        assert_eq!(options.services, [PathBuf::from("dir")]);
    }

    #[test]
    fn no_letters_at_all_only_look_whether_somebody_listens() {
        assert!(parse("dir").unwrap().letters.is_empty());
    }

    #[test]
    fn every_letter_that_the_supervisor_knows_can_be_sent() {
        for (byte, _) in servicedir::LETTERS {
            let options = parse(&format!("-{} dir", char::from(*byte))).unwrap();
            assert_eq!(options.letters, [*byte]);
        }
    }

    #[test]
    fn every_letter_stands_in_the_usage() {
        let (_, behind) = USAGE.rsplit_once("[ -").unwrap();
        let (letters, _) = behind.split_once(' ').unwrap();
        let known = servicedir::LETTERS.iter().map(|(byte, _)| *byte);
        assert_eq!(sorted(letters.bytes()), sorted(known));
    }

    fn sorted(letters: impl Iterator<Item = u8>) -> Vec<u8> {
        let mut letters: Vec<u8> = letters.collect();
        letters.sort_unstable();
        letters
    }

    /// A letter may take a time or a state as its value, or none at all.
    fn is_known(option: &str) -> bool {
        ["9", "u"].iter().any(|value| {
            let words = Words::new(["svc", option, value, "dir"]);
            Options::parse(words).is_ok()
        })
    }

    #[test]
    fn every_option_is_in_the_list_for_manual_and_completions_and_none_else() {
        let page = Svc::command();
        for letter in ('!'..='~').filter(|letter| *letter != '-') {
            let mut listed = page.get_arguments().filter_map(Arg::get_short);
            let is_listed = listed.any(|it| it == letter);
            assert_eq!(is_known(&format!("-{letter}")), is_listed, "-{letter}");
        }
        let names: Vec<&str> = page.get_arguments().filter_map(Arg::get_long).collect();
        assert_eq!(names, ["help", "version"]);
        assert!(names.iter().all(|name| is_known(&format!("--{name}"))));
        assert!(!is_known("--bogus"));
    }

    #[test]
    fn a_signal_by_its_name_or_number_is_the_letter_that_sends_it() {
        let letters = parse("-s HUP -s sigusr1 -s9 -s CONT -d dir")
            .unwrap()
            .letters;
        assert_eq!(letters, b"h1kcd");
    }

    #[test]
    fn a_signal_that_no_letter_sends_is_told() {
        let told = |line: &str| parse(line).unwrap_err().to_string();
        assert_eq!(told("-s FOO dir"), "invalid signal: FOO");
        assert_eq!(
            told("-s SEGV dir"),
            "SEGV is none of the signals that a letter sends"
        );
    }

    #[test]
    fn no_time_is_for_ever_and_of_two_the_last_counts() {
        assert_eq!(parse("-T0 dir").unwrap().timeout, None);
        assert_eq!(parse("-wd -wu dir").unwrap().wait, Wait::parse("u"));
    }

    #[test]
    fn wrong_use_is_answered_with_the_usage() {
        for line in [
            "",
            "-u",
            "-z dir",
            "-w dir",
            "-wz dir",
            "-T x dir",
            "-T -1 dir",
            "-f dir",
        ] {
            assert_eq!(parse(line).unwrap_err().to_string(), USAGE, "{line}");
        }
    }

    #[test]
    fn sixty_two_letters_are_enough() {
        assert!(parse(&format!("-{} dir", "a".repeat(62))).is_ok());
        assert_eq!(
            parse(&format!("-{} dir", "a".repeat(63)))
                .unwrap_err()
                .to_string(),
            "too many commands"
        );
    }

    #[test]
    fn several_services_are_told_the_same() {
        let services = parse("-u a b").unwrap().services;
        assert_eq!(services, [PathBuf::from("a"), PathBuf::from("b")]);
    }

    #[test]
    fn a_service_without_a_name_is_none() {
        for words in [vec![""], vec!["a", ""]] {
            assert_eq!(
                parse_words(&words).unwrap_err().to_string(),
                "invalid service path"
            );
        }
    }
}
