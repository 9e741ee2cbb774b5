//! What to say of a service that is not there, or that nobody supervises.

use std::fs;
use std::path::Path;

use servicedir::Servicedir;

/// More names than this would be longer than the message itself.
const NAMES_MAX: usize = 12;

/// The services beside a service directory that does not exist, as the end of a message; empty when there are none.
#[must_use]
pub fn others(service: &Path) -> String {
    let scandir = service
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut names = supervised_in(scandir);
    names.sort();
    let more = if names.len() > NAMES_MAX { ", ..." } else { "" };
    names.truncate(NAMES_MAX);
    match names.as_slice() {
        [] => String::new(),
        names => format!(
            " (services in {}: {}{more})",
            scandir.display(),
            names.join(", ")
        ),
    }
}

/// What to do about a service directory that nobody supervises, as the end of a message.
#[must_use]
pub fn nobody(service: &Path) -> String {
    let scandir = service.parent().unwrap_or(Path::new(""));
    if service.join("run").exists() && scandir.join(".s6-svscan").exists() {
        return format!(
            " (a new service is found by: svscanctl -a {})",
            scandir.display()
        );
    }
    if service.join("run").exists() {
        return " (start init on the directory that it is in)".into();
    }
    format!(
        " (it has no run file: is this a service directory?){}",
        others(service)
    )
}

/// What to do about a scan directory that nobody supervises, as the end of a message.
#[must_use]
pub fn no_supervisor(scandir: &Path) -> String {
    if scandir.join("run").exists() {
        return " (it is one service: svc controls it, svscanctl the directory that it is in)"
            .into();
    }
    format!(" (init --scan {} would supervise it)", scandir.display())
}

fn supervised_in(scandir: &Path) -> Vec<String> {
    let Ok(listed) = fs::read_dir(scandir) else {
        return Vec::new();
    };
    listed
        .flatten()
        .filter(|entry| {
            Servicedir::new(entry.path())
                .is_supervised()
                .unwrap_or(false)
        })
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_name_shows_those_that_are_there() {
        let scandir = harness::scratch();
        let held: Vec<_> = ["web", "api"]
            .map(|name| hold(&scandir.path().join(name)))
            .into();
        fs::create_dir(scandir.path().join("dead")).unwrap();
        let others_there = others(&scandir.path().join("wbe"));
        assert_eq!(
            others_there,
            format!(" (services in {}: api, web)", scandir.path().display())
        );
        drop(held);
    }

    #[test]
    fn a_hundred_names_are_cut() {
        let scandir = harness::scratch();
        let held: Vec<_> = (10..30)
            .map(|number| hold(&scandir.path().join(format!("s{number}"))))
            .collect();
        let others_there = others(&scandir.path().join("x"));
        assert!(others_there.ends_with("s20, s21, ...)"), "{others_there}");
        drop(held);
    }

    #[test]
    fn where_there_are_none_nothing_is_said() {
        assert_eq!(others(Path::new("/nonexistent/web")), "");
    }

    #[test]
    fn nobody_supervises_for_three_reasons() {
        let scandir = harness::scratch();
        let service = scandir.path().join("web");
        fs::create_dir(&service).unwrap();
        assert!(
            nobody(&service).contains("no run file"),
            "{}",
            nobody(&service)
        );
        fs::File::create(service.join("run")).unwrap();
        assert!(
            nobody(&service).contains("start init"),
            "{}",
            nobody(&service)
        );
        fs::create_dir(scandir.path().join(".s6-svscan")).unwrap();
        assert!(
            nobody(&service).contains(": svscanctl -a /tmp/"),
            "{}",
            nobody(&service)
        );
    }

    #[test]
    fn a_service_is_not_taken_for_a_scan_directory() {
        let scandir = harness::scratch();
        let unsupervised = no_supervisor(scandir.path());
        assert!(
            unsupervised.starts_with(" (init --scan /"),
            "{unsupervised}"
        );
        fs::File::create(scandir.path().join("run")).unwrap();
        let service = no_supervisor(scandir.path());
        assert!(service.contains("it is one service"), "{service}");
    }

    fn hold(path: &Path) -> servicedir::Held {
        fs::create_dir(path).unwrap();
        Servicedir::new(path).hold().unwrap().unwrap()
    }
}
