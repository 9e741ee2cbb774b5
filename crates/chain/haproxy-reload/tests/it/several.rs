//! Several `--config`, or a folder: what HAProxy reads as one is compared as one.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use files::Durability;
use harness::wait::pass;
use harness::wait_for;

use crate::haproxy::{Haproxy, PATIENCE, Run, address, front};

/// The configuration in two parts, of which each has a section with servers.
#[derive(Clone)]
struct Parts {
    test: u8,
    /// What tells two texts apart, in each part.
    queue: u8,
    connect: u8,
    /// The servers of `one`, in the first part, and of `two`, in the second.
    one: Vec<u8>,
    two: Vec<u8>,
    /// Lines at the end of the first, and of the second.
    end: &'static str,
    more: String,
    has_fingerprint: bool,
}

impl Parts {
    fn new(test: u8) -> Self {
        Self {
            test,
            queue: 1,
            connect: 1,
            one: vec![1],
            two: vec![1],
            end: "",
            more: String::new(),
            has_fingerprint: true,
        }
    }

    /// Both texts. The fingerprint of both together stands in the first.
    fn texts(&self, haproxy: &Haproxy) -> [String; 2] {
        let (socket, front) = (haproxy.path("s"), front(self.test));
        let servers = |numbers: &[u8]| {
            let line = |number: &u8| {
                let address = address(self.test, *number);
                format!("    server s{number} {address}\n")
            };
            numbers.iter().map(line).collect::<String>()
        };
        let first = format!(
            "global\n    stats socket {} mode 600 level admin\n    hard-stop-after 30s\n    \
             mworker-max-reloads 50\ndefaults\n    mode http\n    timeout connect 5s\n    \
             timeout client 30s\n    timeout server 30s\n    timeout queue {}s\n    \
             default-server check inter 1s fastinter 100ms downinter 50ms\n\
             frontend web\n    bind {front}\n    default_backend one\nbackend one\n{}{}",
            socket.display(),
            self.queue,
            servers(&self.one),
            self.end
        );
        let second = format!(
            "# The second.\nbackend two\n    timeout connect {}s\n{}{}",
            self.connect,
            servers(&self.two),
            self.more
        );
        if !self.has_fingerprint {
            return [first, second];
        }
        let text = format!("{first}{second}");
        let parsed = haproxy_config::Config::parse(&text);
        let print = haproxy_config::fingerprint(&parsed, None);
        let text = parsed.with_fingerprint(&print.to_string());
        let first = text.strip_suffix(&second).unwrap().to_owned();
        [first, second]
    }
}

/// A HAProxy with a configuration in parts, and how it is told to haproxy-reload.
struct Several {
    haproxy: Haproxy,
    paths: [PathBuf; 2],
    arguments: Vec<String>,
}

impl Several {
    /// Two files, each with an `-f` of its own.
    fn files(parts: &Parts) -> Self {
        let mut several = Self::new(parts, "first.cfg", "haproxy.cfg");
        several.arguments = [0, 1]
            .iter()
            .flat_map(|at| ["--config".to_owned(), several.name(*at)])
            .collect();
        let first = several.paths[0].clone();
        several.haproxy.start_after(&first);
        several
    }

    /// A folder with two files, and with more that HAProxy leaves out.
    fn folder(parts: &Parts) -> Self {
        let mut several = Self::new(parts, "conf.d/10-first.cfg", "conf.d/20.cfg");
        for name in [".x.cfg", "x.cfg.cfg", "README"] {
            several.put(&format!("conf.d/{name}"), "nothing for HAProxy\n");
        }
        std::fs::create_dir(several.haproxy.path("conf.d/more.cfg")).unwrap();
        let folder = several.haproxy.path("conf.d");
        several.arguments = vec!["--config".to_owned(), folder.display().to_string()];
        several.haproxy.use_folder(&folder);
        several.haproxy.start_again();
        several
    }

    fn new(parts: &Parts, first: &str, second: &str) -> Self {
        let haproxy = Haproxy::new(parts.test);
        std::fs::create_dir(haproxy.path("conf.d")).unwrap();
        let several = Self {
            paths: [haproxy.path(first), haproxy.path(second)],
            haproxy,
            arguments: Vec::new(),
        };
        several.write(parts);
        several
    }

