//! The marks of lost nodes, `/nodes/.lost/NAME`: each holds the date since which the
//! node is lost, in a form that a person can read, and the same moment on the clock that
//! nobody sets. That one counts, since a wall clock that is set forward by a day would end
//! all holds, and one that is set back would begin them anew.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use files::{Durability, Moment, Unfit};
use nodes::{Name, Nodes};

use crate::plan::Marks;

/// The largest mark that is read, in bytes; a date has 24, a moment about 50.
const MAX_FILE: u64 = 128;
/// By how much the two clocks of a mark may differ, as they do when the wall clock is
/// corrected a little all the time: then its date is good enough, and stays the same.
const DRIFT: Duration = Duration::from_secs(1);

/// The present, as exactly as a mark has it: what is reckoned from it stays the same when
/// it is read back.
pub(crate) fn now() -> SystemTime {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let millis = since.unwrap_or_default().as_millis();
    SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}

/// The directory of the marks.
#[derive(Debug)]
pub(crate) struct MarkFolder {
    path: PathBuf,
    /// The names that have a mark; `None` until they have been listed.
    marked: Option<BTreeSet<Name>>,
}

impl MarkFolder {
    pub(crate) fn new(nodes: &Nodes) -> Self {
        Self {
            path: nodes.path().join(".lost"),
            marked: None,
        }
    }

    pub(crate) fn path(&self) -> &std::path::Path {
        &self.path
    }

    /// Reads all marks, each as a date on the wall clock of `now`. The date is the content
    /// of the file rather than its time stamp, which a backup or a `touch` would change.
    pub(crate) fn list(&mut self, now: SystemTime) -> anyhow::Result<Marks> {
        let marks = self.read_all(now)?;
        self.marked = Some(marks.keys().cloned().collect());
        Ok(marks)
    }

    fn read_all(&self, now: SystemTime) -> anyhow::Result<Marks> {
        let entries = match files::list(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Marks::new()),
            other => other.with_context(|| format!("list {}", self.path.display()))?,
        };
        let mut marks = Marks::new();
        let mut moment = None;
        for entry in entries {
            if let Some(Ok(name)) = entry.name.to_str().map(Name::parse) {
                let text = self.text(&name)?.unwrap_or_default();
                let moment = moment.get_or_insert_with(Moment::now);
                marks.insert(name, since(&text, now, moment.as_ref()));
            }
        }
        Ok(marks)
    }

    pub(crate) fn mark(&mut self, name: &Name, since: SystemTime) -> anyhow::Result<()> {
        match fs::create_dir(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(error).with_context(|| format!("create {}", self.path.display()));
            }
            _ => {}
        }
        if let Some(marked) = &mut self.marked {
            marked.insert(name.clone());
        }
        let date = humantime::format_rfc3339_millis(since.max(SystemTime::UNIX_EPOCH));
        let date = match Moment::now() {
            Some(moment) => format!("{date} {moment}\n"),
            None => format!("{date}\n"),
        };
        files::replace(
            &self.path.join(name.as_str()),
            date.as_bytes(),
            Durability::Unsynced,
        )
    }

    /// Removes a mark if there is one. If the marks have been listed, names without one
    /// cost no system call: there may be ten thousand new nodes.
    pub(crate) fn unmark(&mut self, name: &Name) -> anyhow::Result<()> {
        if self
            .marked
            .as_ref()
            .is_some_and(|marked| !marked.contains(name))
        {
            return Ok(());
        }
        let path = self.path.join(name.as_str());
        match fs::remove_file(&path) {
            Err(error)
                if error.kind() != io::ErrorKind::NotFound
                    && error.kind() != io::ErrorKind::NotADirectory =>
            {
                Err(error).with_context(|| format!("remove {}", path.display()))
            }
            _ => Ok(()),
        }
    }

    /// What a mark says; `None` if it is no text. One that cannot be read is an error, since
    /// it decides how long its node stays.
    fn text(&self, name: &Name) -> anyhow::Result<Option<String>> {
        let content = match files::read(&self.path.join(name.as_str()), MAX_FILE) {
            Err(error) if Unfit::is_in(&error) => None,
            content => content?,
        };
        Ok(content.and_then(|content| String::from_utf8(content).ok()))
    }
}

