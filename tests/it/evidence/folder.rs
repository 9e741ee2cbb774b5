//! `logs/` as it is in memory, where a test can falsify it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use harness::root;

pub(super) struct Evidence(BTreeMap<String, Vec<u8>>);

impl Evidence {
    pub(super) fn read() -> Evidence {
        let mut files = BTreeMap::new();
        for folder in fs::read_dir(root().join("logs")).unwrap() {
            let folder = folder.unwrap();
            if !folder.file_type().unwrap().is_dir() {
                continue;
            }
            for file in fs::read_dir(folder.path()).unwrap() {
                let path = file.unwrap().path();
                let name = path.strip_prefix(root().join("logs")).unwrap();
                files.insert(name.display().to_string(), fs::read(&path).unwrap());
            }
        }
        Evidence(files)
    }

    pub(super) fn without(mut self, file: &str) -> Evidence {
        self.0.remove(file);
        self
    }

    pub(super) fn with(mut self, file: &str, content: impl AsRef<[u8]>) -> Evidence {
        self.0.insert(file.to_owned(), content.as_ref().to_vec());
        self
    }

    pub(super) fn names(&self) -> BTreeSet<String> {
        self.0.keys().cloned().collect()
    }

    pub(super) fn bytes(&self, file: &str) -> Result<&[u8], String> {
        let bytes = self.0.get(file);
        Ok(bytes.ok_or_else(|| format!("there is no {file}"))?)
    }

    pub(super) fn text(&self, file: &str) -> Result<&str, String> {
        let text = std::str::from_utf8(self.bytes(file)?);
        text.map_err(|error| format!("{file} is no text: {error}"))
    }
}
