//! What a machine of any speed can check: figures in proportion to others that
//! were measured in the same run. One that has become ten times the usual fails.

use anyhow::bail;
use exit::{Exit, print};

use crate::sample::number;
use crate::table::Table;

/// A figure that is so many times the usual is a regression on any machine, whatever else
/// the machine does. To see smaller ones, compare the figures of a machine that is quiet.
const MARGIN: f64 = 10.0;

/// Something of ours, in proportion to something else.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ratio {
    what: String,
    now: f64,
    /// What it was on an idle machine with two cores.
    usual: f64,
}

impl Ratio {
    /// Give the smallest measurement of both, which other work on the machine hardly changes.
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
/// in which one figure is a little more than ten times as large, it is found.
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
    fn ten_times_the_usual_is_where_it_ends() {
        assert!(ratio(9.9).holds());
        assert!(!ratio(10.1).holds());
        assert!(!ratio(f64::NAN).holds());
    }

    #[test]
    fn all_that_do_not_hold_are_named() {
        assert!(judge(&[]).is_ok() && judge(&[ratio(1.0)]).is_ok());
        let error = judge(&[ratio(11.0), ratio(1.0), Ratio::new("z", 21.0, 1.0, 2.0)]);
        let expected = "look for regressions: x : y; z";
        assert_eq!(error.unwrap_err().to_string(), expected);
    }
}
