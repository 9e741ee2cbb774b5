//! Decides whether a node is healthy. It has no I/O.

use std::time::Duration;

/// How long a node that was rightly alone has to join those who have come. `serf-join` looks for
/// them every 15 s, and an engine that names only who is healthy shows them to each other all
/// at once.
const GRACE: Duration = Duration::from_secs(45);

/// What listens where the node serves did with `HEAD /`.
#[derive(Clone, Debug)]
pub(crate) enum Web {
    Serves,
    /// It answered with something else than 200.
    Answers(String),
    /// It did not answer.
    Silent(String),
}

/// What the agent says of its own node and of the others.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Membership {
    /// The node itself leaves the cluster, or has left it.
    pub(crate) leaves: bool,
    /// How many others there are.
    pub(crate) others: usize,
    /// How many others have failed or left.
    pub(crate) lost: usize,
}

#[derive(Clone, Debug)]
pub(crate) enum Agent {
    Answers(Membership),
    Silent(String),
}

impl Agent {
    pub(crate) fn has_others(&self) -> bool {
        matches!(self, Agent::Answers(membership) if membership.others > 0)
    }
}

/// What the node is known to have been.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Was {
    Never,
    /// The last time that it was alone and its seeds gave nobody else.
    Alone {
        ago: Duration,
    },
    /// A member with others, once.
    Joined,
}

/// What is to be remembered of this time.
#[derive(Debug, PartialEq)]
pub(crate) enum Now {
    Alone,
    Joined,
}

/// Who answers to the names of the seeds besides this node.
#[derive(Clone, Debug)]
pub(crate) enum Seeds {
    Nobody,
    Others {
        first: String,
        more: usize,
    },
    /// Not all of them could be looked up, and the rest are nobody.
    Unknown(String),
}

