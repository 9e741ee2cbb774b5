//! Virtual hosts with TLS, and TCP.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use harness::cluster::SOON;
use harness::{require, wait_for};

use super::Example;

/// Makes a certificate for a host, and puts it in its place as a renewal does.
fn certify(example: &Example, host: &str) -> String {
    let folder = example.path("certs");
    fs::create_dir_all(&folder).unwrap();
    let (key, certificate) = (example.path("key"), example.path("certificate"));
    let output = Command::new(require("openssl"))
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
        ])
        .args(["-nodes", "-days", "2", "-subj", &format!("/CN={host}")])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let both = fs::read_to_string(&certificate).unwrap() + &fs::read_to_string(&key).unwrap();
    let path = folder.join(format!("{host}.pem"));
    files::replace(&path, both.as_bytes(), files::Durability::Unsynced).unwrap();
    let serial = Command::new(require("openssl"))
        .args(["x509", "-noout", "-serial", "-in"])
        .arg(&path)
        .output()
        .unwrap();
    String::from_utf8(serial.stdout).unwrap()
}

/// What curl gets for a host over TLS; an error in its words.
fn ask(example: &Example, host: &str) -> Result<String, String> {
    let at = example.address(42, 8443);
    let output = Command::new(require("curl"))
        .args(["-sS", "--insecure", "--max-time", "10", "--resolve"])
        .arg(format!("{host}:8443:{}", at.ip()))
        .arg(format!("https://{host}:8443/"))
        .args(["--write-out", " %{http_code}"])
        .output()
        .unwrap();
    if output.status.success() {
        Ok(String::from_utf8(output.stdout).unwrap())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// The serial number of the certificate that is shown for a host.
fn serial(example: &Example, host: &str) -> String {
    let at = example.address(42, 8443).to_string();
    let script = "openssl s_client -connect \"$1\" -servername \"$2\" </dev/null 2>/dev/null | \
                  openssl x509 -noout -serial";
    let output = Command::new("/bin/sh")
        .args(["-c", script, "sh", &at, host])
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// Asks for a host over TLS again and again while `steps` run, of which none may lose a
/// request. Returns how many there were.
fn under_load(example: Example, host: &'static str, steps: impl FnOnce(&mut Example)) -> u64 {
    let mut example = example;
    let (ended, count) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
    );
    let (at, curl) = (example.address(42, 8443), require("curl"));
    let (is_over, counter) = (Arc::clone(&ended), Arc::clone(&count));
    let client = thread::spawn(move || {
        let mut failed = Vec::new();
        while !is_over.load(Ordering::SeqCst) {
            let output = Command::new(&curl)
                .args([
                    "-sS",
                    "--fail",
                    "--insecure",
                    "--max-time",
                    "10",
                    "--resolve",
                ])
                .arg(format!("{host}:8443:{}", at.ip()))
                .arg(format!("https://{host}:8443/"))
                .output()
                .unwrap();
            counter.fetch_add(1, Ordering::SeqCst);
            if !output.status.success() {
                failed.push(String::from_utf8_lossy(&output.stderr).into_owned());
            }
        }
        failed
    });
    let _end = SetAtEnd(Arc::clone(&ended));
    steps(&mut example);
    let before = count.load(Ordering::SeqCst);
    wait_for("requests after the last step", SOON, || {
        (count.load(Ordering::SeqCst) > before + 5).then_some(())
    });
    ended.store(true, Ordering::SeqCst);
    assert_eq!(client.join().unwrap(), Vec::<String>::new());
    count.load(Ordering::SeqCst)
}

/// Ends the client, also when a step has failed.
struct SetAtEnd(Arc<AtomicBool>);

impl Drop for SetAtEnd {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn hosts_and_certificates_come_and_change_without_a_reload_or_a_lost_request() {
    let mut example = Example::new(124, "examples/templates/hosts.cfg.tera");
    let map = harness::root().join("examples/templates/hosts.map.tera");
    example.pairs.push((map, example.path("hosts.map")));
    let first = certify(&example, "shop.example");
    certify(&example, "blog.example");
    example.join("s1", 1, "service=shop host=shop.example");
    example.join("b1", 2, "service=blog host=blog.example");
    assert_eq!(ask(&example, "shop.example").unwrap(), "s1 200");
    assert_eq!(ask(&example, "blog.example").unwrap(), "b1 200");
    assert_eq!(ask(&example, "news.example").unwrap(), "no such host 404");
    assert_eq!(serial(&example, "shop.example"), first);
    let worker = example.worker();
    let count = under_load(example, "shop.example", |example| {
        example.join("b2", 3, "service=blog host=news.example");
        assert_eq!(
            ask(example, "news.example").map(|it| it.ends_with(" 200")),
            Ok(true)
        );
        for _ in 0..3 {
            example.join("s2", 4, "service=shop host=shop.example");
            example.leave("s1");
            assert_eq!(ask(example, "shop.example").unwrap(), "s2 200");
            example.join("s1", 1, "service=shop host=shop.example");
            example.leave("s2");
        }
        let renewed = certify(example, "shop.example");
        assert_ne!(renewed, first);
        example.apply();
        assert_eq!(serial(example, "shop.example"), renewed);
        example.leave("b2");
        assert_eq!(ask(example, "news.example").unwrap(), "no such host 404");
        assert_eq!(example.worker(), worker, "no reload");
    });
    assert!(count > 20, "{count} requests");
}

/// A Redis that knows what the check asks, and answers anything else by its name.
fn redis(address: std::net::SocketAddr, name: &'static str, role: &'static str) {
    let listener = TcpListener::bind(address).unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let reader = BufReader::new(stream.try_clone().unwrap());
                for line in reader.lines().map_while(Result::ok) {
                    let answer = match line.trim() {
                        "PING" => "+PONG".to_owned(),
                        "info replication" => format!("role:{role}"),
                        "QUIT" => "+OK".to_owned(),
                        _ => name.to_owned(),
                    };
                    if stream
                        .write_all(format!("{answer}\r\n").as_bytes())
                        .is_err()
                    {
                        return;
                    }
                }
            });
        }
    });
}

