//! `with-contenv`: its arguments, run with the container's environment.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::Context;
use exit::Exit;
use init::{contenv, diagnose, keeps_environment};

const PROGRAM: &str = "with-contenv";

/// Run a program with the container's environment
///
/// Interface
///   with-contenv PROGRAM [ARGUMENT...]
///   #!/usr/bin/with-contenv bash
///
///   Replaces its own environment with the container's, then itself with PROGRAM.
///   With S6_KEEP_ENV=1 the environment stays as it is.
///   In the first line of a script the kernel passes everything behind the path
///   as one argument: `bash -e` is split into two, if there is no program of that
///   name. A PROGRAM whose name begins with a hyphen stands behind `--`.
///
/// Files
///   container_environment   one file for each variable, whose content is the
///                           value, without one line feed at its end. In a
///                           service directory, or its log (as for a run script),
///                           the one beside the scan directory; otherwise
///                           /var/run/s6/container_environment.
///
/// Exit codes
///   PROGRAM's own, or
///   100  used wrongly
///   111  the environment cannot be read
///   126  PROGRAM cannot be executed
///   127  PROGRAM is not there
///
/// Notes
///   Empty and huge values, and those with line feeds, come as they are. What is
///   written into the directory later is seen by the next script:
///     echo value >/var/run/s6/container_environment/NAME
///   A value that ends with a line feed is written with one more.
#[expect(clippy::doc_markdown, reason = "it is the program's page")]
#[derive(clap::Parser)]
#[command(
    name = "with-contenv",
    version,
    verbatim_doc_comment,
    override_usage = "with-contenv PROGRAM [ARGUMENT...]"
)]
struct Arguments {
    /// The program and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "PROGRAM")]
    command: Vec<OsString>,
}

fn main() -> ExitCode {
    exit::main(PROGRAM, run)
}

fn run(arguments: Arguments) -> anyhow::Result<Exit> {
    let argv = split_shebang(arguments.command);
    let mut command = Command::new(&argv[0]);
    command.args(&argv[1..]);
    if !keeps_environment(|name| env::var(name).ok(), &mut Vec::new()) {
        set_environment(&mut command)?;
    }
    let error = command.exec();
    let why = diagnose::program(&argv[0], search_path(&command).as_deref(), &error);
    exit::say(
        PROGRAM,
        format_args!("run {}: {why}", Path::new(&argv[0]).display()),
    );
    Ok(Exit::Code(if error.kind() == ErrorKind::NotFound {
        127
    } else {
        126
    }))
}

fn set_environment(command: &mut Command) -> anyhow::Result<()> {
    let dir = contenv::find(&env::current_dir().unwrap_or_default());
    let vars = contenv::read(&dir)
        .context("get the container's environment (it is written when init starts)")?;
    command.env_clear().envs(vars);
    Ok(())
}

/// The PATH on which the program was looked for.
fn search_path(command: &Command) -> Option<OsString> {
    let given = command.get_envs().find(|(name, _)| *name == "PATH");
    match given {
        Some((_, value)) => value.map(OsStr::to_owned),
        None => env::var_os("PATH"),
    }
}

/// The kernel passes all that follows the path in a script's first line as one argument.
fn split_shebang(mut argv: Vec<OsString>) -> Vec<OsString> {
    if argv[0].as_bytes().contains(&b' ') && !Path::new(&argv[0]).exists() {
        let words: Vec<OsString> = argv[0]
            .as_bytes()
            .split(|byte| *byte == b' ')
            .filter(|word| !word.is_empty())
            .map(|word| OsStr::from_bytes(word).to_owned())
            .collect();
        if !words.is_empty() {
            argv.splice(..1, words);
        }
    }
    argv
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(argv: &[&str]) -> Vec<OsString> {
        split_shebang(argv.iter().map(OsString::from).collect())
    }

    #[test]
    fn two_words_of_a_shebang_become_two_arguments() {
        assert_eq!(
            split(&["bash -e", "./run", "a b"]),
            ["bash", "-e", "./run", "a b"]
        );
    }

    #[test]
    fn one_word_stays() {
        assert_eq!(split(&["bash", "./run"]), ["bash", "./run"]);
        assert_eq!(split(&[" "]), [" "]);
    }

    #[test]
    fn a_program_with_a_space_in_its_name_is_found() {
        let dir = harness::scratch();
        let program = dir.path().join("my program");
        std::fs::File::create(&program).unwrap();
        let program = program.to_str().unwrap();
        assert_eq!(split(&[program, "x"]), [program, "x"]);
    }
}
