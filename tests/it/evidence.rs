//! What the lab asks to be handed in is in `logs/` and shows what it is for. Everybody may
//! read it, so nothing secret is in it.

mod checks;
mod deliverables;
mod folder;

use std::collections::BTreeSet;
use std::path::Path;

use harness::root;

use deliverables::{DELIVERABLES, problems};
use folder::Evidence;

#[test]
fn every_deliverable_of_the_lab_is_there_and_shows_what_it_is_for() {
    let problems = problems(&Evidence::read());
    assert!(
        problems.is_empty(),
        "the evidence is not that of the lab's tasks (scripts/task all makes it anew):\n{}",
        problems.join("\n")
    );
}

#[test]
fn a_deliverable_that_is_missing_or_empty_is_named() {
    for deliverable in DELIVERABLES {
        let file = deliverable.file;
        let number = deliverable.number;
        for evidence in [
            Evidence::read().without(file),
            Evidence::read().with(file, ""),
        ] {
            let told = problems(&evidence);
            let named = format!("{number}, logs/{file}: ");
            assert!(
                told.iter().any(|problem| problem.starts_with(&named)),
                "{named}{told:?}"
            );
        }
    }
}

/// Some file, and another one whose content would be wrong in its place.
const MISTAKEN: &[(&str, &str)] = &[
    ("task0/answers-direct.txt", "task0/answers-through-ha.txt"),
    ("task0/docker-ps.txt", "task0/docker-ps-with-s3.txt"),
    ("task0/s3-unnoticed.txt", "task0/adding-s3.txt"),
    ("task0/adding-s3.txt", "task0/s3-unnoticed.txt"),
    (
        "task0/answers-meanwhile.txt",
        "task1/answers-while-reloading.txt",
    ),
    (
        "task1/answers-while-reloading.txt",
        "task0/answers-meanwhile.txt",
    ),
    ("task1/haproxy-killed.txt", "task1/services.txt"),
    ("task2/members-s1.txt", "task2/members-without-ha.txt"),
    ("task3/ha-alone.log", "task3/ha-after-s1.log"),
    ("task3/ha-after-s2.log", "task3/ha-after-s1.log"),
    ("task3/s2.log", "task3/s1.log"),
    ("task3/serf-after-s2.log", "task3/serf-after-s1.log"),
    ("task3/serf-after-s1-stopped.log", "task3/serf-after-s2.log"),
    ("task4/fault-after-s2.cfg", "task4/answer-after-s2.cfg"),
    ("task4/fault-after-s2.cfg", "task4/fault-after-s1.cfg"),
    ("task4/fault-ha-alone.cfg", "task4/answer-ha-alone.cfg"),
    ("task4/answer-after-s2.cfg", "task4/fault-after-s2.cfg"),
    ("task4/inspect-ha.json", "task4/inspect-s1.json"),
    ("task4/inspect-s2.json", "task4/inspect-s1.json"),
    ("task5/haproxy-after-s2.cfg", "task5/haproxy-after-s1.cfg"),
    (
        "task5/haproxy-after-s1-stopped.cfg",
        "task5/haproxy-after-s1.cfg",
    ),
    (
        "task5/nodes-after-s1-stopped.txt",
        "task5/nodes-after-s2.txt",
    ),
    ("task5/page-after-s2.txt", "task5/page-after-s1.txt"),
    ("task5/page-after-s1-stopped.txt", "task5/page-after-s1.txt"),
    ("task6/page-one-killed.txt", "task6/page-5-nodes.txt"),
    ("task6/page-2-nodes.txt", "task5/page-after-s2.txt"),
    ("task6/stats-one-killed.txt", "task6/stats-5-nodes.txt"),
    ("task6/stats-2-nodes.txt", "task6/stats-3-nodes.txt"),
    ("task6/docker-ps-2-nodes.txt", "task6/docker-ps-3-nodes.txt"),
];

#[test]
fn evidence_of_another_step_is_told_from_the_right_one() {
    let evidence = Evidence::read();
    for (file, other) in MISTAKEN {
        let text = evidence.text(other).unwrap().to_owned();
        let told = problems(&Evidence::read().with(file, &text));
        let named = format!("logs/{file}: ");
        assert!(
            told.iter().any(|problem| problem.contains(&named)),
            "{file} was that of {other}: {told:?}"
        );
    }
}

