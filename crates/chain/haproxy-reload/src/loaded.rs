//! The files beside haproxy.cfg that HAProxy has loaded: compares them with what it has, and
//! makes it take over what differs.

mod certificates;
mod patterns;

use std::time::Instant;

use anyhow::bail;

pub(crate) use self::certificates::ByConfig;
use crate::haproxy::Haproxy;
use crate::haproxy::running::Running;
use crate::situation::Situation;

/// What there is to say of these files.
#[derive(Default)]
pub(crate) struct Loaded {
    /// What a run would do.
    pub(crate) next: Vec<String>,
    /// What is not compared.
    pub(crate) notes: Vec<String>,
}

impl From<anyhow::Error> for Loaded {
    fn from(error: anyhow::Error) -> Self {
        Self {
            next: vec![format!("{error:#}")],
            notes: Vec::new(),
        }
    }
}

/// How it ended to make HAProxy take the files over.
pub(crate) enum Taken {
    Agrees {
        /// Whether it had differed.
        changed: bool,
    },
    /// It takes a reload, for this reason.
    Reload(String),
    /// Another worker answers than before.
    Another {
        /// Whether the one before was changed.
        changed: bool,
    },
}

impl Taken {
    /// Whether the worker was changed. A reload is a change anyway.
    fn is_change(&self) -> bool {
        match self {
            Self::Agrees { changed } | Self::Another { changed } => *changed,
            Self::Reload(_) => false,
        }
    }

    /// How it ended for both.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Agrees { changed: one }, Self::Agrees { changed: other }) => Self::Agrees {
                changed: one | other,
            },
            (Self::Reload(why), _) | (Self::Agrees { .. }, Self::Reload(why)) => Self::Reload(why),
            (one, other) => Self::Another {
                changed: one.is_change() | other.is_change(),
            },
        }
    }
}

/// Compares the files with the worker.
pub(crate) fn report(now: &Situation, haproxy: &Haproxy) -> anyhow::Result<Loaded> {
    let Some(running) = &now.running else {
        return Ok(Loaded::default());
    };
    let (wanted, socket) = (&now.file.wanted, &haproxy.worker);
    let config = now.file.content.paths();
    let of = patterns::Of::new(wanted, &config, running);
    let patterns = patterns::compare(of, socket)?;
    let mut loaded = patterns.map_or_else(Loaded::default, Into::into);
    let by_config = certificates::by_config(wanted);
    let certificates: Loaded = certificates::compare(&by_config, running, socket)?.try_into()?;
    loaded.next.extend(certificates.next);
    loaded.notes.extend(certificates.notes);
    loaded.notes.extend(patterns::unfollowed(of, socket)?);
    Ok(loaded)
}

/// Makes the worker take over the files that differ. Each step is told to `tell`, with when
/// it began.
pub(crate) fn take(
    now: &Situation,
    haproxy: &Haproxy,
    tell: &mut dyn FnMut(&str, Instant),
) -> anyhow::Result<Taken> {
    let Some(running) = &now.running else {
        return Ok(Taken::Another { changed: false });
    };
    let (wanted, socket) = (&now.file.wanted, &haproxy.worker);
    let config = now.file.content.paths();
    let of = patterns::Of::new(wanted, &config, running);
    let patterns = patterns::take(of, socket, tell);
    // What is wrong with a map keeps no certificate from being renewed.
    let by_config = certificates::by_config(wanted);
    let certificates = certificates::take(&by_config, running, socket, tell);
    let taken = match (patterns, certificates) {
        (Err(one), Err(other)) => bail!("{one:#}; {other:#}"),
        (one, other) => one?.and(other?),
    };
    if matches!(taken, Taken::Another { .. }) && Instant::now() >= socket.deadline {
        bail!("another worker answers each time than the one before");
    }
    Ok(taken)
}

/// What haproxy.cfg says of certificates.
pub(crate) fn certificates(now: &Situation) -> ByConfig {
    certificates::by_config(&now.file.wanted)
}

/// Makes the worker take over renewed certificates where a reload did not do it.
pub(crate) fn renew(
    by_config: &ByConfig,
    running: &Running,
    haproxy: &Haproxy,
    tell: &mut dyn FnMut(&str, Instant),
) -> anyhow::Result<()> {
    certificates::take(by_config, running, &haproxy.worker, tell).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_changed_is_not_forgotten_where_another_worker_answers() {
        let agrees = |changed| Taken::Agrees { changed };
        let another = |changed| Taken::Another { changed };
        for (one, other, expected) in [
            (agrees(true), another(false), true),
            (another(false), agrees(true), true),
            (another(true), agrees(false), true),
            (agrees(false), another(false), false),
        ] {
            let both = one.and(other);
            assert!(matches!(&both, Taken::Another { .. }));
            assert_eq!(both.is_change(), expected);
        }
        let reload = || Taken::Reload("x".to_owned());
        assert!(matches!(agrees(true).and(reload()), Taken::Reload(_)));
        assert!(matches!(reload().and(another(true)), Taken::Reload(_)));
        let looks_again = another(false).and(reload());
        assert!(matches!(looks_again, Taken::Another { .. }));
    }
}
