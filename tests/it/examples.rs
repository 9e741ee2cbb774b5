//! The templates and scripts of `examples`, each with what it is there for, under load while
//! nodes come and go.

mod loops;
mod nginx;
mod tls;

use std::collections::BTreeSet;
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use harness::cluster::{SOON, program};
use harness::haproxy::{Haproxy, Statistics};
use harness::http::{self, Connection, Request, get};
use harness::{Owned, Scratch, load, root, wait_for};

/// How long who fills a port tries to connect to it.
const BRIEFLY: Duration = Duration::from_millis(20);
/// Requests a second of the load.
const RATE: u32 = 200;

/// A balancer on a loopback net of its own that is made from a template.
struct Example {
    scratch: Scratch,
    net: u8,
    haproxy: Haproxy,
    running: Option<Owned>,
    /// The templates and what they make.
    pairs: Vec<(PathBuf, PathBuf)>,
    services: Vec<&'static str>,
}

impl Example {
    /// One whose net is N.`net`, with the template of `haproxy.cfg`, a path in the repository.
    fn new(net: u8, template: &str) -> Self {
        let scratch = harness::scratch();
        fs::create_dir(scratch.path().join("nodes")).unwrap();
        let haproxy = Haproxy::new(scratch.path(), harness::address(&format!("{net}.42")));
        let pairs = vec![(root().join(template), haproxy.config.clone())];
        Self {
            scratch,
            net,
            haproxy,
            running: None,
            pairs,
            services: Vec::new(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    fn address(&self, host: u8, port: u16) -> SocketAddr {
        let address = harness::address(&format!("{}.{host}:{port}", self.net));
        address.parse().unwrap()
    }

    /// Where it serves.
    fn front(&self) -> SocketAddr {
        self.address(42, 8080)
    }

    /// One of our programs, or another one, that finds all of the example's files.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        self.haproxy.environment(&mut command);
        let path = std::env::var("PATH").unwrap();
        let programs = harness::cluster::program("haproxy-gen");
        let programs = programs.parent().unwrap().display();
        command
            .env("PATH", format!("{programs}:{path}"))
            .env("NODES_DIR", self.path("nodes"))
            .env("ETC", self.scratch.path())
            .env("HAPROXY_API", self.address(42, 8081).to_string())
            .env("HAPROXY_HTTPS", self.address(42, 8443).to_string())
            .env("HAPROXY_REDIS", self.address(42, 6379).to_string());
        command
    }

    /// Runs haproxy-gen; whether anything has changed.
    fn generate(&self) -> bool {
        let mut command = self.command(&program("haproxy-gen"));
        for (template, output) in &self.pairs {
            command.arg("--template").arg(template);
            command.arg("--output").arg(output);
        }
        command.arg("--haproxy").arg(Haproxy::program().unwrap());
        done(&mut command)
    }

    /// Brings the change of the nodes to HAProxy, which is started if it does not run.
    fn apply(&mut self) {
        self.generate();
        if self.running.is_none() {
            let mut start = self.command(&Haproxy::program().unwrap());
            start
                .args(["-W", "-S"])
                .arg(format!("{},mode,600", self.haproxy.master.display()));
            start.arg("-f").arg(&self.haproxy.config);
            start.stderr(fs::File::create(&self.haproxy.log).unwrap());
            self.running = Some(Owned::start(&mut start).unwrap());
            wait_for("HAProxy's first answer", SOON, || {
                (self.haproxy.worker().is_ok() && self.haproxy.processes().is_ok()).then_some(())
            });
        }
        done(&mut self.command(&program("haproxy-reload")));
    }

    /// Writes the file of a node; `words` follow its name and address.
    fn write_node(&self, name: &str, host: u8, words: &str) {
        let ip = self.address(host, 0).ip();
        let line = format!("{name} {ip} {words}\n");
        let path = self.path("nodes").join(name);
        files::replace(&path, line.as_bytes(), files::Durability::Unsynced).unwrap();
    }

    /// A node joins that answers each request by its name.
    fn join(&mut self, name: &'static str, host: u8, words: &str) {
        let at = self.address(host, 3000);
        if !self.services.contains(&name) {
            self.services.push(name);
            http::serve(at, move |peer| {
                while peer.request().is_some() {
                    peer.answer("200 OK", name);
                }
            });
        }
        self.write_node(name, host, words);
        self.apply();
        wait_for(&format!("{name} to be up"), SOON, || {
            self.statistics()
                .states()
                .get(name)
                .filter(|it| it.starts_with("UP"))
                .map(drop)
        });
    }

    fn leave(&mut self, name: &str) {
        fs::remove_file(self.path("nodes").join(name)).unwrap();
        self.apply();
    }

    fn statistics(&self) -> Statistics {
        Statistics::from(self.haproxy.ask("show stat").unwrap())
    }

    fn worker(&self) -> u32 {
        self.haproxy.worker().unwrap()
    }

    /// Asks until each of these has answered, and nobody else may.
    fn is_served_by(&self, names: &[&str]) {
        let mut seen = BTreeSet::new();
        let mut count = 0;
        wait_for(&format!("answers of {names:?}"), SOON, || {
            let name = get(self.front(), "/").unwrap().text();
            assert!(
                names.contains(&name.as_str()),
                "{name} is none of {names:?}"
            );
            seen.insert(name);
            count += 1;
            (seen.len() == names.len() && count >= 4).then_some(())
        });
    }
}

/// Runs the command to its end; whether it has changed anything.
fn done(command: &mut Command) -> bool {
    let output: Output = command.output().unwrap();
    match output.status.code() {
        Some(0) => true,
        Some(1) => false,
        _ => panic!("{command:?}: {output:?}"),
    }
}

/// What the load reports when `steps` are over, of which none may lose a request.
fn under_load(address: SocketAddr, steps: impl FnOnce()) {
    let load = load::start(address, RATE);
    steps();
    let before = load.begun();
    wait_for("requests after the last step", SOON, || {
        (load.begun() > before + u64::from(RATE)).then_some(())
    });
    let report = load.stop();
    assert_eq!(report.failed(), 0, "{report:?}");
}

#[test]
fn two_services_have_ports_of_their_own() {
    let mut example = Example::new(120, "ha/config/services.cfg.tera");
    example.join("w1", 1, "service=web");
    example.join("a1", 2, "service=api");
    let api = example.address(42, 8081);
    let worker = example.worker();
    under_load(example.front(), || {
        under_load(api, || {
            for _ in 0..3 {
                example.join("w2", 3, "service=web");
                example.join("a2", 4, "service=api");
                example.leave("w1");
                example.leave("a1");
                example.is_served_by(&["w2"]);
                assert_eq!(get(api, "/").unwrap().text(), "a2");
                example.join("w1", 1, "service=web");
                example.join("a1", 2, "service=api");
                example.leave("w2");
                example.leave("a2");
            }
        });
    });
    assert_eq!(example.worker(), worker, "no reload");
}

#[test]
fn a_canary_gets_a_small_share_and_then_a_larger_one() {
    let mut example = Example::new(121, "examples/templates/canary.cfg.tera");
    example.join("s1", 1, "");
    example.join("s2", 2, "");
    let worker = example.worker();
    under_load(example.front(), || {
        example.join("new", 3, "version=canary");
        let weight = |example: &Example| {
            let statistics = example.statistics();
            statistics.value("new", "weight").unwrap().to_owned()
        };
        assert_eq!(weight(&example), "5");
        for share in ["50", "99", "101"] {
            example.join("new", 3, &format!("version=canary weight={share}"));
            assert_eq!(weight(&example), share);
        }
        example.leave("s1");
        example.leave("s2");
        example.is_served_by(&["new"]);
        example.join("s1", 1, "");
        example.leave("new");
    });
    assert_eq!(example.worker(), worker, "no reload");
}

#[test]
fn a_client_stays_with_its_node_until_that_leaves() {
    let mut example = Example::new(122, "examples/templates/sticky.cfg.tera");
    example.join("s1", 1, "");
    example.join("s2", 2, "");
    let worker = example.worker();
    let client = |example: &Example| {
        let first = get(example.front(), "/").unwrap();
        let cookie = first.header("set-cookie").unwrap();
        let cookie = cookie.split(';').next().unwrap();
        (
            first.text(),
            format!("Cookie: {cookie}\r\nConnection: close\r\n"),
        )
    };
    let ask = |example: &Example, headers: &str| {
        let request = Request {
            headers,
            ..Request::get("/")
        };
        let deadline = Instant::now() + Duration::from_secs(10);
        let mut connection = Connection::open(example.front(), deadline).unwrap();
        connection.ask(&request, deadline).unwrap().text()
    };
    under_load(example.front(), || {
        let (node, cookie) = client(&example);
        let other = if node == "s1" { "s2" } else { "s1" };
        for _ in 0..3 {
            example.join("s3", 3, "");
            for _ in 0..6 {
                assert_eq!(ask(&example, &cookie), node);
            }
            example.leave("s3");
            assert_eq!(ask(&example, &cookie), node);
        }
        example.leave(&node);
        assert_eq!(ask(&example, &cookie), other);
        // A node that was added has a cookie, too.
        example.join("s3", 3, "");
        example.leave(other);
        let (node, cookie) = client(&example);
        assert_eq!(node, "s3");
        example.join("s1", 1, "");
        for _ in 0..6 {
            assert_eq!(ask(&example, &cookie), "s3");
        }
    });
    assert_eq!(example.worker(), worker, "no reload");
}

#[test]
fn backups_serve_while_no_other_node_is_up_and_only_then() {
    let mut example = Example::new(123, "examples/templates/backup.cfg.tera");
    example.join("b1", 1, "group=backup");
    example.join("b2", 2, "group=backup");
    let worker = example.worker();
    under_load(example.front(), || {
        example.is_served_by(&["b1", "b2"]);
        for _ in 0..3 {
            example.join("s1", 3, "");
            example.is_served_by(&["s1"]);
            example.join("s2", 4, "");
            example.leave("s1");
            example.is_served_by(&["s2"]);
            example.leave("s2");
            example.is_served_by(&["b1", "b2"]);
        }
    });
    assert_eq!(example.worker(), worker, "no reload");
}

#[test]
fn more_visitors_than_haproxy_takes_connections_wait_and_are_answered() {
    const PLACES: usize = 20;
    let shipped = fs::read_to_string(root().join("ha/config/haproxy.cfg.tera")).unwrap();
    let mut template = shipped;
    for (line, instead) in [
        ("fd-hard-limit 100000", format!("maxconn {PLACES}")),
        // The kernel lets as many wait as may be accepted, unless it is told otherwise.
        (
            "maxconn \"${HAPROXY_CLIENTS-4000}\"",
            "maxconn 8\n    backlog 1024".to_owned(),
        ),
        (
            "maxconn \"${HAPROXY_STATS_CLIENTS-1000}\"",
            "maxconn 2".to_owned(),
        ),
    ] {
        assert!(template.contains(line), "{line}");
        template = template.replace(line, &instead);
    }
    let scratch = harness::scratch();
    let path = scratch.path().join("haproxy.cfg.tera");
    files::replace(&path, template.as_bytes(), files::Durability::Unsynced).unwrap();
    let mut example = Example::new(119, path.to_str().unwrap());
    example.join("s1", 1, "");
    let deadline = Instant::now() + SOON;
    let request = Request {
        method: "GET",
        path: "/",
        headers: "Connection: close\r\n",
        body: "",
    };
    let open = || Connection::open(example.front(), deadline).unwrap();
    // They take no place of a visitor, nor of what is repeated.
    let _silent: Vec<_> = (0..2 * PLACES)
        .flat_map(|_| TcpStream::connect_timeout(&example.address(42, 1936), BRIEFLY))
        .collect();
    let mut visitors: Vec<_> = (0..2 * PLACES).map(|_| open()).collect();
    for visitor in &mut visitors {
        visitor.send(&request, deadline).unwrap();
    }
    for visitor in &mut visitors {
        assert_eq!(visitor.answer(deadline).unwrap().status, 200);
    }
}
