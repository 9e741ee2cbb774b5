//! `bench load`: one load, one line of JSON.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use exit::{Exit, print};
use harness::load::{self, Connections, Report};

/// Asks `GET /` of a server at a steady rate.
#[derive(clap::Args)]
pub(crate) struct Load {
    /// Whom to ask, as http://IP:PORT/
    #[arg(long, value_parser = address, value_name = "URL")]
    url: SocketAddr,
    /// Requests a second
    #[arg(long, default_value_t = 500)]
    rate: u32,
    /// For so long
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Only over connections that serve again and again
    #[arg(long, conflicts_with_all = ["close", "both"])]
    keep_alive: bool,
    /// Only over connections that serve once
    #[arg(long, conflicts_with = "both")]
    close: bool,
    /// Over both side by side, which it does anyway
    #[arg(long)]
    both: bool,
}

impl Load {
    pub(crate) fn run(&self) -> anyhow::Result<Exit> {
        let load = load::Load {
            connections: match (self.keep_alive, self.close) {
                (true, _) => Connections::KeepAlive,
                (_, true) => Connections::Close,
                _ => Connections::Both,
            },
            ..load::Load::new(self.url, self.rate)
        };
        let report = load.run_for(Duration::from_secs(self.seconds));
        print(&format!("{}\n", json(&report)))?;
        Ok(verdict(report.failed()))
    }
}

/// The report as one line of JSON.
fn json(report: &Report) -> serde_json::Value {
    let failures: BTreeMap<String, u64> = report
        .failures
        .iter()
        .map(|(kind, count)| (kind.to_string(), *count))
        .collect();
    serde_json::json!({
        "requests": report.requests,
        "failed": report.failed(),
        "failures": failures,
        "late": report.late,
        "p50_ms": milliseconds(report.p50()),
        "p99_ms": milliseconds(report.p99()),
        "max_ms": milliseconds(report.max()),
    })
}

fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

/// How the program ends after so many failed requests.
pub(crate) fn verdict(failed: u64) -> Exit {
    if failed == 0 {
        Exit::Changed
    } else {
        Exit::Unchanged
    }
}

fn address(url: &str) -> anyhow::Result<SocketAddr> {
    let rest = url.strip_prefix("http://").unwrap_or(url);
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    authority
        .parse()
        .or_else(|_| format!("{authority}:80").parse())
        .with_context(|| format!("read {url} as http://IP:PORT/"))
}

#[cfg(test)]
mod tests {
    use harness::http::Failure;

    use super::*;

    #[test]
    fn reports_of_several_threads_add_up_and_show_as_json() {
        let answer = |took| (Duration::ZERO, Duration::from_millis(took));
        let report = Report {
            requests: 5,
            failures: BTreeMap::from([(Failure::Refused, 1), (Failure::Status(503), 2)]),
            late: 0,
            mishaps: Vec::new(),
            ended_idle: 0,
            answers: vec![answer(1), answer(3)],
        };
        assert_eq!(
            json(&report).to_string(),
            r#"{"failed":3,"failures":{"refused":1,"status 503":2},"late":0,"max_ms":3.0,"p50_ms":1.0,"p99_ms":3.0,"requests":5}"#
        );
    }

    #[test]
    fn a_url_names_an_address() {
        let shown = |url| address(url).unwrap().to_string();
        assert_eq!(shown("http://127.0.42.42:8080/"), "127.0.42.42:8080");
        assert_eq!(shown("127.0.42.42:8080"), "127.0.42.42:8080");
        assert_eq!(shown("http://127.0.42.42"), "127.0.42.42:80");
        assert!(address("http://localhost/").is_err());
    }
}
