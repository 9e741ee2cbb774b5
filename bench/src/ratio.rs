//! What a machine of any speed can check: figures in proportion to others that
//! were measured in the same run. One that has become three times the usual fails.

use anyhow::bail;
use chain::exit::{Exit, print};

use crate::sample::number;
use crate::setting::progress;
use crate::table::Table;

/// How much worse than usual is a regression.
const MARGIN: f64 = 3.0;

/// Something of ours, in proportion to something else.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ratio {
    what: String,
    now: f64,
    /// What it was on an idle machine with two cores.
    usual: f64,
}

impl Ratio {
    /// The least of both should be given: other work on the machine hardly moves it.
    pub(crate) fn new(what: impl Into<String>, ours: f64, of: f64, usual: f64) -> Self {
        Self {
            what: what.into(),
            now: ours / of,
            usual,
        }
    }

    pub(crate) fn holds(&self) -> bool {
        self.now <= self.usual * MARGIN
    }

    fn better(self, other: Self) -> Self {
        if other.now < self.now { other } else { self }
    }
}

/// Measures again where something does not hold, and takes the better of both.
pub(crate) fn with_second_chance(
    first: Vec<Ratio>,
    measure: impl FnOnce() -> anyhow::Result<Vec<Ratio>>,
) -> anyhow::Result<Vec<Ratio>> {
    if first.iter().all(Ratio::holds) {
        return Ok(first);
    }
    progress("once more, since something does not hold");
    let both = first.into_iter().zip(measure()?);
    Ok(both.map(|(first, second)| first.better(second)).collect())
}

/// Shows all of them, and fails if one does not hold.
pub(crate) fn judge(ratios: &[Ratio]) -> anyhow::Result<Exit> {
    if ratios.is_empty() {
        return Ok(Exit::Changed);
    }
    let mut table = Table::new(&["ratio", "now", "usual", "verdict"]);
    for ratio in ratios {
        let verdict = if ratio.holds() {
            "holds"
        } else {
            "**regression**"
        };
        let (now, usual) = (number(ratio.now), number(ratio.usual));
        table.row(vec![ratio.what.clone(), now, usual, verdict.into()]);
    }
    print(&table.to_string())?;
    let worse = worse(ratios);
    if !worse.is_empty() {
        bail!("look for regressions: {}", worse.join("; "));
    }
    Ok(Exit::Changed)
}

fn worse(ratios: &[Ratio]) -> Vec<&str> {
    let worse = ratios.iter().filter(|ratio| !ratio.holds());
    worse.map(|ratio| ratio.what.as_str()).collect()
}

/// Makes sure that what is measured as usual holds, and that of each of `slower`,
/// in which one figure is a little more than three times as large, it is found.
#[cfg(test)]
pub(crate) fn assert_finds(usual: &[Ratio], slower: &[(&str, Vec<Ratio>)]) {
    assert!(usual.iter().all(Ratio::holds), "{usual:?}");
    for (what, ratios) in slower {
        let worse = worse(ratios);
        assert!(
            worse.len() == 1 && worse[0].contains(what),
            "{what}: {worse:?}"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ratio(now: f64) -> Ratio {
        Ratio::new("x : y", now, 1.0, 1.0)
    }

    #[test]
    fn three_times_the_usual_is_where_it_ends() {
        assert!(ratio(2.9).holds());
        assert!(!ratio(3.1).holds());
        assert!(!ratio(f64::NAN).holds());
    }

    #[test]
    fn all_that_do_not_hold_are_named() {
        assert!(judge(&[]).is_ok() && judge(&[ratio(1.0)]).is_ok());
        let error = judge(&[ratio(4.0), ratio(1.0), Ratio::new("z", 9.0, 1.0, 2.0)]);
        let expected = "look for regressions: x : y; z";
        assert_eq!(error.unwrap_err().to_string(), expected);
    }

    #[test]
    fn what_holds_is_measured_once() {
        let again = || panic!("it holds");
        let ratios = with_second_chance(vec![ratio(1.0)], again).unwrap();
        assert_eq!(ratios, [ratio(1.0)]);
    }

    #[test]
    fn a_moment_of_bad_luck_is_forgiven_and_a_regression_is_not() {
        let first = vec![ratio(5.0), ratio(5.0), ratio(1.0)];
        let second = || Ok(vec![ratio(2.0), ratio(4.0), ratio(9.0)]);
        let ratios = with_second_chance(first, second).unwrap();
        assert_eq!(ratios, [ratio(2.0), ratio(4.0), ratio(1.0)]);
    }
}
