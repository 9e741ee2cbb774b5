//! Lets HAProxy, or a program of the user's, check what was rendered, and shows what it says.

use std::io;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use anyhow::anyhow;
use exit::{escape, misuse, say};
use haproxy_config::{Surroundings, alerts, check_command_in, warnings};

use crate::PROGRAM;
use crate::draft::Draft;
use crate::pairs::Kind;

/// How many complaints are shown. A broken loop makes one for each node, and the first
/// ones say most.
const MAX_COMPLAINTS: usize = 10;
/// How much is shown of a line that an unknown program prints, in bytes.
const MAX_LINE: usize = 1000;
/// How much [`escape`] shows at once, or less.
const PART: usize = 100;
/// How long a check may take. Names that have to be resolved, and maps of some hundred
/// megabytes, take seconds; a certificate on a disk that is gone takes for ever.
const LONGEST_CHECK: Duration = Duration::from_secs(30);
/// The shell of the user's check, and what that sees as its own name.
const SHELL: &str = "/bin/sh";

/// A text that is checked.
pub(crate) struct Subject<'a> {
    pub(crate) text: &'a str,
    /// What the text is to become.
    pub(crate) path: &'a Path,
    /// Of what it was made.
    pub(crate) template: &'a Path,
    pub(crate) kind: Kind,
    /// Where the check finds it.
    pub(crate) draft: Draft,
}

/// Who checks.
pub(crate) enum Checker<'a> {
    /// The HAProxy of this name, in these surroundings.
    Haproxy(&'a Path, &'a Surroundings),
    /// A command for the shell, which finds the paths in `$1`, `$2` and so on.
    Command(&'a str),
}

impl Checker<'_> {
    /// Checks all of them together. An error tells the user to mend the template.
    pub(crate) fn run(&self, subjects: &[Subject]) -> anyhow::Result<()> {
        let output = self.ask(subjects)?;
        let words = String::from_utf8_lossy(&output.stderr);
        let shown = Shown(subjects);
        let Some(code) = output.status.code() else {
            return Err(anyhow!("run {}: {}", self.name(), output.status));
        };
        match self {
            Self::Haproxy(..) if code == 0 => {
                for warning in shown.with_lines(warnings(&words)) {
                    say(PROGRAM, format_args!("HAProxy warns: {warning}"));
                }
                Ok(())
            }
            Self::Haproxy(..) => {
                let mut complaints = shown.refusal(&words, code);
                if let [only] = subjects
                    && only.path.extension().is_none_or(|it| it != "cfg")
                {
                    complaints.push(NO_CONFIGURATION.to_owned());
                }
                Err(misuse(told(subjects, "HAProxy refuses it", &complaints)))
            }
            Self::Command(_) if code == 0 => Ok(()),
            // What the shell says if it cannot start a program, or finds none.
            Self::Command(command) if code == 126 || code == 127 => Err(anyhow!(
                "run the check `{command}`: {} (exit {code})",
                escape(words.trim().as_bytes())
            )),
            Self::Command(command) => {
                let printed = String::from_utf8_lossy(&output.stdout);
                let all = words.lines().chain(printed.lines());
                let all = all.filter(|line| !line.trim().is_empty());
                let complaints = shown.first(all);
                let who = format!("the check `{command}` refuses it (exit {code})");
                Err(misuse(told(subjects, &who, &complaints)))
            }
        }
    }

    fn ask(&self, subjects: &[Subject]) -> anyhow::Result<Output> {
        let drafts = |kind| {
            let subjects = subjects.iter().filter(move |it| it.kind == kind);
            subjects.map(|subject| subject.draft.path())
        };
        let mut command = match self {
            Self::Haproxy(haproxy, surroundings) => {
                check_command_in(haproxy, drafts(Kind::Configuration), surroundings)
            }
            Self::Command(text) => {
                let mut command = Command::new(SHELL);
                command.arg("-c").arg(text).arg(PROGRAM);
                command.args(drafts(Kind::Other));
                command
            }
        };
        let asked = limit::output(command.stdin(Stdio::null()), LONGEST_CHECK);
        asked.map_err(|error| match (self, error.kind()) {
            (Self::Haproxy(haproxy, _), io::ErrorKind::NotFound) => anyhow!(
                "run {}: there is no such program: install HAProxy, name it with --haproxy, or go \
                 without a check with --no-check",
                haproxy.display()
            ),
            _ => anyhow!(error).context(format!("run {}", self.name())),
        })
    }

    fn name(&self) -> String {
        match self {
            Self::Haproxy(haproxy, _) => haproxy.display().to_string(),
            Self::Command(command) => format!("the check `{command}`"),
        }
    }
}

