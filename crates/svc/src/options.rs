//! The command line of `s6-svc`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};
use chain::exit::misuse;
use svc::getopt;

use crate::wait::Wait;

const KNOWN: &str = "abqhkti12pcyroduDUxOQT:w:";

const USAGE: &str = "usage: svc [ -wu | -wU | -wd | -wD | -wr | -wR ] [ -T timeout ] [ -abqhkti12pcyroduDUxOQ ] servicedir";

/// What s6-svc writes at once: a FIFO takes it whole or not at all.
const LETTERS_MAX: usize = 62;

/// What the command line says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) letters: Vec<u8>,
    pub(crate) wait: Option<Wait>,
    /// `None`: for ever.
    pub(crate) timeout: Option<Duration>,
    pub(crate) service: PathBuf,
    /// More than one service was given; s6-svc warns and takes the first.
    pub(crate) has_more: bool,
}

impl Options {
    pub(crate) fn parse(arguments: &[OsString]) -> Result<Options> {
        let Some((choices, rest)) = getopt::parse(arguments, KNOWN) else {
            bail!(misuse(USAGE))
        };
        let Some(service) = rest.first() else {
            bail!(misuse(USAGE))
        };
        if service.is_empty() {
            bail!(misuse("invalid service path"));
        }
        let mut options = Options {
            letters: Vec::new(),
            wait: None,
            timeout: None,
            service: service.into(),
            has_more: rest.len() > 1,
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
            letter => self.letters.extend(u8::try_from(letter)),
        }
        Ok(())
    }
}

fn milliseconds(text: &str) -> Result<Option<Duration>> {
    let number: u32 = text.parse().map_err(|_| misuse(USAGE))?;
    Ok((number > 0).then(|| Duration::from_millis(number.into())))
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
        assert_eq!(options.service, PathBuf::from("dir"));
    }

    #[test]
    fn no_letters_at_all_only_look_whether_somebody_listens() {
        assert!(parse("dir").unwrap().letters.is_empty());
    }

    #[test]
    fn every_letter_is_one_that_the_supervisor_knows() {
        for letter in KNOWN.bytes().take_while(|letter| *letter != b'T') {
            assert!(
                servicedir::Letter::parse(letter).is_some(),
                "{}",
                char::from(letter)
            );
        }
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
    fn further_services_are_noticed() {
        assert!(parse("-u a b").unwrap().has_more);
        assert_eq!(
            Options::parse(&["".into()]).unwrap_err().to_string(),
            "invalid service path"
        );
    }
}
