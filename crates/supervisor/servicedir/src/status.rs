//! `supervise/status`, the status record: 35 bytes in s6 2.10 to 2.12 and in 2.14 and
//! later, 43 bytes in 2.13.
//!
//! `S6_SVSTATUS_SIZE` and the places of the fields are those of `s6/supervise.h`
//! and `s6_svstatus_pack.c` of each release.

use std::fmt::{self, Display};

use crate::{Stamp, WaitStatus};

const PAUSED: u8 = 1;
const FINISHING: u8 = 2;
const WANT_UP: u8 = 4;
const READY: u8 = 8;

/// Where the fields of a record are. Up to the process all layouts are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Layout {
    /// 35 bytes: s6 2.10 to 2.12, and 2.14 and later.
    #[default]
    Short,
    /// 43 bytes: s6 2.13, which has the process group behind the process.
    Long,
}

/// No record: no release of s6 writes one of this length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRecord(usize);

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
    /// How the last `run` ended.
    pub wait_status: WaitStatus,
    /// It was stopped by `svc -p`. Without a process the flag has another meaning: see
    /// [`Self::is_not_started_yet`].
    pub paused: bool,
    /// `finish` runs.
    pub finishing: bool,
    /// It is wanted up.
    pub want_up: bool,
    /// It is up and has announced that it is ready, or it is down and can be started.
    pub ready: bool,
}

impl Status {
    /// The record's bytes.
    ///
    /// The process group is the process: `run` and `finish` are started as the
    /// leaders of sessions of their own.
    #[must_use]
    pub fn encode(&self, layout: Layout) -> Vec<u8> {
        let pid = self.pid.to_be_bytes();
        let group: &[u8] = match layout {
            Layout::Short => &[],
            Layout::Long => &pid,
        };
        [
            &self.stamp.bytes()[..],
            &self.ready_stamp.bytes(),
            &pid,
            group,
            &self.wait_status.0.to_be_bytes(),
            &[self.flags()],
        ]
        .concat()
    }

    fn flags(&self) -> u8 {
        let flags = [
            (self.paused, PAUSED),
            (self.finishing, FINISHING),
            (self.want_up, WANT_UP),
            (self.ready, READY),
        ];
        let set = flags.iter().filter(|(set, _)| *set);
        set.map(|(_, bit)| bit).sum()
    }

    /// What a record says. Its layout is known by its length, and any bytes of that
    /// length can be decoded.
    pub fn decode(record: &[u8]) -> Result<Self, NoRecord> {
        let layout = Layout::of(record.len()).ok_or(NoRecord(record.len()))?;
        let end = layout.end();
        let flags = part::<1>(record, end + 2)[0];
        Ok(Self {
            stamp: Stamp::from_bytes(part(record, 0)),
            ready_stamp: Stamp::from_bytes(part(record, 12)),
            pid: u64::from_be_bytes(part(record, 24)),
            wait_status: WaitStatus(u16::from_be_bytes(part(record, end))),
            paused: flags & PAUSED != 0,
            finishing: flags & FINISHING != 0,
            want_up: flags & WANT_UP != 0,
            ready: flags & READY != 0,
        })
    }

    /// Whether `run` runs: there is a process, and it is not that of `finish`.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.pid != 0 && !self.finishing
    }

    /// Whether `run` was not started since the service is supervised. s6 2.13.2 and later
    /// say so by the flag for paused, without a process.
    #[must_use]
    pub fn is_not_started_yet(&self) -> bool {
        self.paused && self.pid == 0
    }

    /// Whether its process was stopped, and goes on when it is continued.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.paused && self.pid != 0
    }
}

impl Layout {
    /// Every layout that a release of s6 has.
    pub const ALL: [Self; 2] = [Self::Short, Self::Long];

    /// The length of its records in bytes.
    #[must_use]
    pub const fn size(self) -> usize {
        self.end() + 3
    }

    /// The layout whose records have this length.
    #[must_use]
    pub fn of(size: usize) -> Option<Self> {
        Self::ALL.into_iter().find(|layout| layout.size() == size)
    }

