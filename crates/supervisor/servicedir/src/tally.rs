//! `supervise/death_tally`: a record of 14 bytes for each death.

use crate::Stamp;

/// The length of one record in bytes.
pub const DEATH_SIZE: usize = 14;

/// How and when a `run` ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Death {
    /// The same moment as in the status record.
    pub stamp: Stamp,
    /// The exit code, or 128 and the number of the signal.
    pub code: u8,
    /// The signal's number, 0 for an exit.
    pub signal: u8,
}

/// A record at the end that is not whole is left out.
pub(crate) fn decode(bytes: &[u8]) -> Vec<Death> {
    let (records, _) = bytes.as_chunks::<DEATH_SIZE>();
    records.iter().map(one).collect()
}

fn one(record: &[u8; DEATH_SIZE]) -> Death {
    let [stamp @ .., code, signal] = *record;
    Death {
        stamp: Stamp::from_bytes(stamp),
        code,
        signal,
    }
}

pub(crate) fn encode(deaths: &[Death]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(deaths.len() * DEATH_SIZE);
    for death in deaths {
        bytes.extend(death.stamp.bytes());
        bytes.extend([death.code, death.signal]);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deaths_survive_the_way_there_and_back_without_a_torn_end() {
        let deaths = [
            Death {
                stamp: Stamp::from_bytes([9; 12]),
                code: 3,
                signal: 0,
            },
            Death {
                stamp: Stamp::from_bytes([8; 12]),
                code: 137,
                signal: 9,
            },
        ];
        let mut bytes = encode(&deaths);
        assert_eq!(bytes.len(), 28);
        assert_eq!(bytes[26..], [137, 9]);
        bytes.extend([1, 2, 3]);
        assert_eq!(decode(&bytes), deaths);
    }
}
