//! Measurements of one thing, and how they are shown.

use std::fmt;

/// Figures in the order in which they were measured.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sample(Vec<f64>);

impl Sample {
    pub(crate) fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn median(&self) -> f64 {
        let sorted = self.sorted();
        match sorted.len() {
            0 => f64::NAN,
            count if count.is_multiple_of(2) => {
                f64::midpoint(sorted[count / 2 - 1], sorted[count / 2])
            }
            count => sorted[count / 2],
        }
    }

    pub(crate) fn min(&self) -> f64 {
        self.sorted().first().copied().unwrap_or(f64::NAN)
    }

    pub(crate) fn max(&self) -> f64 {
        self.sorted().last().copied().unwrap_or(f64::NAN)
    }

    fn sorted(&self) -> Vec<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted
    }
}

impl FromIterator<f64> for Sample {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

/// `median [min..max]`; a dash where nothing was measured.
impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0[..] {
            [] => f.write_str("-"),
            [only] => f.write_str(&number(only)),
            _ => write!(
                f,
                "{} [{}..{}]",
                number(self.median()),
                number(self.min()),
                number(self.max())
            ),
        }
    }
}

/// A figure with as many digits as are worth reading.
pub(crate) fn number(value: f64) -> String {
    match value.abs() {
        size if size.is_nan() => "-".to_string(),
        0.0 => "0".to_string(),
        size if size < 10.0 => format!("{value:.2}"),
        size if size < 100.0 => format!("{value:.1}"),
        _ => thousands(&format!("{value:.0}")),
    }
}

fn thousands(digits: &str) -> String {
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_lies_in_the_middle() {
        let odd: Sample = [3.0, 1.0, 2.0].into_iter().collect();
        let even: Sample = [4.0, 1.0, 2.0, 3.0].into_iter().collect();
        assert_eq!(
            (number(odd.median()), number(even.median())),
            ("2.00".into(), "2.50".into())
        );
        assert!(Sample::default().median().is_nan());
    }

    #[test]
    fn a_sample_shows_its_spread() {
        let sample: Sample = [12.34, 1234.5, 9.0].into_iter().collect();
        assert_eq!(sample.to_string(), "12.3 [9.00..1,234]");
        assert_eq!(Sample::default().to_string(), "-");
        assert_eq!([5.0].into_iter().collect::<Sample>().to_string(), "5.00");
    }

    #[test]
    fn numbers_have_the_digits_that_are_worth_reading() {
        let shown = [0.0, 0.123, 99.94, 1000.0, 1_234_567.0, -1000.0, f64::NAN].map(number);
        assert_eq!(
            shown,
            ["0", "0.12", "99.9", "1,000", "1,234,567", "-1,000", "-"]
        );
    }
}
