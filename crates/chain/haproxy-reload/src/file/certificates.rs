//! The files of certificates: what of them is there, when it changed, and which certificate
//! stands in one.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write;
use std::fs::{self, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, anyhow};
use haproxy_config::hash_of;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

/// What stands behind the name of a certificate in the names of the files that HAProxy reads
/// with it. In a folder, it takes none of these for a certificate.
const BESIDE: [&str; 4] = [".key", ".ocsp", ".issuer", ".sctl"];
/// The size of the largest file that is read, in bytes.
const MAX_FILE: u64 = 1 << 20;
/// How the first line of a private key ends, whatever its kind (RFC 7468).
const KEY: &[u8] = b"PRIVATE KEY-----";

/// All files of the certificates that HAProxy has, as they are now.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    pub(crate) certificates: Vec<Certificate>,
    /// The certificates in the folders that HAProxy does not have.
    pub(crate) new: Vec<String>,
    /// The folders that we may not read.
    pub(crate) denied: Vec<String>,
    /// What is wrong with a folder that cannot be read otherwise.
    pub(crate) failed: Option<anyhow::Error>,
    /// The hash of all that can be seen.
    pub(crate) hash: String,
}

/// The file of a certificate.
#[derive(Debug)]
pub(crate) struct Certificate {
    pub(crate) path: String,
    pub(crate) state: State,
    /// Whether it stands in one of the folders.
    pub(crate) in_folder: bool,
    /// Whether there are files beside it that HAProxy reads with it.
    pub(crate) has_more: bool,
    /// When one of its files changed last, in milliseconds since 1970.
    pub(crate) changed: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    There,
    Gone,
    /// We may not look at it.
    Denied,
}

impl Survey {
    /// Takes note of a folder that cannot be read. What stands in one that is gone is gone
    /// as well.
    fn unread(&mut self, folder: &str, error: &io::Error) {
        match state(error) {
            Some(State::Denied) => self.denied.push(folder.to_owned()),
            Some(_) => {}
            None => {
                let folder = exit::escape(folder.as_bytes());
                self.failed
                    .get_or_insert_with(|| anyhow!("read the folder {folder}: {error}"));
            }
        }
    }
}

/// The names in folders, by their paths. Reading a folder once is faster than asking for each
/// file that may stand beside a certificate.
#[derive(Default)]
struct Listings(HashMap<String, io::Result<BTreeSet<String>>>);

impl Listings {
    fn of(&mut self, folder: &str) -> Result<&BTreeSet<String>, &io::Error> {
        let listing = self.0.entry(folder.to_owned());
        listing.or_insert_with(|| names_in(folder)).as_ref()
    }

    /// Whether there may be a file of this path.
    fn may_have(&mut self, path: &str) -> bool {
        let Some((folder, name)) = path.rsplit_once('/') else {
            return true;
        };
        self.of(folder).map_or(true, |names| names.contains(name))
    }
}

fn names_in(folder: &str) -> io::Result<BTreeSet<String>> {
    let name =
        |entry: io::Result<fs::DirEntry>| Ok(entry?.file_name().to_string_lossy().into_owned());
    fs::read_dir(folder)?.map(name).collect()
}

/// Looks at the files of these certificates, and into these folders.
pub(crate) fn survey(names: &[String], folders: &[String]) -> anyhow::Result<Survey> {
    let mut seen = String::new();
    let mut listings = Listings::default();
    let known: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    let mut survey = Survey::default();
    for name in names {
        let mut certificate = certificate(name, &mut listings, &mut seen)?;
        certificate.in_folder = folders.iter().any(|folder| is_in(name, folder));
        survey.certificates.push(certificate);
    }
    for folder in folders {
        let names = listings.of(folder);
        let names = names.map_err(|error| survey.unread(folder, error));
        let names = names.into_iter().flatten();
        let paths = names
            .filter(|name| !is_skipped(name))
            .map(|name| format!("{folder}/{name}"));
        let new = paths.filter(|path| !known.contains(path.as_str()) && Path::new(path).is_file());
        survey.new.extend(new);
    }
    survey.new.sort_unstable();
    survey.new.dedup();
    seen.extend(survey.new.iter().flat_map(|path| [path, "\n"]));
    survey.hash = hash_of(seen.as_bytes());
    Ok(survey)
}

