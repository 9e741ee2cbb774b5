//! HAProxy's certificates: which of them each file has given it, and the commands that
//! replace one.

use std::collections::BTreeMap;
use std::fmt::{self, Display};

use anyhow::{bail, ensure};

use super::commands::{LONGEST_LINE, remember, told, word};
use super::running::between;
use haproxy_socket::Socket;

/// HAProxy's variable for the state of the files of certificates; see [`Seen`]. It is lost
/// when the worker ends, as the certificates are.
const SEEN: &str = "proc.haproxy_reload_certificates";
/// How many of those that it lacks can be kept.
const MOST_LACKING: usize = 100;

/// The files of certificates as they were when the worker had what stands in them, but for
/// those that it lacks, since they could not be read, it refused them, or only a reload takes
/// them over: `HASH-TIME+LACKING...`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The hash of what tells the files from others.
    pub(crate) hash: String,
    /// When that was, in milliseconds since 1970.
    pub(crate) at: u64,
    /// The hashes of the paths of those that it lacks.
    pub(crate) lacking: Vec<String>,
}

impl Seen {
    /// Asks the worker; `None` if it has not been told yet.
    pub(crate) fn ask(socket: &Socket) -> anyhow::Result<Option<Self>> {
        let answer = socket.ask(&format!("get var {SEEN}"))?;
        Ok(between(&answer, "value=<", ">").and_then(|text| Self::parse(&text)))
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('+');
        let (hash, at) = parts.next()?.split_once('-')?;
        Some(Self {
            hash: hash.to_owned(),
            at: at.parse().ok()?,
            lacking: parts.map(str::to_owned).collect(),
        })
    }

    /// Tells it to the worker, unless it lacks too many: if some of them were not kept, they
    /// would be taken for what it has.
    pub(crate) fn remember(&self, socket: &Socket) -> anyhow::Result<()> {
        if self.lacking.len() > MOST_LACKING {
            return Ok(());
        }
        remember(socket, SEEN, &self.to_string())
    }
}

impl Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.hash, self.at)?;
        let mut lacking = self.lacking.iter();
        lacking.try_for_each(|path| write!(f, "+{path}"))
    }
}

/// What HAProxy says to a certificate.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Taken,
    /// It objects in these words, and the old one stays.
    Refused(String),
}

/// The fingerprints of these certificates.
pub(crate) fn fingerprints(
    socket: &Socket,
    paths: &[&str],
) -> anyhow::Result<BTreeMap<String, String>> {
    let mut lines: Vec<Vec<u8>> = Vec::new();
    for path in paths {
        let command = [b"show ssl cert ", word(path.as_bytes()).as_slice()].concat();
        match lines.last_mut() {
            Some(line) if line.len() + command.len() < LONGEST_LINE => {
                line.push(b';');
                line.extend(command);
            }
            _ => lines.push(command),
        }
    }
    let mut all = BTreeMap::new();
    for line in lines {
        let answer = socket.ask_bytes(&line)?;
        all.extend(parse(&String::from_utf8_lossy(&answer)));
    }
    Ok(all)
}

pub(crate) fn parse(answer: &str) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    let mut name = None;
    for line in answer.lines() {
        if let Some(file) = line.strip_prefix("Filename: ") {
            name = Some(file.to_owned());
        } else if let Some(fingerprint) = line.strip_prefix("SHA1 FingerPrint: ")
            && let Some(name) = name.take()
        {
            all.insert(name, fingerprint.trim().to_owned());
        }
    }
    all
}

