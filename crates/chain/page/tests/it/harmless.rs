//! The page only looks: the kernel is asked what it does.

use std::fs;

use harness::{Owned, wait_for};
use nix::sys::signal::Signal;

use crate::haproxy::Haproxy;
use crate::page::{Cluster, LONG, PATHS, Page};
use crate::streams::Stream;

/// The calls by which a process can change a file or reach another process.
const CALLS: &str = "trace=?open,openat,openat2,?creat,?unlink,unlinkat,?rename,renameat,renameat2,\
    ?mkdir,mkdirat,?link,linkat,?symlink,symlinkat,truncate,ftruncate,?chmod,fchmod,fchmodat,\
    ?chown,fchown,fchownat,?utimensat,connect,kill,tkill,tgkill,execve,sendto";

/// What a line of strace says that no page may do.
fn harm(line: &str) -> bool {
    let opens = ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND"];
    let call = line.trim_start_matches(|it: char| it.is_ascii_digit() || it == ' ');
    match call.split('(').next().unwrap_or_default() {
        "open" | "openat" | "openat2" => opens.iter().any(|flag| call.contains(flag)),
        "connect" => !call.contains("look.sock\""),
        "sendto" => false,
        // Its own start under strace, and words about signals and ends.
        "execve" => !call.contains("muster-page"),
        _ => call.contains('(') && !call.starts_with(['+', '-']),
    }
}

#[test]
fn the_page_opens_nothing_for_writing_and_reaches_nothing_but_its_socket() {
    let cluster = Cluster::new();
    cluster.note(r#"{"t":1764468288.358,"step":"serf-nodes","code":0,"ms":1,"added":["s1"]}"#);
    let trace = cluster.path("trace");
    let _haproxy = Haproxy::start(&cluster.socket(), &["s1"]);
    let page = Page::of(cluster, 71, |_| ());
    let mut strace = std::process::Command::new("strace");
    strace.args(["-f", "-qq", "-s", "200", "-e", CALLS, "-o"]);
    strace
        .arg(&trace)
        .arg("-p")
        .arg(page.process.pid().to_string());
    let mut strace = Owned::start(&mut strace).unwrap();
    let text = || fs::read_to_string(&trace).unwrap_or_default();
    wait_for("strace to see the page read", LONG, || {
        page.get("/");
        let seen = text();
        (seen.contains("openat(") && seen.contains("look.sock")).then_some(())
    });
    for path in PATHS.into_iter().filter(|path| *path != "/live") {
        assert_eq!(page.get(path).status, 200, "{path}");
    }
    let mut stream = Stream::open(&page, "");
    stream.next().unwrap();
    page.cluster.join("s2");
    stream.next().unwrap();
    strace.signal(Signal::SIGTERM);
    wait_for("strace to end", LONG, || strace.child().try_wait().unwrap());
    let text = text();
    assert!(text.contains("look.sock"), "{text}");
    let wrong: Vec<&str> = text.lines().filter(|line| harm(line)).collect();
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn haproxy_is_asked_for_what_it_is_and_does_and_for_nothing_else() {
    let (page, haproxy) = Page::start(72);
    for path in PATHS.into_iter().filter(|path| *path != "/live") {
        page.get(path);
    }
    Stream::open(&page, "").next().unwrap();
    assert_eq!(haproxy.questions(), ["show info;show stat -1 4 -1"]);
}