/// Whether HAProxy takes no file of this name in a folder for a certificate.
fn is_skipped(name: &str) -> bool {
    name.starts_with('.') || BESIDE.iter().any(|ending| name.ends_with(ending))
}

fn certificate(
    name: &str,
    listings: &mut Listings,
    seen: &mut String,
) -> anyhow::Result<Certificate> {
    let mut certificate = Certificate {
        path: name.to_owned(),
        state: State::There,
        in_folder: false,
        has_more: false,
        changed: 0,
    };
    match look(name, seen)? {
        Ok(changed) => certificate.changed = changed,
        Err(state) => certificate.state = state,
    }
    let beside = BESIDE.map(|ending| format!("{name}{ending}"));
    for path in beside.iter().filter(|path| listings.may_have(path)) {
        if let Ok(changed) = look(path, seen)? {
            certificate.has_more = true;
            certificate.changed = certificate.changed.max(changed);
        }
    }
    Ok(certificate)
}

/// When the file changed last. What tells it from another one is added to `seen`.
fn look(path: &str, seen: &mut String) -> anyhow::Result<Result<u64, State>> {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) => {
            let state = state(&error)
                .ok_or(error)
                .with_context(|| format!("look at {path}"))?;
            return Ok(Err(state));
        }
    };
    let (inode, size) = (metadata.ino(), metadata.size());
    let [modified, changed] = times(&metadata);
    let _ = writeln!(seen, "{path} {inode} {size} {modified} {changed}");
    let milliseconds = modified.max(changed) / 1_000_000;
    Ok(Ok(u64::try_from(milliseconds).unwrap_or(0)))
}

/// When content and file changed last, in nanoseconds.
fn times(metadata: &Metadata) -> [i128; 2] {
    let time = |seconds: i64, nanoseconds: i64| {
        i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds)
    };
    [
        time(metadata.mtime(), metadata.mtime_nsec()),
        time(metadata.ctime(), metadata.ctime_nsec()),
    ]
}

/// The state of a file that cannot be looked at; `None` if that is an error.
fn state(error: &io::Error) -> Option<State> {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => Some(State::Gone),
        ErrorKind::PermissionDenied => Some(State::Denied),
        _ => None,
    }
}

/// Whether this says that there is no such file.
pub(crate) fn is_gone(error: &io::Error) -> bool {
    state(error) == Some(State::Gone)
}

fn is_in(path: &str, folder: &str) -> bool {
    path.rsplit_once('/').is_some_and(|(its, _)| its == folder)
}