/// Some file, a piece of it, and another one that would show the contrary.
const FALSIFIED: &[(&str, &str, &str)] = &[
    ("task0/adding-s3.txt", "\ns3,UP", "\ns3,DOWN"),
    ("task0/adding-s3.txt", "cat s3/server.cfg >>", "cat >>"),
    ("task0/docker-ps.txt", ":4001->", ":4000->"),
    ("task0/network.txt", "_heig", "_public"),
    ("task1/haproxy-killed.txt", "restarts: 0", "restarts: 1"),
    ("task1/reload.txt", "worker", "helper"),
    ("task1/processes-after.txt", "serf agent", "surf agent"),
    ("task3/serf-after-s1.log", "script triggered", "script"),
    ("task6/answers-by-code.txt", "with 200", "with 503"),
    ("task6/timeline.txt", "DOWN", "UP"),
    (
        "task6/haproxy-processes.txt",
        "sleep 15",
        "[haproxy-reload] <defunct>",
    ),
];

#[test]
fn evidence_that_shows_the_contrary_is_told() {
    let evidence = Evidence::read();
    for (file, piece, contrary) in FALSIFIED {
        let text = evidence.text(file).unwrap();
        assert!(text.contains(piece), "{file} has no {piece:?}:\n{text}");
        let told = problems(&Evidence::read().with(file, text.replace(piece, contrary)));
        let named = format!("logs/{file}: ");
        assert!(
            told.iter().any(|problem| problem.contains(&named)),
            "{file} with {contrary:?}: {told:?}"
        );
    }
}

#[test]
fn a_picture_that_is_cut_off_or_of_another_size_is_told() {
    for picture in ["task6/stats-5-nodes.png", "task6/page-5-nodes.png"] {
        let whole = Evidence::read().bytes(picture).unwrap().to_vec();
        let cut = whole[..3000].to_vec();
        let mut narrow = whole;
        narrow[19] ^= 1;
        for bytes in [cut, narrow] {
            let told = problems(&Evidence::read().with(picture, bytes));
            assert!(told.iter().any(|problem| problem.contains(picture)));
        }
    }
}

#[test]
fn every_file_is_a_deliverable_and_in_the_index_and_the_index_names_nothing_else() {
    let there: BTreeSet<String> = Evidence::read().names();
    let checked: BTreeSet<String> = DELIVERABLES.iter().map(|one| one.file.into()).collect();
    assert_eq!(checked.len(), DELIVERABLES.len(), "one is there twice");
    assert_eq!(there, checked);

    let index = std::fs::read_to_string(root().join("logs/README.md")).unwrap();
    let mut named = BTreeSet::new();
    for row in index.lines().filter(|line| line.contains("](task")) {
        for link in row.split("](").skip(1) {
            let (file, _) = link.split_once(')').unwrap();
            named.insert(file.to_owned());
            let number = DELIVERABLES.iter().find(|one| one.file == file);
            let number = number.map(|one| one.number);
            let stands = row.split('|').nth(1).map(str::trim);
            assert_eq!(number, stands, "the deliverable of {file}");
        }
    }
    assert_eq!(there, named);
}

#[test]
fn the_evidence_holds_no_key_and_no_path_of_the_machine_that_made_it() {
    let home = format!("{}/", root().display());
    let evidence = Evidence::read();
    for file in evidence
        .names()
        .iter()
        .filter(|file| Path::new(file).extension() != Some("png".as_ref()))
    {
        let text = evidence.text(file).unwrap();
        assert!(!text.contains(&home), "{file} has a path of a machine");
        for word in text.split(|c: char| !is_base64(c)) {
            assert!(!is_key(word), "{file} has a key");
        }
    }
}

#[test]
fn a_key_is_told_from_other_words() {
    assert!(is_key("TmV2ZXIgdXNlZCBieSBhbnkgcmVhbCBjbHVzdGVyISE="));
    assert!(!is_key("sha256"));
    assert!(!is_key(&"a".repeat(64)));
}

/// What `serf keygen` prints: 32 bytes, 16 in its older versions.
fn is_key(word: &str) -> bool {
    let length = word.trim_end_matches('=').len();
    matches!((length, word.len()), (43, 44) | (22, 24))
}

fn is_base64(c: char) -> bool {
    c.is_ascii_alphanumeric() || "+/=".contains(c)
}
