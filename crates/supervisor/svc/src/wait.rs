//! Which events end a wait. Events go in and an outcome comes out, without I/O.

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wait {
    up: bool,
    ready: bool,
    /// First wait for down, then for up.
    restart: bool,
}

/// What is known of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) up: bool,
    pub(crate) ready: bool,
}

/// A wait that has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Waiting {
    wait: Wait,
    seen: Seen,
}

/// How far a wait is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Waiting(Waiting),
    Reached,
    /// What is waited for cannot come any more: the service has failed for good, or its
    /// supervisor has gone.
    Failed,
}

impl Wait {
    /// The value of `-w`; s6-svc looks at its first letter only.
    pub(crate) fn parse(value: &str) -> Option<Wait> {
        let (up, ready, restart) = match value.chars().next()? {
            'u' => (true, false, false),
            'U' => (true, true, false),
            'd' => (false, false, false),
            'D' => (false, true, false),
            'r' => (true, false, true),
            'R' => (true, true, true),
            _ => return None,
        };
        Some(Wait { up, ready, restart })
    }

    /// Whether the service itself has to announce that it is ready. Of one that is down
    /// its supervisor says so.
    pub(crate) fn needs_readiness(self) -> bool {
        self.up && self.ready
    }

    pub(crate) fn without_readiness(self) -> Wait {
        Wait {
            ready: false,
            ..self
        }
    }

    pub(crate) fn begin(self, seen: Seen) -> Outcome {
        Waiting { wait: self, seen }.settle()
    }

    /// Whether the state that is waited for at the moment has come.
    fn is_met(self, seen: Seen) -> bool {
        let up = self.up && !self.restart;
        seen.up == up && (seen.ready || !self.ready)
    }
}

impl Waiting {
    /// The outcome after these bytes, which were read from `event/`.
    pub(crate) fn after(mut self, events: &[u8]) -> Outcome {
        for event in events {
            match event {
                b'u' => {
                    self.seen = Seen {
                        up: true,
                        ready: false,
                    }
                }
                b'U' => {
                    self.seen = Seen {
                        up: true,
                        ready: true,
                    }
                }
                b'd' => {
                    self.seen = Seen {
                        up: false,
                        ready: false,
                    }
                }
                b'D' => {
                    self.seen = Seen {
                        up: false,
                        ready: true,
                    }
                }
                b'x' => return Outcome::Failed,
                b'O' if self.wait.up => return Outcome::Failed,
                _ => continue,
            }
            match self.settle() {
                Outcome::Waiting(waiting) => self = waiting,
                outcome => return outcome,
            }
        }
        Outcome::Waiting(self)
    }

    fn settle(self) -> Outcome {
        if !self.wait.is_met(self.seen) {
            return Outcome::Waiting(self);
        }
        if self.wait.restart {
            return Outcome::Waiting(Waiting {
                wait: Wait {
                    restart: false,
                    ..self.wait
                },
                ..self
            });
        }
        Outcome::Reached
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UP: Seen = Seen {
        up: true,
        ready: false,
    };
    const READY: Seen = Seen {
        up: true,
        ready: true,
    };
    const DOWN: Seen = Seen {
        up: false,
        ready: true,
    };
    const FINISHING: Seen = Seen {
        up: false,
        ready: false,
    };

    fn begin(wait: &str, seen: Seen) -> Outcome {
        Wait::parse(wait).unwrap().begin(seen)
    }

    fn after(wait: &str, seen: Seen, events: &str) -> Outcome {
        match begin(wait, seen) {
            Outcome::Waiting(waiting) => waiting.after(events.as_bytes()),
            outcome => outcome,
        }
    }

    #[test]
    fn what_is_so_already_needs_no_event() {
        for (wait, seen) in [
            ("u", UP),
            ("u", READY),
            ("U", READY),
            ("d", DOWN),
            ("d", FINISHING),
            ("D", DOWN),
        ] {
            assert_eq!(begin(wait, seen), Outcome::Reached, "{wait}");
        }
    }

    #[test]
    fn what_is_not_so_is_waited_for() {
        for (wait, seen, event) in [
            ("u", DOWN, "u"),
            ("U", UP, "U"),
            ("d", UP, "d"),
            ("D", FINISHING, "D"),
        ] {
            assert!(matches!(begin(wait, seen), Outcome::Waiting(_)), "{wait}");
            assert_eq!(after(wait, seen, event), Outcome::Reached, "{wait}");
        }
    }

    #[test]
    fn a_restart_is_down_and_then_up() {
        assert!(matches!(after("r", UP, "u"), Outcome::Waiting(_)));
        assert_eq!(after("r", UP, "dDu"), Outcome::Reached);
        assert!(matches!(after("R", READY, "dDu"), Outcome::Waiting(_)));
        assert_eq!(after("R", READY, "dDuU"), Outcome::Reached);
        assert_eq!(after("r", DOWN, "u"), Outcome::Reached);
    }

    #[test]
    fn a_state_that_has_passed_in_the_same_read_counts() {
        assert_eq!(after("d", UP, "dDu"), Outcome::Reached);
    }

    #[test]
    fn whoever_waits_for_up_is_told_that_it_failed_for_good() {
        assert_eq!(after("u", DOWN, "OD"), Outcome::Failed);
        assert_eq!(after("D", UP, "dOD"), Outcome::Reached);
    }

    #[test]
    fn the_supervisors_end_is_the_end_of_every_wait() {
        assert_eq!(after("u", DOWN, "x"), Outcome::Failed);
        assert_eq!(after("D", UP, "dDx"), Outcome::Reached);
    }

    #[test]
    fn other_events_mean_nothing() {
        assert!(matches!(after("u", DOWN, "s?"), Outcome::Waiting(_)));
    }

    #[test]
    fn only_the_first_letter_counts_and_has_to_be_known() {
        assert_eq!(Wait::parse("uxyz"), Wait::parse("u"));
        assert_eq!(Wait::parse("x"), None);
        assert_eq!(Wait::parse(""), None);
    }
}