/// What is said beside HAProxy's complaints about a single file that is not called as its
/// configurations mostly are.
const NO_CONFIGURATION: &str = "if this file is none of HAProxy's own, name its check with --check";

/// The error for what was refused. It names the template, since that is what the user can
/// mend: the rendered text is not kept.
fn told(subjects: &[Subject], who: &str, complaints: &[String]) -> String {
    let templates = subjects.iter().map(|it| it.template.display().to_string());
    let templates: Vec<String> = templates.collect();
    let (renders, fate) = match subjects {
        [only] if only.path.exists() => {
            ("renders", format!("the old {} stays", only.path.display()))
        }
        [only] => ("renders", format!("{} is not made", only.path.display())),
        _ => ("render", "no file is replaced".to_owned()),
    };
    let mut told = format!(
        "check what {} {renders}: {who}, and {fate}",
        templates.join(" and ")
    );
    for (at, complaint) in complaints.iter().enumerate() {
        told.push_str(if at == 0 { ":\n  " } else { "\n  " });
        told.push_str(complaint);
    }
    told
}

/// What the messages are about.
struct Shown<'a>(&'a [Subject<'a>]);

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
    fn with_lines<'a>(&self, messages: impl Iterator<Item = &'a str>) -> Vec<String> {
        first(messages.map(|message| self.with_line(message)))
    }

    /// The first few lines of a program that nobody knows.
    fn first<'a>(&self, lines: impl Iterator<Item = &'a str>) -> Vec<String> {
        first(lines.map(|line| escaped(&self.with_paths(line))))
    }

    /// The message about the files by the names that people know.
    fn with_paths(&self, message: &str) -> String {
        self.0.iter().fold(message.to_owned(), |message, subject| {
            let (draft, path) = (subject.draft.path(), subject.path);
            message.replace(&*draft.to_string_lossy(), &path.to_string_lossy())
        })
    }

    fn with_line(&self, message: &str) -> String {
        let mut found = self.0.iter().filter_map(|subject| {
            let draft = subject.draft.path().to_string_lossy();
            let (_, rest) = message.split_once(&*draft)?;
            let digits = rest.strip_prefix(':')?;
            let digits = digits.split(|c: char| !c.is_ascii_digit()).next()?;
            Some((subject, draft, digits.parse::<usize>().ok()))
        });
        let Some((subject, draft, number)) = found.next() else {
            return self.with_paths(message);
        };
        let path = match self.0 {
            [_] => String::new(),
            _ => format!("{} ", subject.path.display()),
        };
        let message = message.replace(&format!("{draft}:"), &format!("{path}line "));
        let message = self.with_paths(&message);
        let line = number.and_then(|number| {
            let line = subject.text.lines().nth(number.checked_sub(1)?)?;
            Some((number, line))
        });
        match line {
            Some((number, line)) => format!("{message}\n    {number} | {line}"),
            None => message,
        }
    }
}

/// The line as [`escape`] shows it, but more of it: what is wrong mostly stands at its end.
fn escaped(line: &str) -> String {
    let line = line.as_bytes();
    let parts = line[..line.len().min(MAX_LINE)].chunks(PART);
    parts.map(|part| escape(part).to_string()).collect()
}

