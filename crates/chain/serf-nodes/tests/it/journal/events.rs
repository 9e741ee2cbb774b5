//! An event of Serf's, as its handler gets it.

use super::{Chain, Told, names, run, texts, three};

impl Chain {
    fn event(&self, event: &str, members: &[[&str; 3]], arguments: &[&str]) -> Told {
        let lines = members
            .iter()
            .map(|member| format!("{}\t\n", member.join("\t")));
        let stdin: String = lines.collect();
        let mut command = self.command();
        command.env("SERF_EVENT", event).args(arguments);
        self.told(command.write_stdin(stdin))
    }
}

const S1: [&str; 3] = ["s1", "10.0.0.1", "backend"];

#[test]
fn who_leaves_and_who_dies_are_told_apart() {
    for (event, left, died) in [
        ("member-leave", names(&["s1"]), vec![]),
        ("member-failed", vec![], names(&["s1"])),
        ("member-reap", vec![], names(&["s1"])),
    ] {
        let told = three().event(event, &[S1], &[]);
        let line = told.line();
        assert_eq!((&line.left, &line.died), (&left, &died), "{event}");
        assert_eq!(line.at, texts([("s1", "10.0.0.1")]));
        let why = died.first().and_then(|name| line.why.get(name));
        assert_eq!(why.is_some(), !died.is_empty(), "{event}");
    }
}

#[test]
fn who_joins_and_who_is_refused_are_named() {
    let chain = Chain::with(&[]);
    let told = chain.event(
        "member-join",
        &[S1, ["s2", "127.0.0.1", "backend"], ["x\\y", "", "backend"]],
        &[],
    );
    let line = told.line();
    assert_eq!((line.code, &line.added), (0, &names(&["s1"])));
    assert_eq!(line.refused, ["s2", r"x\\y"]);
    assert!(line.why["s2"].contains("loopback"), "{line:?}");
    let moved = chain.event("member-update", &[["s1", "10.0.0.2", "backend"]], &[]);
    assert_eq!(moved.line().changed, ["s1"]);
    assert_eq!(moved.line().at, texts([("s1", "10.0.0.2")]));
}

#[test]
fn an_event_alone_says_nothing_of_the_whole_cluster() {
    let chain = three();
    let known = chain.follow(&super::members(&["alive", "alive", "failed"]), &[]);
    let told = chain.event("member-leave", &[S1], &[]);
    assert_eq!(told.state.facts, known.state.facts);
    assert_eq!(told.state.steps["serf-nodes"].code, 0);
}

#[test]
fn what_is_only_logged_is_not_recorded() {
    let chain = three();
    let told = chain.event("member-leave", &[S1], &["--log-only"]);
    assert_eq!(told.ran.code, 0, "{}", told.ran.stderr);
    assert!(!chain.has_recorded());
    assert!(!chain.case.path("muster.jsonl").exists());
    let mut command = chain.command();
    let unknown = run(command.env("SERF_EVENT", "no-event"));
    assert_eq!(unknown.code, 100);
    assert_eq!(chain.lines().len(), 1);
}
