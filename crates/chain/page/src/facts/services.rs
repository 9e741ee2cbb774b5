//! The records that the supervisor keeps of the services.

use std::io::ErrorKind;
use std::path::Path;
use std::time::SystemTime;

use servicedir::{Servicedir, Status};

use super::Fact;

/// More folders than this are none of a balancer's.
const MOST: usize = 200;

/// A service.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Record {
    /// The name of its folder.
    pub(crate) name: String,
    /// What its supervisor says of it.
    pub(crate) status: Fact<Status>,
    /// Since how many seconds it is up, or down.
    pub(crate) seconds: u64,
    /// How often it was started again, as far as deaths are on record.
    pub(crate) restarts: u64,
}

/// Reads the services in this folder. Without one there are none: nobody supervises here.
pub(super) fn read(folder: Option<&Path>, now: SystemTime) -> Fact<Vec<Record>> {
    let Some(folder) = folder else {
        return Ok(Vec::new());
    };
    let entries = match files::list(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(format!("list {}: {error}", folder.display())),
    };
    let names = entries.into_iter().map(|entry| entry.name);
    let mut names: Vec<_> = names
        .filter(|name| !name.as_encoded_bytes().starts_with(b"."))
        .collect();
    names.sort();
    names.truncate(MOST);
    let records = names.iter().filter_map(|name| {
        let service = Servicedir::new(folder.join(name));
        record(&service, name.to_string_lossy().into_owned(), now)
    });
    Ok(records.collect())
}

/// `None` for what nobody supervises.
fn record(service: &Servicedir, name: String, now: SystemTime) -> Option<Record> {
    let status = match service.status() {
        Err(error) if is_no_service(error.kind()) => return None,
        status => status.map_err(|error| error.to_string()),
    };
    let seconds = status.as_ref().map_or(0, |it| it.stamp.seconds_until(now));
    // After the last death of one that is down nobody has started it again.
    let is_down = status.as_ref().is_ok_and(|status| !status.is_up());
    let deaths = service.deaths().map_or(0, |deaths| deaths.len() as u64);
    Some(Record {
        name,
        status,
        seconds,
        restarts: deaths.saturating_sub(is_down.into()),
    })
}

fn is_no_service(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::NotADirectory)
}
