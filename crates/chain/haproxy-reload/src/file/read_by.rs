//! Which files HAProxy reads besides haproxy.cfg.

use std::path::Path;

/// Those of `files`, which HAProxy has read, that are not `config`. None if that is not
/// among them: HAProxy may see it under another path.
pub(crate) fn others(files: &[String], config: &Path) -> Vec<String> {
    let others: Vec<String> = files
        .iter()
        .filter(|file| !is_same(Path::new(file), config))
        .cloned()
        .collect();
    if others.len() == files.len() {
        return Vec::new();
    }
    others
}

/// Whether both name the same file. Only HAProxy knows to which folder a relative path
/// belongs, so then only the names are compared.
fn is_same(file: &Path, config: &Path) -> bool {
    if file == config {
        return true;
    }
    if file.is_relative() {
        return file.file_name() == config.file_name();
    }
    match (file.canonicalize(), config.canonicalize()) {
        (Ok(file), Ok(config)) => file == config,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(files: &[&str], config: &Path) -> Vec<String> {
        let files: Vec<String> = files.iter().map(|file| (*file).to_owned()).collect();
        others(&files, config)
    }

    #[test]
    fn what_is_not_haproxy_cfg_is_another_file() {
        let config = Path::new("/x/haproxy.cfg");
        assert_eq!(told(&["/x/a.cfg", "/x/haproxy.cfg"], config), ["/x/a.cfg"]);
        assert_eq!(told(&["a.cfg", "haproxy.cfg"], config), ["a.cfg"]);
        assert!(told(&["/x/haproxy.cfg"], config).is_empty());
        assert!(told(&[], config).is_empty());
    }

    #[test]
    fn a_file_that_has_another_path_for_haproxy_is_not_taken_for_two() {
        assert!(told(&["/elsewhere/haproxy.cfg"], Path::new("/x/haproxy.cfg")).is_empty());
    }
}