/// What there is to know of the membership.
pub(crate) struct Facts {
    pub(crate) membership: Agent,
    pub(crate) was: Was,
    /// Why it cannot be remembered what the node is now, if that is so.
    pub(crate) forgets: Option<String>,
    /// `None` where [`asks_seeds`] says that they do not matter.
    pub(crate) seeds: Option<Seeds>,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Verdict {
    Healthy(String),
    Unhealthy(String),
}

/// Whether it matters who answers to the names of the seeds: only where nothing else shows that
/// there were others.
pub(crate) fn asks_seeds(agent: &Agent, was: &Was) -> bool {
    match agent {
        Agent::Answers(it) => !it.leaves && it.others == 0 && it.lost == 0 && *was != Was::Joined,
        Agent::Silent(_) => false,
    }
}

/// What is to be remembered, if it is not known already.
pub(crate) fn to_remember(agent: &Agent, was: &Was, seeds: Option<&Seeds>) -> Option<Now> {
    match (was, seeds) {
        (Was::Joined, _) => None,
        _ if agent.has_others() => Some(Now::Joined),
        (_, Some(Seeds::Nobody)) => Some(Now::Alone),
        _ => None,
    }
}

/// Whether the node serves, and nothing else.
pub(crate) fn live(web: &Web) -> Verdict {
    match of_web(web) {
        None => Verdict::Healthy("it serves".to_owned()),
        Some(why) => Verdict::Unhealthy(why),
    }
}

pub(crate) fn verdict(web: &Web, facts: &Facts) -> Verdict {
    let of_agent = of_agent(&facts.membership, &facts.was, facts.seeds.as_ref());
    let found = match (of_web(web), of_agent) {
        (None, Ok(found)) => return Verdict::Healthy(found + &note(facts.forgets.as_deref())),
        (None, Err(why)) | (Some(why), Ok(_)) => why,
        (Some(why), Err(more)) => format!("{why}; {more}"),
    };
    Verdict::Unhealthy(found)
}

/// Why the node does not serve, if it does not.
fn of_web(web: &Web) -> Option<String> {
    match web {
        Web::Serves => None,
        Web::Answers(what) => Some(format!(
            "it answers HEAD / with {what}, not with 200: see the log of what serves"
        )),
        Web::Silent(why) => Some(format!(
            "it does not serve: {why}: see the log of what serves"
        )),
    }
}

/// What the membership is, or why it is none.
fn of_agent(agent: &Agent, was: &Was, seeds: Option<&Seeds>) -> Result<String, String> {
    let it = match agent {
        Agent::Answers(membership) => membership,
        Agent::Silent(why) => {
            return Err(format!(
                "no Serf agent answers: {why}: the node's log says why serf-agent does not \
                 start (is there a key in SERF_KEY_FILE?)"
            ));
        }
    };
    if it.leaves {
        return Err(
            "it leaves the cluster, or has left it: start it anew if it is not being \
                    stopped"
                .to_owned(),
        );
    }
    match (it.others, it.lost, seeds) {
        (1, ..) => Ok("it serves, and is a member with 1 other".to_owned()),
        (2.., ..) => Ok(format!(
            "it serves, and is a member with {} others",
            it.others
        )),
        (0, 1.., _) => Ok(format!(
            "it serves, and has lost the others: {} failed or left",
            it.lost
        )),
        (0, 0, None) => Ok("it serves, and has lost the others".to_owned()),
        (0, 0, Some(seeds)) => of_seeds(seeds, was),
    }
}

fn of_seeds(seeds: &Seeds, was: &Was) -> Result<String, String> {
    match seeds {
        Seeds::Nobody => Ok("it serves, and is alone: SERF_JOIN gives nobody else".to_owned()),
        Seeds::Unknown(why) => Ok(format!(
            "it serves, and is alone: whether SERF_JOIN gives others is not known: {why}"
        )),
        Seeds::Others { first, more } => {
            let more = match more {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            if matches!(was, Was::Alone { ago } if *ago < GRACE) {
                return Ok(format!(
                    "it serves, and was alone until now: it has yet to join {first}{more}"
                ));
            }
            Err(format!(
                "it has never had another member, although SERF_JOIN gives {first}{more}: give \
                 all of them the same gossip key (SERF_KEY_FILE) and one network (SERF_IFACE, \
                 port 7946)"
            ))
        }
    }
}

fn note(forgets: Option<&str>) -> String {
    forgets.map_or_else(String::new, |why| {
        format!(" (which it will not remember: {why})")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OTHERS: Seeds = Seeds::Others {
        first: String::new(),
        more: 1,
    };

    const ALONE: Was = Was::Alone {
        ago: Duration::from_secs(5),
    };

    fn member(leaves: bool, others: usize, lost: usize) -> Agent {
        Agent::Answers(Membership {
            leaves,
            others,
            lost,
        })
    }

    fn why() -> String {
        "why".to_owned()
    }

    fn is_healthy(web: &Web, membership: Agent, was: Was, seeds: Option<Seeds>) -> bool {
        let facts = Facts {
            membership,
            was,
            forgets: None,
            seeds,
        };
        matches!(verdict(web, &facts), Verdict::Healthy(_))
    }

    #[test]
    fn who_does_not_serve_is_not_healthy() {
        for web in [Web::Answers("503".to_owned()), Web::Silent(why())] {
            assert!(!is_healthy(&web, member(false, 2, 0), Was::Joined, None));
            assert!(matches!(live(&web), Verdict::Unhealthy(_)));
        }
        assert!(matches!(live(&Web::Serves), Verdict::Healthy(_)));
    }

    #[test]
    fn who_serves_and_has_others_is_healthy_whatever_it_was() {
        for was in [Was::Joined, Was::Never, ALONE] {
            assert!(is_healthy(&Web::Serves, member(false, 1, 3), was, None));
        }
    }

    #[test]
    fn without_an_agent_it_is_not_healthy_whatever_it_was() {
        let silent = || Agent::Silent(why());
        assert!(!is_healthy(&Web::Serves, silent(), Was::Joined, None));
        assert!(!is_healthy(&Web::Serves, silent(), Was::Never, None));
    }

    #[test]
    fn who_leaves_is_not_healthy_though_it_serves_and_has_others() {
        assert!(!is_healthy(
            &Web::Serves,
            member(true, 2, 0),
            Was::Joined,
            None
        ));
    }

    #[test]
    fn who_has_lost_the_others_stays_healthy() {
        assert!(is_healthy(
            &Web::Serves,
            member(false, 0, 2),
            Was::Never,
            None
        ));
        assert!(is_healthy(
            &Web::Serves,
            member(false, 0, 0),
            Was::Joined,
            None
        ));
    }

    #[test]
    fn who_never_had_others_is_healthy_unless_there_are_some() {
        let alone = |seeds| is_healthy(&Web::Serves, member(false, 0, 0), Was::Never, Some(seeds));
        assert!(alone(Seeds::Nobody));
        assert!(alone(Seeds::Unknown(why())));
        assert!(!alone(OTHERS));
    }

    #[test]
    fn who_was_rightly_alone_has_time_to_join_those_who_have_come() {
        let alone = |ago| {
            let was = Was::Alone { ago };
            is_healthy(&Web::Serves, member(false, 0, 0), was, Some(OTHERS))
        };
        assert!(alone(Duration::ZERO));
        assert!(!alone(GRACE));
    }

    #[test]
    fn that_it_had_others_is_remembered_once_and_that_it_is_alone_each_time() {
        let (joined, alone) = (member(false, 1, 0), member(false, 0, 0));
        let nobody = Some(Seeds::Nobody);
        for was in [Was::Never, ALONE] {
            assert_eq!(to_remember(&joined, &was, None), Some(Now::Joined));
            assert_eq!(to_remember(&alone, &was, nobody.as_ref()), Some(Now::Alone));
            assert_eq!(to_remember(&alone, &was, Some(&OTHERS)), None);
        }
        assert_eq!(to_remember(&joined, &Was::Joined, None), None);
        assert_eq!(to_remember(&alone, &Was::Joined, None), None);
    }

    #[test]
    fn names_are_looked_up_only_for_who_never_had_others() {
        assert!(asks_seeds(&member(false, 0, 0), &Was::Never));
        assert!(asks_seeds(&member(false, 0, 0), &ALONE));
        for (agent, was) in [
            (member(false, 0, 0), Was::Joined),
            (member(false, 0, 1), Was::Never),
            (member(false, 1, 0), Was::Never),
            (member(true, 0, 0), Was::Never),
            (Agent::Silent(why()), Was::Never),
        ] {
            assert!(!asks_seeds(&agent, &was), "{agent:?} {was:?}");
        }
    }

    #[test]
    fn two_reasons_are_both_told_in_one_line() {
        let facts = Facts {
            membership: Agent::Silent("nobody".to_owned()),
            was: Was::Never,
            forgets: None,
            seeds: None,
        };
        let web = Web::Silent("Connection refused".to_owned());
        let Verdict::Unhealthy(told) = verdict(&web, &facts) else {
            panic!("it is not healthy")
        };
        assert!(
            told.contains("it does not serve: Connection refused: "),
            "{told}"
        );
        assert!(told.contains("; no Serf agent answers: nobody: "), "{told}");
    }

    #[test]
    fn what_cannot_be_remembered_is_told_and_changes_nothing() {
        let facts = Facts {
            membership: member(false, 1, 0),
            was: Was::Never,
            forgets: Some("read-only".to_owned()),
            seeds: None,
        };
        let told =
            "it serves, and is a member with 1 other (which it will not remember: read-only)";
        assert_eq!(
            verdict(&Web::Serves, &facts),
            Verdict::Healthy(told.to_owned())
        );
    }
}
