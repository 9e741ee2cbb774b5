//! Where relative names in a configuration begin.

use crate::config::Config;

/// Where relative names of files begin (`default-path`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DefaultPath {
    /// In HAProxy's working directory.
    #[default]
    Current,
    /// In the folder of the configuration.
    Config,
    /// Elsewhere, or the lines do not agree.
    Other,
}

impl Config<'_> {
    /// Where the relative names begin that it has.
    #[must_use]
    pub fn default_path(&self) -> DefaultPath {
        let mut all = self.global_lines().filter_map(|words| {
            let is_one = words.first().is_some_and(|word| word == "default-path");
            let said = match words.get(1).map(AsRef::as_ref) {
                Some("current") => DefaultPath::Current,
                Some("config") => DefaultPath::Config,
                _ => DefaultPath::Other,
            };
            is_one.then_some(said)
        });
        let first = all.next().unwrap_or_default();
        if all.all(|other| other == first) {
            first
        } else {
            DefaultPath::Other
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_names_begin_is_known_if_the_lines_agree() {
        let said = |lines: &str| Config::parse(&format!("global # all\n{lines}")).default_path();
        assert_eq!(said(" daemon\n"), DefaultPath::Current);
        assert_eq!(said(" default-path current\n"), DefaultPath::Current);
        let config = " default-path config # here\n";
        assert_eq!(said(config), DefaultPath::Config);
        assert_eq!(said(&config.repeat(2)), DefaultPath::Config);
        for other in [
            " default-path parent\n",
            " default-path origin /x\n",
            " default-path \"$X\"\n",
            " default-path config\n default-path current\n",
        ] {
            assert_eq!(said(other), DefaultPath::Other, "{other}");
        }
    }
}
