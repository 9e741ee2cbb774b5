//! Certificates whose files change while HAProxy runs.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use files::Durability;
use harness::load;

use crate::haproxy::{Config, Haproxy, address, front};
use crate::node::Node;

/// A certificate with its key.
struct Pair {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

impl Pair {
    /// Makes one with this serial number, in a folder that both may use.
    fn new(folder: &Path, serial: u32) -> Self {
        let files = ["new.crt", "new.key"].map(|name| folder.join(name));
        let made = openssl()
            .args(["req", "-x509", "-newkey", "ec", "-nodes", "-days", "30"])
            .args([
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-subj",
                "/CN=test",
            ])
            .args(["-set_serial", &serial.to_string(), "-out"])
            .arg(&files[0])
            .arg("-keyout")
            .arg(&files[1])
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        let [certificate, key] = files.map(|file| std::fs::read(file).unwrap());
        Self { certificate, key }
    }

    /// Both in one file, with blank lines, which HAProxy's commands do not take.
    fn pem(&self) -> Vec<u8> {
        [&self.certificate, &b"\n \n"[..], &self.key, b"\n"].concat()
    }
}

fn openssl() -> Command {
    Command::new(harness::require("openssl"))
}

fn write(path: &Path, content: &[u8]) {
    files::replace(path, content, Durability::Unsynced).unwrap();
}

fn tls(test: u8) -> SocketAddr {
    (front(test).ip(), 8443).into()
}

/// The serial number of the certificate that a client gets.
fn served(test: u8) -> u32 {
    let mut client = openssl()
        .args(["s_client", "-connect", &tls(test).to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let shown = openssl()
        .args(["x509", "-noout", "-serial"])
        .stdin(client.stdout.take().unwrap())
        .output()
        .unwrap();
    client.wait().unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    let serial = shown.trim().strip_prefix("serial=").unwrap();
    u32::from_str_radix(serial, 16).unwrap()
}

/// A configuration that serves with these words of a `bind` line.
fn config(haproxy: &Haproxy, words: &str) -> Config {
    let mut config = haproxy.config(&[1]);
    let at = tls(haproxy.test);
    config.more = format!("frontend tls\n    bind {at} ssl {words}\n    default_backend nodes\n");
    config
}

/// Starts a HAProxy that serves the certificate 1 from a file, or from a folder.
fn start(test: u8, in_folder: bool) -> (Haproxy, PathBuf) {
    let mut haproxy = Haproxy::new(test);
    let folder = haproxy.path("certificates");
    std::fs::create_dir(&folder).unwrap();
    let path = folder.join("one.pem");
    write(&path, &Pair::new(&haproxy.path(""), 1).pem());
    let named = if in_folder {
        format!("{}/", folder.display())
    } else {
        path.display().to_string()
    };
    haproxy.write(&config(&haproxy, &format!("crt {named}")));
    haproxy.start_again();
    haproxy.assert_agrees();
    assert_eq!(served(test), 1);
    (haproxy, path)
}

/// Runs the program, which has to reload once with this reason.
fn reload(haproxy: &Haproxy, why: &str) {
    let worker = haproxy.worker();
    let dry = haproxy.run(&["--dry-run"]);
    assert_eq!(
        (dry.code(), dry.stdout()),
        (0, format!("reload, since {why}\n"))
    );
    let run = haproxy.run(&[]);
    assert_eq!(run.code(), 0, "{}", run.stderr());
    let told = run.stderr();
    assert!(told.contains(&format!("reload, since {why}")), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
    assert_ne!(haproxy.worker(), worker);
    haproxy.assert_agrees();
}

#[test]
fn a_renewed_certificate_is_served_without_a_reload_and_no_request_fails() {
    let _node = Node::start("s1", address(220, 1));
    let (haproxy, path) = start(220, false);
    haproxy.wait_for_status("s1", "UP");
    let load = load::start(front(220), 500);
    let worker = haproxy.worker();
    for serial in 2..8 {
        write(&path, &Pair::new(&haproxy.path(""), serial).pem());
        let next = format!("certificate {}: its file has changed", path.display());
        assert_eq!(haproxy.run(&["--dry-run"]).stdout(), format!("{next}\n"));
        let status = haproxy.run(&["--status"]).stdout();
        assert!(status.contains(": differs from "), "{status}");
        assert_eq!(served(220), serial - 1);
        let run = haproxy.run(&[]);
        assert_eq!(run.code(), 0, "{}", run.stderr());
        let log = run.stderr();
        assert!(
            log.starts_with(&format!("haproxy-reload: {next} (")),
            "{log}"
        );
        assert_eq!(served(220), serial);
        haproxy.assert_agrees();
    }
    assert_eq!(haproxy.worker(), worker);
    let report = load.stop();
    assert_eq!(report.failed(), 0, "{report:?}");
    assert!(report.requests > 50, "{report:?}");
}

#[test]
fn what_haproxy_refuses_leaves_the_old_certificate_until_the_file_is_whole() {
    let (haproxy, path) = start(221, false);
    let (two, three) = (
        Pair::new(&haproxy.path(""), 2),
        Pair::new(&haproxy.path(""), 3),
    );
    let whole = three.pem();
    let worker = haproxy.worker();
    let mixed = [two.certificate, three.key].concat();
    for content in [&mixed[..], &whole[..whole.len() - 60], b"", b"nonsense\n"] {
        write(&path, content);
        for _ in 0..2 {
            let run = haproxy.run(&[]);
            assert_eq!(run.code(), 111, "{}", run.stderr());
            let why = "one.pem: its file has changed: HAProxy refused it, and keeps the old one: ";
            assert!(run.stderr().contains(why), "{}", run.stderr());
        }
        let status = haproxy.run(&["--status"]).stdout();
        assert!(status.contains("one.pem: its file has changed"), "{status}");
        assert_eq!(served(221), 1);
    }
    write(&path, &whole);
    assert_eq!(haproxy.run(&[]).code(), 0);
    assert_eq!(served(221), 3);
    assert_eq!(haproxy.worker(), worker);
    haproxy.assert_agrees();
}

#[test]
fn a_certificate_that_comes_to_a_folder_or_goes_is_one_reload() {
    let (haproxy, path) = start(222, true);
    let folder = path.parent().unwrap();
    let two = Pair::new(&haproxy.path(""), 2);
    for skipped in [".two.pem", "two.pem.key", "two.pem.ocsp", "two.issuer"] {
        write(&folder.join(skipped), b"no certificate\n");
    }
    haproxy.assert_agrees();
    for skipped in ["two.pem.key", "two.pem.ocsp"] {
        std::fs::remove_file(folder.join(skipped)).unwrap();
    }
    let new = folder.join("two.pem");
    write(&new, &two.pem());
    reload(
        &haproxy,
        &format!("the certificate {} is new", new.display()),
    );
    std::fs::remove_file(&path).unwrap();
    reload(
        &haproxy,
        &format!("the certificate {} is gone", path.display()),
    );
    assert_eq!(served(222), 2);
    let worker = haproxy.worker();
    write(&new, &Pair::new(&haproxy.path(""), 3).pem());
    assert_eq!(haproxy.run(&[]).code(), 0);
    assert_eq!((served(222), haproxy.worker()), (3, worker));
}

#[test]
fn what_no_command_can_take_over_is_a_reload() {
    let mut haproxy = Haproxy::new(223);
    let one = Pair::new(&haproxy.path(""), 1);
    let path = haproxy.path("one.pem");
    let key = haproxy.path("one.pem.key");
    write(&path, &one.certificate);
    write(&key, &one.key);
    haproxy.write(&config(&haproxy, &format!("crt {}", path.display())));
    haproxy.start_again();
    haproxy.assert_agrees();
    let two = Pair::new(&haproxy.path(""), 2);
    write(&path, &two.certificate);
    write(&key, &two.key);
    let why = "has changed, or a file beside it that belongs to it";
    reload(
        &haproxy,
        &format!("the certificate {} {why}", path.display()),
    );
    assert_eq!(served(223), 2);
    std::fs::remove_file(&key).unwrap();
    let comment = "# as long as a chain of many certificates\n".repeat(1_000);
    let long = [Pair::new(&haproxy.path(""), 3).pem(), comment.into_bytes()].concat();
    write(&path, &long);
    let run = haproxy.run(&[]);
    assert_eq!(run.code(), 0, "{}", run.stderr());
    let why = ": reload, since certificate ";
    assert!(run.stderr().contains(why), "{}", run.stderr());
    assert_eq!(served(223), 3);
    haproxy.assert_agrees();
}

#[test]
fn a_certificate_with_its_key_beside_it_is_a_reload() {
    let mut haproxy = Haproxy::new(251);
    let [certificate, key] = ["one.crt", "one.key"].map(|name| haproxy.path(name));
    let put = |haproxy: &Haproxy, serial| {
        let pair = Pair::new(&haproxy.path(""), serial);
        write(&certificate, &pair.certificate);
        write(&key, &pair.key);
    };
    put(&haproxy, 1);
    let mut with_key = config(&haproxy, &format!("crt {}", certificate.display()));
    with_key.more = format!("global\n    ssl-load-extra-del-ext\n{}", with_key.more);
    haproxy.write(&with_key);
    haproxy.start_again();
    haproxy.assert_agrees();
    put(&haproxy, 2);
    let why = "has changed, or a file beside it that belongs to it";
    reload(
        &haproxy,
        &format!("the certificate {} {why}", certificate.display()),
    );
    assert_eq!(served(251), 2);
}

#[test]
fn a_file_whose_time_is_still_to_come_is_taken_over_once() {
    let (haproxy, path) = start(252, false);
    let key = PathBuf::from(format!("{}.key", path.display()));
    let one = Pair::new(&haproxy.path(""), 2);
    write(&path, &one.certificate);
    write(&key, &one.key);
    let tomorrow = Command::new("touch")
        .args(["-d", "tomorrow"])
        .arg(&path)
        .status();
    assert!(tomorrow.unwrap().success());
    let why = "has changed, or a file beside it that belongs to it";
    reload(
        &haproxy,
        &format!("the certificate {} {why}", path.display()),
    );
    assert_eq!(served(252), 2);
    haproxy.assert_agrees();
}

#[test]
fn a_reload_that_is_refused_keeps_no_certificate_from_being_renewed() {
    let (haproxy, path) = start(228, true);
    let folder = path.parent().unwrap();
    let worker = haproxy.worker();
    let renew = |serial, why: &str| {
        write(&path, &Pair::new(&haproxy.path(""), serial).pem());
        for _ in 0..2 {
            let run = haproxy.run(&[]);
            assert_eq!(run.code(), 111, "{}", run.stderr());
            assert!(run.stderr().contains(why), "{}", run.stderr());
            assert_eq!(served(228), serial);
        }
    };
    let broken = folder.join("broken.pem");
    write(&broken, b"no certificate\n");
    renew(2, "broken.pem is new");
    std::fs::remove_file(&broken).unwrap();
    // What changed at the moment of the last look is set once more.
    assert!(haproxy.run(&[]).code() < 2);
    haproxy.assert_agrees();
    let mut wrong = config(&haproxy, &format!("crt {}", folder.display()));
    wrong.backend.push_str("    balance sideways\n");
    haproxy.write(&wrong);
    renew(3, "balance sideways");
    assert_eq!(haproxy.worker(), worker);
}

#[test]
fn a_reload_that_waits_keeps_no_certificate_from_being_renewed() {
    let (haproxy, path) = start(230, true);
    let worker = haproxy.worker();
    let mut other = config(
        &haproxy,
        &format!("crt {}", path.parent().unwrap().display()),
    );
    other.backend.push_str("    balance leastconn\n");
    haproxy.write(&other);
    write(&path, &Pair::new(&haproxy.path(""), 2).pem());
    let run = haproxy.run(&["--reload-every", "5m"]);
    assert_eq!(run.code(), 0, "{}", run.stderr());
    assert!(run.stderr().contains("a reload is due"), "{}", run.stderr());
    assert_eq!((served(230), haproxy.worker()), (2, worker));
}

#[test]
fn whatever_the_name_of_a_file_its_certificate_is_renewed() {
    let mut haproxy = Haproxy::new(227);
    let paths = [
        "one.crt",
        "with a blank;\"and #more\".pem",
        "one.rsa",
        "one",
    ];
    let paths = paths.map(|name| haproxy.path(name));
    for path in &paths {
        write(path, &Pair::new(&haproxy.path(""), 1).pem());
    }
    let word = |path: &PathBuf| format!("crt '{}'", path.display());
    let words: Vec<String> = paths.iter().map(word).collect();
    haproxy.write(&config(&haproxy, &words.join(" ")));
    haproxy.start_again();
    haproxy.assert_agrees();
    for (path, serial) in paths.iter().zip(2..) {
        write(path, &Pair::new(&haproxy.path(""), serial).pem());
        let run = haproxy.run(&[]);
        assert_eq!(run.code(), 0, "{}", run.stderr());
        let list = haproxy.ask(&format!("show ssl cert {}", escaped(path)));
        assert!(list.contains(&format!("Serial: {serial:02}\n")), "{list}");
        haproxy.assert_agrees();
    }
}

#[test]
fn a_certificate_for_which_the_buffers_are_too_small_is_a_reload() {
    let (haproxy, path) = start(229, false);
    let mut config = config(&haproxy, &format!("crt {}", path.display()));
    config
        .more
        .push_str("global\n    tune.bufsize 2048\n    tune.maxrewrite 512\n");
    haproxy.change(&config);
    let comment = "# as long as a chain\n".repeat(100);
    let long = [Pair::new(&haproxy.path(""), 2).pem(), comment.into_bytes()].concat();
    write(&path, &long);
    let run = haproxy.run(&[]);
    assert_eq!(run.code(), 0, "{}", run.stderr());
    assert!(
        run.stderr().contains(": reload, since certificate "),
        "{}",
        run.stderr()
    );
    assert_eq!(served(229), 2);
    haproxy.assert_agrees();
}

/// The path as a word of a command.
fn escaped(path: &Path) -> String {
    let path = path.display().to_string();
    let escape = |c: char| {
        if " ;\"#".contains(c) {
            vec!['\\', c]
        } else {
            vec![c]
        }
    };
    path.chars().flat_map(escape).collect()
}

#[test]
fn a_file_that_is_gone_is_told_and_keeps_no_server_from_joining() {
    let (haproxy, path) = start(224, false);
    std::fs::remove_file(&path).unwrap();
    let config = config(&haproxy, &format!("crt {}", path.display()));
    haproxy.write(&config.with(&[1, 2]));
    let run = haproxy.run(&[]);
    assert_eq!(run.code(), 111);
    assert!(
        run.stderr().contains("one.pem: there is no such file"),
        "{}",
        run.stderr()
    );
    assert_eq!(served(224), 1);
    assert!(haproxy.stat("s2", "status").is_some());
}

#[test]
fn a_file_that_cannot_be_read_is_told_at_each_run_until_it_can() {
    let (haproxy, path) = start(231, false);
    let two = Pair::new(&haproxy.path(""), 2).pem();
    let large = [&two[..], &b"# more than is read\n".repeat(60_000)].concat();
    write(&path, &large);
    for _ in 0..3 {
        let run = haproxy.run(&[]);
        assert_eq!(run.code(), 111, "{}", run.stderr());
        assert!(run.stderr().contains("one.pem"), "{}", run.stderr());
    }
    write(&path, &two);
    assert_eq!(haproxy.run(&[]).code(), 0);
    assert_eq!(served(231), 2);
    haproxy.assert_agrees();
}

#[test]
fn however_many_files_are_refused_none_of_them_is_forgotten() {
    let (mut haproxy, path) = start(234, true);
    let folder = path.parent().unwrap();
    let one = Pair::new(&haproxy.path(""), 1).pem();
    let paths: Vec<PathBuf> = (0..120)
        .map(|n| folder.join(format!("n{n:03}.pem")))
        .collect();
    for path in &paths {
        write(path, &one);
    }
    haproxy.start_again();
    haproxy.assert_agrees();
    for path in &paths {
        write(path, b"no certificate\n");
    }
    assert_eq!(haproxy.run(&[]).code(), 111);
    let dry = haproxy.run(&["--dry-run"]).stdout();
    assert_eq!(dry.lines().count(), paths.len(), "{dry}");
    for path in &paths {
        write(path, &one);
    }
    assert!(haproxy.run(&[]).code() < 2);
    haproxy.assert_agrees();
}

#[test]
fn where_the_files_of_haproxy_cannot_be_seen_nothing_fails() {
    for (test, in_folder) in [(226, false), (233, true)] {
        let (haproxy, path) = start(test, in_folder);
        let folder = path.parent().unwrap();
        std::fs::rename(folder, haproxy.path("elsewhere")).unwrap();
        haproxy.assert_agrees();
        let status = haproxy.run(&["--status"]).stdout();
        let note = format!(
            "note: certificate {} is not compared: its folder is not here",
            path.display()
        );
        assert!(status.contains(&note), "{status}");
    }
}

#[test]
fn a_link_that_leads_to_an_older_certificate_is_followed() {
    let mut haproxy = Haproxy::new(225);
    let paths = ["old.pem", "new.pem"].map(|name| haproxy.path(name));
    for (path, serial) in paths.iter().zip([1, 2]) {
        write(path, &Pair::new(&haproxy.path(""), serial).pem());
    }
    let link = haproxy.path("link.pem");
    std::os::unix::fs::symlink(&paths[1], &link).unwrap();
    haproxy.write(&config(&haproxy, &format!("crt {}", link.display())));
    haproxy.start_again();
    haproxy.assert_agrees();
    assert_eq!(served(225), 2);
    std::fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink(&paths[0], &link).unwrap();
    assert_eq!(haproxy.run(&[]).code(), 0);
    assert_eq!(served(225), 1);
    haproxy.assert_agrees();
}

#[test]
fn a_folder_that_begins_where_haproxy_does_is_not_taken_for_one_of_ours() {
    let mut haproxy = Haproxy::new(232);
    let folder = harness::scratch();
    let path = folder.path().join("one.pem");
    write(&path, &Pair::new(&haproxy.path(""), 1).pem());
    let here = std::env::current_dir().unwrap();
    // A name that leads to the folder from the working directory of the runs, too.
    let up = "../".repeat(here.components().count() - 1);
    let name = format!(
        "{}{}",
        up,
        folder.path().strip_prefix("/").unwrap().display()
    );
    haproxy.write(&config(&haproxy, &format!("crt {name}/")));
    haproxy.start_again();
    haproxy.assert_agrees();
    assert_eq!(served(232), 1);
    haproxy.assert_agrees();
    let status = haproxy.run(&["--status"]).stdout();
    let note = format!("note: the folder {name} is not compared: only HAProxy knows where it is");
    assert!(status.contains(&note), "{status}");
}

#[test]
fn of_many_files_that_cannot_be_seen_the_report_has_the_number() {
    let (mut haproxy, path) = start(236, true);
    let folder = path.parent().unwrap();
    let one = Pair::new(&haproxy.path(""), 1).pem();
    for n in 0..30 {
        write(&folder.join(format!("n{n:02}.pem")), &one);
    }
    haproxy.start_again();
    std::fs::rename(folder, haproxy.path("elsewhere")).unwrap();
    let status = haproxy.run(&["--status"]).stdout();
    let notes = status
        .lines()
        .filter(|line| line.trim_start().starts_with("note: "));
    assert_eq!(notes.count(), 11, "{status}");
    assert!(status.contains("  note: 21 more such files\n"), "{status}");
}
