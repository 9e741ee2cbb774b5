//! The HAProxy that is installed: its release, its check of a file, and one that runs.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Output;

use haproxy_config::check_command;
use harness::Scratch;

use crate::samples;

/// A folder for a HAProxy and its configuration, with the certificates of the samples.
pub(crate) struct Place {
    scratch: Scratch,
    program: PathBuf,
}

impl Place {
    pub(crate) fn new() -> Self {
        let named = std::env::var_os("HAPROXY").map(PathBuf::from);
        let scratch = harness::scratch();
        samples::make_certificates(scratch.path());
        Self {
            scratch,
            program: named.unwrap_or_else(|| harness::require("haproxy")),
        }
    }

    /// The words by which the keyword `name` is asked for on a server's line.
    pub(crate) fn sample(&self, name: &str) -> String {
        samples::words(name, self.scratch.path())
    }

    /// A configuration whose backend has these lines.
    fn text(&self, lines: &[String]) -> String {
        let dir = self.scratch.path().display();
        let lines = lines.join("\n    ");
        format!(
            "global\n    stats socket {dir}/s mode 600 level admin\n\
             defaults\n    mode http\n    timeout connect 5s\n    timeout client 5s\n    \
             timeout server 5s\nresolvers names\nbackend tracked\n    server one {} check\n\
             backend nodes\n    option httpchk\n    {lines}\n",
            samples::address()
        )
    }

    /// HAProxy's check of a configuration whose backend has these lines.
    pub(crate) fn check(&self, lines: &[String], options: &[&str]) -> Output {
        let config = self.write(lines);
        let mut check = check_command(&self.program, &[&config], &BTreeMap::new());
        check.args(options).output().unwrap()
    }

    /// What HAProxy complains of in each of the lines. It gives up after fifty complaints,
    /// which is why it gets fewer lines at a time.
    pub(crate) fn complaints(&self, lines: &[String]) -> Vec<String> {
        // The text ends with the empty place of the lines.
        let above = self.text(&[]).lines().count() - 1;
        let ask = |lines: &[String]| {
            let output = self.check(lines, &[]);
            let told = String::from_utf8(output.stderr).unwrap();
            let of = |number: usize| {
                let place = format!("haproxy.cfg:{}]", above + number);
                let of_it = told.lines().filter(|line| line.contains(&place));
                of_it.collect::<Vec<_>>().join("\n")
            };
            (1..=lines.len()).map(of).collect::<Vec<String>>()
        };
        lines.chunks(40).flat_map(ask).collect()
    }

    /// Starts HAProxy with a backend that has these lines.
    pub(crate) fn start(&self, lines: &[String]) -> (harness::haproxy::Haproxy, harness::Owned) {
        self.write(lines);
        let place = harness::haproxy::Haproxy::new(self.scratch.path(), harness::address("61.2"));
        let process = place.start().unwrap();
        (place, process)
    }

    fn write(&self, lines: &[String]) -> PathBuf {
        let path = self.scratch.path().join("haproxy.cfg");
        samples::write(&path, &self.text(lines));
        path
    }
}
