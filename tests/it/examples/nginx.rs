//! nginx in place of HAProxy.

use std::fs;
use std::process::Command;

use harness::cluster::{SOON, program};
use harness::load::{Connections, Load};
use harness::{Owned, require, root, wait_for};

use super::{Example, RATE};
use crate::examples::http::{self, get};

/// The lines of the documentation: a file of another program, and what follows a change.
const CHAIN: &str =
    "\"$1\" --template \"$2\" --output \"$3\" --check 'nginx -e stderr -t -q -c \"$1\"'
case $? in 0) nginx -e stderr -c \"$3\" -s reload ;; 1) ;; *) exit 1 ;; esac";

struct Nginx {
    example: Example,
    template: std::path::PathBuf,
    config: std::path::PathBuf,
}

impl Nginx {
    fn command(&self, program: &std::path::Path) -> Command {
        let mut command = self.example.command(program);
        command.env("RUN", self.example.path(""));
        command.env("NGINX_HTTP", self.example.front().to_string());
        command
    }

    /// What the documented lines do.
    fn chain(&self) -> std::process::Output {
        self.chain_at(&self.example.front().to_string())
    }

    fn chain_at(&self, http: &str) -> std::process::Output {
        let mut command = self.command(&require("sh"));
        command.env("NGINX_HTTP", http);
        command.args(["-c", CHAIN, "sh"]);
        command
            .arg(program("haproxy-gen"))
            .arg(&self.template)
            .arg(&self.config);
        command.output().unwrap()
    }

    /// Waits until nobody but these answers, and asks until each of them has: processes of
    /// nginx that were there before may still take a connection.
    fn wait_for(&self, expected: &[&str]) {
        wait_for(&format!("answers of {expected:?}"), SOON, || {
            let ask = |_| get(self.example.front(), "/").unwrap().text();
            let mut names: Vec<String> = (0..8).map(ask).collect();
            names.sort();
            names.dedup();
            (names == expected).then_some(())
        });
    }
}

#[test]
fn nginx_follows_the_nodes_and_no_request_is_lost() {
    let nginx = require("nginx");
    let example = Example::new(127, "examples/templates/nginx.conf.tera");
    let chain = Nginx {
        template: root().join("examples/templates/nginx.conf.tera"),
        config: example.path("nginx.conf"),
        example,
    };
    for (name, host) in [("s1", 1), ("s2", 2), ("s3", 3)] {
        let at = chain.example.address(host, 3000);
        http::serve(at, move |peer| {
            while peer.request().is_some() {
                peer.answer("200 OK", name);
            }
        });
    }
    chain.example.write_node("s1", 1, "");
    // Nobody runs yet who could be reloaded, and nginx says so.
    assert!(!chain.chain().status.success());
    let mut start = chain.command(&nginx);
    start
        .args(["-e", "stderr", "-g", "daemon off;", "-c"])
        .arg(&chain.config);
    start.stderr(fs::File::create(chain.example.path("log")).unwrap());
    let _nginx = Owned::start(&mut start).unwrap();
    wait_for("nginx", SOON, || {
        get(chain.example.front(), "/").ok().map(drop)
    });
    let load = Load {
        connections: Connections::Close,
        ..Load::new(chain.example.front(), RATE)
    };
    let load = load.start();
    let path = |name: &str| chain.example.path("nodes").join(name);
    chain.example.write_node("s2", 2, "");
    assert!(chain.chain().status.success());
    chain.wait_for(&["s1", "s2"]);
    fs::remove_file(path("s1")).unwrap();
    assert!(chain.chain().status.success());
    chain.wait_for(&["s2"]);
    // What nginx refuses changes nothing.
    let before = fs::read_to_string(&chain.config).unwrap();
    chain.example.write_node("s3", 3, "weight=0");
    let refused = chain.chain_at("127.0.0.1:sideways");
    assert!(!refused.status.success());
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        words.contains("invalid port in \"127.0.0.1:sideways\""),
        "{words}"
    );
    assert_eq!(fs::read_to_string(&chain.config).unwrap(), before);
    assert!(chain.chain().status.success());
    chain.wait_for(&["s2"]);
    chain.example.write_node("s3", 3, "weight=50");
    assert!(chain.chain().status.success());
    chain.wait_for(&["s2", "s3"]);
    let report = load.stop();
    assert_eq!(report.failed(), 0, "{report:?}");
}
