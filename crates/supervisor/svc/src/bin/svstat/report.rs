//! What is known of a service, as a line for people and as an object for programs.

use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use servicedir::{Signal, Stamp, Status};

/// What was seen at one moment.
pub(crate) struct Report {
    pub(crate) status: Status,
    pub(crate) normally_up: bool,
    pub(crate) now: SystemTime,
}

/// All fields under the names of `s6-svstat -o`, and `finishing`, for which it has none.
#[expect(clippy::struct_excessive_bools, reason = "they are s6-svstat's fields")]
#[derive(Debug, Serialize)]
pub(crate) struct All {
    up: bool,
    wantedup: bool,
    normallyup: bool,
    ready: bool,
    paused: bool,
    finishing: bool,
    pid: Option<u64>,
    pgid: Option<u64>,
    exitcode: Option<u8>,
    signal: Option<String>,
    signum: Option<u8>,
    updownsince: f64,
    readysince: Option<f64>,
    updownfor: u64,
    readyfor: Option<u64>,
}

impl Report {
    /// The line of `s6-svstat`.
    pub(crate) fn line(&self, numeric: bool) -> String {
        let status = &self.status;
        let up = status.is_up();
        let mut line = if up {
            format!("up (pid {})", status.pid)
        } else {
            format!("down ({})", self.last_end(numeric))
        };
        let is_new = status.is_not_started_yet();
        if !is_new {
            let _ = write!(line, " {} seconds", self.seconds(status.stamp));
        }
        let remarks = [
            (up && !self.normally_up, ", normally down"),
            (!up && self.normally_up, ", normally up"),
            (up && status.is_paused(), ", paused"),
            (!up && status.want_up, ", want up"),
            (up && !status.want_up, ", want down"),
        ];
        remarks
            .iter()
            .filter(|(holds, _)| *holds)
            .for_each(|(_, text)| line.push_str(text));
        if status.ready && !is_new {
            let _ = write!(line, ", ready {} seconds", self.seconds(status.ready_stamp));
        }
        line
    }

    pub(crate) fn all(&self) -> All {
        let status = &self.status;
        let ready = status.ready.then_some(status.ready_stamp);
        All {
            up: status.is_up(),
            wantedup: status.want_up,
            normallyup: self.normally_up,
            ready: self.is_ready(),
            paused: status.is_paused(),
            finishing: status.finishing,
            pid: self.pid(),
            pgid: self.pid(),
            exitcode: self.exit_code(),
            signal: self.signal().map(signal_name),
            signum: self.signal(),
            updownsince: unix(status.stamp),
            readysince: ready.map(unix),
            updownfor: self.seconds(status.stamp),
            readyfor: ready.map(|stamp| self.seconds(stamp)),
        }
    }

    /// A service that is down is ready in its record, which means that it can be started. As a field, ready means
    /// that the service is up as well.
    pub(crate) fn is_ready(&self) -> bool {
        self.status.is_up() && self.status.ready
    }

    /// The process of `run`. It is its process group as well: the supervisor
    /// starts it as the leader of a session.
    pub(crate) fn pid(&self) -> Option<u64> {
        self.status.is_up().then_some(self.status.pid)
    }

    /// The code with which it has ended. A service that is up has not ended, whatever it did before.
    pub(crate) fn exit_code(&self) -> Option<u8> {
        self.status
            .wait_status
            .exit_code()
            .filter(|_| self.has_ended())
    }

    pub(crate) fn signal(&self) -> Option<u8> {
        self.status
            .wait_status
            .signal()
            .filter(|_| self.has_ended())
    }

    fn has_ended(&self) -> bool {
        !self.status.is_up() && !self.status.is_not_started_yet()
    }

    pub(crate) fn seconds(&self, stamp: Stamp) -> u64 {
        stamp.seconds_until(self.now)
    }

