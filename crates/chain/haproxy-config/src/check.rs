//! HAProxy's own check of a configuration: the command, and the messages it prints.

use std::collections::BTreeMap;
use std::env;
use std::path::Path;
use std::process::Command;

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

/// The command by which `haproxy` checks the file `config`.
///
/// A program name without a folder is looked up in the PATH and in `/usr/sbin`, where
/// Debian installs HAProxy and which the PATH of ordinary users lacks. `environment`
/// is added to our own environment, so that variables in the file have the values
/// that they have for the HAProxy which runs with it.
#[must_use]
pub fn check_command(
    haproxy: &Path,
    config: &Path,
    environment: &BTreeMap<String, String>,
) -> Command {
    let mut path = env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into());
    path.push(":/usr/sbin");
    let mut command = Command::new(haproxy);
    command.args(["-c", "-f"]).arg(config);
    command.envs(environment).env("PATH", path);
    for name in OF_A_MASTER {
        command.env_remove(name);
    }
    command
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
        let command = check_command(Path::new("haproxy"), Path::new("/x"), &environment);
        let removed = command.get_envs().filter(|(_, value)| value.is_none());
        assert_eq!(removed.count(), OF_A_MASTER.len());
    }
}
