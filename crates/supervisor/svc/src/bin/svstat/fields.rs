//! The fields of `s6-svstat -o`.

use std::fmt::Display;

use servicedir::Stamp;

use crate::report::{Report, signal_name};

/// What a field shows.
#[derive(Clone, Copy)]
pub(crate) struct Field(fn(&Report) -> String);

/// Each name, the letter that is short for it, and what it shows.
const FIELDS: [(&str, Option<char>, Field); 14] = [
    (
        "up",
        Some('u'),
        Field(|report| report.status.is_up().to_string()),
    ),
    (
        "wantedup",
        Some('w'),
        Field(|report| report.status.want_up.to_string()),
    ),
    (
        "normallyup",
        Some('N'),
        Field(|report| report.normally_up.to_string()),
    ),
    (
        "ready",
        Some('r'),
        Field(|report| report.is_ready().to_string()),
    ),
    (
        "paused",
        None,
        Field(|report| report.status.is_paused().to_string()),
    ),
    ("pid", Some('p'), Field(|report| or(report.pid(), "-1"))),
    ("pgid", Some('g'), Field(|report| or(report.pid(), "-1"))),
    (
        "exitcode",
        Some('e'),
        Field(|report| or(report.exit_code(), "-1")),
    ),
    (
        "signal",
        Some('s'),
        Field(|report| or(report.signal().map(signal_name), "NA")),
    ),
    ("signum", None, Field(|report| or(report.signal(), "-1"))),
    (
        "updownsince",
        None,
        Field(|report| label(report.status.stamp)),
    ),
    (
        "readysince",
        None,
        Field(|report| label(report.status.ready_stamp)),
    ),
    (
        "updownfor",
        Some('t'),
        Field(|report| report.seconds(report.status.stamp).to_string()),
    ),
    (
        "readyfor",
        None,
        Field(|report| report.seconds(report.status.ready_stamp).to_string()),
    ),
];

impl Field {
    /// The field that a letter is short for.
    pub(crate) fn of_letter(letter: char) -> Option<Self> {
        let found = FIELDS.iter().find(|field| field.1 == Some(letter));
        found.map(|field| field.2)
    }

    pub(crate) fn show(self, report: &Report) -> String {
        (self.0)(report)
    }
}

/// The fields that a list names. As in s6 a comma may end the list.
pub(crate) fn named(list: &str) -> Result<Vec<Field>, String> {
    if list.is_empty() {
        return Ok(Vec::new());
    }
    list.strip_suffix(',')
        .unwrap_or(list)
        .split(',')
        .map(by_name)
        .collect()
}

fn by_name(name: &str) -> Result<Field, String> {
    if name.is_empty() {
        return Err("invalid null option field".into());
    }
    let found = FIELDS.iter().find(|field| field.0 == name);
    found
        .map(|field| field.2)
        .ok_or_else(|| format!("invalid option field: {name}"))
}

fn or(value: Option<impl Display>, absent: &str) -> String {
    value.map_or(absent.into(), |value| value.to_string())
}

fn label(stamp: Stamp) -> String {
    format!("@{}", stamp.hex())
}

#[cfg(test)]
mod tests {
    use super::*;
    use servicedir::{Status, WaitStatus};
    use std::time::UNIX_EPOCH;
    use svc::command_line::{Asked, Words};

    use crate::options::Options;

    fn show(options: &[(char, &str)], status: Status) -> Result<String, String> {
        let report = Report {
            status,
            normally_up: true,
            now: UNIX_EPOCH,
        };
        let mut words = vec!["svstat".to_string()];
        for (letter, value) in options {
            words.push(format!("-{letter}"));
            words.extend((*letter == 'o').then(|| (*value).to_string()));
        }
        words.push("dir".into());
        let asked = Options::parse(Words::new(words)).map_err(|error| error.to_string())?;
        let Asked::Work(Options { fields, .. }) = asked else {
            panic!("{options:?}");
        };
        let shown: Vec<String> = fields.iter().map(|field| field.show(&report)).collect();
        Ok(shown.join(" "))
    }

    #[test]
    fn fields_of_a_service_that_is_up() {
        let up = Status {
            pid: 42,
            ready: true,
            wait_status: WaitStatus(9),
            ..Status::default()
        };
        let all = "up,wantedup,normallyup,ready,paused,pid,pgid,exitcode,signal,signum,\
                   updownfor,readyfor";
        assert_eq!(
            show(&[('o', all)], up).unwrap(),
            "true false true true false 42 42 -1 NA -1 0 0"
        );
    }

    #[test]
    fn fields_of_one_that_was_killed() {
        let killed = Status {
            wait_status: WaitStatus(9),
            ready: true,
            ..Status::default()
        };
        let fields = "up,ready,pid,exitcode,signal,signum";
        assert_eq!(
            show(&[('o', fields)], killed).unwrap(),
            "false false -1 -1 SIGKILL 9"
        );
    }

    #[test]
    fn letters_and_names_come_in_the_order_of_the_options() {
        let down = Status {
            wait_status: WaitStatus(0x0300),
            ..Status::default()
        };
        assert_eq!(
            show(&[('e', ""), ('o', "pid,up"), ('g', ""), ('n', "")], down).unwrap(),
            "3 -1 false -1"
        );
    }

    #[test]
    fn stamps_are_labels() {
        let status = Status {
            stamp: UNIX_EPOCH.into(),
            ..Status::default()
        };
        assert_eq!(
            show(&[('o', "updownsince")], status).unwrap(),
            "@400000000000002500000000"
        );
    }

    #[test]
    fn a_list_may_end_with_a_comma_and_be_empty() {
        assert_eq!(show(&[('o', "up,")], Status::default()).unwrap(), "false");
        assert_eq!(show(&[('o', "")], Status::default()).unwrap(), "");
    }

    #[test]
    fn an_unknown_or_empty_name_is_told() {
        assert_eq!(
            show(&[('o', "foo")], Status::default()).unwrap_err(),
            "invalid option field: foo"
        );
        assert_eq!(
            show(&[('o', ",up")], Status::default()).unwrap_err(),
            "invalid null option field"
        );
    }
}
