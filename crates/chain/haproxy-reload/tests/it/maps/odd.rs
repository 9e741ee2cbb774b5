//! Answers to the commands for maps that a real HAProxy gives hardly ever.

use files::Durability;
use haproxy_config::with_files;

use crate::fake::{Answer, Fake};

/// A worker that has the server which the file wants.
const STATE: &str = "CONFIG_FINGERPRINT=<fingerprint>\n\nVariable not found.\n\n1\n\
    # be_id be_name srv_id\n3 nodes 1 s1 127.0.59.2 2 0 1 1 5 6 3 4 6 0 0 0 - 3000 - 0 0 - - 0\n\n\
    Name: HAProxy\nVersion: 2.6.12\nPid: 7\nUptime_sec: 1\nStopping: 0\n\n";
const LISTS: &str = "# id (file) description\n0 (hosts.map) pattern loaded from file 'hosts.map' \
    used by map at file 'haproxy.cfg' line 1. curr_ver=0 next_ver=0 entry_cnt=1\n\n\
    # id (file) description\n\nName: HAProxy\nPid: 7\n\n";
const OTHER_WORKER: &str = "# id (file) description\n\n# id (file) description\n\nPid: 8\n\n";
const ENTRIES: &str = "0x1 a one\n\nName: HAProxy\nPid: 7\n\n";
const PREPARED: &str = "New version created: 1\n\n# id (file) description\n0 (hosts.map) pattern \
    loaded from file 'hosts.map' used by map at file 'haproxy.cfg' line 1.\n\n";
const OTHER_MAPS: &str = "New version created: 1\n\n# id (file) description\n0 (other.map) pattern \
    loaded from file 'other.map' used by map at file 'haproxy.cfg' line 1.\n\n";

/// A fake one that has a map, and a file with another entry.
fn fake(answers: &'static [(&'static str, Answer)]) -> Fake {
    let fake = Fake::new();
    let path = fake.path().join("haproxy.cfg");
    let text = std::fs::read_to_string(&path).unwrap();
    let map = fake.path().join("hosts.map");
    let text = with_files(&text, &[map.to_str().unwrap()]);
    for (path, content) in [(&path, text.as_str()), (&map, "a two\n")] {
        files::replace(path, content.as_bytes(), Durability::Unsynced).unwrap();
    }
    fake.answer("s", answers)
}

#[test]
fn a_map_that_still_differs_after_it_was_replaced_is_a_reload() {
    let fake = fake(&[
        ("show env", Answer::Text(STATE)),
        ("show map;", Answer::Text(LISTS)),
        ("show map #0", Answer::Text(ENTRIES)),
        ("prepare map #0", Answer::Text(PREPARED)),
        ("add map @1 #0", Answer::Text("\n")),
        ("show map @1 #0", Answer::Text("0x2 a two\n\n")),
        ("commit map @1 #0", Answer::Text("\n")),
    ]);
    fake.assert_fails(
        &[],
        "reload HAProxy, since after it was replaced, still: map ",
    );
}

#[test]
fn what_has_not_arrived_whole_is_never_used() {
    let fake = fake(&[
        ("show env", Answer::Text(STATE)),
        ("show map;", Answer::Text(LISTS)),
        ("show map #0", Answer::Text(ENTRIES)),
        ("prepare map #0", Answer::Text(PREPARED)),
        ("add map @1 #0", Answer::Text("")),
        ("show map @1 #0", Answer::Text("\n")),
        ("clear map @1 #0", Answer::Text("\n")),
    ]);
    fake.assert_fails(&[], "HAProxy has not taken all entries");
    let asked = fake.asked();
    let is_used = |line: &String| line.starts_with("commit");
    assert!(!asked.iter().any(is_used), "{asked:?}");
}

#[test]
fn where_no_new_version_can_be_had_it_is_a_reload() {
    let fake = fake(&[
        ("show env", Answer::Text(STATE)),
        ("show map;", Answer::Text(LISTS)),
        ("show map #0", Answer::Text(ENTRIES)),
        ("prepare map #0", Answer::Text("Unknown command.\n\n")),
    ]);
    let why = "then 1 entries: HAProxy answers `Unknown command.` to `prepare map`";
    fake.assert_fails(&[], why);
}

#[test]
fn an_id_that_has_become_that_of_another_map_is_never_written_to() {
    let fake = fake(&[
        ("show env", Answer::Text(STATE)),
        ("show map;", Answer::Text(LISTS)),
        ("show map #0", Answer::Text(ENTRIES)),
        ("prepare map #0", Answer::Text(OTHER_MAPS)),
    ]);
    fake.assert_fails(&[], "HAProxy has other maps than before");
    let asked = fake.asked();
    assert!(
        !asked.iter().any(|line| line.starts_with("add")),
        "{asked:?}"
    );
}

#[test]
fn another_worker_at_each_question_is_given_up() {
    let fake = fake(&[
        ("show env", Answer::Text(STATE)),
        ("show map;", Answer::Text(OTHER_WORKER)),
    ]);
    fake.assert_fails(&["--timeout", "1s"], "another worker answers each time");
}
