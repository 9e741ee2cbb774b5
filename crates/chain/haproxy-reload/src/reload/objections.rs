//! HAProxy's reasons for refusing a file.

use std::collections::BTreeMap;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use haproxy_config::{alerts, check_command};

/// How many of HAProxy's reasons are shown.
const MOST_ALERTS: usize = 5;
/// How long to wait for output of `haproxy -c`, which takes 0.03 s.
const WORDS: Duration = Duration::from_secs(5);

/// Why HAProxy refused the file. HAProxy 2.6 writes its reasons only to its own log; then
/// `haproxy -c` is asked.
pub(super) fn told(
    words: &str,
    config: &[PathBuf],
    environment: &BTreeMap<String, String>,
) -> String {
    let mut told = first_alerts(words);
    if told.is_empty() {
        told = first_alerts(&check(config, environment).unwrap_or_default());
    }
    if told.is_empty() {
        "its log says why".clone_into(&mut told);
    }
    told
}

/// The first alerts in HAProxy's output, without its warnings and notices. Each gets
/// the prefix `[ALERT]`, by which a reader knows it for HAProxy's message.
fn first_alerts(words: &str) -> String {
    let alerts = alerts(words).take(MOST_ALERTS);
    let lines: Vec<String> = alerts.map(|alert| format!("[ALERT] {alert}")).collect();
    lines.join("\n")
}

/// The output of `haproxy -c`.
fn check(config: &[PathBuf], environment: &BTreeMap<String, String>) -> anyhow::Result<String> {
    let (mut ours, theirs) = UnixStream::pair()?;
    let mut command = check_command(Path::new("haproxy"), config, environment);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(OwnedFd::from(theirs));
    let mut child = command.spawn().context("run haproxy -c")?;
    // The command holds our copy of HAProxy's end of the socket. Without dropping it,
    // the read below would never see the end of the output.
    drop(command);
    ours.set_read_timeout(Some(WORDS))?;
    let mut words = Vec::new();
    let read = (&mut ours).take(1 << 16).read_to_end(&mut words);
    // By now it has written everything, or it hangs, as when a name cannot be resolved.
    let _ = child.kill();
    child.wait()?;
    read?;
    Ok(String::from_utf8_lossy(&words).into_owned())
}
