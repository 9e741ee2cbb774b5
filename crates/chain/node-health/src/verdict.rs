//! Decides whether a node is healthy. It has no I/O.

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

/// Whether the node once had others.
#[derive(Clone, Debug)]
pub(crate) enum Mark {
    Had,
    Never,
    /// It has others, which cannot be remembered.
    Fails(String),
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

/// All that the decision stands on.
pub(crate) struct Facts {
    pub(crate) web: Web,
    pub(crate) membership: Agent,
    pub(crate) mark: Mark,
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
pub(crate) fn asks_seeds(agent: &Agent, mark: &Mark) -> bool {
    match agent {
        Agent::Answers(it) => {
            !it.leaves && it.others == 0 && it.lost == 0 && matches!(mark, Mark::Never)
        }
        Agent::Silent(_) => false,
    }
}

/// Whether the node serves, and nothing else.
pub(crate) fn live(web: &Web) -> Verdict {
    match of_web(web) {
        None => Verdict::Healthy("it serves".to_owned()),
        Some(why) => Verdict::Unhealthy(why),
    }
}

pub(crate) fn verdict(facts: &Facts) -> Verdict {
    let of_agent = of_agent(&facts.membership, facts.seeds.as_ref());
    let found = match (of_web(&facts.web), of_agent) {
        (None, Ok(found)) => return Verdict::Healthy(found + &note(&facts.mark)),
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
fn of_agent(agent: &Agent, seeds: Option<&Seeds>) -> Result<String, String> {
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
        (0, 0, Some(seeds)) => of_seeds(seeds),
    }
}

fn of_seeds(seeds: &Seeds) -> Result<String, String> {
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
            Err(format!(
                "it has never had another member, although SERF_JOIN gives {first}{more}: give \
                 all of them the same gossip key (SERF_KEY_FILE) and one network (SERF_IFACE, \
                 port 7946)"
            ))
        }
    }
}

fn note(mark: &Mark) -> String {
    match mark {
        Mark::Had | Mark::Never => String::new(),
        Mark::Fails(why) => format!(" (which it will not remember: {why})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OTHERS: Seeds = Seeds::Others {
        first: String::new(),
        more: 1,
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

    fn is_healthy(web: Web, membership: Agent, mark: Mark, seeds: Option<Seeds>) -> bool {
        let facts = Facts {
            web,
            membership,
            mark,
            seeds,
        };
        matches!(verdict(&facts), Verdict::Healthy(_))
    }

    #[test]
    fn who_does_not_serve_is_not_healthy() {
        for web in [Web::Answers("503".to_owned()), Web::Silent(why())] {
            assert!(!is_healthy(
                web.clone(),
                member(false, 2, 0),
                Mark::Had,
                None
            ));
            assert!(matches!(live(&web), Verdict::Unhealthy(_)));
        }
        assert!(matches!(live(&Web::Serves), Verdict::Healthy(_)));
    }

    #[test]
    fn who_serves_and_has_others_is_healthy_whatever_the_mark() {
        for mark in [Mark::Had, Mark::Never, Mark::Fails(why())] {
            assert!(is_healthy(Web::Serves, member(false, 1, 3), mark, None));
        }
    }

    #[test]
    fn without_an_agent_it_is_not_healthy_whatever_it_was() {
        let silent = || Agent::Silent(why());
        assert!(!is_healthy(Web::Serves, silent(), Mark::Had, None));
        assert!(!is_healthy(Web::Serves, silent(), Mark::Never, None));
    }

    #[test]
    fn who_leaves_is_not_healthy_though_it_serves_and_has_others() {
        assert!(!is_healthy(
            Web::Serves,
            member(true, 2, 0),
            Mark::Had,
            None
        ));
    }

    #[test]
    fn who_has_lost_the_others_stays_healthy() {
        assert!(is_healthy(
            Web::Serves,
            member(false, 0, 2),
            Mark::Never,
            None
        ));
        assert!(is_healthy(
            Web::Serves,
            member(false, 0, 0),
            Mark::Had,
            None
        ));
    }

    #[test]
    fn who_never_had_others_is_healthy_unless_there_are_some() {
        let alone = |seeds| is_healthy(Web::Serves, member(false, 0, 0), Mark::Never, Some(seeds));
        assert!(alone(Seeds::Nobody));
        assert!(alone(Seeds::Unknown(why())));
        assert!(!alone(OTHERS));
    }

    #[test]
    fn names_are_looked_up_only_for_who_never_had_others() {
        assert!(asks_seeds(&member(false, 0, 0), &Mark::Never));
        for (agent, mark) in [
            (member(false, 0, 0), Mark::Had),
            (member(false, 0, 1), Mark::Never),
            (member(false, 1, 0), Mark::Never),
            (member(true, 0, 0), Mark::Never),
            (Agent::Silent(why()), Mark::Never),
        ] {
            assert!(!asks_seeds(&agent, &mark), "{agent:?} {mark:?}");
        }
    }

    #[test]
    fn two_reasons_are_both_told_in_one_line() {
        let facts = Facts {
            web: Web::Silent("Connection refused".to_owned()),
            membership: Agent::Silent("nobody".to_owned()),
            mark: Mark::Never,
            seeds: None,
        };
        let Verdict::Unhealthy(told) = verdict(&facts) else {
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
            web: Web::Serves,
            membership: member(false, 1, 0),
            mark: Mark::Fails("read-only".to_owned()),
            seeds: None,
        };
        let told =
            "it serves, and is a member with 1 other (which it will not remember: read-only)";
        assert_eq!(verdict(&facts), Verdict::Healthy(told.to_owned()));
    }
}
