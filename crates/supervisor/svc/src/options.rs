//! The command line of `s6-svc`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};
use exit::misuse;
use servicedir::{Letter, parse_signal};
use svc::getopt;

use crate::wait::Wait;

const KNOWN: &str = "abqhkti12pcyrlPCKoduDUxOQs:T:w:";

const USAGE: &str = "usage: svc [ -wu | -wU | -wd | -wD | -wr | -wR ] [ -T timeout ] \
                     [ -s signal ] [ -abqhkti12pcyrlPCKoduDUxOQ ] servicedir...";

/// What s6-svc writes at once: a FIFO takes it whole or not at all.
const LETTERS_MAX: usize = 62;

/// What the command line says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) letters: Vec<u8>,
    pub(crate) wait: Option<Wait>,
    /// `None`: for ever.
    pub(crate) timeout: Option<Duration>,
    pub(crate) services: Vec<PathBuf>,
}

impl Options {
    pub(crate) fn parse(arguments: &[OsString]) -> Result<Options> {
        let Some((choices, rest)) = getopt::parse(arguments, KNOWN) else {
            bail!(misuse(USAGE))
        };
        if rest.is_empty() {
            bail!(misuse(USAGE))
        }
        if rest.iter().any(|service| service.is_empty()) {
            bail!(misuse("invalid service path"));
        }
        let mut options = Options {
            letters: Vec::new(),
            wait: None,
            timeout: None,
            services: rest.into_iter().map(PathBuf::from).collect(),
        };
        for (letter, value) in choices {
            options.take(letter, getopt::text(value.as_ref()))?;
        }
        if options.letters.len() > LETTERS_MAX {
            bail!(misuse("too many commands"));
        }
        Ok(options)
    }

    fn take(&mut self, letter: char, value: &str) -> Result<()> {
        match letter {
            'w' => self.wait = Some(Wait::parse(value).ok_or_else(|| misuse(USAGE))?),
            'T' => self.timeout = milliseconds(value)?,
            's' => self.letters.push(letter_sending(value)?),
            letter => self.letters.extend(u8::try_from(letter)),
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

    fn parse(line: &str) -> Result<Options> {
        let arguments: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        Options::parse(&arguments)
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
        let letters = KNOWN.bytes().take_while(|letter| *letter != b's');
        for letter in letters.clone() {
            assert!(Letter::parse(letter).is_some(), "{}", char::from(letter));
        }
        assert_eq!(letters.count(), servicedir::LETTERS.len());
    }

    #[test]
    fn every_letter_stands_in_the_usage() {
        let (letters, _) = KNOWN.split_once('s').unwrap();
        assert!(USAGE.contains(&format!(" -{letters} ")), "{USAGE}");
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
            let words: Vec<OsString> = words.into_iter().map(OsString::from).collect();
            assert_eq!(
                Options::parse(&words).unwrap_err().to_string(),
                "invalid service path"
            );
        }
    }
}
