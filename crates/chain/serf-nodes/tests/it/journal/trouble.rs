//! What is told when something goes wrong, and that telling it goes wrong for nobody.

use std::fs;

use super::{Case, Line, State, backend, members, names, run, three};
use crate::failure::in_tmpfs;
use crate::list;

#[test]
fn what_could_be_done_is_told_with_the_failure_and_the_facts_stay() {
    let chain = three();
    let known = chain.follow(&members(&["alive", "alive", "failed"]), &[]);
    fs::create_dir_all(chain.case.path("nodes/s4/x")).unwrap();
    let mut list = members(&["left", "alive", "alive", "alive"]);
    list.push(backend("s5", "10.0.0.5", "alive"));
    list.push(backend("/", "10.0.0.6", "alive"));
    let told = chain.follow(&list, &[]);
    let want = Line {
        code: 111,
        added: names(&["s5"]),
        left: names(&["s1"]),
        back: names(&["s3"]),
        ..told.said()
    };
    assert_eq!(told.said(), want);
    let error = told.line().error.as_deref().unwrap();
    assert!(error.contains("1 of the steps failed"), "{error}");
    assert!(told.line().refused.is_empty() && !told.line().at.contains_key("s4"));
    assert_eq!(told.state.facts, known.state.facts);
    assert_eq!(told.state.failed().unwrap().0, "serf-nodes");
    let again = chain.follow(&list, &[]);
    assert_eq!((again.ran.code, again.lines.len()), (111, 0));
    fs::remove_dir_all(chain.case.path("nodes/s4")).unwrap();
    let mended = chain.follow(&list, &[]);
    assert_eq!(mended.line().added, ["s4"]);
    assert_eq!(mended.line().refused, ["/"]);
    assert!(mended.line().after.is_some());
}

#[test]
fn a_list_that_is_none_is_told_and_the_facts_stay() {
    let chain = three();
    let known = chain.follow(&members(&["alive", "alive", "failed"]), &[]);
    let mut command = chain.command();
    let told = chain.told(command.args(["--members", "-"]).write_stdin("{"));
    assert_eq!((told.ran.code, told.line().code), (111, 111));
    let error = told.line().error.as_deref().unwrap();
    assert!(error.starts_with("read the member list"), "{error}");
    assert_eq!(told.state.facts, known.state.facts);
}

#[test]
fn a_hostile_name_is_one_word_of_one_line() {
    let chain = three();
    let hostile = [
        r#"a\n{\"t\":1,\"step\":\"serf-nodes\",\"left\":[\"s1\"]}"#,
        r"\u001b[2J\u009b31m\u007f",
        r"<script>alert(1)</script>",
        r"\u202egnp.exe",
        "..",
        "s1 port=1",
    ];
    let mut list = members(&["alive", "alive", "alive"]);
    list.extend(hostile.map(|name| backend(name, r"10.0.0.9\n", "alive")));
    let told = chain.follow(&list, &[]);
    assert_eq!(told.line().refused.len(), hostile.len());
    assert_eq!(told.state.facts.refused_all, hostile.len() as u64);
    assert_eq!(chain.case.nodes().len(), 3);
    for file in ["muster.jsonl", "nodes/.steps"] {
        let bytes = fs::read(chain.case.path(file)).unwrap();
        let is_plain = |byte: &u8| *byte == b'\n' || (0x20..0x7f).contains(byte);
        assert!(bytes.iter().all(is_plain), "{file}");
        assert_eq!(bytes.split(|byte| *byte == b'\n').count(), 2, "{file}");
    }
}

/// What cannot be a journal, each made at this path.
const PLACES: [&str; 6] = [
    "mkdir $J",
    "mkfifo $J",
    "ln -s $J.elsewhere $J",
    "ln -s /dev/full $J",
    "touch $J; chmod 0 $J; mkdir $J.1",
    "echo torn | tr -d '\\n' >$J",
];

