//! `node-name`: one name for a container's whole life, and no two containers with one.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use harness::{Scratch, root};

/// A container whose engine answers as told.
struct Container {
    dir: Scratch,
}

/// A program in the container. One that runs while it is replaced goes on as it was.
fn put(dir: &Path, name: &str, text: &str) {
    let new = dir.join("new");
    harness::write_program(&new, text);
    std::fs::rename(new, dir.join(name)).unwrap();
}

impl Container {
    /// With two addresses, of which the engine's DNS knows the second as `container`.
    fn new(host: &str, container: &str) -> Self {
        let it = Self {
            dir: harness::scratch(),
        };
        let hostname = format!(
            "#!/bin/sh\n[ \"${{1-}}\" != -i ] || exec echo fd77::2 10.0.0.2\necho '{host}'\n"
        );
        put(it.dir.path(), "hostname", &hostname);
        it.is_called(container);
        it
    }

    /// The engine's DNS answers so from now on.
    fn is_called(&self, container: &str) {
        let answer =
            format!("#!/bin/sh\n[ \"$4\" = 10.0.0.2 ] || exit 2\necho '10.0.0.2 {container}'\n");
        let getent = if container.is_empty() {
            "#!/bin/sh\nexit 2\n"
        } else {
            &answer
        };
        put(self.dir.path(), "getent", getent);
    }

    fn command(&self, kept: &str) -> Command {
        let path = std::env::var("PATH").unwrap();
        let mut command = Command::new(root().join("ha/scripts/node-name"));
        command
            .env("PATH", format!("{}:{path}", self.dir.path().display()))
            .env("NODE_NAME_FILE", self.dir.path().join(kept));
        command
    }

    fn name_kept_in(&self, kept: &str) -> String {
        let output = self.command(kept).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert!(output.stderr.is_empty(), "{output:?}");
        String::from_utf8(output.stdout)
            .unwrap()
            .trim_end()
            .to_owned()
    }

    fn name(&self) -> String {
        self.name_kept_in("name")
    }
}

#[test]
fn a_container_is_called_as_by_its_engine_with_eight_digits_of_its_id() {
    for (container, name) in [
        ("muster_webapp_3.heig", "webapp-3-1f2e3d4c"),
        ("muster-webapp-3.heig", "webapp-3-1f2e3d4c"),
        ("nginx.heig", "nginx-1f2e3d4c"),
        ("1f2e3d4c5b6a", "1f2e3d4c5b6a"),
        ("", "1f2e3d4c5b6a"),
    ] {
        assert_eq!(Container::new("1f2e3d4c5b6a", container).name(), name);
    }
}

#[test]
fn any_other_host_name_is_the_name() {
    for host in [
        "webapp-6c7f9d8b5-x2x4z",
        "web1",
        "deadbeef",
        "1f2e3d4c5b6a7",
    ] {
        assert_eq!(Container::new(host, "muster_webapp_3.heig").name(), host);
    }
}

#[test]
fn a_host_name_that_is_no_nodes_name_becomes_one() {
    let long = |end: &str| Container::new(&format!("{}{end}", "web.".repeat(20)), "").name();
    let (one, other) = (long("1"), long("2"));
    assert_ne!(one, other);
    for name in [&one, &other, &Container::new("-we b\u{e9}.", "").name()] {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        assert!(name.chars().all(is_allowed) && name.len() <= 63, "{name}");
        assert!(
            name.starts_with('w') && !name.ends_with(['.', '-']),
            "{name}"
        );
    }
}

#[test]
fn the_first_answer_counts_as_long_as_the_container_lives() {
    let container = Container::new("1f2e3d4c5b6a", "");
    let first = container.name();
    container.is_called("muster_webapp_3.heig");
    assert_eq!(container.name(), first);
    let kept = std::fs::read_dir(container.dir.path()).unwrap();
    assert_eq!(kept.count(), 3, "something was left over");
}

#[test]
fn all_who_ask_at_once_get_one_answer() {
    let container = Container::new("1f2e3d4c5b6a", "");
    let put_name = |answer: &str| container.is_called(answer);
    let mut asked = Vec::new();
    for number in 0..20 {
        put_name(&format!("muster_webapp_{number}.heig"));
        let mut command = container.command("name");
        command.stdout(std::process::Stdio::piped());
        asked.push(command.spawn().unwrap());
    }
    let answers = asked.into_iter().map(|it| it.wait_with_output().unwrap());
    let answers: BTreeSet<_> = answers.map(|output| output.stdout).collect();
    assert_eq!(answers.len(), 1, "{answers:?}");
}

#[test]
fn a_place_that_cannot_be_written_does_no_harm() {
    let container = Container::new("1f2e3d4c5b6a", "muster_webapp_3.heig");
    for kept in ["missing/name", "hostname/name"] {
        assert_eq!(container.name_kept_in(kept), "webapp-3-1f2e3d4c");
    }
    std::fs::File::create(container.dir.path().join("empty")).unwrap();
    assert_eq!(container.name_kept_in("empty"), "webapp-3-1f2e3d4c");
}

#[test]
fn an_empty_file_holds_no_name() {
    let container = Container::new("1f2e3d4c5b6a", "muster_webapp_3.heig");
    put(container.dir.path(), "empty", "");
    assert_eq!(container.name_kept_in("empty"), "webapp-3-1f2e3d4c");
}

#[test]
fn a_thousand_replicas_have_a_thousand_names() {
    let container = Container::new("", "webapp.heig");
    let mut random = fastrand::Rng::with_seed(7);
    let ids: BTreeSet<String> = (0..1000)
        .map(|_| format!("{:012x}", random.u64(..1 << 48)))
        .collect();
    let mut names = BTreeSet::new();
    for (number, id) in ids.iter().enumerate() {
        let hostname = "#!/bin/sh\n[ \"${1-}\" != -i ] || exec echo 10.0.0.2\necho \"$ID\"\n";
        if number == 0 {
            put(container.dir.path(), "hostname", hostname);
        }
        let mut command = container.command("missing/name");
        let output = command.env("ID", id).output().unwrap();
        names.insert(String::from_utf8(output.stdout).unwrap());
    }
    assert_eq!(names.len(), ids.len());
    assert!(
        names.iter().all(|name| name.starts_with("webapp-")),
        "{names:?}"
    );
}