    /// Where a record says how the last `run` has ended.
    const fn end(self) -> usize {
        match self {
            Self::Short => 32,
            Self::Long => 40,
        }
    }
}

impl Display for NoRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [short, long] = Layout::ALL.map(Layout::size);
        let length = self.0;
        write!(
            f,
            "no record: {length} bytes, and s6 writes {short}, or {long} in 2.13"
        )
    }
}

impl std::error::Error for NoRecord {}

fn part<const N: usize>(record: &[u8], from: usize) -> [u8; N] {
    std::array::from_fn(|index| record[from + index])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sample() -> Status {
        Status {
            stamp: Stamp::from_bytes([1; 12]),
            ready_stamp: Stamp::from_bytes([2; 12]),
            pid: 0x0304,
            wait_status: WaitStatus(0x0506),
            want_up: true,
            ready: true,
            ..Status::default()
        }
    }

    #[test]
    fn the_fields_are_where_s6_has_them() {
        let record = sample().encode(Layout::Short);
        assert_eq!(record[..12], [1; 12]);
        assert_eq!(record[12..24], [2; 12]);
        assert_eq!(record[24..], [0, 0, 0, 0, 0, 0, 3, 4, 5, 6, 12]);
    }

    #[test]
    fn s6_2_13_has_the_process_group_behind_the_process() {
        let record = sample().encode(Layout::Long);
        assert_eq!(record[..12], [1; 12]);
        assert_eq!(record[12..24], [2; 12]);
        assert_eq!(record[24..32], [0, 0, 0, 0, 0, 0, 3, 4]);
        assert_eq!(record[32..40], [0, 0, 0, 0, 0, 0, 3, 4]);
        assert_eq!(record[40..], [5, 6, 12]);
    }

    #[test]
    fn the_length_of_a_record_tells_its_layout() {
        assert_eq!(Layout::ALL.map(Layout::size), [35, 43]);
        assert_eq!(Layout::of(35), Some(Layout::Short));
        assert_eq!(Layout::of(43), Some(Layout::Long));
        assert_eq!(Layout::of(39), None);
    }

    #[test]
    fn a_record_of_any_other_length_is_none() {
        for length in [0, 34, 36, 42, 44] {
            let error = Status::decode(&vec![0; length]).unwrap_err();
            let want = format!("no record: {length} bytes, and s6 writes 35, or 43 in 2.13");
            assert_eq!(error.to_string(), want);
        }
    }

    #[test]
    fn paused_is_seen_in_the_record_of_every_release() {
        let paused = Status {
            paused: true,
            ..sample()
        };
        for layout in Layout::ALL {
            let read = Status::decode(&paused.encode(layout)).unwrap();
            assert!(read.is_paused(), "{layout:?}");
            assert!(!Status::decode(&sample().encode(layout)).unwrap().paused);
        }
    }

    #[test]
    fn paused_without_a_process_is_not_started_yet() {
        let new = Status {
            paused: true,
            ..Status::default()
        };
        assert!(new.is_not_started_yet() && !new.is_paused() && !new.is_up());
        assert!(!Status::default().is_not_started_yet());
        let paused = Status { pid: 7, ..new };
        assert!(!paused.is_not_started_yet() && paused.is_paused());
    }

    #[test]
    fn each_flag_has_its_bit() {
        let none = Status::default();
        let paused = Status {
            paused: true,
            ..none
        };
        let finishing = Status {
            finishing: true,
            ..none
        };
        let want_up = Status {
            want_up: true,
            ..none
        };
        let ready = Status {
            ready: true,
            ..none
        };
        for layout in Layout::ALL {
            let flags =
                [none, paused, finishing, want_up, ready].map(|status| status.encode(layout).pop());
            assert_eq!(flags, [0, 1, 2, 4, 8].map(Some));
        }
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
        fn a_record_survives_the_way_there_and_back(mut record: [u8; 35]) {
            record[34] &= 15;
            let status = Status::decode(&record).unwrap();
            prop_assert_eq!(&status.encode(Layout::Short)[..], &record[..]);
            prop_assert_eq!(Status::decode(&status.encode(Layout::Long)), Ok(status));
        }
    }
}
