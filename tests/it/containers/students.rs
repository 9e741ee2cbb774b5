//! A student's finished lab on our images, by the steps of the documentation: the lab's
//! own end, built in small (`students/lab`), and two that went other ways (`students/*`).

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::engine::{Container, container_log, docker, image, told, try_docker, turn};
use super::project::{PATIENCE, Project};
use harness::{Scratch, http, root, wait_for, without_time};

const STATS: u16 = 1936;
/// Where the steps stand.
const GUIDE: &str = "docs/lab.md";

/// A student's repository beside ours, ready to be built.
struct Student {
    project: Project,
    repository: PathBuf,
    _scratch: Scratch,
}

impl Student {
    /// The lab with these variations, after the documented steps.
    fn new(number: u8, variations: &[&str]) -> Student {
        let scratch = harness::scratch();
        let repository = scratch.path().join("my-lab");
        std::os::unix::fs::symlink(root(), scratch.path().join("muster")).expect("our repository");
        let students = root().join("tests/it/containers/students");
        for part in [&["lab"], variations].concat() {
            copy(&students.join(part), &repository);
        }
        // Windows loses the modes of files.
        let run = repository.join("webapp/services/serf/run");
        std::fs::set_permissions(run, std::fs::Permissions::from_mode(0o644)).expect("its mode");
        let steps = commands_after("### The steps");
        let (start, steps) = steps.split_last().expect("the steps");
        assert_eq!(start, "docker-compose up --build");
        let steps = format!("set -e\n{}", steps.join("\n"));
        told(
            Command::new("sh")
                .args(["-c", &steps])
                .current_dir(scratch.path()),
        );
        Student {
            project: Project::of(&repository, number),
            repository,
            _scratch: scratch,
        }
    }

    fn build(&self) {
        let tag = std::env::var("IMAGE_TAG").unwrap_or_else(|_| "latest".to_owned());
        let tag = format!("IMAGE_TAG={tag}");
        told(&mut self.project.compose(&["build", "-q", "--build-arg", &tag]));
    }

    fn compose(&self, words: &[&str]) {
        told(&mut self.project.compose(words));
    }

    /// Builds and starts all, and waits until both nodes serve.
    fn up(&self) {
        self.build();
        self.compose(&["up", "-d"]);
        self.project.wait_for_nodes(STATS, 2);
    }

    fn balancer(&self) -> String {
        self.project.containers("haproxy").remove(0)
    }

    /// A node stops, which the handlers get to know, and comes back.
    fn stops_and_starts_a_node(&self) {
        self.compose(&["stop", "webapp1"]);
        wait_for("one node to be known as gone or lost", PATIENCE, || {
            let files = try_docker(&["exec", &self.balancer(), "ls", "/nodes"])?;
            let log = container_log(&self.balancer());
            (files.lines().count() == 1 || log.contains(" is lost: ")).then_some(())
        });
        wait_for("one node to be left", PATIENCE, || {
            let servers = self.project.servers(STATS)?;
            let up = servers.iter().filter(|server| server.status == "UP");
            (up.count() == 1).then_some(())
        });
        self.compose(&["start", "webapp1"]);
        self.project.wait_for_nodes(STATS, 2);
        let page = http::get(self.project.published(80), "/").expect("an answer");
        assert_eq!(page.status, 200);
    }

    /// Waits until the balancer's log has a line with all of these words.
    fn wait_logged(&self, words: &[&str]) {
        wait_for(&format!("a line with {words:?}"), PATIENCE, || {
            let log = container_log(&self.balancer());
            let has = |line: &str| words.iter().all(|word| line.contains(word));
            log.lines().any(has).then_some(())
        });
    }

    /// Waits until a file in the balancer has these words.
    fn wait_written(&self, file: &str, words: &str) {
        wait_for(&format!("{words:?} in {file}"), PATIENCE, || {
            let text = try_docker(&["exec", &self.balancer(), "cat", file])?;
            text.contains(words).then_some(())
        });
    }
}

