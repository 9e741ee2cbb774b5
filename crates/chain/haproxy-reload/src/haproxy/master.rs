//! HAProxy's master process: the list of its workers, and the command to reload.

use anyhow::{Context, bail, ensure};

use haproxy_socket::{SILENCE, Socket};

/// The answer to `show proc`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Processes {
    pub(crate) master: u32,
    pub(crate) reloads: u64,
    /// How many reloads have failed since the last one that succeeded (2.6 and later).
    pub(crate) failed: u64,
    pub(crate) workers: Vec<u32>,
    /// Old workers that finish their last connections.
    pub(crate) old: Vec<u32>,
}

/// The answer to `reload`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// There is no answer: HAProxy 2.6 closes the connection and begins to reload.
    Nothing,
    Taken,
    /// The reload failed, with HAProxy's words, which may be empty.
    Refused(String),
    /// Another reload is still in progress.
    Busy,
}

impl Processes {
    pub(crate) fn ask(master: &Socket) -> anyhow::Result<Self> {
        let answer = master.ask("show proc")?;
        Self::parse(&answer).with_context(|| format!("ask {}", master.path.display()))
    }

    pub(crate) fn parse(answer: &str) -> anyhow::Result<Self> {
        let mut processes = Self::default();
        let mut old = false;
        for line in answer.lines() {
            if line.starts_with('#') {
                old = line.starts_with("# old");
                continue;
            }
            let words: Vec<&str> = line.split_whitespace().collect();
            let [pid, kind, reloads, rest @ ..] = words.as_slice() else {
                continue;
            };
            processes
                .process(old, pid, kind, reloads, rest)
                .with_context(|| format!("`{}`", exit::escape(line.as_bytes())))?;
        }
        ensure!(processes.master != 0, "the answer names no master process");
        Ok(processes)
    }

    fn process(
        &mut self,
        old: bool,
        pid: &str,
        kind: &str,
        reloads: &str,
        rest: &[&str],
    ) -> anyhow::Result<()> {
        let pid = pid.parse().context("read a process id")?;
        match (kind, old) {
            ("master", _) => {
                self.master = pid;
                self.reloads = reloads.parse().context("read the number of reloads")?;
                self.failed = failed(rest)?;
            }
            ("worker", true) => self.old.push(pid),
            ("worker", false) => self.workers.push(pid),
            _ => {}
        }
        Ok(())
    }

    /// Whether a reload has ended since `before`.
    pub(crate) fn is_after(&self, before: &Self) -> bool {
        // The counter of a master that was restarted begins at 0 again.
        self.master != before.master || self.reloads > before.reloads
    }

    /// The worker that was not there in `before`.
    pub(crate) fn successor(&self, before: &Self) -> Option<u32> {
        self.workers
            .iter()
            .copied()
            .find(|pid| !before.workers.contains(pid))
    }
}

fn failed(rest: &[&str]) -> anyhow::Result<u64> {
    match rest {
        ["[failed:", number, ..] => number
            .trim_end_matches(']')
            .parse()
            .context("read the number of failed reloads"),
        _ => Ok(0),
    }
}

/// Asks for a reload. An answer that no release of HAProxy gives is an error.
pub(crate) fn reload(master: &Socket) -> anyhow::Result<Answer> {
    let left = master
        .deadline
        .saturating_duration_since(std::time::Instant::now());
    // 2.7 and later answer only when the new worker is ready or has failed.
    answer(&master.ask_patiently("reload", left.max(SILENCE))?)
}

pub(crate) fn answer(text: &str) -> anyhow::Result<Answer> {
    let text = text.trim();
    let words = text
        .split_once("\n--\n")
        .map_or("", |(_, words)| words)
        .trim()
        .to_owned();
    if text.contains("still in progress") {
        return Ok(Answer::Busy);
    }
    match text.lines().next() {
        None => Ok(Answer::Nothing),
        Some("Success=1") => Ok(Answer::Taken),
        Some("Success=0") => Ok(Answer::Refused(words)),
        Some(line) => bail!("it answers `{}`", exit::escape(line.as_bytes())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AFTER: &str = "#<PID>          <type>          <reloads>       <uptime>        <version>\n\
        15612           master          2 [failed: 1]   0d00h00m01s     2.6.12-1+deb12u4\n\
        # workers\n\
        15671           worker          0               0d00h00m00s     2.6.12-1+deb12u4\n\
        # old workers\n\
        15660           worker          1               0d00h00m00s     2.6.12-1+deb12u4\n\
        # programs\n\
        15670           log             0               0d00h00m00s     -\n\n";

    fn after() -> Processes {
        Processes::parse(AFTER).unwrap()
    }

    #[test]
    fn show_proc_is_read() {
        let expected = Processes {
            master: 15612,
            reloads: 2,
            failed: 1,
            workers: vec![15671],
            old: vec![15660],
        };
        assert_eq!(after(), expected);
    }

    #[test]
    fn half_an_answer_is_an_error() {
        for text in [
            "",
            "#<PID> <type>",
            "# workers\n12 worker 0 0d 2.6\n",
            "1x master 0 0d 2.6",
        ] {
            assert!(Processes::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_reload_is_over_when_the_counter_went_on_or_the_master_is_another() {
        let before = after();
        assert!(!after().is_after(&before));
        assert!(
            Processes {
                reloads: 3,
                ..after()
            }
            .is_after(&before)
        );
        assert!(
            Processes {
                master: 1,
                reloads: 0,
                ..after()
            }
            .is_after(&before)
        );
    }

    #[test]
    fn the_successor_is_a_worker_that_was_not_there() {
        let before = after();
        assert_eq!(after().successor(&before), None);
        let workers = vec![15671, 15700];
        assert_eq!(
            Processes { workers, ..after() }.successor(&before),
            Some(15700)
        );
    }

    #[test]
    fn each_release_answers_a_reload_in_its_own_way() {
        assert_eq!(answer("").unwrap(), Answer::Nothing);
        assert_eq!(
            answer("Success=1\n--\nall fine\n\n").unwrap(),
            Answer::Taken
        );
        let refused = Answer::Refused("[ALERT] bad".to_owned());
        assert_eq!(answer("Success=0\n--\n[ALERT] bad\n\n").unwrap(), refused);
        assert_eq!(
            answer("Success=0\n").unwrap(),
            Answer::Refused(String::new())
        );
        assert_eq!(
            answer("Another reload is still in progress.\n").unwrap(),
            Answer::Busy
        );
        assert!(answer("Success=").is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_answer_makes_it_panic(text in "(?s).*") {
            let _ = Processes::parse(&text);
            let _ = answer(&text);
        }

        #[test]
        fn no_part_of_a_true_answer_makes_it_panic(length in 0..AFTER.len()) {
            let _ = Processes::parse(&AFTER[..length]);
        }
    }
}
