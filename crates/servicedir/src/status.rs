//! `supervise/status`, the 35 bytes of s6 2.10 to 2.12 and of 2.14 and later.

use crate::Stamp;

/// The length of the record in bytes; s6 2.13 alone has a longer one.
pub const STATUS_SIZE: usize = 35;

const PAUSED: u8 = 1;
const FINISHING: u8 = 2;
const WANT_UP: u8 = 4;
const READY: u8 = 8;

/// What the supervisor says about a service.
#[expect(clippy::struct_excessive_bools, reason = "they are the record's flags")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Status {
    /// When it last went up or down.
    pub stamp: Stamp,
    /// When it last became ready, up or down.
    pub ready_stamp: Stamp,
    /// The process of `run`, that of `finish` while finishing, 0 when down.
    pub pid: u64,
    /// How the last `run` ended, as `waitpid` says it.
    pub wait_status: u16,
    /// It was stopped by `svc -p`.
    pub paused: bool,
    /// `finish` runs.
    pub finishing: bool,
    /// It is wanted up.
    pub want_up: bool,
    /// It is up and has said so, or is down and could be started.
    pub ready: bool,
}

impl Status {
    /// The record's bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; STATUS_SIZE] {
        let mut record = [0; STATUS_SIZE];
        record[..12].copy_from_slice(&self.stamp.bytes());
        record[12..24].copy_from_slice(&self.ready_stamp.bytes());
        record[24..32].copy_from_slice(&self.pid.to_be_bytes());
        record[32..34].copy_from_slice(&self.wait_status.to_be_bytes());
        let flags = [
            (self.paused, PAUSED),
            (self.finishing, FINISHING),
            (self.want_up, WANT_UP),
            (self.ready, READY),
        ];
        record[34] = flags
            .iter()
            .filter(|(set, _)| *set)
            .map(|(_, bit)| bit)
            .sum();
        record
    }

    /// What a record says; every 35 bytes are a record.
    #[must_use]
    pub fn decode(record: &[u8; STATUS_SIZE]) -> Self {
        let flags = record[34];
        Self {
            stamp: Stamp::from_bytes(part(record, 0)),
            ready_stamp: Stamp::from_bytes(part(record, 12)),
            pid: u64::from_be_bytes(part(record, 24)),
            wait_status: u16::from_be_bytes(part(record, 32)),
            paused: flags & PAUSED != 0,
            finishing: flags & FINISHING != 0,
            want_up: flags & WANT_UP != 0,
            ready: flags & READY != 0,
        }
    }

    /// `run` runs: there is a process, and it is not that of `finish`.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.pid != 0 && !self.finishing
    }

    /// The code with which the last `run` exited; none if a signal ended it.
    #[must_use]
    pub fn exit_code(&self) -> Option<u8> {
        let code = self.wait_status.to_be_bytes()[0];
        self.signal().is_none().then_some(code)
    }

    /// The number of the signal that ended the last `run`.
    #[must_use]
    pub fn signal(&self) -> Option<u8> {
        let signal = self.wait_status.to_be_bytes()[1] & 0x7f;
        (signal != 0).then_some(signal)
    }
}

fn part<const N: usize>(record: &[u8; STATUS_SIZE], from: usize) -> [u8; N] {
    std::array::from_fn(|index| record[from + index])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_fields_are_where_s6_has_them() {
        let status = Status {
            stamp: Stamp::from_bytes([1; 12]),
            ready_stamp: Stamp::from_bytes([2; 12]),
            pid: 0x0304,
            wait_status: 0x0506,
            want_up: true,
            ready: true,
            ..Status::default()
        };
        let record = status.encode();
        assert_eq!(record[..12], [1; 12]);
        assert_eq!(record[12..24], [2; 12]);
        assert_eq!(record[24..], [0, 0, 0, 0, 0, 0, 3, 4, 5, 6, 12]);
    }

    #[test]
    fn each_flag_has_its_bit() {
        let flags = |status: Status| status.encode()[34];
        let none = Status::default();
        assert_eq!(
            flags(Status {
                paused: true,
                ..none
            }),
            1
        );
        assert_eq!(
            flags(Status {
                finishing: true,
                ..none
            }),
            2
        );
        assert_eq!(
            flags(Status {
                want_up: true,
                ..none
            }),
            4
        );
        assert_eq!(
            flags(Status {
                ready: true,
                ..none
            }),
            8
        );
    }

    #[test]
    fn the_end_of_a_run_is_told_as_code_or_signal() {
        let ended = |wait_status| Status {
            wait_status,
            ..Status::default()
        };
        assert_eq!(ended(0x0300).exit_code(), Some(3));
        assert_eq!(ended(0x0300).signal(), None);
        assert_eq!(ended(0x008b).signal(), Some(11));
        assert_eq!(ended(0x008b).exit_code(), None);
    }

    #[test]
    fn a_service_is_not_up_while_it_finishes() {
        let running = Status {
            pid: 7,
            ..Status::default()
        };
        assert!(running.is_up());
        let finishing = Status {
            finishing: true,
            ..running
        };
        assert!(!finishing.is_up());
        assert!(!Status::default().is_up());
    }

    proptest! {
        #[test]
        fn a_record_survives_the_way_there_and_back(mut record: [u8; STATUS_SIZE]) {
            record[34] &= 15;
            prop_assert_eq!(Status::decode(&record).encode(), record);
        }
    }
}