fn first(mut messages: impl Iterator<Item = String>) -> Vec<String> {
    let mut first: Vec<String> = messages.by_ref().take(MAX_COMPLAINTS).collect();
    let left_out = messages.count();
    if left_out > 0 {
        first.push(format!("and {left_out} more"));
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "global\n    frobnicate\n";

    fn subject<'a>(text: &'a str, path: &'a str) -> Subject<'a> {
        Subject {
            text,
            path: Path::new(path),
            template: Path::new("/config/t"),
            kind: Kind::Configuration,
            draft: Draft::in_memory(text).unwrap(),
        }
    }

    fn alert(subject: &Subject) -> String {
        format!(
            "[NOTICE]   (77) : haproxy version is 2.6.12\n[ALERT]    (77) : config : parsing [{}:2] : unknown keyword 'frobnicate' in 'global' section\n[ALERT]    (77) : config : Fatal errors found in configuration.\n",
            subject.draft.path().display()
        )
    }

    #[test]
    fn haproxys_words_are_shown_with_the_line_that_they_are_about() {
        let subjects = [subject(TEXT, "/nonexistent/cfg")];
        let complaints = Shown(&subjects).refusal(&alert(&subjects[0]), 1);
        assert_eq!(
            told(&subjects, "HAProxy refuses it", &complaints),
            "check what /config/t renders: HAProxy refuses it, and /nonexistent/cfg is not made:\n  \
             parsing [line 2] : unknown keyword 'frobnicate' in 'global' section\n    2 |     frobnicate"
        );
    }

    #[test]
    fn of_several_files_the_one_that_is_refused_is_named() {
        let subjects = [
            subject("global\n    daemon\n", "/etc/a.cfg"),
            subject(TEXT, "/etc/b.cfg"),
        ];
        let complaints = Shown(&subjects).refusal(&alert(&subjects[1]), 1);
        assert_eq!(
            told(&subjects, "HAProxy refuses it", &complaints),
            "check what /config/t and /config/t render: HAProxy refuses it, and no file is replaced:\n  \
             parsing [/etc/b.cfg line 2] : unknown keyword 'frobnicate' in 'global' section\n    2 |     frobnicate"
        );
    }

    #[test]
    fn the_file_that_was_checked_is_called_by_the_name_that_people_know() {
        let subjects = [subject(TEXT, "/etc/cfg")];
        let draft = subjects[0].draft.path().display().to_string();
        assert_eq!(
            Shown(&subjects).with_line(&format!("read {draft} failed")),
            "read /etc/cfg failed"
        );
    }

    #[test]
    fn a_flood_of_complaints_is_cut_short() {
        let subjects = [subject(TEXT, "/etc/cfg")];
        let words = "[ALERT]    (1) : config : bad\n".repeat(1000);
        let complaints = Shown(&subjects).with_lines(alerts(&words));
        assert_eq!(complaints.len(), MAX_COMPLAINTS + 1);
        assert_eq!(complaints[MAX_COMPLAINTS], "and 990 more");
    }

    #[test]
    fn words_of_another_form_are_shown_as_they_are() {
        let subjects = [subject(TEXT, "/etc/cfg")];
        let shown = Shown(&subjects);
        assert_eq!(
            shown.refusal("out of memory\n", 1),
            ["out of memory (exit 1)"]
        );
        assert_eq!(
            shown.refusal("", 2),
            ["it has nothing to listen on (exit 2)"]
        );
    }

    #[test]
    fn a_line_number_that_cannot_be_is_harmless() {
        let subjects = [subject(TEXT, "/etc/cfg")];
        let draft = subjects[0].draft.path().display().to_string();
        for number in ["0", "3", "99999999999999999999", ""] {
            let message = format!("parsing [{draft}:{number}] : what");
            let shown = Shown(&subjects).with_line(&message);
            assert!(!shown.contains('|'), "{number}");
        }
    }

    #[test]
    fn a_missing_program_is_told_with_what_to_do() {
        let checker = Checker::Haproxy(Path::new("/nonexistent/haproxy"), &Surroundings::own());
        let error = checker
            .run(&[subject(TEXT, "x")])
            .map_err(|error| format!("{error:#}"));
        let error = error.unwrap_err();
        assert!(error.starts_with("run /nonexistent/haproxy: "), "{error}");
        assert!(error.contains("--haproxy") && error.contains("--no-check"));
    }

    fn command(command: &str) -> Result<(), String> {
        let mut other = subject("127.0.0.1 s1\n", "/etc/hosts.new");
        other.kind = Kind::Other;
        let checked = Checker::Command(command).run(&[other]);
        checked.map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn a_command_of_the_users_finds_the_file_in_its_first_argument() {
        command("grep -q s1 \"$1\"").unwrap();
        assert_eq!(
            command("echo \"no s2 in $1\" >&2; grep s2 \"$1\"").unwrap_err(),
            "check what /config/t renders: the check `echo \"no s2 in $1\" >&2; grep s2 \"$1\"` \
             refuses it (exit 1), and /etc/hosts.new is not made:\n  no s2 in /etc/hosts.new"
        );
        let long = "x".repeat(MAX_LINE);
        let error = command(&format!("echo '{long}y\x1b'; exit 3")).unwrap_err();
        assert!(error.ends_with(&long), "{error}");
        let error = command("printf 'a\\033[2Jb'; exit 3").unwrap_err();
        assert!(error.ends_with("\n  a\\x1b[2Jb"), "{error}");
        let error = command("no-such-program \"$1\"").unwrap_err();
        assert!(
            error.starts_with("run the check `no-such-program \"$1\"`: "),
            "{error}"
        );
        let error = command("kill -9 $$").unwrap_err();
        assert!(error.contains("signal: 9"), "{error}");
    }
}
