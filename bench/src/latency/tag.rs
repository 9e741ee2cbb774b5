//! From a tag that is set to the weight that HAProxy gives the node.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, bail, ensure};
use harness::{Owned, wait};

use super::PATIENCE;

/// How often HAProxy is asked: it has other things to do.
const LOOK_EVERY: Duration = Duration::from_millis(1);
/// How often agents gossip, in the profile `lan`.
const GOSSIP: Duration = Duration::from_millis(200);

/// The weight that is set. Nodes begin with 100.
const WEIGHT: u32 = 50;

/// When each step of a change happened.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) set: SystemTime,
    /// When the balancer's agent logged it.
    pub(super) known: SystemTime,
    pub(super) runs: SystemTime,
}

/// Sets the tag `weight` of the node `name`, by `serf`, a command to its agent. `log` is
/// that of the balancer's agent, `haproxy` its command socket.
pub(super) fn change(
    name: &str,
    mut serf: Command,
    log: &AgentLog,
    haproxy: &Path,
) -> anyhow::Result<Change> {
    let mut weights = Weights::of(haproxy)?;
    // Without a pause of random length, each round would meet the agents at the same moment
    // of their gossip.
    wait::pass(GOSSIP.mul_f64(fastrand::f64()));
    let set = SystemTime::now();
    // The command ends when the agent has told everybody, which is mostly later than the
    // effect.
    let mut tags = serf
        .args(["tags", "-set", &format!("weight={WEIGHT}")])
        .stdout(Stdio::null())
        .spawn()
        .context("start serf tags")?;
    let runs = wait::watch_for("the new weight", PATIENCE, || {
        wait::pass(LOOK_EVERY);
        match weights.look(name) {
            Ok(weight) => (weight == WEIGHT).then(|| Ok(SystemTime::now())),
            Err(error) => Some(Err(error)),
        }
    })??;
    let known = log.update_of(name)?;
    let status = tags.wait().context("wait for serf tags")?;
    ensure!(status.success(), "serf tags ended with {status}");
    Ok(Change { set, known, runs })
}

/// A connection to HAProxy that stays open, so that another question costs HAProxy little.
struct Weights(BufReader<UnixStream>);

impl Weights {
    fn of(haproxy: &Path) -> anyhow::Result<Self> {
        let stream = UnixStream::connect(haproxy)
            .and_then(|stream| stream.set_read_timeout(Some(PATIENCE)).map(|()| stream))
            .with_context(|| format!("connect to {}", haproxy.display()))?;
        let mut weights = Self(BufReader::new(stream));
        weights.ask("prompt")?;
        Ok(weights)
    }

    fn look(&mut self, name: &str) -> anyhow::Result<u32> {
        let answer = self.ask(&format!("get weight nodes/{name}"))?;
        let word = answer.split_whitespace().next().unwrap_or_default();
        word.parse()
            .with_context(|| format!("read a weight in HAProxy's answer {answer:?}"))
    }

    /// Each answer ends with the prompt `> `.
    fn ask(&mut self, command: &str) -> anyhow::Result<String> {
        let mut answer = Vec::new();
        writeln!(self.0.get_mut(), "{command}")
            .and_then(|()| self.0.read_until(b'>', &mut answer))
            .with_context(|| format!("ask HAProxy {command}"))?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }
}

/// The log of an agent, each line with the time at which it came.
pub(super) struct AgentLog {
    /// `serf monitor`, which ends with the value.
    _monitor: Owned,
    lines: Receiver<(SystemTime, String)>,
}

impl AgentLog {
    /// That of the agent which `serf` is a command to.
    pub(super) fn follow(mut serf: Command) -> anyhow::Result<Self> {
        serf.args(["monitor", "-log-level=INFO"])
            .stdout(Stdio::piped());
        let mut monitor = Owned::start(&mut serf)?;
        let output = monitor.child().stdout.take();
        let output = output.context("read serf monitor")?;
        let (told, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                // Nobody listens any more when the measurement is over.
                let _ = told.send((SystemTime::now(), line));
            }
        });
        Ok(Self {
            _monitor: monitor,
            lines,
        })
    }

    /// When the agent logged that the tags of `name` had changed.
    fn update_of(&self, name: &str) -> anyhow::Result<SystemTime> {
        let end = format!("EventMemberUpdate: {name}");
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok((time, line)) if line.trim_end().ends_with(&end) => return Ok(time),
                Ok(_) => (),
                Err(error) => bail!("wait for {end} in the agent's log: {error}"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    #[test]
    fn weights_are_asked_over_one_connection() {
        let scratch = harness::scratch();
        let socket = scratch.path().join("s");
        let listener = UnixListener::bind(&socket).unwrap();
        let haproxy = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let questions = BufReader::new(stream.try_clone().unwrap()).lines();
            let answers = ["\n> ", "100 (initial 100)\n\n> ", "No such server.\n\n> "];
            for (question, answer) in questions.zip(answers) {
                assert!(["prompt", "get weight nodes/s1"].contains(&&*question.unwrap()));
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        let mut weights = Weights::of(&socket).unwrap();
        assert_eq!(weights.look("s1").unwrap(), 100);
        let error = format!("{:#}", weights.look("s1").unwrap_err());
        assert!(error.contains("No such server."), "{error}");
        drop(weights);
        haproxy.join().unwrap();
    }

    #[test]
    fn an_agent_that_is_not_there_is_told() {
        let mut serf = Command::new(harness::require("serf"));
        serf.env("SERF_RPC_ADDR", "127.0.43.9:7373");
        let log = AgentLog::follow(serf).unwrap();
        let error = log.update_of("s1").unwrap_err().to_string();
        assert!(error.contains("EventMemberUpdate: s1 in the agent's log"));
    }
}
