//! The order of names.

use std::cmp::Ordering;

/// Orders names as a person does: `s9` before `s10`.
pub(super) fn natural(one: &str, other: &str) -> Ordering {
    let (mut left, mut right) = (one, other);
    loop {
        let (Some(a), Some(b)) = (left.chars().next(), right.chars().next()) else {
            return left.len().cmp(&right.len()).then_with(|| one.cmp(other));
        };
        if a.is_ascii_digit() && b.is_ascii_digit() {
            let (number, rest) = digits(left);
            let (another, beyond) = digits(right);
            let by_length = number.len().cmp(&another.len());
            let order = by_length.then_with(|| number.cmp(another));
            if order != Ordering::Equal {
                return order;
            }
            (left, right) = (rest, beyond);
        } else if a == b {
            (left, right) = (&left[a.len_utf8()..], &right[b.len_utf8()..]);
        } else {
            return a.cmp(&b);
        }
    }
}

/// The number at the beginning, without the zeros before it, and the rest.
fn digits(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    (number.trim_start_matches('0'), rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_are_numbers() {
        let mut names = ["s10", "s9", "a", "s1-b2", "s", "s010", "s1-b10", "é", "s2"];
        names.sort_by(|one, other| natural(one, other));
        let want = ["a", "s", "s1-b2", "s1-b10", "s2", "s9", "s010", "s10", "é"];
        assert_eq!(names, want);
    }
}
