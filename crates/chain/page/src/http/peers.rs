//! The other balancers, and whether they have the same nodes.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, ensure};
use nodes::{Name, Node};
use serde::{Deserialize, Serialize};
use sha1_smol::Sha1;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::view::{self, Balancer, Level};

/// How long another balancer may take for its answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// The longest answer that is read, in bytes: enough for 4,000 nodes.
const LONGEST: u64 = 256 << 10;

/// The most names that are shown.
const SHOWN: usize = 3;

/// What a balancer says of its nodes to the others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Agreement {
    pub(crate) name: String,
    /// The same for the same nodes.
    pub(crate) digest: String,
    /// The lines of /nodes, in name order.
    pub(crate) nodes: Vec<String>,
}

impl Agreement {
    pub(crate) fn new(name: &str, nodes: &[Node]) -> Self {
        let lines = nodes.iter().map(|node| node.line().trim_end().to_owned());
        let mut nodes: Vec<String> = lines.collect();
        nodes.sort_unstable();
        Self {
            name: name.to_owned(),
            digest: digest(&nodes),
            nodes,
        }
    }

    /// The lines by the names in front of them. What is not a name is left out: others have
    /// written this.
    fn lines(&self) -> BTreeMap<Name, &str> {
        let named = self.nodes.iter().filter_map(|line| {
            let name = line.split(' ').next()?;
            Some((Name::parse(name).ok()?, line.as_str()))
        });
        named.collect()
    }
}

fn digest(lines: &[String]) -> String {
    let mut sum = Sha1::new();
    for line in lines {
        sum.update(line.as_bytes());
        sum.update(b"\n");
    }
    sum.digest().to_string()
}

/// What a balancer has answered; the error is for nobody to read, so none is kept.
pub(crate) type Answer = Option<Agreement>;

/// What is known of the other balancers.
#[derive(Debug, Default)]
pub(crate) struct Peers(BTreeMap<String, Peer>);

#[derive(Debug)]
struct Peer {
    verdict: Verdict,
    /// Whether the answer before was another one.
    is_doubtful: bool,
}

/// Whether a balancer has our nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    Silent,
    Agrees,
    Differs(String),
}

impl Peers {
    /// Takes new answers over. A change reaches one balancer a little before the other, so
    /// whoever has agreed has to differ twice before that is shown.
    pub(crate) fn take(&mut self, answers: Vec<(String, Answer)>, own: &Agreement) {
        if !answers.is_empty() {
            // All are asked at once. Each member can be a balancer, of another name each time.
            let is_asked = |name: &String| answers.iter().any(|(asked, _)| asked == name);
            self.0.retain(|name, _| is_asked(name));
        }
        for (name, answer) in answers {
            let verdict = judge(answer.as_ref(), own);
            let before = self.0.get(&name);
            let may_be_passing = matches!(verdict, Verdict::Differs(_))
                && before.is_some_and(|it| it.verdict == Verdict::Agrees && !it.is_doubtful);
            let peer = Peer {
                is_doubtful: may_be_passing,
                verdict: if may_be_passing {
                    Verdict::Agrees
                } else {
                    verdict
                },
            };
            self.0.insert(name, peer);
        }
    }

    /// What is shown of these balancers.
    pub(crate) fn show(&self, balancers: &[(String, IpAddr)]) -> Vec<Balancer> {
        let shown = balancers.iter().map(|(name, address)| {
            let verdict = self.0.get(name).map(|peer| &peer.verdict);
            let (agrees, level, words) = match verdict {
                None => (None, Level::Quiet, "has not answered yet".to_owned()),
                Some(Verdict::Silent) => {
                    (None, Level::Quiet, "its page does not answer".to_owned())
                }
                Some(Verdict::Agrees) => (Some(true), Level::Well, "agrees".to_owned()),
                Some(Verdict::Differs(words)) => (Some(false), Level::Warn, words.clone()),
            };
            Balancer {
                name: view::name(name),
                address: address.to_string(),
                agrees,
                level,
                words,
            }
        });
        shown.collect()
    }
}

