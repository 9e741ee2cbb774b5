//! HAProxy's own check of a configuration: the command, and the messages it prints.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::path::{Path, absolute};
use std::process::Command;

use crate::Surroundings;

/// Variables that a master process sets for its workers. A HAProxy that inherits
/// them would take itself for a part of that master.
const OF_A_MASTER: [&str; 4] = [
    "HAPROXY_MWORKER_REEXEC",
    "HAPROXY_MWORKER_WAIT_ONLY",
    "HAPROXY_PROCESSES",
    "HAPROXY_STARTUPLOGS_FD",
];
/// A part of HAProxy's closing message (`Error(s) found in configuration file : ...`,
/// `Fatal errors found in configuration.`), which adds nothing to the others.
const SUMMARY: &str = " found in configuration";

/// The command by which `haproxy` checks these files, as one configuration, as a HAProxy in
/// these surroundings reads them.
///
/// It is looked up as [`check_command`] does, by our own PATH, which it gets too: no
/// configuration depends on that. A relative path to it begins at our own directory.
#[must_use]
pub fn check_command_in<'a>(
    haproxy: &Path,
    configs: impl Iterator<Item = &'a Path>,
    surroundings: &Surroundings,
) -> Command {
    let program = if haproxy.components().count() > 1 {
        absolute(haproxy).unwrap_or_else(|_| haproxy.to_path_buf())
    } else {
        haproxy.to_path_buf()
    };
    let mut command = Command::new(program);
    command.env_clear();
    prepare(
        &mut command,
        configs,
        surroundings.environment.iter().cloned(),
    );
    if let Some(directory) = &surroundings.directory {
        command.current_dir(directory);
    }
    command
}

/// The command by which `haproxy` checks the files or folders `config`, as one configuration.
///
/// A program name without a folder is looked up in the PATH and in `/usr/sbin`, where
/// Debian installs HAProxy and which the PATH of ordinary users lacks. `environment`
/// is added to our own environment, so that variables in the file have the values
/// that they have for the HAProxy which runs with it.
#[must_use]
pub fn check_command(
    haproxy: &Path,
    config: &[impl AsRef<Path>],
    environment: &BTreeMap<String, String>,
) -> Command {
    let mut command = Command::new(haproxy);
    let environment = environment.iter();
    prepare(
        &mut command,
        config,
        environment.map(|(name, value)| (name.into(), value.into())),
    );
    command
}

fn prepare(
    command: &mut Command,
    configs: impl IntoIterator<Item = impl AsRef<Path>>,
    environment: impl Iterator<Item = (OsString, OsString)>,
) {
    let mut path = env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into());
    path.push(":/usr/sbin");
    command.arg("-c");
    for config in configs {
        command.arg("-f").arg(config.as_ref());
    }
    command.envs(environment).env("PATH", path);
    for name in OF_A_MASTER {
        command.env_remove(name);
    }
}

/// HAProxy's reasons for refusing a configuration, one message each, from what its check
/// writes to stderr.
pub fn alerts(stderr: &str) -> impl Iterator<Item = &str> {
    messages(stderr, "[ALERT]")
}

/// HAProxy's warnings about a configuration, one message each, from what its check
/// writes to stderr.
pub fn warnings(stderr: &str) -> impl Iterator<Item = &str> {
    messages(stderr, "[WARNING]")
}

fn messages<'a>(stderr: &'a str, severity: &'a str) -> impl Iterator<Item = &'a str> {
    stderr
        .lines()
        .filter(|line| !line.contains(SUMMARY))
        .filter_map(move |line| line.strip_prefix(severity))
        .map(message)
}

/// The message without the prefix `   (4711) : config : `.
fn message(line: &str) -> &str {
    let line = line.trim_start();
    let line = match line.split_once(") : ") {
        Some((pid, message)) if pid.starts_with('(') => message,
        _ => line,
    };
    line.strip_prefix("config : ").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: &str = "[NOTICE]   (77) : haproxy version is 2.6.12\n\
        [WARNING]  (77) : config : missing timeouts\n\
        [ALERT]    (77) : config : parsing [/x:2] : unknown keyword 'frobnicate'\n\
        [ALERT]    (77) : config : Fatal errors found in configuration.\n";

    #[test]
    fn what_haproxy_objects_to_is_told_from_what_it_remarks() {
        let all: Vec<&str> = alerts(WORDS).collect();
        assert_eq!(all, ["parsing [/x:2] : unknown keyword 'frobnicate'"]);
        let all: Vec<&str> = warnings(WORDS).collect();
        assert_eq!(all, ["missing timeouts"]);
    }

    #[test]
    fn a_message_of_another_form_is_left_as_it_is() {
        let all: Vec<&str> = alerts("[ALERT] out of memory (1) : or so\n").collect();
        assert_eq!(all, ["out of memory (1) : or so"]);
        assert_eq!(alerts("out of memory\n").count(), 0);
    }

    #[test]
    fn the_program_that_checks_is_no_part_of_a_master() {
        let environment = OF_A_MASTER.map(|name| (name.to_owned(), "1".to_owned()));
        let environment = BTreeMap::from(environment);
        let command = check_command(Path::new("haproxy"), &["/x", "/y"], &environment);
        let arguments: Vec<_> = command.get_args().collect();
        assert_eq!(arguments, ["-c", "-f", "/x", "-f", "/y"]);
        let removed = command.get_envs().filter(|(_, value)| value.is_none());
        assert_eq!(removed.count(), OF_A_MASTER.len());
    }

    #[test]
    fn surroundings_take_the_place_of_our_own() {
        let pair = |name: &str, value: &str| (name.into(), value.into());
        let surroundings = Surroundings {
            directory: Some("/".into()),
            environment: vec![pair("LB_BIND", "x"), pair("HAPROXY_PROCESSES", "|")],
        };
        let configs = [Path::new("/x"), Path::new("/y")];
        let command = check_command_in(Path::new("haproxy"), configs.into_iter(), &surroundings);
        let arguments: Vec<_> = command.get_args().collect();
        assert_eq!(arguments, ["-c", "-f", "/x", "-f", "/y"]);
        assert_eq!(command.get_current_dir(), Some(Path::new("/")));
        let given = command.get_envs();
        let given: Vec<_> = given
            .filter_map(|(name, value)| value.map(|_| name))
            .collect();
        assert_eq!(given, ["LB_BIND", "PATH"]);
    }

    #[test]
    fn a_relative_path_to_haproxy_begins_where_we_are() {
        let surroundings = Surroundings {
            directory: Some("/".into()),
            ..Surroundings::default()
        };
        let program = |name: &str| {
            let command = check_command_in(Path::new(name), [].into_iter(), &surroundings);
            Path::new(command.get_program()).to_path_buf()
        };
        assert_eq!(program("haproxy"), Path::new("haproxy"));
        assert_eq!(
            program("bin/haproxy"),
            env::current_dir().unwrap().join("bin/haproxy")
        );
        assert_eq!(
            program("./haproxy"),
            env::current_dir().unwrap().join("haproxy")
        );
    }
}