#[test]
fn whatever_stands_where_the_journal_or_the_state_should_be_changes_nothing() {
    let list = list(&members(&["left", "alive", "failed", "alive"]));
    let ran = |make: &str, variable: &str, path: &str| {
        let chain = three();
        let path = chain.case.path(path);
        let made = std::process::Command::new("sh")
            .args(["-c", make])
            .env("J", &path)
            .status();
        assert!(made.unwrap().success(), "{make}");
        let mut command = chain.command();
        command.args(["--members", "-"]).write_stdin(list.as_str());
        if !variable.is_empty() {
            command.env(variable, &path);
        }
        let ran = run(&mut command);
        (ran.code, ran.stderr, chain.case.nodes())
    };
    let plain = ran(":", "CHAIN_RUN", "");
    assert_eq!((plain.0, plain.2.len()), (0, 3), "{}", plain.1);
    for make in PLACES {
        assert_eq!(
            ran(make, "MUSTER_JOURNAL", "elsewhere.jsonl"),
            plain,
            "{make}"
        );
        for file in ["nodes/.state", "nodes/.steps"] {
            assert_eq!(ran(make, "", file), plain, "{make} {file}");
        }
    }
    for device in [
        "/dev/full",
        "/dev/null",
        "/proc/version",
        "/nonexistent/x",
        "/",
    ] {
        assert_eq!(ran(":", "MUSTER_JOURNAL", device), plain, "{device}");
    }
}

/// Runs a script on a disk of 64 kB that is full, and returns what it has printed.
fn on_a_full_disk(case: &Case, script: &str) -> String {
    case.put("list", &list(&members(&["left", "alive"])));
    let fill = "cat /dev/zero >\"$DIR/.filler\" 2>/dev/null || true;
        run() { code=0; \"$PROGRAM\" --members \"$LIST\" 2>&1 || code=$?; echo \"$code\"; }";
    let output = in_tmpfs(
        case,
        "size=64k",
        &format!("fill() {{ {fill}; }}; {fill}; {script}"),
    );
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    String::from_utf8(output.stdout).unwrap() + &stderr
}

#[test]
fn a_journal_on_a_full_disk_costs_its_lines_and_nothing_else() {
    let case = Case::with(&["s1 10.0.0.1"]);
    let printed = on_a_full_disk(
        &case,
        r#"export NODES_DIR="$DIR/../nodes" CHAIN_RUN=0a-1 MUSTER_JOURNAL="$DIR/muster.jsonl"
           run; cp "$NODES_DIR/.steps" "$NODES_DIR/../steps"
           mount -o remount,size=1m "$DIR"; rm "$NODES_DIR/s2"; run; cat "$MUSTER_JOURNAL""#,
    );
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(
        lines[..3],
        [
            "serf-nodes: added s2 10.0.0.2",
            "serf-nodes: removed s1: it has left",
            "0"
        ]
    );
    assert_eq!(
        lines[3..5],
        ["serf-nodes: added s2 10.0.0.2", "0"],
        "{printed}"
    );
    let written: Vec<Line> = lines[5..]
        .iter()
        .filter_map(|line| Line::parse(line.as_bytes()))
        .collect();
    assert_eq!(
        written.last().map(|line| &line.added),
        Some(&names(&["s2"])),
        "{printed}"
    );
    fs::create_dir(case.path("before")).unwrap();
    fs::rename(case.path("steps"), case.path("before/.steps")).unwrap();
    let before = State::read(&case.path("before")).unwrap().unwrap();
    let why = before.journal.unwrap();
    assert!(
        why.contains("muster.jsonl") && why.to_lowercase().contains("space"),
        "{why}"
    );
    let after = State::read(&case.path("nodes")).unwrap().unwrap();
    assert_eq!(after.journal, None);
}

#[test]
fn a_state_on_a_full_disk_changes_neither_the_nodes_nor_what_is_said_of_them() {
    // The first run is before the disk is full, as all but the last of a balancer are.
    let script = r#"rm "$DIR/.filler"; echo s1 10.0.0.1 >"$DIR/s1"; echo s2 10.0.0.22 >"$DIR/s2"
        echo '{"members":[]}' >"$DIR/none"; "$PROGRAM" --members "$DIR/none" 2>/dev/null || true
        rm "$DIR/none"; fill; run; ls "$DIR"; cat "$DIR"/s*; run; ls "$DIR"; cat "$DIR"/s*"#;
    let printed = |environment: &str| {
        let case = Case::new();
        let own = case.path("").to_str().unwrap().to_owned();
        let printed = on_a_full_disk(&case, &format!("{environment}; {script}"));
        printed.replace(&own, "")
    };
    let plain = printed("unset CHAIN_RUN MUSTER_JOURNAL");
    assert!(plain.starts_with("serf-nodes: "), "{plain}");
    let told = printed("export CHAIN_RUN=0a-1 MUSTER_JOURNAL=\"$DIR/../muster.jsonl\"");
    assert_eq!(told, plain);
}
