//! HAProxy's words for a file that it refused.

use std::collections::BTreeMap;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use haproxy_config::{alerts, check_command};

/// More mistakes than that are not told at once.
const MOST_ALERTS: usize = 5;
/// For how long HAProxy's words are waited for; `haproxy -c` takes 0.03 s.
const WORDS: Duration = Duration::from_secs(5);

/// What HAProxy has against the file, without what it only remarks, and so marked
/// that each message is known for HAProxy's own.
pub(super) fn first_alerts(words: &str) -> String {
    let alerts = alerts(words).take(MOST_ALERTS);
    let lines: Vec<String> = alerts.map(|alert| format!("[ALERT] {alert}")).collect();
    lines.join("\n")
}

/// What `haproxy -c` has against the file; nothing where it cannot be run. 2.6 gives
/// its reasons for refusing a reload only to its own log.
pub(super) fn objections(config: &Path, environment: &BTreeMap<String, String>) -> String {
    first_alerts(&check(config, environment).unwrap_or_default())
}

/// What `haproxy -c` says.
fn check(config: &Path, environment: &BTreeMap<String, String>) -> anyhow::Result<String> {
    let (mut ours, theirs) = UnixStream::pair()?;
    let mut command = check_command(Path::new("haproxy"), config, environment);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(OwnedFd::from(theirs));
    let mut child = command.spawn().context("run haproxy -c")?;
    // With the command goes our copy of their end, so that the words end with it.
    drop(command);
    ours.set_read_timeout(Some(WORDS))?;
    let mut words = Vec::new();
    let read = (&mut ours).take(1 << 16).read_to_end(&mut words);
    // It has said all, or it hangs at a name that nobody resolves.
    let _ = child.kill();
    child.wait()?;
    read?;
    Ok(String::from_utf8_lossy(&words).into_owned())
}
