//! By which names the page may be asked for.

use crate::page::{Cluster, PATHS, Page};

fn status(page: &Page, path: &str, hosts: &str) -> u16 {
    let answer = page.raw(&format!(
        "HEAD {path} HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n"
    ));
    answer[9..12].parse().unwrap()
}

#[test]
fn an_address_or_localhost_or_a_name_of_ours_is_served_and_no_other() {
    let page = Page::of(Cluster::new(), 11, |command| {
        command.args(["--host", "Balancer.example", "--host", "other.example"]);
    });
    for (host, wanted) in [
        ("localhost:1940", 200),
        ("localhost", 200),
        ("127.0.0.1", 200),
        ("127.0.0.1:1940", 200),
        ("[::1]:1940", 200),
        ("balancer.example:1940", 200),
        ("OTHER.example", 200),
        ("evil.example", 421),
        ("evil.example:1940", 421),
        ("127.0.0.1.evil.example", 421),
        ("balancer.example.evil.example", 421),
        ("", 421),
    ] {
        for path in PATHS {
            let found = status(&page, path, &format!("Host: {host}\r\n"));
            assert_eq!(found, wanted, "{host} {path}");
        }
        let unknown = status(&page, "/nothing", &format!("Host: {host}\r\n"));
        assert_eq!(unknown, if wanted == 200 { 404 } else { 421 });
    }
}

#[test]
fn no_host_and_two_hosts_are_refused() {
    let (page, _haproxy) = Page::start(12);
    assert_eq!(status(&page, "/", ""), 421);
    let two = "Host: 127.0.0.1\r\nHost: 127.0.0.1\r\n";
    assert_eq!(status(&page, "/", two), 421);
    assert_eq!(
        status(&page, "http://evil.example/", "Host: 127.0.0.1\r\n"),
        421
    );
}

#[test]
fn names_can_come_from_the_environment() {
    let page = Page::of(Cluster::new(), 13, |command| {
        command.env("MUSTER_PAGE_HOSTS", "a.example, b.example");
    });
    for (host, wanted) in [("a.example", 200), ("b.example", 200), ("c.example", 421)] {
        assert_eq!(status(&page, "/", &format!("Host: {host}\r\n")), wanted);
    }
}