/// The date in a mark; `None` if it holds none. Where it says by the other clock as well when
/// it was made, and that is not the date, the wall clock was set since.
fn since(text: &str, now: SystemTime, moment: Option<&Moment>) -> Option<SystemTime> {
    let text = text.trim_ascii_end();
    let (date, then) = text.split_once(' ').unwrap_or((text, ""));
    let date = humantime::parse_rfc3339(date).ok()?;
    let ago = Moment::parse(then).and_then(|then| then.until(moment?));
    let Some(told) = ago.and_then(|ago| now.checked_sub(ago)) else {
        return Some(date);
    };
    let off = date.duration_since(told);
    let off = off.unwrap_or_else(|error| error.duration());
    Some(if off <= DRIFT { date } else { told })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    #[test]
    fn a_mark_keeps_its_date_until_it_is_taken_away() {
        let directory = tempfile::tempdir().unwrap();
        let mut lost = MarkFolder::new(&Nodes::new(directory.path()));
        assert!(lost.list(SystemTime::now()).unwrap().is_empty());
        lost.unmark(&name("s1")).unwrap();
        let since = SystemTime::UNIX_EPOCH + Duration::from_millis(1_800_000_000_123);
        lost.mark(&name("s1"), since).unwrap();
        assert_eq!(
            lost.list(since).unwrap(),
            Marks::from([(name("s1"), Some(since))])
        );
        lost.unmark(&name("s1")).unwrap();
        assert!(lost.list(SystemTime::now()).unwrap().is_empty());
    }

    #[test]
    fn a_wall_clock_that_was_set_changes_nothing_about_how_long_a_node_is_lost() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        let (date, day) = (1_800_000_000, 86_400);
        let mark = "2027-01-15T08:00:00.000Z 100.000 a\n";
        let later = Moment::parse("120.000 a");
        let read = |text: &str, now, moment: Option<&Moment>| since(text, at(now), moment);
        assert_eq!(read(mark, date + 20, later.as_ref()), Some(at(date)));
        for now in [date + day, date - day, date + 22, date + 18, 1_000] {
            assert_eq!(read(mark, now, later.as_ref()), Some(at(now - 20)), "{now}");
        }
        // A little is no jump, and the date stays the same from run to run.
        assert_eq!(read(mark, date + 21, later.as_ref()), Some(at(date)));
        // Of another boot, of none, and by hand: the date is all there is.
        for other in [Moment::parse("120.000 b"), Moment::parse("90.000 a"), None] {
            assert_eq!(read(mark, date + day, other.as_ref()), Some(at(date)));
        }
        for by_hand in ["2027-01-15T08:00:00Z", "2027-01-15T08:00:00.000Z soon"] {
            assert_eq!(read(by_hand, date + day, later.as_ref()), Some(at(date)));
        }
    }

    #[test]
    fn what_was_marked_after_the_list_was_read_can_be_taken_away_too() {
        let directory = tempfile::tempdir().unwrap();
        let mut lost = MarkFolder::new(&Nodes::new(directory.path()));
        lost.mark(&name("s1"), SystemTime::now()).unwrap();
        lost.list(SystemTime::now()).unwrap();
        lost.mark(&name("s2"), SystemTime::now()).unwrap();
        for marked in ["s1", "s2", "s3"] {
            lost.unmark(&name(marked)).unwrap();
        }
        assert!(lost.list(SystemTime::now()).unwrap().is_empty());
    }

    #[test]
    fn a_mark_that_says_no_date_is_a_mark_without_one() {
        let directory = tempfile::tempdir().unwrap();
        let mut lost = MarkFolder::new(&Nodes::new(directory.path()));
        lost.mark(&name("s1"), SystemTime::now()).unwrap();
        for content in ["", "yesterday\n", &"9".repeat(100), "\u{fffd}"] {
            #[expect(clippy::disallowed_methods, reason = "a fixture")]
            fs::write(lost.path().join("s1"), content).unwrap();
            assert_eq!(
                lost.list(SystemTime::now()).unwrap(),
                Marks::from([(name("s1"), None)])
            );
        }
    }

    #[test]
    fn what_is_no_mark_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let mut lost = MarkFolder::new(&Nodes::new(directory.path()));
        fs::create_dir_all(lost.path().join(".s1.new")).unwrap();
        assert!(lost.list(SystemTime::now()).unwrap().is_empty());
    }
}
