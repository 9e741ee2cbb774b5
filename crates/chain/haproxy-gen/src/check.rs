//! Lets HAProxy check a rendered configuration, and shows what it says.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Seek, Write};
use std::path::Path;
use std::process::{Output, Stdio};

use anyhow::{Context, anyhow};
use exit::{misuse, say};
use haproxy_config::{alerts, check_command, warnings};
use nix::sys::memfd::{MFdFlags, memfd_create};

use crate::PROGRAM;

/// The path by which HAProxy can read its stdin; `-f -` does not do that.
const STDIN: &str = "/dev/stdin";
/// How many complaints are shown. A broken loop makes one for each node, and the first
/// ones say most.
const MAX_COMPLAINTS: usize = 10;

/// Lets HAProxy check `text`, which is to become the file at `path`. An error tells
/// the user to mend `template`, of which `text` was made.
pub(crate) fn check(
    haproxy: &Path,
    text: &str,
    template: &Path,
    path: &Path,
) -> anyhow::Result<()> {
    let output = run(haproxy, text)?;
    let words = String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        Some(0) => {
            for warning in with_lines(warnings(&words), text) {
                say(PROGRAM, warning);
            }
            Ok(())
        }
        Some(code) => {
            let complaints = refusal(&words, code, text);
            let path_is = path.display();
            let fate = if path.exists() {
                format!("the old {path_is} stays")
            } else {
                format!("{path_is} is not made")
            };
            Err(misuse(told(&complaints, template, &fate)))
        }
        None => Err(anyhow!("run {}: {}", haproxy.display(), output.status)),
    }
}

/// Runs the check with `text` in a file that exists only in memory. A full disk cannot
/// prevent that, and unlike a pipe it cannot block while HAProxy waits for us to read
/// its output.
fn run(haproxy: &Path, text: &str) -> anyhow::Result<Output> {
    let file = in_memory(text).context("hand the configuration to HAProxy")?;
    let mut command = check_command(haproxy, Path::new(STDIN), &BTreeMap::new());
    command.stdin(Stdio::from(file));
    command.output().map_err(|error| {
        let haproxy = haproxy.display();
        match error.kind() {
            io::ErrorKind::NotFound => anyhow!(
                "run {haproxy}: there is no such program: install HAProxy, name it with \
                 --haproxy, or go without a check with --no-check"
            ),
            _ => anyhow!(error).context(format!("run {haproxy}")),
        }
    })
}

fn in_memory(text: &str) -> io::Result<File> {
    let mut file = File::from(memfd_create(c"haproxy.cfg", MFdFlags::MFD_CLOEXEC)?);
    file.write_all(text.as_bytes())?;
    file.rewind()?;
    Ok(file)
}

fn refusal(words: &str, code: i32, text: &str) -> Vec<String> {
    let mut complaints = with_lines(alerts(words), text);
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

/// The error for a refused configuration. It names the template, since that is what
/// the user can mend: the rendered text is not kept.
fn told(complaints: &[String], template: &Path, fate: &str) -> String {
    format!(
        "check what {} renders: HAProxy refuses it, and {fate}:\n  {}",
        template.display(),
        complaints.join("\n  ")
    )
}

/// The first few messages, each with the line that it is about.
fn with_lines<'a>(mut messages: impl Iterator<Item = &'a str>, text: &str) -> Vec<String> {
    let first = messages.by_ref().take(MAX_COMPLAINTS);
    let mut first: Vec<String> = first.map(|message| with_line(message, text)).collect();
    let left_out = messages.count();
    if left_out > 0 {
        first.push(format!("and {left_out} more"));
    }
    first
}

fn with_line(message: &str, text: &str) -> String {
    let number = message
        .split_once(STDIN)
        .and_then(|(_, rest)| rest.strip_prefix(':'))
        .and_then(|rest| rest.split(|c: char| !c.is_ascii_digit()).next())
        .and_then(|digits| digits.parse::<usize>().ok());
    let message = message.replace(&format!("{STDIN}:"), "line ");
    match number.and_then(|number| Some((number, text.lines().nth(number.checked_sub(1)?)?))) {
        Some((number, line)) => format!("{message}\n    {number} | {line}"),
        None => message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "global\n    frobnicate\n";
    const ALERT: &str = "[NOTICE]   (77) : haproxy version is 2.6.12\n[ALERT]    (77) : config : parsing [/dev/stdin:2] : unknown keyword 'frobnicate' in 'global' section\n[ALERT]    (77) : config : Fatal errors found in configuration.\n";

    #[test]
    fn haproxys_words_are_shown_with_the_line_that_they_are_about() {
        let complaints = refusal(ALERT, 1, TEXT);
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
    fn a_flood_of_complaints_is_cut_short() {
        let words = "[ALERT]    (1) : config : bad\n".repeat(1000);
        let complaints = with_lines(alerts(&words), TEXT);
        assert_eq!(complaints.len(), MAX_COMPLAINTS + 1);
        assert_eq!(complaints[MAX_COMPLAINTS], "and 990 more");
    }

    #[test]
    fn words_of_another_form_are_shown_as_they_are() {
        assert_eq!(
            refusal("out of memory\n", 1, TEXT),
            ["out of memory (exit 1)"]
        );
        assert_eq!(
            refusal("", 2, TEXT),
            ["it has nothing to listen on (exit 2)"]
        );
    }

    #[test]
    fn a_line_number_that_cannot_be_is_harmless() {
        for number in ["0", "3", "99999999999999999999", ""] {
            let message = format!("parsing [/dev/stdin:{number}] : what");
            assert!(!with_line(&message, TEXT).contains('|'), "{number}");
        }
    }

    #[test]
    fn a_missing_program_is_told_with_what_to_do() {
        let error = check(
            Path::new("/nonexistent/haproxy"),
            TEXT,
            Path::new("t"),
            Path::new("x"),
        )
        .unwrap_err();
        let error = format!("{error:#}");
        assert!(error.starts_with("run /nonexistent/haproxy: "), "{error}");
        assert!(error.contains("--haproxy") && error.contains("--no-check"));
    }
}
