//! The services of this balancer.

use super::safe::{name, words};
use super::time::span;
use super::{Level, Service};
use crate::facts::{Fact, Record};

pub(super) fn services(records: &Fact<Vec<Record>>) -> Vec<Service> {
    match records {
        Ok(records) => records.iter().map(service).collect(),
        Err(why) => vec![unknown("services", why, 0)],
    }
}

fn service(record: &Record) -> Service {
    let status = match &record.status {
        Ok(status) => status,
        Err(why) => return unknown(&record.name, why, record.restarts),
    };
    #[expect(clippy::cast_precision_loss, reason = "it is shown in days at last")]
    let time = span(record.seconds as f64);
    let (state, level, words) = if status.is_paused() {
        ("paused", Level::Warn, format!("paused, up {time}"))
    } else if status.is_up() && status.want_up {
        ("up", Level::Well, format!("up {time}"))
    } else if status.is_up() {
        ("up", Level::Warn, format!("up {time}, wanted down"))
    } else if status.finishing {
        ("finishes", Level::Warn, format!("finishes, down {time}"))
    } else if status.is_not_started_yet() {
        ("down", Level::Quiet, "not started yet".to_owned())
    } else if status.want_up {
        ("down", Level::Bad, format!("down {time}, wanted up"))
    } else {
        (
            "down",
            Level::Quiet,
            done(status.wait_status.exit_code(), &time),
        )
    };
    Service {
        name: name(&record.name),
        level,
        state,
        words,
        restarts: record.restarts,
    }
}

/// One that has done its work, such as a link that another service has made, or that is not
/// wanted here.
fn done(code: Option<u8>, time: &str) -> String {
    match code {
        Some(0) => format!("ended {time} ago"),
        _ => format!("down {time}"),
    }
}

fn unknown(service: &str, why: &str, restarts: u64) -> Service {
    Service {
        name: name(service),
        level: Level::Warn,
        state: "unknown",
        words: words(why),
        restarts,
    }
}