/// A connection of a client, which asks who answers.
struct Client(BufReader<TcpStream>);

impl Client {
    fn connect(example: &Example) -> Self {
        let stream = TcpStream::connect(example.address(42, 6379)).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        Self(BufReader::new(stream))
    }

    fn ask(&mut self) -> String {
        self.0.get_mut().write_all(b"who\r\n").unwrap();
        let mut answer = String::new();
        self.0.read_line(&mut answer).unwrap();
        answer.trim().to_owned()
    }
}

#[test]
fn a_database_is_reached_where_its_master_is_and_connections_outlive_changes() {
    let mut example = Example::new(125, "examples/templates/redis.cfg.tera");
    for (name, host, role) in [("r1", 1, "master"), ("r2", 2, "slave"), ("r3", 3, "master")] {
        redis(example.address(host, 3000), name, role);
    }
    let up = |example: &Example, name: &str, state: &str| {
        wait_for(&format!("{name} to be {state}"), SOON, || {
            let states = example.statistics().states();
            states
                .get(name)
                .filter(|it| it.starts_with(state))
                .map(drop)
        });
    };
    example.write_node("r1", 1, "");
    example.write_node("r2", 2, "");
    example.apply();
    up(&example, "r1", "UP");
    up(&example, "r2", "DOWN");
    let worker = example.worker();
    let mut long = Client::connect(&example);
    assert_eq!(long.ask(), "r1");
    example.write_node("r3", 3, "");
    example.apply();
    up(&example, "r3", "UP");
    assert_eq!(long.ask(), "r1");
    example.leave("r1");
    assert_eq!(Client::connect(&example).ask(), "r3");
    assert_eq!(long.ask(), "r1", "a connection goes on until it ends");
    assert_eq!(example.worker(), worker, "no reload");
}
