//! What a run leaves for those who look: its lines in the journal, and the state.

mod events;
mod trouble;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use assert_cmd::Command;
use journal::{Facts, Line, State};

use super::{Case, Ran, backend, list, run, tagged};

/// A balancer of which each run is one of its chain.
struct Chain {
    case: Case,
    runs: Cell<usize>,
}

/// What one run did, and what it told.
struct Told {
    ran: Ran,
    /// The lines of the journal that it added.
    lines: Vec<Line>,
    state: State,
}

impl Chain {
    fn with(lines: &[&str]) -> Self {
        Self {
            case: Case::with(lines),
            runs: Cell::new(0),
        }
    }

    /// The program in the next run of the chain.
    fn command(&self) -> Command {
        self.runs.set(self.runs.get() + 1);
        let mut command = self.case.command();
        command
            .env("CHAIN_RUN", format!("0a-{}", self.runs.get()))
            .env("MUSTER_JOURNAL", self.case.path("muster.jsonl"));
        command
    }

    /// Whether anything is there that the next step of a run would take over.
    fn has_recorded(&self) -> bool {
        let files = [".steps", ".state"].map(|name| self.case.path("nodes").join(name));
        files.iter().any(|file| file.exists())
    }

    fn lines(&self) -> Vec<Line> {
        let mut lines = journal::recent(&self.case.path("muster.jsonl"), 16 << 20);
        // No other step of these runs is there, which is told as well.
        lines.retain(|line| line.step == "serf-nodes");
        lines
    }

    fn told(&self, command: &mut Command) -> Told {
        let before = self.lines().len();
        let ran = run(command);
        let lines = self.lines().split_off(before);
        let state = State::read(&self.case.path("nodes")).unwrap();
        Told {
            ran,
            lines,
            state: state.unwrap_or_default(),
        }
    }

    /// Follows a list of a balancer and these members.
    fn follow(&self, members: &[String], arguments: &[&str]) -> Told {
        let ha =
            r#"{"name":"ha","addr":"10.0.0.42:7946","status":"alive","tags":{"role":"balancer"}}"#;
        let list = list(&[members, &[ha.to_owned()]].concat());
        let mut command = self.command();
        command.args(["--members", "-"]).args(arguments);
        self.told(command.write_stdin(list))
    }
}

impl Told {
    /// The one line of it.
    fn line(&self) -> &Line {
        match &self.lines[..] {
            [line] => line,
            other => panic!("{other:#?} {}", self.ran.stderr),
        }
    }

    /// What its line has beside names and numbers of its own.
    fn said(&self) -> Line {
        Line {
            t: 0.0,
            ms: 0.0,
            run: None,
            step: String::new(),
            ..self.line().clone()
        }
    }
}

fn texts<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    let pairs = pairs.into_iter();
    pairs
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// Members s1 and so on with these statuses.
fn members(statuses: &[&str]) -> Vec<String> {
    let member = |(number, status): (usize, &&str)| {
        let number = number + 1;
        backend(&format!("s{number}"), &format!("10.0.0.{number}"), status)
    };
    statuses.iter().enumerate().map(member).collect()
}

fn three() -> Chain {
    Chain::with(&["s1 10.0.0.1", "s2 10.0.0.2", "s3 10.0.0.3"])
}

const ALL: [&str; 3] = ["alive"; 3];

