//! The text of a haproxy.cfg.

use haproxy_config::{
    Config, Fingerprint, alerts, capacity_of, check_hash, files_of, fingerprint, first_difference,
    server_ids, warnings, with_capacity, with_files, words,
};

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| holds(bytes));

fn holds(bytes: &[u8]) {
    // Who parses has seen that the last line has an end.
    let text = String::from_utf8_lossy(bytes) + "\n";
    let config = Config::parse(&text);
    servers(&config);
    prints(&text, &config);
    comments(&text);
    listeners(&config);
    assert_eq!(first_difference(&text, &text), None);
    for (name, _) in server_ids(&text) {
        assert!(!name.contains(|c: char| c.is_ascii_whitespace()));
    }
    let lines = text.lines().count();
    assert!(alerts(&text).count() + warnings(&text).count() <= lines);
    for backend in config.into_backends() {
        backend_is_known(&backend);
    }
}

/// No word of a plain server can end a command or begin another one.
fn servers(config: &Config) {
    let harmless = |c: char| !c.is_control() && !"\"'\\$;#".contains(c);
    for (name, server) in config.sections.iter().flat_map(|it| &it.servers) {
        let plain = |c: char| c.is_ascii_alphanumeric() || "_.:-".contains(c);
        assert!(!name.is_empty() && name.chars().all(plain), "{name:?}");
        assert!(server.runtime.weight <= 256 && server.runtime.address.port() > 0);
        for release in [(2, 6), (3, 0), (3, 2)] {
            let added = server.settings.to_add(release);
            assert!(added.chars().all(harmless), "{added:?}");
        }
    }
}

fn backend_is_known(backend: &haproxy_config::Backend) {
    let _ = backend.algorithm();
    let in_order = backend.in_order();
    assert_eq!(in_order.len(), backend.servers.len());
    for (name, server) in in_order {
        let _ = (backend.is_odd(name), backend.obstacle(server));
    }
    let _ = (backend.ids(), backend.templates().count());
    for names in backend.with_equal_cookies() {
        assert!(names.len() > 1, "{names:?}");
    }
}

/// A file knows its own fingerprint, whatever stands in it besides.
fn prints(text: &str, config: &Config) {
    let print = fingerprint(config, None);
    assert_eq!(Fingerprint::parse(&print.to_string()), print);
    let with = config.with_fingerprint(&print.to_string());
    let again = Config::parse(&with);
    assert_eq!(again.with_fingerprint(&print.to_string()), with);
    assert_eq!(fingerprint(&again, None), print);
    if again.fingerprint.is_some() {
        assert_eq!(again.true_fingerprint(), Some(print), "{text:?}");
    }
    assert_eq!(check_hash(&again), check_hash(config));
}

/// What a comment says is read as it was written, and changes nothing else.
fn comments(text: &str) {
    let files = ["/etc/haproxy/hosts.map", "/with a blank .acl "];
    let with = with_files(&with_capacity(text, 64), &files);
    assert_eq!(capacity_of(&with), Some(64));
    assert_eq!(files_of(&with), files);
    let print = |text: &str| fingerprint(&Config::parse(text), None);
    assert_eq!(print(&with), print(text));
}

fn listeners(config: &Config) {
    let base = config.certificate_base();
    let _ = (config.default_path(), config.changes().has("/x.map"));
    let _ = (config.room_for_variables(), config.buffer_size());
    let _ = (config.begins_with_servers(), config.has_empty_section());
    for listener in config.listeners() {
        let environment = |name: &str| (name != "UNSET").then(|| "*:80".to_owned());
        assert!(!(listener.is_for_clients() && listener.is_for_all_commands()));
        let _ = listener.command_paths(&environment);
        assert!(listener.tcp_addresses(&environment).len() < 1 << 16);
        let _ = listener.certificates(base.as_deref());
    }
    for line in config.sections.iter().flat_map(|it| &it.lines) {
        assert!(words(line.text, &|_| None).len() <= line.text.len());
    }
}

#[cfg(test)]
#[test]
fn every_file_of_the_corpus_holds() {
    harness::corpus("haproxy-config", holds);
}
