//! Finds where a `MessagePack` value ends, in a buffer that grows.
//!
//! The agent's stream has no frames. A decoder would have to start over with each part of a list
//! of 10,000 members that arrives. This scanner continues where it stopped, and refuses a value
//! that is too large before all of it has arrived.

/// The largest value that is accepted, in bytes. A list of 10,000 members with all the tags that
/// Serf allows has 8 MB.
pub(crate) const LARGEST: usize = 32 * 1024 * 1024;

/// Where the values of a stream end; it remembers how far it has looked.
pub struct Values {
    at: usize,
    /// How many values have yet to be seen before the current one is complete. A map adds two
    /// for each entry, so nested values need no stack.
    left: usize,
    begin: usize,
}

impl Default for Values {
    fn default() -> Self {
        Values {
            at: 0,
            left: 1,
            begin: 0,
        }
    }
}

/// Bytes that no agent sends.
#[derive(Debug, PartialEq)]
pub enum Lie {
    /// A value that is larger than any list.
    TooLarge,
    /// A value of a type that the RPC does not have.
    NotOurs(u8),
}

impl std::fmt::Display for Lie {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Lie::TooLarge => write!(f, "a message of more than {LARGEST} bytes"),
            Lie::NotOurs(byte) => write!(f, "a message that begins with the byte {byte:#04x}"),
        }
    }
}

/// What a marker says about its value: the bytes of the marker and its count, the bytes of
/// payload, and the number of values within.
struct Head {
    own: usize,
    payload: usize,
    values: usize,
}

impl Values {
    /// The place of the next value in `buffer`; `None` if it is not complete yet.
    pub fn next(&mut self, buffer: &[u8]) -> Result<Option<std::ops::Range<usize>>, Lie> {
        while self.left > 0 {
            let Some(head) = head(&buffer[self.at..])? else {
                return Ok(None);
            };
            let end = self.at + head.own + head.payload;
            let left = self.left - 1 + head.values;
            // Each value that has yet to be seen has at least one byte.
            if end - self.begin + left > LARGEST {
                return Err(Lie::TooLarge);
            }
            if end > buffer.len() {
                return Ok(None);
            }
            (self.at, self.left) = (end, left);
        }
        let value = self.begin..self.at;
        (self.begin, self.left) = (self.at, 1);
        Ok(Some(value))
    }

    /// Forgets the values that were returned. The caller has to drop the returned number of bytes
    /// from the front of the buffer.
    pub fn forget(&mut self) -> usize {
        let gone = std::mem::take(&mut self.begin);
        self.at -= gone;
        gone
    }
}

fn head(bytes: &[u8]) -> Result<Option<Head>, Lie> {
    let Some(&marker) = bytes.first() else {
        return Ok(None);
    };
    let small = |own, payload, values| {
        Ok(Some(Head {
            own,
            payload,
            values,
        }))
    };
    let counted = |width, values_each| {
        Ok(number(&bytes[1..], width).map(|count| match values_each {
            0 => Head {
                own: 1 + width,
                payload: count,
                values: 0,
            },
            each => Head {
                own: 1 + width,
                payload: 0,
                values: count * each,
            },
        }))
    };
    match marker {
        0x00..=0x7f | 0xe0..=0xff | 0xc0 | 0xc2 | 0xc3 => small(1, 0, 0),
        0x80..=0x8f => small(1, 0, usize::from(marker & 0x0f) * 2),
        0x90..=0x9f => small(1, 0, usize::from(marker & 0x0f)),
        0xa0..=0xbf => small(1, usize::from(marker & 0x1f), 0),
        0xcc | 0xd0 => small(2, 0, 0),
        0xcd | 0xd1 => small(3, 0, 0),
        0xca | 0xce | 0xd2 => small(5, 0, 0),
        0xcb | 0xcf | 0xd3 => small(9, 0, 0),
        0xc4 | 0xd9 => counted(1, 0),
        0xc5 | 0xda => counted(2, 0),
        0xc6 | 0xdb => counted(4, 0),
        0xdc => counted(2, 1),
        0xdd => counted(4, 1),
        0xde => counted(2, 2),
        0xdf => counted(4, 2),
        // Extensions and the unused marker, which the agent never sends.
        _ => Err(Lie::NotOurs(marker)),
    }
}

fn number(bytes: &[u8], width: usize) -> Option<usize> {
    let digits = bytes.get(..width)?;
    Some(
        digits
            .iter()
            .fold(0, |number, &digit| (number << 8) | usize::from(digit)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Sample = (
        u64,
        Vec<Option<String>>,
        std::collections::BTreeMap<i32, f64>,
        bool,
    );

    fn first(bytes: &[u8]) -> Result<Option<std::ops::Range<usize>>, Lie> {
        Values::default().next(bytes)
    }

    proptest! {
        // Samples are slow to generate, and more of them find nothing new.
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_value_ends_where_its_encoder_stopped(sample in any::<Sample>(), more in any::<Vec<u8>>()) {
            let mut bytes = rmp_serde::to_vec(&sample).unwrap();
            let length = bytes.len();
            bytes.extend(more);
            prop_assert_eq!(first(&bytes), Ok(Some(0..length)));
        }

        #[test]
        fn it_makes_no_difference_how_the_bytes_come(samples in prop::collection::vec(any::<Sample>(), 0..4), part in 1_usize..40) {
            let whole: Vec<Vec<u8>> = samples.iter().map(|sample| rmp_serde::to_vec(sample).unwrap()).collect();
            let (mut values, mut buffer, mut found) = (Values::default(), Vec::new(), Vec::new());
            for bytes in whole.concat().chunks(part) {
                buffer.extend_from_slice(bytes);
                while let Some(range) = values.next(&buffer).unwrap() {
                    found.push(buffer[range].to_vec());
                }
                buffer.drain(..values.forget());
            }
            prop_assert_eq!(found, whole);
            prop_assert!(buffer.is_empty());
        }

        #[test]
        fn no_bytes_make_it_panic_or_look_beyond_them(bytes in any::<Vec<u8>>()) {
            let mut values = Values::default();
            while let Ok(Some(range)) = values.next(&bytes) {
                prop_assert!(range.end <= bytes.len());
            }
        }
    }

    #[test]
    fn what_says_that_it_is_too_large_is_refused_at_once() {
        assert_eq!(first(&[0xdb, 0xff, 0xff, 0xff, 0xff]), Err(Lie::TooLarge));
        assert_eq!(first(&[0xdd, 0xff, 0xff, 0xff, 0xff]), Err(Lie::TooLarge));
        assert_eq!(first(&[0xdf, 0xff, 0xff, 0xff, 0xff]), Err(Lie::TooLarge));
        let nested = [0xdd, 0x01, 0x00, 0x00, 0x00].repeat(3);
        assert_eq!(first(&nested), Err(Lie::TooLarge));
    }

    #[test]
    fn what_the_agent_never_sends_is_refused() {
        assert_eq!(first(&[0xc1]), Err(Lie::NotOurs(0xc1)));
        assert_eq!(first(&[0x91, 0xd4]), Err(Lie::NotOurs(0xd4)));
        assert_eq!(
            Lie::NotOurs(0xc1).to_string(),
            "a message that begins with the byte 0xc1"
        );
    }
}
