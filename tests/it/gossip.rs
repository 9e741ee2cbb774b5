//! `serf-agent` and its peers: the address that it binds, whom it joins, and its gossip key.

use std::path::Path;

use crate::settings::{agent, started};

#[test]
fn an_address_is_bound_in_the_form_that_serf_takes() {
    for (told, bound) in [
        ("10.0.0.1", "10.0.0.1:7946"),
        ("10.0.0.1:8000", "10.0.0.1:8000"),
        ("fd77::1", "[fd77::1]:7946"),
        ("[fd77::1]", "[fd77::1]:7946"),
        ("[fd77::1]:8000", "[fd77::1]:8000"),
        ("::1", "[::1]:7946"),
    ] {
        assert_eq!(agent(&[("SERF_BIND", told)])["bind"], bound, "{told}");
    }
}

#[test]
fn seeds_and_the_rpc_address_may_be_ipv6() {
    let seeds = "fd77::1 [fd77::2] [fd77::3]:8000 ha:8000 10.0.0.1";
    let settings = agent(&[("SERF_JOIN", seeds), ("SERF_RPC_ADDR", "[::1]:7373")]);
    let each: Vec<_> = seeds.split(' ').collect();
    assert_eq!(settings["retry_join"], serde_json::json!(each));
    assert_eq!(settings["rpc_addr"], "[::1]:7373");
}

#[test]
fn brackets_that_are_not_around_an_address_are_refused() {
    for (name, value) in [
        ("SERF_BIND", "[fd77::1]:7946]"),
        ("SERF_BIND", "[fd77::1\n]"),
        ("SERF_JOIN", "[ha]"),
        ("SERF_RPC_ADDR", "::1]:7373"),
        ("SERF_NODE", "[::1]"),
        ("SERVICE", "[shop]"),
    ] {
        let output = started(&[(name, value)]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            output.status.code(),
            Some(100),
            "{name}={value}: {output:?}"
        );
        assert!(said.contains("has characters other than"), "{said}");
    }
}

#[test]
fn without_an_address_told_it_is_that_of_the_route_to_a_seed() {
    let unbound = ("SERF_BIND", "");
    let near = [unbound, ("SERF_JOIN", "127.0.63.9")];
    assert_eq!(agent(&near)["bind"], "127.0.0.1:7946");
    let named = [unbound, ("SERF_JOIN", "localhost")];
    let bound = agent(&named)["bind"].to_string();
    assert!(["\"127.0.0.1:7946\"", "\"[::1]:7946\""].contains(&bound.as_str()));
}

#[test]
fn an_interface_that_is_told_wins_over_the_seeds() {
    let told = [
        ("SERF_BIND", ""),
        ("SERF_IFACE", "lo"),
        ("SERF_JOIN", "10.0.0.1"),
    ];
    assert_eq!(agent(&told)["bind"], "127.0.0.1:7946");
}

/// What `serf-agent` says that cannot start with these settings, and its code.
fn refusal(settings: &[(&str, &str)]) -> (Option<i32>, String) {
    let output = started(settings);
    assert!(output.stdout.is_empty(), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    (output.status.code(), said)
}

#[test]
fn a_key_that_is_required_is_not_made() {
    let dir = harness::scratch();
    let (missing, empty) = (dir.path().join("missing"), dir.path().join("empty"));
    std::fs::File::create(&empty).unwrap();
    for file in [&missing, &empty] {
        let file = file.to_str().unwrap();
        let required = [("SERF_KEY_FILE", file), ("SERF_KEY_REQUIRED", "1")];
        let (code, said) = refusal(&required);
        assert_eq!(code, Some(111), "{said}");
        assert!(
            said.contains(file) && said.contains("serf keygen"),
            "{said}"
        );
    }
    assert!(!missing.exists());
    let (code, said) = refusal(&[("SERF_KEY_FILE", ""), ("SERF_KEY_REQUIRED", "1")]);
    assert_eq!(code, Some(100), "{said}");
    let there = [("SERF_KEY_FILE", "key"), ("SERF_KEY_REQUIRED", "1")];
    assert!(agent(&there)["encrypt_key"].is_string());
}

#[test]
fn a_text_that_is_no_key_is_told_and_not_shown() {
    let dir = harness::scratch();
    let file = dir.path().join("key");
    for text in [
        "my passphrase\n",
        "Z29zc2lw\n",
        "Z29zc2lwLW9mLW11c3Rlcg=\n",
        "Z29zc2lwLW9mLW11c3Rlcg==\r\n",
        "\n",
    ] {
        write(&file, text);
        let (code, said) = refusal(&[("SERF_KEY_FILE", file.to_str().unwrap())]);
        assert_eq!(code, Some(111), "{text:?}: {said}");
        assert!(said.contains(file.to_str().unwrap()), "{text:?}: {said}");
        assert!(said.contains("16, 24 or 32 bytes"), "{text:?}: {said}");
        assert!(
            !said.contains("Z29z") && !said.contains("passphrase"),
            "{said}"
        );
    }
    for size in [16, 24, 32] {
        let length = usize::div_ceil(size, 3) * 4;
        let digits = (size * 8).div_ceil(6);
        let key = format!("{:=<length$}\n", "A".repeat(digits));
        write(&file, &key);
        let told = agent(&[("SERF_KEY_FILE", file.to_str().unwrap())]);
        assert_eq!(told["encrypt_key"], key.trim());
    }
}

fn write(file: &Path, text: &str) {
    files::replace(file, text.as_bytes(), files::Durability::Unsynced).unwrap();
}
