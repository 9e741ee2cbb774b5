//! The marks of lost nodes, `/nodes/.lost/NAME`: each holds the date since which the
//! node is lost, in a form that a person can read.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use files::{Durability, Unfit};
use nodes::{Name, Nodes};

use crate::plan::Marks;

/// The largest mark that is read, in bytes; a date has 25.
const MAX_FILE: u64 = 64;

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

    /// Reads all marks. The date is the content of the file rather than its time stamp,
    /// which a backup or a `touch` would change.
    pub(crate) fn list(&mut self) -> anyhow::Result<Marks> {
        let marks = self.read_all()?;
        self.marked = Some(marks.keys().cloned().collect());
        Ok(marks)
    }

    fn read_all(&self) -> anyhow::Result<Marks> {
        let entries = match files::list(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Marks::new()),
            other => other.with_context(|| format!("list {}", self.path.display()))?,
        };
        let mut marks = Marks::new();
        for entry in entries {
            if let Some(Ok(name)) = entry.name.to_str().map(Name::parse) {
                let since = self.since(&name)?;
                marks.insert(name, since);
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
        let date = format!(
            "{}\n",
            humantime::format_rfc3339_millis(since.max(SystemTime::UNIX_EPOCH))
        );
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

    /// The date in a mark; `None` if it holds none. One that cannot be read is an error,
    /// since it decides how long its node stays.
    fn since(&self, name: &Name) -> anyhow::Result<Option<SystemTime>> {
        let content = match files::read(&self.path.join(name.as_str()), MAX_FILE) {
            Err(error) if Unfit::is_in(&error) => None,
            content => content?,
        };
        let date = content.and_then(|content| String::from_utf8(content).ok());
        Ok(date.and_then(|date| humantime::parse_rfc3339(date.trim_ascii_end()).ok()))
    }
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
        assert!(lost.list().unwrap().is_empty());
        lost.unmark(&name("s1")).unwrap();
        let since = SystemTime::UNIX_EPOCH + Duration::from_millis(1_800_000_000_123);
        lost.mark(&name("s1"), since).unwrap();
        assert_eq!(
            lost.list().unwrap(),
            Marks::from([(name("s1"), Some(since))])
        );
        lost.unmark(&name("s1")).unwrap();
        assert!(lost.list().unwrap().is_empty());
    }

    #[test]
    fn what_was_marked_after_the_list_was_read_can_be_taken_away_too() {
        let directory = tempfile::tempdir().unwrap();
        let mut lost = MarkFolder::new(&Nodes::new(directory.path()));
        lost.mark(&name("s1"), SystemTime::now()).unwrap();
        lost.list().unwrap();
        lost.mark(&name("s2"), SystemTime::now()).unwrap();
        for marked in ["s1", "s2", "s3"] {
            lost.unmark(&name(marked)).unwrap();
        }
        assert!(lost.list().unwrap().is_empty());
    }

    #[test]
    fn a_mark_that_says_no_date_is_a_mark_without_one() {
        let directory = tempfile::tempdir().unwrap();
        let mut lost = MarkFolder::new(&Nodes::new(directory.path()));
        lost.mark(&name("s1"), SystemTime::now()).unwrap();
        for content in ["", "yesterday\n", &"9".repeat(100), "\u{fffd}"] {
            #[expect(clippy::disallowed_methods, reason = "a fixture")]
            fs::write(lost.path().join("s1"), content).unwrap();
            assert_eq!(lost.list().unwrap(), Marks::from([(name("s1"), None)]));
        }
    }

    #[test]
    fn what_is_no_mark_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let mut lost = MarkFolder::new(&Nodes::new(directory.path()));
        fs::create_dir_all(lost.path().join(".s1.new")).unwrap();
        assert!(lost.list().unwrap().is_empty());
    }
}
