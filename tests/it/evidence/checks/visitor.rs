//! What somebody got who asked all the time.

use super::ensure;

/// How many of each: those with 200, and all others.
fn counts(text: &str) -> Result<(u32, u32), String> {
    let mut sums = (0, 0);
    for line in text.lines().filter(|line| !line.is_empty()) {
        let (count, what) = line.split_once(' ').ok_or("is no count")?;
        let count: u32 = count.parse().map_err(|_| format!("counts '{count}'"))?;
        if what == "answers with 200" {
            sums.0 += count;
        } else {
            sums.1 += count;
        }
    }
    Ok(sums)
}

pub(super) fn lost(text: &str) -> Result<(), String> {
    let (good, bad) = counts(text)?;
    ensure(good > 0 && bad > 0, format!("{good} answers, {bad} lost"))
}

pub(super) fn none_lost(text: &str, of: u32, but: u32) -> Result<(), String> {
    let (good, bad) = counts(text)?;
    ensure(
        good >= of && bad <= but,
        format!("{good} answers, {bad} lost"),
    )
}