/// Replaces the certificate of a file by what stands in `payload`. It is an error if HAProxy
/// cannot do that; `buffer` is the size of its buffers, if that is not the usual one.
pub(crate) fn replace(
    socket: &Socket,
    path: &str,
    payload: &[u8],
    buffer: Option<u64>,
) -> anyhow::Result<Verdict> {
    let name = word(path.as_bytes());
    let set = [b"set ssl cert ", name.as_slice(), b" <<\n", payload].concat();
    // HAProxy 2.6 does not answer then, or takes a part of it and objects to that. Of a small
    // buffer, a half is more than what it keeps for other things.
    let longest = buffer.and_then(|size| usize::try_from(size / 2).ok());
    let longest = longest.map_or(LONGEST_LINE, |half| half.min(LONGEST_LINE));
    ensure!(set.len() < longest, "it is longer than a command can be");
    let answer = ask(socket, &set)?;
    let Some(of) = transaction(&answer) else {
        let general = [
            "not referenced",
            "ongoing transaction",
            "nknown command",
            "Permission",
        ];
        if general.iter().any(|it| answer.contains(it)) {
            bail!("HAProxy answers `{}`", told(&answer));
        }
        return Ok(Verdict::Refused(told(&answer)));
    };
    if of != path {
        abort(socket, of);
        bail!(
            "HAProxy takes it for a part of {}",
            exit::escape(of.as_bytes())
        );
    }
    let committed = ask(socket, &[b"commit ssl cert ", name.as_slice()].concat());
    if committed
        .as_ref()
        .is_ok_and(|answer| answer.contains("Success!"))
    {
        return Ok(Verdict::Taken);
    }
    abort(socket, path);
    Ok(Verdict::Refused(told(&committed?)))
}

fn ask(socket: &Socket, line: &[u8]) -> anyhow::Result<String> {
    Ok(String::from_utf8_lossy(&socket.ask_bytes(line)?).into_owned())
}

/// The certificate for which a transaction was begun or continued. HAProxy 2.6 takes what is
/// set as `NAME.crt` for a part of `NAME`.
pub(crate) fn transaction(answer: &str) -> Option<&str> {
    let rest = answer.strip_prefix("Transaction ")?;
    let (_, rest) = rest.split_once(" for certificate ")?;
    Some(rest.rsplit_once('!')?.0)
}

/// Ends a transaction, since there is one at a time. Where HAProxy does not answer any more,
/// what went wrong before is to be told.
fn abort(socket: &Socket, path: &str) {
    let _ = ask(
        socket,
        &[b"abort ssl cert ", word(path.as_bytes()).as_slice()].concat(),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_read_again() {
        for lacking in [vec![], vec!["01".to_owned(), "02".to_owned()]] {
            let seen = Seen {
                hash: "0123".to_owned(),
                at: 17,
                lacking,
            };
            assert_eq!(Seen::parse(&seen.to_string()), Some(seen));
        }
        assert_eq!(Seen::parse("0123"), None);
        assert_eq!(Seen::parse("0123-x"), None);
    }

    #[test]
    fn a_transaction_is_one_of_the_certificate_that_haproxy_names() {
        let told = transaction("Transaction created for certificate /x/a!.pem!\n\n");
        assert_eq!(told, Some("/x/a!.pem"));
        let told = transaction("Transaction updated for certificate /x/a!\n\n");
        assert_eq!(told, Some("/x/a"));
        assert_eq!(
            transaction("unable to load certificate from file '/x/a!'.\n"),
            None
        );
    }

    #[test]
    fn fingerprints_are_found_by_name() {
        let answer = "Filename: /x/a.pem\nStatus: Used\nSerial: 1001\nSHA1 FingerPrint: 47E1\n\
            Subject: /CN=one\n\nCan't display the certificate: Not found\n\n\
            Filename: /x/b c.pem\nStatus: Used\nSHA1 FingerPrint: 2917\n\n";
        let told = parse(answer);
        assert_eq!(told["/x/a.pem"], "47E1");
        assert_eq!(told["/x/b c.pem"], "2917");
    }

    proptest::proptest! {
        #[test]
        fn no_answer_makes_it_panic(text in "(?s).*") {
            let _ = (parse(&text), Seen::parse(&text), transaction(&text));
        }
    }
}