    fn name(&self, at: usize) -> String {
        self.paths[at].display().to_string()
    }

    fn put(&self, name: &str, text: &str) {
        let path = self.haproxy.path(name);
        files::replace(&path, text.as_bytes(), Durability::Unsynced).unwrap();
    }

    fn write(&self, parts: &Parts) {
        for (path, text) in self.paths.iter().zip(parts.texts(&self.haproxy)) {
            files::replace(path, text.as_bytes(), Durability::Unsynced).unwrap();
        }
    }

    fn run(&self, more: &[&str]) -> Run {
        let arguments = self.arguments.iter().map(String::as_str);
        let arguments: Vec<&str> = arguments.chain(more.iter().copied()).collect();
        self.haproxy.run(&arguments)
    }

    fn assert_agrees(&self) {
        let run = self.run(&[]);
        assert_eq!((run.code(), run.stderr().as_str()), (1, ""));
    }

    /// Runs the program, which must do it by commands alone.
    fn follow_by_commands(&self, parts: &Parts) -> String {
        self.write(parts);
        let worker = self.haproxy.worker();
        let run = self.run(&[]);
        assert_eq!(run.code(), 0, "{}", run.stderr());
        assert_eq!(self.haproxy.worker(), worker, "{}", run.stderr());
        self.assert_agrees();
        self.assert_kept();
        run.stderr()
    }

    /// Runs the program, which must do it by one reload, and returns its reason.
    fn follow_by_reload(&self) -> String {
        let reloads = self.haproxy.reloads().unwrap();
        let run = self.run(&[]);
        assert_eq!(run.code(), 0, "{}", run.stderr());
        self.assert_agrees();
        assert_eq!(self.haproxy.reloads(), Some(reloads + 1));
        run.stderr()
    }

    /// Asserts that the copies are those of the files.
    fn assert_kept(&self) {
        for path in &self.paths {
            let copy = format!("{}.good", path.display());
            let text = |path: &str| std::fs::read_to_string(path).unwrap();
            assert_eq!(text(&copy), text(&path.display().to_string()));
        }
    }

    /// Asserts that joins are commands, and a line that differs one reload, in both parts.
    fn assert_follows(&self, parts: &Parts) {
        let mut parts = parts.clone();
        self.assert_agrees();
        self.assert_kept();
        parts.one.push(2);
        let told = self.follow_by_commands(&parts);
        assert!(told.contains("add one/s2"), "{told}");
        parts.two.push(2);
        let told = self.follow_by_commands(&parts);
        assert!(told.contains("add two/s2"), "{told}");
        // The check comes from the `defaults` of the first part.
        let state = self.haproxy.ask("show servers state two");
        let row = state.lines().find(|line| line.contains(" s2 ")).unwrap();
        let check: u32 = row.split(' ').nth(13).unwrap().parse().unwrap();
        assert_ne!(check & 4, 0, "{row}");
        parts.two.remove(0);
        self.follow_by_commands(&parts);
        parts.connect = 2;
        self.write(&parts);
        let told = self.follow_by_reload();
        let expected = format!(
            "reload, since line 3 of {}: `timeout connect 2s` was `timeout connect 1s` (",
            self.name(1)
        );
        assert!(told.contains(&expected), "{told}");
        parts.queue = 2;
        self.write(&parts);
        let told = self.follow_by_reload();
        let text = std::fs::read_to_string(&self.paths[0]).unwrap();
        let at = text.lines().position(|line| line.ends_with("queue 2s"));
        let expected = format!(
            "reload, since line {} of {}: `timeout queue 2s` was `timeout queue 1s` (",
            at.unwrap() + 1,
            self.name(0)
        );
        assert!(told.contains(&expected), "{told}");
        self.assert_kept();
    }
}