#[test]
fn who_joins_or_changes_is_named_with_its_address() {
    let chain = Chain::with(&["s1 10.0.0.9"]);
    let mut list = members(&["alive", "alive"]);
    list.push(
        tagged("s3", "fd77::3", "alive", r#","port":"8080""#).replace("fd77::3", "[fd77::3]"),
    );
    let told = chain.follow(&list, &[]);
    let want = Line {
        added: names(&["s2", "s3"]),
        changed: names(&["s1"]),
        at: texts([
            ("s1", "10.0.0.1"),
            ("s2", "10.0.0.2"),
            ("s3", "[fd77::3]:8080"),
        ]),
        ..Line::default()
    };
    assert_eq!(told.said(), want);
    assert_eq!(told.line().run.as_deref(), Some("0a-1"));
    assert_eq!(told.state.run, "0a-1");
    assert_eq!(told.state.steps["serf-nodes"].code, 0);
    assert_eq!(told.state.facts.members["alive"], 4);
    let again = chain.follow(&list, &[]);
    assert_eq!((again.ran.code, again.lines.len()), (1, 0));
    assert_eq!(again.state.steps["serf-nodes"].code, 1);
    assert_eq!(again.state.totals.changes["added"], 2);
}

#[test]
fn who_leaves_is_no_dead_one() {
    let chain = three();
    let told = chain.follow(&members(&["alive", "left", "leaving"]), &[]);
    let want = Line {
        left: names(&["s2", "s3"]),
        at: texts([("s2", "10.0.0.2"), ("s3", "10.0.0.3")]),
        ..Line::default()
    };
    assert_eq!(told.said(), want);
}

/// Makes it look as if the node had been lost long ago.
fn date_back(chain: &Chain, name: &str) {
    let mark = format!("nodes/.lost/{name}");
    chain.case.put(&mark, "2020-01-01T00:00:00.000Z\n");
}

#[test]
fn who_fails_is_lost_and_then_dead() {
    let chain = three();
    let failed = members(&["alive", "alive", "failed"]);
    let told = chain.follow(&failed, &["--hold", "70s"]);
    let want = Line {
        code: 1,
        lost: names(&["s3"]),
        why: texts([("s3", "it has failed")]),
        ..Line::default()
    };
    assert_eq!(told.said(), want);
    let lost = &told.state.facts.lost["s3"];
    let held = lost.until.unwrap() - lost.since;
    assert!((held - 70.0).abs() < 0.01, "{held}");
    assert_eq!(
        (lost.why.as_str(), &told.state.facts.held),
        ("it has failed", &None)
    );
    let waiting = chain.follow(&failed, &["--hold", "70s"]);
    assert!(waiting.lines.is_empty());
    assert_eq!(waiting.state.facts, told.state.facts);
    date_back(&chain, "s3");
    let told = chain.follow(&failed, &["--hold", "70s"]);
    let want = Line {
        died: names(&["s3"]),
        at: texts([("s3", "10.0.0.3")]),
        why: texts([("s3", "lost for 1m 10s, it has failed")]),
        ..Line::default()
    };
    assert_eq!(told.said(), want);
    assert!(told.state.facts.lost.is_empty());
    let changes = &told.state.totals.changes;
    assert_eq!(
        (changes["lost"], changes["died"], changes["left"]),
        (1, 1, 0)
    );
}

#[test]
fn who_comes_back_is_lost_no_more() {
    let chain = three();
    chain.follow(&members(&["alive", "alive", "failed"]), &[]);
    let told = chain.follow(&members(&ALL), &[]);
    assert_eq!(told.line().back, ["s3"]);
    assert!(told.state.facts.lost.is_empty());
    let again = chain.follow(&members(&["alive", "alive", "failed"]), &[]);
    assert_eq!(again.line().lost, ["s3"]);
    let mut list = members(&["alive", "alive"]);
    list.push(backend("s3", "10.0.0.33", "alive"));
    let told = chain.follow(&list, &[]);
    assert_eq!(
        (&told.line().back[..], &told.line().changed[..]),
        (&names(&["s3"])[..], &names(&["s3"])[..])
    );
}

#[test]
fn who_has_lost_its_place_is_dead_at_once() {
    let chain = three();
    let mut list = members(&["alive", "alive", "failed"]);
    list.push(backend("s4", "10.0.0.3", "alive"));
    let told = chain.follow(&list, &[]);
    let line = told.line();
    assert_eq!(
        (&line.added[..], &line.died[..]),
        (&names(&["s4"])[..], &names(&["s3"])[..])
    );
    assert_eq!(line.why["s3"], "its place 10.0.0.3:3000 is now s4's");
    assert!(line.lost.is_empty() && line.left.is_empty());
}

#[test]
fn when_all_lost_nodes_stay_the_command_that_confirms_it_is_told() {
    let chain = three();
    let most = members(&["alive", "failed", "failed"]);
    let told = chain.follow(&most, &[]);
    let line = told.line();
    assert_eq!(
        (&line.lost, &line.held),
        (&names(&["s2", "s3"]), &names(&["s2", "s3"]))
    );
    let Facts { lost, held, .. } = &told.state.facts;
    assert!(lost.len() == 2 && lost.values().all(|lost| lost.until.is_none()));
    let words = held.clone().unwrap();
    let (_, command) = words.split_once("If they are gone for good: ").unwrap();
    assert!(
        words.starts_with("2 of 3 nodes are lost (s2, s3)"),
        "{words}"
    );
    assert_eq!(
        command,
        "NODES_MAX_LOST=100% NODES_HOLD=0s member-event sync"
    );
    assert!(chain.follow(&most, &[]).lines.is_empty());
    date_back(&chain, "s2");
    date_back(&chain, "s3");
    let told = chain.follow(&most, &["--max-lost", "100%"]);
    assert_eq!(told.line().died, ["s2", "s3"]);
    assert_eq!(told.state.facts.held, None);
}

#[test]
fn who_is_refused_is_told_once_with_the_reason() {
    let chain = three();
    let mut list = members(&["alive", "alive"]);
    list.push(tagged("s3", "10.0.0.3", "alive", r#","weight":"x""#));
    list.push(backend("a/b", "10.0.0.4", "alive"));
    let told = chain.follow(&list, &[]);
    let line = told.line();
    assert_eq!(
        (&line.refused, &line.lost),
        (&names(&["a/b", "s3"]), &names(&["s3"]))
    );
    assert!(line.why["s3"].starts_with("the weight 'x'"), "{line:?}");
    let facts = &told.state.facts;
    let refused: Vec<_> = facts
        .refused
        .iter()
        .map(|it| (it.name.as_str(), it.address.as_str()))
        .collect();
    assert_eq!(refused, [("a/b", "10.0.0.4"), ("s3", "10.0.0.3")]);
    assert_eq!(facts.refused_all, 2);
    assert!(
        facts.lost["s3"].why.starts_with("the weight 'x'"),
        "{facts:?}"
    );
    assert!(chain.follow(&list, &[]).lines.is_empty());
    assert!(
        chain
            .follow(&members(&ALL), &[])
            .state
            .facts
            .refused
            .is_empty()
    );
    assert_eq!(chain.follow(&list, &[]).line().refused, ["a/b", "s3"]);
}

#[test]
fn the_other_balancers_are_known_and_this_one_is_not_among_them() {
    let chain = three();
    let told = chain.follow(&members(&ALL), &[]);
    assert_eq!(told.state.facts.balancers, texts([("ha", "10.0.0.42")]));
    let denied = chain.follow(&members(&ALL), &["--deny", "10.0.0.42"]);
    assert!(denied.state.facts.balancers.is_empty());
    for variable in ["SERF_NODE", "SERF_SELF_NAME"] {
        let list = list(&[
            r#"{"name":"ha","addr":"10.0.0.42:7946","status":"alive","tags":{"role":"balancer"}}"#
                .to_owned(),
            backend("s1", "10.0.0.1", "alive"),
        ]);
        let mut command = chain.command();
        command.args(["--members", "-"]).env(variable, "ha");
        let told = chain.told(command.write_stdin(list));
        assert!(told.state.facts.balancers.is_empty(), "{variable}");
    }
}

#[test]
fn by_hand_the_state_stays_and_the_journal_says_what_was_done() {
    let chain = three();
    let told = chain.follow(&members(&["alive", "alive", "failed"]), &[]);
    let kept = || fs::read(chain.case.path("nodes/.steps")).unwrap();
    let before = kept();
    let mut list = members(&["alive", "left"]);
    list.push(backend("/", "10.0.0.9", "alive"));
    let mut command = chain.command();
    command.env_remove("CHAIN_RUN").args(["--members", "-"]);
    let by_hand = chain.told(command.write_stdin(super::list(&list)));
    let line = by_hand.line();
    assert_eq!((&line.left, &line.run), (&names(&["s2"]), &None));
    assert!(line.refused.is_empty());
    assert_eq!(by_hand.state, told.state);
    assert_eq!(kept(), before);
}

#[test]
fn without_a_journal_and_without_a_run_there_is_neither() {
    let chain = three();
    for id in [None, Some(""), Some("../x"), Some("a\nb")] {
        let mut command = chain.case.command();
        command.env("MUSTER_JOURNAL", "").args(["--members", "-"]);
        command.envs(id.map(|id| ("CHAIN_RUN", id)));
        chain.told(command.write_stdin(list(&members(&["left", "alive", "alive"]))));
        assert!(!chain.has_recorded(), "{id:?}");
    }
    assert!(!chain.case.path("muster.jsonl").exists());
}

#[test]
fn ten_thousand_that_join_are_all_named_in_lines_of_bounded_length() {
    let chain = Chain::with(&[]);
    let all: Vec<String> = (0..10_000)
        .map(|number| {
            let ip = format!("10.{}.{}.7", 1 + number / 250, number % 250);
            backend(&format!("node-{number:05}"), &ip, "alive")
        })
        .collect();
    let told = chain.follow(&all, &[]);
    let added: Vec<&String> = told.lines.iter().flat_map(|line| &line.added).collect();
    let distinct: BTreeSet<_> = added.iter().collect();
    assert_eq!((added.len(), distinct.len()), (10_000, 10_000));
    let at: usize = told.lines.iter().map(|line| line.at.len()).sum();
    assert_eq!(at, 10_000);
    let journal = fs::read(chain.case.path("muster.jsonl")).unwrap();
    let mut lines = journal.split_inclusive(|byte| *byte == b'\n');
    assert!(lines.all(|line| line.len() <= 4096 && line.ends_with(b"\n")));
    assert_eq!(told.state.totals.changes["added"], 10_000);
    assert!(chain.follow(&all, &[]).lines.is_empty());
}
