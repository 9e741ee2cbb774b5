//! Which files HAProxy reads besides haproxy.cfg.

use std::path::{Path, PathBuf};

/// Those of `files`, which HAProxy has read, that are none of `config` and stand in no folder
/// of it. None if there is no other: HAProxy may see ours under another path.
pub(crate) fn others(files: &[String], config: &[PathBuf]) -> Vec<String> {
    let is_ours = |file: &Path| {
        let folder = file.parent();
        let mut config = config.iter();
        config.any(|it| is_same(file, it) || folder.is_some_and(|folder| is_same(folder, it)))
    };
    let others: Vec<String> = files
        .iter()
        .filter(|file| !is_ours(Path::new(file)))
        .cloned()
        .collect();
    if others.len() == files.len() {
        return Vec::new();
    }
    others
}

/// One of `ours` that HAProxy has not read, although it has read another of them.
pub(crate) fn unread<'a>(files: &[String], ours: &'a [PathBuf]) -> Option<&'a Path> {
    let is_read = |path: &PathBuf| {
        let same = |file: &String| Path::new(file) == path;
        files.iter().any(same) || files.iter().any(|file| is_same(Path::new(file), path))
    };
    let unread = ours.iter().find(|path| !is_read(path))?;
    let mut all = ours.iter();
    all.any(is_read).then_some(unread.as_path())
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
        others(&files, &[config.to_owned()])
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
    fn what_stands_in_our_folder_is_ours() {
        let config = Path::new("/x/conf.d/");
        let files = ["/x/a.cfg", "/x/conf.d/a.cfg", "/x/conf.d/deep/b.cfg"];
        let others = ["/x/a.cfg", "/x/conf.d/deep/b.cfg"];
        assert_eq!(told(&files, config), others);
        assert_eq!(told(&["a.cfg", "conf.d/a.cfg"], config), ["a.cfg"]);
    }

    #[test]
    fn one_of_ours_that_is_not_read_is_told_where_another_is() {
        let files = ["/x/a.cfg".to_owned()];
        let ours = |names: &[&str]| names.iter().map(PathBuf::from).collect::<Vec<_>>();
        let told = |names: &[&str]| {
            let ours = ours(names);
            unread(&files, &ours).map(Path::to_owned)
        };
        assert_eq!(
            told(&["/x/a.cfg", "/x/b.cfg"]),
            Some(PathBuf::from("/x/b.cfg"))
        );
        assert_eq!(told(&["/x/a.cfg"]), None);
        assert_eq!(told(&["/y/a.cfg", "/y/b.cfg"]), None);
    }

    #[test]
    fn a_file_that_has_another_path_for_haproxy_is_not_taken_for_two() {
        assert!(told(&["/elsewhere/haproxy.cfg"], Path::new("/x/haproxy.cfg")).is_empty());
    }
}