/// The content of the file; `None` if we may not read it.
pub(crate) fn read(path: &str) -> anyhow::Result<Option<Vec<u8>>> {
    let read = files::read(Path::new(path), MAX_FILE);
    match read {
        Ok(content) => Ok(Some(content.with_context(|| {
            format!("read {path}: there is no such file, and HAProxy has its certificate")
        })?)),
        Err(error) if is_denied(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_denied(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let cause = cause.downcast_ref::<io::Error>();
        cause.is_some_and(|cause| cause.kind() == ErrorKind::PermissionDenied)
    })
}

/// Whether there is a private key in the file.
pub(crate) fn has_key(content: &[u8]) -> bool {
    content.windows(KEY.len()).any(|part| part == KEY)
}

/// The fingerprint of the first certificate in a file, as HAProxy tells it.
pub(crate) fn fingerprint(content: &[u8]) -> Option<String> {
    let first = CertificateDer::pem_slice_iter(content).next()?.ok()?;
    Some(
        sha1_smol::Sha1::from(&first)
            .digest()
            .to_string()
            .to_uppercase(),
    )
}

/// The file without its blank lines, one of which would end what is sent.
pub(crate) fn payload(content: &[u8]) -> Vec<u8> {
    let lines = content.split(|byte| *byte == b'\n');
    let lines = lines.filter(|line| !line.trim_ascii().is_empty());
    lines.flat_map(|line| [line, b"\n"].concat()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path) {
        files::replace(path, b"x", files::Durability::Unsynced).unwrap();
    }

    #[test]
    fn a_survey_knows_what_is_new_gone_or_beside_and_changes_with_each() {
        let scratch = harness::scratch();
        let folder = scratch.path().display().to_string();
        let names = [format!("{folder}/a.pem"), format!("{folder}/b.pem")];
        let look = || survey(&names, std::slice::from_ref(&folder)).unwrap();
        for name in [
            "a.pem",
            ".hidden",
            "a.pem.ocsp",
            "c.key",
            "d.issuer",
            "e.sctl",
        ] {
            write(&scratch.path().join(name));
        }
        fs::create_dir(scratch.path().join("f")).unwrap();
        let first = look();
        let [a, b] = first.certificates.as_slice() else {
            panic!("{first:?}");
        };
        assert_eq!(
            (a.state, a.has_more, a.in_folder),
            (State::There, true, true)
        );
        assert_eq!((b.state, b.has_more, b.changed), (State::Gone, false, 0));
        assert!(first.new.is_empty(), "{first:?}");
        assert_eq!(look().hash, first.hash);
        write(&scratch.path().join("c.pem"));
        let second = look();
        assert_eq!(second.new, [format!("{folder}/c.pem")]);
        write(&scratch.path().join("a.pem.ocsp"));
        let third = look();
        assert_eq!(
            BTreeSet::from([first.hash, second.hash, third.hash]).len(),
            3
        );
    }

    #[test]
    fn a_folder_that_cannot_be_read_is_not_taken_for_an_empty_one() {
        // Of such a name the kernel wants to know nothing.
        let long = format!("/{}", "x".repeat(300));
        let told = survey(&[], std::slice::from_ref(&long)).unwrap();
        let error = told.failed.unwrap().to_string();
        assert!(error.starts_with("read the folder /xxx"), "{error}");
        let mut told = survey(&[], &["/there is none".to_owned()]).unwrap();
        assert!(told.failed.is_none() && told.denied.is_empty(), "{told:?}");
        told.unread("/x", &io::Error::from(ErrorKind::PermissionDenied));
        assert!(told.failed.is_none(), "{told:?}");
        assert_eq!(told.denied, ["/x"]);
    }

    #[test]
    fn what_we_may_not_read_is_no_error() {
        let error = || io::Error::from(ErrorKind::PermissionDenied);
        assert_eq!(state(&error()), Some(State::Denied));
        assert!(is_denied(&anyhow::Error::from(error()).context("read /x")));
        assert!(!is_denied(&anyhow::Error::from(io::Error::from(
            ErrorKind::NotFound
        ))));
        assert_eq!(state(&io::Error::from(ErrorKind::InvalidInput)), None);
    }

    #[test]
    fn blank_lines_are_left_out() {
        assert_eq!(payload(b"a\n\n \t\nb\r\n\r\nc"), b"a\nb\r\nc\n");
    }

    #[test]
    fn what_is_no_certificate_has_no_fingerprint() {
        assert_eq!(fingerprint(b""), None);
        assert_eq!(fingerprint(b"-----BEGIN CERTIFICATE-----\n"), None);
        // The content need not be a certificate for this.
        let pem = b"text\n-----BEGIN CERTIFICATE-----\nYWJj\n-----END CERTIFICATE-----\n";
        let sha1_of_abc = "A9993E364706816ABA3E25717850C26C9CD0D89D";
        assert_eq!(fingerprint(pem).unwrap(), sha1_of_abc);
    }
}