    fn last_end(&self, numeric: bool) -> String {
        if self.status.is_not_started_yet() {
            return "not started yet".into();
        }
        match self.signal() {
            Some(number) if numeric => format!("signal {number}"),
            Some(number) => format!("signal {}", signal_name(number)),
            None => format!("exitcode {}", self.exit_code().unwrap_or_default()),
        }
    }
}

/// The name of a signal, or what s6 prints for one without a name.
pub(crate) fn signal_name(number: u8) -> String {
    Signal::try_from(i32::from(number)).map_or("SIG???".into(), |signal| signal.as_str().into())
}

fn unix(stamp: Stamp) -> f64 {
    stamp
        .time()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use servicedir::WaitStatus;
    use std::time::Duration;

    fn report(status: Status, normally_up: bool) -> Report {
        let then = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let status = Status {
            stamp: then.into(),
            ready_stamp: (then + Duration::from_secs(2)).into(),
            ..status
        };
        Report {
            status,
            normally_up,
            now: then + Duration::from_secs(7),
        }
    }

    fn up() -> Status {
        Status {
            pid: 42,
            want_up: true,
            ..Status::default()
        }
    }

    #[test]
    fn a_service_that_is_up() {
        assert_eq!(report(up(), true).line(false), "up (pid 42) 7 seconds");
        let ready = Status {
            ready: true,
            ..up()
        };
        assert_eq!(
            report(ready, true).line(false),
            "up (pid 42) 7 seconds, ready 5 seconds"
        );
    }

    #[test]
    fn remarks_stand_in_the_order_of_s6() {
        let odd = Status {
            paused: true,
            want_up: false,
            ..up()
        };
        assert_eq!(
            report(odd, false).line(false),
            "up (pid 42) 7 seconds, normally down, paused, want down"
        );
        let waiting = Status {
            want_up: true,
            wait_status: WaitStatus(0x0300),
            ..Status::default()
        };
        assert_eq!(
            report(waiting, true).line(false),
            "down (exitcode 3) 7 seconds, normally up, want up"
        );
    }

    #[test]
    fn a_signal_is_a_name_or_a_number() {
        let killed = Status {
            wait_status: WaitStatus(9),
            ready: true,
            ..Status::default()
        };
        assert_eq!(
            report(killed, false).line(false),
            "down (signal SIGKILL) 7 seconds, ready 5 seconds"
        );
        assert_eq!(
            report(killed, false).line(true),
            "down (signal 9) 7 seconds, ready 5 seconds"
        );
        assert_eq!(signal_name(40), "SIG???");
    }

    #[test]
    fn while_it_finishes_it_is_down_and_has_no_pid() {
        let finishing = Status {
            finishing: true,
            wait_status: WaitStatus(0x0700),
            ..up()
        };
        assert_eq!(
            report(finishing, true).line(false),
            "down (exitcode 7) 7 seconds, normally up, want up"
        );
        assert_eq!(report(finishing, true).all().pid, None);
    }

    #[test]
    fn one_that_was_not_started_yet_has_no_end_to_tell() {
        let new = Status {
            paused: true,
            ready: true,
            want_up: true,
            ..Status::default()
        };
        assert_eq!(
            report(new, true).line(false),
            "down (not started yet), normally up, want up"
        );
        let json = serde_json::to_value(report(new, true).all()).unwrap();
        assert_eq!(json["exitcode"], serde_json::Value::Null);
        assert_eq!(json["paused"], false);
    }

    #[test]
    fn json_says_null_for_what_does_not_apply() {
        let json = serde_json::to_value(report(up(), true).all()).unwrap();
        assert_eq!(json["pid"], 42);
        assert_eq!(json["pgid"], 42);
        assert_eq!(json["up"], true);
        assert_eq!(json["exitcode"], serde_json::Value::Null);
        assert_eq!(json["readysince"], serde_json::Value::Null);
        assert_eq!(json["updownsince"], 1_700_000_000.0);
    }
}