#[test]
fn the_labs_services_handlers_and_tools_work_unchanged() {
    let _turn = turn();
    let student = Student::new(16, &[]);
    student.build();
    student.compose(&["up", "-d", "haproxy"]);
    student.wait_written("/var/log/serf.log", "Member join script triggered");
    let balancer = student.balancer();
    let haproxy = || try_docker(&["exec", &balancer, "cat", "/var/run/haproxy.pid"]);
    let first = wait_for("HAProxy's id", PATIENCE, haproxy);

    student.compose(&["up", "-d"]);
    student.project.wait_for_nodes(STATS, 2);
    student.wait_written("/var/log/serf.log", "Member join event received from: ");
    let page = http::get(student.project.published(80), "/").expect("an answer");
    assert!(page.text().contains(r#""hello":"world!""#), "{page:?}");
    wait_for("the end of the HAProxy before", PATIENCE, || {
        let process = format!("/proc/{first}/comm");
        try_docker(&["exec", &balancer, "cat", &process])
            .is_none()
            .then_some(())
    });
    let state = docker(&["exec", &balancer, "s6-svstat", "/var/run/s6/services/ha"]);
    assert!(state.starts_with("up (pid "), "{state}");
    student.wait_written("/logs/haproxy.log", "haproxy[");

    // Serf may say that it left or that it failed: the lab's `run` ends before it.
    let node = student.project.containers("webapp1").remove(0);
    ends_well(&node);
    student.wait_written("/var/log/serf.log", "Member member-");
    wait_for("the file of the node to go", PATIENCE, || {
        let files = try_docker(&["exec", &balancer, "ls", "/nodes"])?;
        (files.lines().count() == 1).then_some(())
    });
    ends_well(&balancer);
}

#[test]
fn a_write_that_is_denied_to_a_handler_is_in_the_log_with_its_name() {
    let _turn = turn();
    let student = Student::new(17, &[]);
    student.up();
    let file = "/usr/local/etc/haproxy/haproxy.cfg";
    docker(&[
        "exec",
        "-u",
        "0",
        &student.balancer(),
        "chown",
        "root:root",
        file,
    ]);
    student.compose(&["stop", "webapp1"]);
    student.wait_logged(&["[serf] member-leave.sh: ", file, "Permission denied"]);
    student.wait_logged(&["[serf] member-leave.sh: member-", " handled, exit code 0"]);
}

#[test]
fn a_handler_for_each_event_and_a_master_of_their_own_work_too() {
    let _turn = turn();
    let student = Student::new(18, &["handlers"]);
    student.up();
    student.stops_and_starts_a_node();
    student.wait_written("/var/log/serf.log", "Member member-");
    student.wait_logged(&["[serf] join.sh: reloading for 2 nodes"]);
    student.wait_logged(&["[serf] join.sh: member-join handled, exit code 0"]);
    student.wait_logged(&["[serf] leave.sh: reloading for 1 nodes"]);
    let announce = "/opt/bin/serf event announce hello";
    docker(&["exec", &student.balancer(), "sh", "-c", announce]);
    student.wait_written("/var/log/announced.log", "hello");
    // What the handler of a query prints is its answer.
    let query = "/opt/bin/serf query -no-ack -timeout 5s who";
    let answers = docker(&["exec", &student.balancer(), "sh", "-c", query]);
    assert!(answers.contains("here I am"), "{answers}");
    student.wait_logged(&["[serf] echo: query handled, exit code 0"]);
}

#[test]
fn an_application_of_their_own_serves_and_finishes_its_requests() {
    let _turn = turn();
    let student = Student::new(19, &["application"]);
    student.up();
    let front = student.project.published(80);
    let page = http::get(front, "/").expect("an answer");
    assert!(page.text().contains(r#""host":"own-"#), "{page:?}");
    let slow: Vec<_> = (0..2)
        .map(|_| std::thread::spawn(move || http::get(front, "/slow")))
        .collect();
    // Each node has one of them, as HAProxy counts.
    wait_for("both requests to be on their way", PATIENCE, || {
        let page = http::get(student.project.published(STATS), "/;csv").ok()?;
        let text = page.text();
        let busy = text.lines().filter(|line| {
            let mut fields = line.split(',');
            fields.next() == Some("nodes") && fields.nth(3) == Some("2")
        });
        (busy.count() == 1).then_some(())
    });
    student.compose(&["stop", "webapp1", "webapp2"]);
    for request in slow {
        let page = request.join().expect("no panic").expect("an answer");
        assert_eq!(page.text(), "done\n");
    }
}

#[test]
fn what_cannot_be_taken_ends_the_build_in_clear_words() {
    let _turn = turn();
    let student = Student::new(20, &[]);
    let ha = student.repository.join("ha");
    let changed = |path: &str, change: &dyn Fn(String) -> String| {
        let text = std::fs::read_to_string(ha.join(path)).expect("the fixture");
        write(&ha.join(path), &change(text));
    };
    changed("config/haproxy.cfg.hb", &|text| {
        text.replace("{% for node in addresses %}", "{{#each addresses}}")
    });
    changed("config/haproxy.cfg", &|text| {
        text.replace("listen stats\n    bind *:1936", "listen stats *:1936")
    });
    changed("scripts/member-join.sh", &|text| text.replace('\n', "\r\n"));
    changed("scripts/member-leave.sh", &|text| {
        text.replace("services/ha", "services/balancer")
    });
    changed("services/serf/run", &|text| {
        text.replace("member-leave.sh", "member-gone.sh")
    });
    changed("services/ha/run", &|text| text.replace("#!", "# "));
    write(&ha.join("scripts/broken.sh"), "#!/bin/bash\nif true\n");

    let tag = format!("IMAGE_TAG={}", image("").rsplit(':').next().expect("a tag"));
    let mut build = Command::new("docker");
    build.args(["build", "--force-rm", "--build-arg", &tag]);
    build.arg(&ha);
    let output = build.output().expect("run docker");
    assert!(!output.status.success());
    let words = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    for told in [
        "It is written for Handlebars",
        "/config/haproxy.cfg.hb cannot be rendered",
        "please use the 'bind' keyword for listening addresses",
        "HAProxy refuses /config/haproxy.cfg",
        "/serf-handlers/member-join.sh has the line ends of Windows",
        "a service names /serf-handlers/member-gone.sh, which is not in scripts/",
        "/serf-handlers/member-leave.sh signals the service balancer",
        "/etc/services.d/ha/run does not begin with '#!'",
        "/serf-handlers/broken.sh is no script that bash can read",
    ] {
        assert!(words.contains(told), "{told}: {words}");
    }
}

#[test]
fn from_the_lab_to_ours_the_system_runs_after_each_step() {
    let _turn = turn();
    let student = Student::new(21, &[]);
    student.up();
    let steps = root().join("examples/lab/steps");
    let entries = std::fs::read_dir(&steps).expect("the steps");
    let mut steps: Vec<PathBuf> = entries.map(|entry| entry.expect("a step").path()).collect();
    steps.sort();
    assert_eq!(steps.len(), 7);
    let guide = std::fs::read_to_string(root().join(GUIDE)).expect("the guide");
    for step in steps {
        let name = step.file_name().expect("its name").to_string_lossy();
        eprintln!("-- {name}");
        assert!(
            guide.contains(&format!("| `{name}` |")),
            "{name} is not told"
        );
        copy(&step, &student.repository);
        student.compose(&["down"]);
        student.up();
        student.stops_and_starts_a_node();
    }
    // At the end it is our chain that follows, and all that it says is true.
    let status = ["exec", &student.balancer(), "haproxy-reload", "--status"];
    wait_for("all to be well", PATIENCE, || {
        let status = try_docker(&status)?;
        status.contains(": agrees with ").then_some(())
    });
}

#[test]
fn where_our_chain_stands_aside_the_handlers_alone_decide() {
    let _turn = turn();
    let files = harness::scratch();
    let open = |path: &Path| {
        let permissions = std::fs::Permissions::from_mode(0o777);
        std::fs::set_permissions(path, permissions).expect("open the folder");
    };
    open(files.path());
    let handler = "#!/bin/sh\nsed 's/\\t.*//' >>/tmp/heard\necho \"heard $SERF_EVENT\"\nexit 3\n";
    write(&files.path().join("handlers/member-join.sh"), handler);
    let own = "frontend own\n    mode http\n    bind :80\n    http-request return status 200\n    timeout client 9s\n";
    write(&files.path().join("etc/haproxy.cfg"), own);
    for folder in ["handlers", "handlers/member-join.sh", "etc"] {
        open(&files.path().join(folder));
    }
    let mount = |from: &str, to: &str| format!("-v={}:{to}", files.path().join(from).display());
    let (handlers, etc) = (
        mount("handlers", "/serf-handlers:ro"),
        mount("etc", "/usr/local/etc/haproxy"),
    );
    let image = image("ha");
    let settings = [
        "-e",
        "MUSTER_CHAIN=0",
        "-e",
        "SERF_NODE=alone",
        &handlers,
        &etc,
    ];
    let container = Container::run(&[&settings[..], &[&image]].concat());

    wait_for("the handler's words and code", PATIENCE, || {
        let log = container.log();
        let has = |words: &str| log.lines().any(|line| without_time(line) == words);
        (has("[serf] member-join.sh: heard member-join")
            && has("[serf] member-join.sh: member-join handled, exit code 3"))
        .then_some(())
    });
    assert_eq!(
        container.exec(&["cat", "/tmp/heard"]).as_deref(),
        Some("alone")
    );
    let watch = container.exec(&["svstat", "/var/run/s6/services/watch"]);
    assert!(watch.is_some_and(|state| state.starts_with("down ")));
    let config = ["cat", "/usr/local/etc/haproxy/haproxy.cfg"];
    assert_eq!(container.exec(&config).as_deref(), Some(own.trim_end()));
}

#[test]
fn our_images_are_open_to_what_the_lab_builds_upon_them() {
    let _turn = turn();
    for name in ["ha", "webapp"] {
        let image = image(name);
        let ports = docker(&[
            "image",
            "inspect",
            "-f",
            "{{json .Config.ExposedPorts}}",
            &image,
        ]);
        for port in ["7946/tcp", "7946/udp", "7373/tcp"] {
            assert!(ports.contains(port), "{name}: {ports}");
        }
        let authors = r#"{{index .Config.Labels "org.opencontainers.image.authors"}}"#;
        assert!(!docker(&["image", "inspect", "-f", authors, &image]).is_empty());
    }
    // A COPY onto a link would replace what the link leads to.
    let links = [
        "--rm",
        "--entrypoint=find",
        &image("ha"),
        "/serf-handlers",
        "-type",
        "l",
    ];
    assert_eq!(docker(&[&["run"], &links[..]].concat()), "");
}

/// The commands of the first block of sh behind these words, one a line.
fn commands_after(words: &str) -> Vec<String> {
    let guide = std::fs::read_to_string(root().join(GUIDE)).expect("the guide");
    let (_, rest) = guide.split_once(words).expect("the words");
    let (_, rest) = rest.split_once("```sh\n").expect("a block");
    let (block, _) = rest.split_once("```").expect("its end");
    block.lines().map(str::to_owned).collect()
}

/// Stops a container, which must end by itself: no process had to be killed.
fn ends_well(container: &str) {
    let limit = Duration::from_secs(60).as_secs().to_string();
    docker(&["stop", "-t", &limit, container]);
    let code = docker(&["inspect", "-f", "{{.State.ExitCode}}", container]);
    assert_eq!(code, "0", "{}", container_log(container));
}

/// `cp -r` of the folder's content into another one.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("make the folder");
    let content = from.join(".");
    told(Command::new("cp").arg("-r").arg(content).arg(to));
}

#[expect(
    clippy::disallowed_methods,
    reason = "a fixture that nobody reads meanwhile"
)]
fn write(path: &Path, text: &str) {
    let parent = path.parent().expect("a file in a directory");
    std::fs::create_dir_all(parent).expect("make the fixture's directory");
    std::fs::write(path, text).expect("write the fixture");
}
