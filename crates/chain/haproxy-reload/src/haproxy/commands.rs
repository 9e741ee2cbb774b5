//! The commands that change the running worker.

use std::time::{Duration, Instant};

use anyhow::ensure;

use haproxy_socket::Socket;

/// The longest line that is sent, in bytes. HAProxy 3.2 and later accept no line that
/// is longer than their buffer, which is 16 kB unless `tune.bufsize` says otherwise.
pub(crate) const LONGEST_LINE: usize = 12 << 10;
/// How many of HAProxy's objections are told.
const TOLD: usize = 5;
/// What HAProxy needs an escape for in the word of a command.
const SPECIAL: &[u8] = b" \t\\;\"'#<";
/// How long one run waits, for all servers together, until those that left can be
/// deleted.
const REMOVABLE: Duration = Duration::from_millis(200);

/// Commands that have to be sent on one line, and a text that says what they do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Step {
    pub(crate) text: String,
    pub(crate) commands: Vec<String>,
}

impl Step {
    /// Whether HAProxy may apply a command of it only after its answer.
    pub(crate) fn is_applied_later(&self) -> bool {
        self.commands
            .iter()
            .any(|command| command.starts_with("set server ") && command.contains(" addr "))
    }
}

/// Sends the commands of all steps. It is an error if HAProxy objects to one, but the
/// others are sent all the same.
pub(crate) fn apply(socket: &Socket, steps: &[Step]) -> anyhow::Result<()> {
    let mut first = Ok(());
    for line in lines(steps) {
        first = first.and(accepted(&socket.ask(&line)?));
    }
    first
}

/// Packs the steps into as few lines as possible. The commands of a step stay on one
/// line, so that a step is hardly ever left half done if we are killed.
fn lines(steps: &[Step]) -> Vec<String> {
    const NUMBERS: &str = "set severity-output number";
    let mut lines: Vec<String> = Vec::new();
    for step in steps {
        let commands = step.commands.join(";");
        match lines.last_mut() {
            Some(line) if line.len() + commands.len() < LONGEST_LINE => {
                line.push(';');
                line.push_str(&commands);
            }
            _ => lines.push(format!("{NUMBERS};{commands}")),
        }
    }
    lines
}

pub(crate) fn accepted(answer: &str) -> anyhow::Result<()> {
    let told = answer
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty());
    for line in told {
        let message = line.split_once("]: ").map_or(line, |(_, message)| message);
        // From 3.0 on an address changes only after the answer, so that it can be there
        // already when it is set a second time.
        let expected = message == "New server registered."
            || message == "nothing changed"
            || message.contains("Ignoring cookie as HTTP mode is disabled")
            || message.ends_with("by 'stats socket command'") && !message.starts_with("Invalid");
        ensure!(
            expected,
            "HAProxy answers `{}`",
            exit::escape(message.as_bytes())
        );
    }
    Ok(())
}

/// Stores `value` in a variable of the worker. Where there is no room for it, HAProxy says
/// nothing and does not keep it.
pub(crate) fn remember(socket: &Socket, variable: &str, value: &str) -> anyhow::Result<()> {
    let answer = socket.ask(&format!(
        "experimental-mode on;set var {variable} str({value});get var {variable}"
    ))?;
    ensure!(
        answer.contains(&format!("value=<{value}>")),
        "HAProxy does not keep the variable {variable}, and answers `{}`",
        exit::escape(answer.trim().as_bytes())
    );
    Ok(())
}

/// Puts those of `servers` into maintenance that have no request, and returns how many
/// these were. The others stay in drain until a later run.
pub(crate) fn retire_idle(socket: &Socket, servers: &[String]) -> anyhow::Result<usize> {
    if servers.is_empty() {
        return Ok(0);
    }
    let stats = haproxy_socket::stat::parse(&socket.ask("show stat")?)?;
    let is_idle = |server: &&String| stats.get(*server).is_some_and(|stat| stat.sessions == 0);
    let idle: Vec<String> = servers
        .iter()
        .filter(is_idle)
        .map(|server| format!("set server {server} state maint"))
        .collect();
    for command in &idle {
        accepted(&socket.ask(command)?)?;
    }
    Ok(idle.len())
}

/// Deletes those of `servers` that have no connections left, and returns how many
/// these were. The others stay in maintenance until a later run.
pub(crate) fn purge(socket: &Socket, servers: &[String]) -> anyhow::Result<usize> {
    let until = Instant::now() + REMOVABLE;
    let mut deleted = 0;
    for server in servers {
        let left = until
            .saturating_duration_since(Instant::now())
            .as_millis()
            .max(1);
        let line = format!("wait {left}ms srv-removable {server};del server {server}");
        deleted += usize::from(socket.ask(&line)?.contains("Server deleted."));
    }
    Ok(deleted)
}

/// HAProxy's words, without those that are the same as others.
pub(crate) fn told(answer: &str) -> String {
    let mut lines: Vec<&str> = Vec::new();
    for line in answer
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
    {
        if !lines.contains(&line) && lines.len() < TOLD {
            lines.push(line);
        }
    }
    exit::escape(lines.join(" ").as_bytes()).to_string()
}

/// Any text as one word of a command.
pub(crate) fn word(text: &[u8]) -> Vec<u8> {
    let mut word = Vec::with_capacity(text.len());
    for byte in text {
        if SPECIAL.contains(byte) {
            word.push(b'\\');
        }
        word.push(*byte);
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(command: &str, times: usize) -> Step {
        Step {
            text: String::new(),
            commands: vec![command.to_owned(); times],
        }
    }

    #[test]
    fn commands_share_a_line_and_a_step_is_never_torn() {
        let steps = [step("a", 2), step("b", 1)];
        assert_eq!(lines(&steps), ["set severity-output number;a;a;b"]);
        let long = "x".repeat(500);
        let lines = lines(&[step(&long, 20), step(&long, 20), step(&long, 3)]);
        let counts: Vec<usize> = lines
            .iter()
            .map(|line| line.matches(&long).count())
            .collect();
        assert_eq!(counts, [20, 23]);
    }

    #[test]
    fn what_is_done_is_accepted() {
        let answer = "\n\n[6]: New server registered.\n\n[4]: IP changed from '127.0.0.1' to \
                      '127.0.0.2', no need to change the port by 'stats socket command'\n\n\
                      [4]: nothing changed\n\n";
        accepted(answer).unwrap();
        accepted("").unwrap();
    }

    #[test]
    fn every_objection_is_told_wherever_it_stands() {
        for objection in [
            "[3]: No such backend.",
            "[3]: Invalid addr 'x' by 'stats socket command'",
            "[6]: Unknown command, but maybe one of the following ones is a better match:",
            "garbage \u{7}",
        ] {
            let answer = format!("[6]: New server registered.\n\n{objection}\n\n\n");
            let error = accepted(&answer).unwrap_err().to_string();
            assert!(error.starts_with("HAProxy answers `"), "{error}");
        }
    }
}
