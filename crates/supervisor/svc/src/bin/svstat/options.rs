//! The command line of `s6-svstat`, and `--json`.

use std::path::PathBuf;

use anyhow::Result;
use exit::misuse;
use svc::command_line::{Asked, CommandLine, Next, Words};

use crate::fields::{self, Field};

const USAGE: &str = "usage: svstat [ --json ] [ -uwNrpgest | -o up,wantedup,normallyup,ready,paused,pid,pgid,exitcode,\
                     signal,signum,updownsince,readysince,updownfor,readyfor ] [ -n ] servicedir";

/// What is to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// The line for people, where a signal may be a number.
    Line { numeric: bool },
    /// The fields that were asked for.
    Fields,
    /// All fields as an object.
    Json,
}

/// What the command line says.
pub(crate) struct Options {
    pub(crate) form: Form,
    /// In the order in which they were asked for.
    pub(crate) fields: Vec<Field>,
    pub(crate) service: PathBuf,
}

impl Options {
    pub(crate) fn parse(words: Words) -> Result<Asked<Options>> {
        let mut line = CommandLine::new(words, USAGE);
        let mut fields = Vec::new();
        let (mut numeric, mut json) = (false, false);
        let operands = loop {
            match line.read()? {
                Next::Letter('n') => numeric = true,
                Next::Letter('o') => fields.extend(fields::named(&line.value()?).map_err(misuse)?),
                Next::Letter(letter) => {
                    fields.push(Field::of_letter(letter).ok_or_else(|| line.wrong())?);
                }
                Next::Name(name) => match name.as_str() {
                    "json" => json = true,
                    "help" => return Ok(Asked::Page),
                    "version" => return Ok(Asked::Version),
                    _ => return Err(line.wrong()),
                },
                Next::Operands(operands) => break operands,
            }
        };
        let service = operands.into_iter().next().ok_or_else(|| line.wrong())?;
        let form = match (json, fields.is_empty()) {
            (true, _) => Form::Json,
            (false, true) => Form::Line { numeric },
            (false, false) => Form::Fields,
        };
        Ok(Asked::Work(Options {
            form,
            fields,
            service: service.into(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Arg, CommandFactory};
    use svc::pages::Svstat;

    fn form(words: &[&str]) -> Form {
        match Options::parse(Words::new([&["svstat"], words].concat())).unwrap() {
            Asked::Work(options) => options.form,
            Asked::Page | Asked::Version => panic!("{words:?}"),
        }
    }

    #[test]
    fn json_goes_before_fields_and_fields_before_the_line() {
        assert_eq!(form(&["dir"]), Form::Line { numeric: false });
        assert_eq!(form(&["-n", "dir"]), Form::Line { numeric: true });
        assert_eq!(form(&["-un", "dir"]), Form::Fields);
        assert_eq!(form(&["-u", "--json", "dir"]), Form::Json);
        assert_eq!(form(&["dir", "--json"]), Form::Line { numeric: false });
    }

    /// An option may take a field as its value, or none at all.
    fn is_known(option: &str) -> bool {
        Options::parse(Words::new(["svstat", option, "up", "dir"])).is_ok()
    }

    #[test]
    fn every_option_is_in_the_list_for_manual_and_completions_and_none_else() {
        let page = Svstat::command();
        for letter in ('!'..='~').filter(|letter| *letter != '-') {
            let mut listed = page.get_arguments().filter_map(Arg::get_short);
            let is_listed = listed.any(|it| it == letter);
            assert_eq!(is_known(&format!("-{letter}")), is_listed, "-{letter}");
        }
        let names: Vec<&str> = page.get_arguments().filter_map(Arg::get_long).collect();
        assert_eq!(names, ["help", "version", "json"]);
        assert!(names.iter().all(|name| is_known(&format!("--{name}"))));
        assert!(!is_known("--bogus"));
    }
}
