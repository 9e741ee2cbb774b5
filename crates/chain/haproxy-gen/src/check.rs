//! Lets HAProxy check a rendered configuration, and shows what it says.

use std::io;
use std::path::Path;
use std::process::Output;
use std::time::Duration;

use anyhow::{Context, anyhow};
use exit::{misuse, say};
use haproxy_config::{Surroundings, alerts, check_command_in, warnings};

use crate::PROGRAM;
use crate::draft::Draft;

/// How many complaints are shown. A broken loop makes one for each node, and the first
/// ones say most.
const MAX_COMPLAINTS: usize = 10;
/// How long a check may take. Names that have to be resolved, and maps of some hundred
/// megabytes, take seconds; a certificate on a disk that is gone takes for ever.
const LONGEST_CHECK: Duration = Duration::from_secs(30);

/// A check by HAProxy of what is to become a file.
pub(crate) struct Check<'a> {
    /// The program.
    pub(crate) haproxy: &'a Path,
    /// Of what the text was made.
    pub(crate) template: &'a Path,
    /// What the text is to become.
    pub(crate) path: &'a Path,
    /// In what the HAProxy that is to read the file runs.
    pub(crate) surroundings: &'a Surroundings,
}

impl Check<'_> {
    /// Lets HAProxy check `text`, which it finds in `draft`. An error tells the user to
    /// mend the template.
    pub(crate) fn run(&self, text: &str, draft: &Draft) -> anyhow::Result<()> {
        let output = self.ask(draft)?;
        let words = String::from_utf8_lossy(&output.stderr);
        let shown = Shown {
            text,
            read: &draft.path().to_string_lossy(),
            path: &self.path.to_string_lossy(),
        };
        match output.status.code() {
            Some(0) => {
                for warning in shown.with_lines(warnings(&words)) {
                    say(PROGRAM, warning);
                }
                Ok(())
            }
            Some(code) => {
                let complaints = shown.refusal(&words, code);
                let path_is = self.path.display();
                let fate = if self.path.exists() {
                    format!("the old {path_is} stays")
                } else {
                    format!("{path_is} is not made")
                };
                Err(misuse(told(&complaints, self.template, &fate)))
            }
            None => Err(anyhow!("run {}: {}", self.haproxy.display(), output.status)),
        }
    }

    fn ask(&self, draft: &Draft) -> anyhow::Result<Output> {
        let stdin = draft.stdin().context("hand the configuration to HAProxy")?;
        let mut command = check_command_in(self.haproxy, draft.path(), self.surroundings);
        limit::output(command.stdin(stdin), LONGEST_CHECK).map_err(|error| {
            let haproxy = self.haproxy.display();
            match error.kind() {
                io::ErrorKind::NotFound => anyhow!(
                    "run {haproxy}: there is no such program: install HAProxy, name it with \
                     --haproxy, or go without a check with --no-check"
                ),
                _ => anyhow!(error).context(format!("run {haproxy}")),
            }
        })
    }
}

/// The error for a refused configuration. It names the template, since that is what
/// the user can mend: the rendered text is not kept.
fn told(complaints: &[String], template: &Path, fate: &str) -> String {
    format!(
        "check what {} renders: HAProxy refuses it, and {fate}:\n  {}",
        template.display(),
        complaints.join("\n  ")
    )
}

/// What HAProxy's messages are about.
struct Shown<'a> {
    /// The text that it read.
    text: &'a str,
    /// The path by which it read it.
    read: &'a str,
    /// The path that people know.
    path: &'a str,
}

