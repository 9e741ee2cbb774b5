//! The program `limit`, with which the chain is compared.

use std::fs;
use std::process::Command;

use crate::run;

fn limit() -> Command {
    Command::new(env!("CARGO_BIN_EXE_limit"))
}

#[test]
fn it_makes_one_file_of_many_and_leaves_nothing_else() {
    let scratch = harness::scratch();
    let nodes = scratch.path().join("nodes");
    fs::create_dir(&nodes).unwrap();
    for name in ["s1", "s2"] {
        let path = nodes.join(name);
        files::replace(&path, b"0123456789\n", files::Durability::Unsynced).unwrap();
    }
    let all = scratch.path().join("all");
    let output = run(limit().arg(&nodes).arg(&all));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(fs::read(&all).unwrap().len(), 22);
    assert_eq!(scratch.path().read_dir().unwrap().count(), 2);
}

#[test]
fn it_fails_where_there_is_nothing_to_read() {
    let output = run(limit().args(["/nonexistent", "/nonexistent/all"]));
    assert_eq!(output.status.code(), Some(111));
    assert_eq!(run(&mut limit()).status.code(), Some(100));
}