fn judge(answer: Option<&Agreement>, own: &Agreement) -> Verdict {
    let Some(theirs) = answer else {
        return Verdict::Silent;
    };
    // Their digest is what they say; the lines are what counts.
    let (theirs, ours) = (theirs.lines(), own.lines());
    let all: BTreeSet<&Name> = theirs.keys().chain(ours.keys()).collect();
    let (mut lacks, mut has, mut other) = (Vec::new(), Vec::new(), Vec::new());
    for name in all {
        match (theirs.get(name), ours.get(name)) {
            (None, _) => lacks.push(name),
            (_, None) => has.push(name),
            (one, two) if one != two => other.push(name),
            _ => {}
        }
    }
    let mut words = Vec::new();
    if !lacks.is_empty() {
        words.push(format!("lacks {}", list(&lacks)));
    }
    if !has.is_empty() {
        words.push(format!("has {}, not known here", list(&has)));
    }
    if !other.is_empty() {
        words.push(format!("says something else of {}", list(&other)));
    }
    if words.is_empty() {
        return Verdict::Agrees;
    }
    Verdict::Differs(words.join("; "))
}

/// `s1`, `s1 and s2`, `s1, s2, s3 and 4 more`.
fn list(names: &[&Name]) -> String {
    let shown: Vec<&str> = names.iter().take(SHOWN).map(|name| name.as_str()).collect();
    let more = names.len() - shown.len();
    match shown.as_slice() {
        _ if more > 0 => format!("{} and {more} more", shown.join(", ")),
        [rest @ .., last] if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => shown.concat(),
    }
}

/// Asks all of them at once, each at `port`.
pub(crate) async fn ask(balancers: Vec<(String, IpAddr)>, port: u16) -> Vec<(String, Answer)> {
    let mut asked = JoinSet::new();
    for (name, address) in balancers {
        asked.spawn(async move {
            let question = tokio::time::timeout(PATIENCE, fetch((address, port).into()));
            let answer = question.await.ok().and_then(Result::ok);
            (name, answer)
        });
    }
    asked.join_all().await
}

/// Asks one of them, by HTTP/1.0: its answer is in one piece and ends with the connection.
async fn fetch(address: SocketAddr) -> anyhow::Result<Agreement> {
    let mut stream = TcpStream::connect(address).await.context("connect")?;
    let question = format!("GET /agreement.json HTTP/1.0\r\nHost: {address}\r\n\r\n");
    stream.write_all(question.as_bytes()).await.context("ask")?;
    let mut answer = Vec::new();
    let mut limited = stream.take(LONGEST + 1);
    limited.read_to_end(&mut answer).await.context("read")?;
    ensure!(answer.len() as u64 <= LONGEST, "the answer is too long");
    parse(&answer)
}