impl Shown<'_> {
    fn refusal(&self, words: &str, code: i32) -> Vec<String> {
        let mut complaints = self.with_lines(alerts(words));
        if complaints.is_empty() {
            let words = words.trim();
            complaints.push(match (code, words) {
                // HAProxy exits with 2 without a message.
                (2, "") => "it has nothing to listen on (exit 2)".to_string(),
                _ => format!("{words} (exit {code})"),
            });
        }
        complaints
    }

    /// The first few messages, each with the line that it is about.
    fn with_lines<'a>(&self, mut messages: impl Iterator<Item = &'a str>) -> Vec<String> {
        let first = messages.by_ref().take(MAX_COMPLAINTS);
        let mut first: Vec<String> = first.map(|message| self.with_line(message)).collect();
        let left_out = messages.count();
        if left_out > 0 {
            first.push(format!("and {left_out} more"));
        }
        first
    }

    fn with_line(&self, message: &str) -> String {
        let number = message
            .split_once(self.read)
            .and_then(|(_, rest)| rest.strip_prefix(':'))
            .and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).next())
            .and_then(|digits| digits.parse::<usize>().ok());
        let message = message.replace(&format!("{}:", self.read), "line ");
        let message = message.replace(self.read, self.path);
        let line = number.and_then(|number| {
            let line = self.text.lines().nth(number.checked_sub(1)?)?;
            Some((number, line))
        });
        match line {
            Some((number, line)) => format!("{message}\n    {number} | {line}"),
            None => message,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "global\n    frobnicate\n";
    const ALERT: &str = "[NOTICE]   (77) : haproxy version is 2.6.12\n[ALERT]    (77) : config : parsing [/etc/.cfg.candidate:2] : unknown keyword 'frobnicate' in 'global' section\n[ALERT]    (77) : config : Fatal errors found in configuration.\n";
    const SHOWN: Shown = Shown {
        text: TEXT,
        read: "/etc/.cfg.candidate",
        path: "/etc/cfg",
    };

    #[test]
    fn haproxys_words_are_shown_with_the_line_that_they_are_about() {
        let complaints = SHOWN.refusal(ALERT, 1);
        assert_eq!(
            told(
                &complaints,
                Path::new("/config/t"),
                "the old /etc/cfg stays"
            ),
            "check what /config/t renders: HAProxy refuses it, and the old /etc/cfg stays:\n  \
             parsing [line 2] : unknown keyword 'frobnicate' in 'global' section\n    2 |     frobnicate"
        );
    }

    #[test]
    fn the_file_that_was_checked_is_called_by_the_name_that_people_know() {
        assert_eq!(
            SHOWN.with_line("read /etc/.cfg.candidate failed"),
            "read /etc/cfg failed"
        );
    }

    #[test]
    fn a_flood_of_complaints_is_cut_short() {
        let words = "[ALERT]    (1) : config : bad\n".repeat(1000);
        let complaints = SHOWN.with_lines(alerts(&words));
        assert_eq!(complaints.len(), MAX_COMPLAINTS + 1);
        assert_eq!(complaints[MAX_COMPLAINTS], "and 990 more");
    }

    #[test]
    fn words_of_another_form_are_shown_as_they_are() {
        assert_eq!(
            SHOWN.refusal("out of memory\n", 1),
            ["out of memory (exit 1)"]
        );
        assert_eq!(
            SHOWN.refusal("", 2),
            ["it has nothing to listen on (exit 2)"]
        );
    }

    #[test]
    fn a_line_number_that_cannot_be_is_harmless() {
        for number in ["0", "3", "99999999999999999999", ""] {
            let message = format!("parsing [/etc/.cfg.candidate:{number}] : what");
            assert!(!SHOWN.with_line(&message).contains('|'), "{number}");
        }
    }

    #[test]
    fn a_missing_program_is_told_with_what_to_do() {
        let check = Check {
            haproxy: Path::new("/nonexistent/haproxy"),
            template: Path::new("t"),
            path: Path::new("x"),
            surroundings: &Surroundings::own(),
        };
        let error = check.run(TEXT, &Draft::in_memory(TEXT).unwrap());
        let error = format!("{:#}", error.unwrap_err());
        assert!(error.starts_with("run /nonexistent/haproxy: "), "{error}");
        assert!(error.contains("--haproxy") && error.contains("--no-check"));
    }
}
