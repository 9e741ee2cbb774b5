//! The key of the RPC port.

use std::path::Path;

use anyhow::{Context as _, Result, bail};

/// The largest key file that is read, in bytes. It is longer than any key of Serf's, and guards
/// against reading the whole of a wrong file.
const LONGEST_KEY: u64 = 4096;

/// Reads the key from its file.
pub fn read_key(path: &Path) -> Result<String> {
    let bytes = files::read(path, LONGEST_KEY)?;
    let Some(bytes) = bytes else {
        bail!("read {}: there is no such file", path.display())
    };
    let text = String::from_utf8(bytes).with_context(|| format!("read {}", path.display()))?;
    match text.trim() {
        "" => bail!("read {}: there is no key in it", path.display()),
        key => Ok(key.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_what_the_file_says_without_its_line_feed() {
        let folder = harness::scratch();
        let path = folder.path().join("key");
        assert!(format!("{:#}", read_key(&path).unwrap_err()).contains("no such file"));
        files::replace(&path, b"\n", files::Durability::Unsynced).unwrap();
        assert!(format!("{:#}", read_key(&path).unwrap_err()).contains("there is no key in it"));
        files::replace(&path, b"geheim\n", files::Durability::Unsynced).unwrap();
        assert_eq!(read_key(&path).unwrap(), "geheim");
    }
}
