//! Options in the order in which they stand, as s6's programs read them: letters in one
//! word or several, and none behind the first word that is no option.

use std::ffi::OsString;

use anyhow::{Error, Result};
use clap::CommandFactory;
use exit::misuse;
use lexopt::{Arg, Parser};

/// The words of a command line as they were given, which [`CommandLine`] reads.
#[derive(Debug, clap::Parser)]
#[command(
    no_binary_name = true,
    disable_help_flag = true,
    disable_version_flag = true
)]
pub struct Words {
    /// The name of the program, and all that follows it
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<OsString>,
}

/// A command line that is being read.
pub struct CommandLine {
    parser: Parser,
    usage: &'static str,
}

/// What comes next on a command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// An option of one letter.
    Letter(char),
    /// An option with a name.
    Name(String),
    /// The words behind the options, which come last.
    Operands(Vec<OsString>),
}

/// What a command line asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Asked<T> {
    /// The page of the program: `--help`.
    Page,
    /// Its version: `--version`.
    Version,
    /// What the program is there for.
    Work(T),
}

impl<T> Asked<T> {
    /// The work that is asked for. The page or the version is printed instead, and there
    /// is no work.
    pub fn work<P: CommandFactory>(self) -> Result<Option<T>> {
        match self {
            Self::Work(work) => return Ok(Some(work)),
            Self::Page => exit::print(&P::command().render_long_help().to_string())?,
            Self::Version => exit::print(&P::command().render_version())?,
        }
        Ok(None)
    }
}

impl Words {
    /// These words, of which the first is the name of the program.
    pub fn new<T: Into<OsString>>(words: impl IntoIterator<Item = T>) -> Self {
        Self {
            words: words.into_iter().map(Into::into).collect(),
        }
    }
}

impl CommandLine {
    /// Begins to read. What is wrong with the options is answered with `usage`.
    #[must_use]
    pub fn new(words: Words, usage: &'static str) -> Self {
        let mut parser = Parser::from_iter(words.words);
        // To s6 `-T=5` is -T with the value `=5`.
        parser.set_short_equals(false);
        Self { parser, usage }
    }

    /// The next option, or the words behind all options.
    pub fn read(&mut self) -> Result<Next> {
        let first = match self.parser.next() {
            Ok(Some(Arg::Short(letter))) => return Ok(Next::Letter(letter)),
            Ok(Some(Arg::Long(name))) => return Ok(Next::Name(name.to_string())),
            Ok(Some(Arg::Value(first))) => Some(first),
            Ok(None) => None,
            Err(_) => return Err(self.wrong()),
        };
        let rest = self.parser.raw_args().map_err(|_| misuse(self.usage))?;
        Ok(Next::Operands(first.into_iter().chain(rest).collect()))
    }

    /// The value of the option that was read last. A value that is no text fits no
    /// option, and neither does the empty one that is given instead.
    pub fn value(&mut self) -> Result<String> {
        let value = self.parser.value().map_err(|_| misuse(self.usage))?;
        Ok(value.into_string().unwrap_or_default())
    }

    /// The answer to options that are not known.
    #[must_use]
    pub fn wrong(&self) -> Error {
        misuse(self.usage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Options as `a`, or `T=value`, then the operands.
    fn parsed(words: &[&str]) -> Option<(Vec<String>, Vec<String>)> {
        let words = Words::new([&["program"], words].concat());
        let mut line = CommandLine::new(words, "usage");
        let mut options = Vec::new();
        loop {
            match line.read().ok()? {
                Next::Letter(letter @ ('a' | 'b')) => options.push(letter.to_string()),
                Next::Letter(letter @ ('T' | 'w')) => {
                    options.push(format!("{letter}={}", line.value().ok()?));
                }
                Next::Letter(_) | Next::Name(_) => return None,
                Next::Operands(words) => {
                    let text = |word: OsString| word.into_string().unwrap();
                    return Some((options, words.into_iter().map(text).collect()));
                }
            }
        }
    }

    fn want(options: &[&str], operands: &[&str]) -> (Vec<String>, Vec<String>) {
        let words = |list: &[&str]| list.iter().map(ToString::to_string).collect();
        (words(options), words(operands))
    }

    #[test]
    fn letters_keep_their_order_in_one_word_or_several() {
        assert_eq!(
            parsed(&["-ba", "-b", "dir"]),
            Some(want(&["b", "a", "b"], &["dir"]))
        );
    }

    #[test]
    fn a_value_is_glued_or_the_next_word() {
        assert_eq!(
            parsed(&["-wu", "-T", "5", "dir"]),
            Some(want(&["w=u", "T=5"], &["dir"]))
        );
        assert_eq!(
            parsed(&["-aT5", "dir"]),
            Some(want(&["a", "T=5"], &["dir"]))
        );
        assert_eq!(parsed(&["-T=5", "dir"]), Some(want(&["T==5"], &["dir"])));
        assert_eq!(
            parsed(&["-T", "--", "dir"]),
            Some(want(&["T=--"], &["dir"]))
        );
        assert_eq!(
            parsed(&["-T", "-a", "dir"]),
            Some(want(&["T=-a"], &["dir"]))
        );
    }

    #[test]
    fn options_end_at_the_first_other_word() {
        assert_eq!(
            parsed(&["-a", "dir", "-b"]),
            Some(want(&["a"], &["dir", "-b"]))
        );
        assert_eq!(parsed(&["-a", "--", "-b"]), Some(want(&["a"], &["-b"])));
        assert_eq!(
            parsed(&["-a", "dir", "--"]),
            Some(want(&["a"], &["dir", "--"]))
        );
        assert_eq!(parsed(&["-", "dir"]), Some(want(&[], &["-", "dir"])));
        assert_eq!(parsed(&["-a", ""]), Some(want(&["a"], &[""])));
        assert_eq!(parsed(&["-a"]), Some(want(&["a"], &[])));
    }

    #[test]
    fn what_is_not_known_or_not_whole_is_refused() {
        assert_eq!(parsed(&["-z", "dir"]), None);
        assert_eq!(parsed(&["-:", "dir"]), None);
        assert_eq!(parsed(&["-T"]), None);
    }

    #[test]
    fn no_word_is_lost_on_the_way() {
        use clap::Parser;
        for words in [
            &["svc", "--", "-k"][..],
            &["svc", "-u", "--help", "a"],
            &["svc"],
        ] {
            let read = Words::try_parse_from(words).unwrap();
            assert_eq!(read.words, words);
        }
    }
}