/// What stands in an answer.
pub(super) fn parse(answer: &[u8]) -> anyhow::Result<Agreement> {
    let end = answer.windows(4).position(|it| it == b"\r\n\r\n");
    let (head, body) = answer.split_at(end.context("the answer has no end of its head")?);
    let status = head.split(|&byte| byte == b' ').nth(1);
    ensure!(status == Some(b"200"), "the answer is an error");
    serde_json::from_slice(&body[4..]).context("the answer is not what is asked for")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agreement(lines: &[&str]) -> Agreement {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        Agreement {
            name: "lb".to_owned(),
            digest: digest(&lines),
            nodes: lines,
        }
    }

    fn words(theirs: &[&str], ours: &[&str]) -> String {
        match judge(Some(&agreement(theirs)), &agreement(ours)) {
            Verdict::Differs(words) => words,
            verdict => format!("{verdict:?}"),
        }
    }

    #[test]
    fn what_differs_is_said_by_name() {
        let own = ["s1 10.0.0.1", "s2 10.0.0.2", "s3 10.0.0.3"];
        assert_eq!(words(&own, &own), "Agrees");
        assert_eq!(words(&own[..1], &own), "lacks s2 and s3");
        assert_eq!(words(&own, &own[..2]), "has s3, not known here");
        assert_eq!(
            words(&["s1 10.0.0.9", "s3 10.0.0.3", "s4 10.0.0.4"], &own),
            "lacks s2; has s4, not known here; says something else of s1"
        );
        let many: Vec<String> = (1..=5).map(|n| format!("n{n} 10.0.0.{n}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(words(&[], &many), "lacks n1, n2, n3 and 2 more");
    }

    #[test]
    fn what_is_no_name_is_never_shown() {
        let evil = ["<img> 10.0.0.1", "s1\u{1b}[2J 10.0.0.1", "", " ", "\n x"];
        assert_eq!(words(&evil, &[]), "Agrees");
    }

    #[test]
    fn the_digest_is_that_of_the_sorted_lines() {
        let node =
            |name: &str| Node::parse(&Name::parse(name).unwrap(), &format!("{name} 10.0.0.1"));
        let (s1, s2) = (node("s1").unwrap(), node("s2").unwrap());
        let one = Agreement::new("a", &[s1.clone(), s2.clone()]);
        assert_eq!(one.nodes, ["s1 10.0.0.1", "s2 10.0.0.1"]);
        assert_eq!(one.digest, Agreement::new("b", &[s2, s1.clone()]).digest);
        assert_ne!(one.digest, Agreement::new("a", &[s1]).digest);
        assert_eq!(one.digest.len(), 40);
    }

    fn shown(peers: &Peers) -> (Option<bool>, String) {
        let balancers = [("b".to_owned(), IpAddr::from([10, 0, 0, 1]))];
        let shown = peers.show(&balancers).remove(0);
        (shown.agrees, shown.words)
    }

    #[test]
    fn whoever_has_agreed_differs_when_it_does_so_twice() {
        let own = agreement(&["s1 10.0.0.1"]);
        let mut peers = Peers::default();
        let mut take = |theirs: Answer| {
            peers.take(vec![("b".to_owned(), theirs)], &own);
            shown(&peers).0
        };
        assert_eq!(take(Some(agreement(&[]))), Some(false));
        assert_eq!(take(Some(own.clone())), Some(true));
        assert_eq!(take(Some(agreement(&[]))), Some(true));
        assert_eq!(take(Some(own.clone())), Some(true));
        assert_eq!(take(Some(agreement(&[]))), Some(true));
        assert_eq!(take(Some(agreement(&[]))), Some(false));
        assert_eq!(take(None), None);
    }

    #[test]
    fn a_name_is_shown_as_all_others_are() {
        let name = format!("\u{202e}\u{1b}[2J{}", "x".repeat(5000));
        let balancers = [(name, IpAddr::from([10, 0, 0, 1]))];
        let shown = Peers::default().show(&balancers).remove(0).name;
        assert!(shown.starts_with("\\u{202e}\\u{1b}[2Jxxx"), "{shown}");
        assert!(shown.len() < 100, "{shown}");
    }

    #[test]
    fn whoever_is_no_longer_asked_is_forgotten() {
        let own = agreement(&[]);
        let mut peers = Peers::default();
        for number in 0..100 {
            peers.take(vec![(format!("b{number}"), None)], &own);
            peers.take(Vec::new(), &own);
        }
        assert_eq!(peers.0.len(), 1);
    }

    #[test]
    fn one_that_has_not_answered_yet_is_unknown() {
        assert_eq!(
            shown(&Peers::default()),
            (None, "has not answered yet".into())
        );
    }

    #[test]
    fn only_a_whole_answer_is_one() {
        let body = r#"{"name":"b","digest":"x","nodes":["s1 10.0.0.1"]}"#;
        let good = format!("HTTP/1.0 200 OK\r\ncontent-type: x\r\n\r\n{body}");
        assert_eq!(parse(good.as_bytes()).unwrap().nodes, ["s1 10.0.0.1"]);
        for other in [
            "",
            "HTTP/1.0 200 OK\r\n",
            "HTTP/1.0 200 OK\r\n\r\n",
            &good[..good.len() - 1],
            &good.replace("200", "302"),
            &good.replace("nodes", "node"),
        ] {
            assert!(parse(other.as_bytes()).is_err(), "{other}");
        }
    }
}