#[test]
fn two_files_are_followed_as_one() {
    let parts = Parts::new(211);
    let several = Several::files(&parts);
    several.assert_follows(&parts);
    let json = several.run(&["--status", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&json.0.stdout).unwrap();
    assert_eq!(json["agrees"], true, "{json}");
    assert_eq!(json["notes"], serde_json::json!([]), "{json}");
    let both = format!("{}, {}", several.name(0), several.name(1));
    assert_eq!(json["file"], both);
    assert!(several.haproxy.path(".first.cfg.reload.lock").exists());
}

#[test]
fn the_files_of_a_folder_are_followed_as_one() {
    let parts = Parts::new(212);
    let several = Several::folder(&parts);
    several.assert_follows(&parts);
    assert!(several.haproxy.path(".conf.d.reload.lock").exists());
    assert!(!several.haproxy.path("conf.d/x.cfg.cfg.good").exists());
}

#[test]
fn files_that_are_put_in_place_one_after_the_other_are_one_reload() {
    let mut parts = Parts::new(237);
    let several = Several::files(&parts);
    several.assert_agrees();
    parts.queue = 2;
    parts.connect = 2;
    let [first, second] = parts.texts(&several.haproxy);
    several.put("first.cfg", &first);
    let arguments: Vec<&str> = several.arguments.iter().map(String::as_str).collect();
    let mut command = several.haproxy.command(&arguments);
    let run = command.stderr(Stdio::piped()).spawn().unwrap();
    let lock = several.haproxy.path(".first.cfg.reload.lock");
    wait_for("the run to begin", PATIENCE, || {
        files::try_lock(&lock).unwrap().is_none().then_some(())
    });
    // Nothing shows that it has read the files, which is the next that it does.
    pass(Duration::from_millis(100));
    several.put("haproxy.cfg", &second);
    let run = Run(run.wait_with_output().unwrap());
    assert_eq!(run.code(), 0, "{}", run.stderr());
    let place = format!("of {}: `timeout queue 2s` was", several.name(0));
    assert!(run.stderr().contains(&place), "{}", run.stderr());
    assert_eq!(several.haproxy.reloads(), Some(1));
    several.assert_agrees();
    // One that somebody has edited is taken as it is in the end.
    several.put("haproxy.cfg", &second.replace("connect 2s", "connect 3s"));
    several.follow_by_reload();
}

#[test]
fn a_line_that_is_gone_is_told_by_its_place_in_the_copy() {
    let mut parts = Parts::new(238);
    parts.end = "    balance leastconn\n";
    let several = Several::files(&parts);
    several.assert_agrees();
    let lines = parts.texts(&several.haproxy)[0].lines().count();
    // No line after it is of the same file.
    parts.end = "";
    several.write(&parts);
    let told = several.follow_by_reload();
    let expected = format!(
        "reload, since line {lines} of {}.good: `balance leastconn` is gone (",
        several.name(0)
    );
    assert!(told.contains(&expected), "{told}");
}

#[test]
fn a_file_that_comes_into_a_folder_or_goes_is_one_reload() {
    let mut parts = Parts::new(213);
    parts.has_fingerprint = false;
    let several = Several::folder(&parts);
    several.follow_by_reload();
    several.put("conf.d/15.cfg", "# A comment.\nbackend three\n");
    several.follow_by_reload();
    assert_eq!(
        several.haproxy.read("conf.d/15.cfg.good"),
        "# A comment.\nbackend three\n"
    );
    std::fs::remove_file(several.haproxy.path("conf.d/15.cfg")).unwrap();
    several.follow_by_reload();
    assert!(!several.haproxy.path("conf.d/15.cfg.good").exists());
    several.assert_kept();
}

#[test]
fn without_a_fingerprint_any_change_of_either_file_is_one_reload() {
    let mut parts = Parts::new(214);
    parts.has_fingerprint = false;
    let several = Several::files(&parts);
    several.follow_by_reload();
    parts.two.push(2);
    several.write(&parts);
    several.follow_by_reload();
    parts.one.push(2);
    several.write(&parts);
    several.follow_by_reload();
    several.assert_kept();
}

#[test]
fn what_haproxy_refuses_is_told_by_its_file_and_line() {
    let mut parts = Parts::new(215);
    let several = Several::files(&parts);
    several.assert_agrees();
    let worker = several.haproxy.worker();
    "    balance sideways\n".clone_into(&mut parts.more);
    several.write(&parts);
    let run = several.run(&[]);
    assert_eq!(run.code(), 111, "{}", run.stderr());
    let place = format!("parsing [{}:5]", several.name(1));
    assert!(run.stderr().contains(&place), "{}", run.stderr());
    assert_eq!(several.haproxy.worker(), worker);
    let copy = several.haproxy.read("haproxy.cfg.good");
    assert!(!copy.contains("sideways"), "{copy}");
    assert!(several.haproxy.path(".first.cfg.refused").exists());
}

#[test]
fn a_file_that_is_not_whole_is_told_and_nothing_is_done() {
    let parts = Parts::new(216);
    let several = Several::files(&parts);
    several.assert_agrees();
    let worker = several.haproxy.worker();
    let [_, second] = parts.texts(&several.haproxy);
    let (cut, missing) = (second.trim_end(), "backend two\n    balance first");
    for (text, why) in [
        ("", "it is empty"),
        (cut, "its last line has no end"),
        (missing, "its last line has no end"),
        ("    server s9 127.0.0.1:9\n", "it begins with a server"),
    ] {
        several.put("haproxy.cfg", text);
        let run = several.run(&[]);
        assert_eq!(run.code(), 111, "{}", run.stderr());
        let told = format!("read {}: {why}", several.name(1));
        assert!(run.stderr().contains(&told), "{}", run.stderr());
    }
    std::fs::remove_file(&several.paths[1]).unwrap();
    let run = several.run(&[]);
    assert_eq!(run.code(), 111, "{}", run.stderr());
    let told = format!("read {}: there is no such file", several.name(1));
    assert!(run.stderr().contains(&told), "{}", run.stderr());
    assert_eq!(several.haproxy.worker(), worker);
    several.write(&parts);
    several.assert_agrees();
}

#[test]
fn an_empty_folder_is_told_and_nothing_is_done() {
    let parts = Parts::new(217);
    let several = Several::folder(&parts);
    several.assert_agrees();
    let worker = several.haproxy.worker();
    for path in &several.paths {
        std::fs::remove_file(path).unwrap();
    }
    let run = several.run(&[]);
    assert_eq!(run.code(), 111, "{}", run.stderr());
    let told = "there is no file in it whose name ends in `.cfg`";
    assert!(run.stderr().contains(told), "{}", run.stderr());
    assert_eq!(several.haproxy.worker(), worker);
}

#[test]
fn a_file_that_haproxy_does_not_read_is_told() {
    let parts = Parts::new(218);
    let mut several = Several::new(&parts, "haproxy.cfg", "second.cfg");
    several.haproxy.start_again();
    several.arguments = [0, 1]
        .iter()
        .flat_map(|at| ["--config".to_owned(), several.name(*at)])
        .collect();
    let run = several.run(&[]);
    assert_eq!(run.code(), 111, "{}", run.stderr());
    let told = format!(
        "that was done, and still HAProxy has not read {}; does it read {}, {}?",
        several.name(1),
        several.name(0),
        several.name(1)
    );
    assert!(run.stderr().contains(&told), "{}", run.stderr());
}

#[test]
fn a_third_file_that_only_haproxy_is_given_is_none_of_ours() {
    let parts = Parts::new(219);
    let mut several = Several::new(&parts, "conf.d/10.cfg", "conf.d/20.cfg");
    several.put("other.cfg", "backend other\n    server x 127.0.0.1:1\n");
    let folder = several.haproxy.path("conf.d");
    several.arguments = vec!["--config".to_owned(), folder.display().to_string()];
    let other = several.haproxy.path("other.cfg");
    several.haproxy.use_folder(&folder);
    several.haproxy.start_after(&other);
    several.assert_agrees();
    let status = several.run(&["--status"]).stdout();
    let note = format!("HAProxy reads {} too", other.display());
    assert!(status.contains(&note), "{status}");
    assert!(!status.contains("conf.d/10.cfg too"), "{status}");
}
