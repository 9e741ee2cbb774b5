//! `node-address` on this host, whatever addresses it has.

#![expect(clippy::unwrap_used, reason = "in a test it says what did not work")]

use std::process::{Command, Output};

fn node_address(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_node-address"))
        .args(arguments)
        .output()
        .unwrap()
}

fn said(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    (output.status.code(), out, err)
}

#[test]
fn loopback_seeds_give_the_loopback_address() {
    for seed in ["127.0.63.9", "127.0.63.9:7946"] {
        let (code, out, err) = said(&node_address(&[seed]));
        assert_eq!((code, out.as_str()), (Some(0), "127.0.0.1\n"), "{err}");
    }
}

#[test]
fn an_interface_has_its_address_told() {
    let (code, out, err) = said(&node_address(&["--interface", "lo"]));
    assert_eq!((code, out.as_str()), (Some(0), "127.0.0.1\n"), "{err}");
}

#[test]
fn an_interface_that_is_not_there_is_named_and_so_are_those_that_are() {
    let (code, out, err) = said(&node_address(&["--interface", "no\u{1b}such"]));
    assert_eq!((code, out.as_str()), (Some(111), ""), "{err}");
    assert!(err.contains("lo 127.0.0.1"), "{err}");
    assert!(!err.contains('\u{1b}'), "{err:?}");
}

#[test]
fn a_name_is_refused_with_what_resolves_it() {
    let (code, out, err) = said(&node_address(&["cluster"]));
    assert_eq!((code, out.as_str()), (Some(100), ""), "{err}");
    assert!(err.contains("getent ahosts"), "{err}");
}
