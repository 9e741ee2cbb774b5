//! Whether a file opens our command socket. HAProxy would accept a file without it,
//! but then no later file could be compared with what runs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use haproxy_config::Listener;

/// Whether one of `listeners` opens `socket` with `level admin`. `environment` is
/// HAProxy's own.
pub(crate) fn opens(
    listeners: &[Listener],
    environment: &BTreeMap<String, String>,
    socket: &Path,
) -> bool {
    let value = |name: &str| environment.get(name).cloned();
    let mut paths = listeners
        .iter()
        .flat_map(|listener| listener.command_paths(&value));
    paths.any(|path| is_same(&path, socket))
}

/// Whether the two are the same path, through links such as the one from `/var/run` to
/// `/run`. Only HAProxy knows to which folder a relative path belongs, so then only the
/// names are compared.
fn is_same(path: &Path, socket: &Path) -> bool {
    if path.is_relative() || socket.is_relative() {
        return path.file_name() == socket.file_name();
    }
    real(path) == real(socket)
}

fn real(path: &Path) -> PathBuf {
    let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
    match (folder, path.file_name()) {
        (Some(folder), Some(name)) => folder.join(name),
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_open(line: &str, socket: &str) -> bool {
        let environment = BTreeMap::from([("AT".to_owned(), "/x/env.sock".to_owned())]);
        let text = format!("global\n{line}\n");
        let listeners = haproxy_config::Config::parse(&text).listeners();
        opens(&listeners, &environment, Path::new(socket))
    }

    #[test]
    fn a_socket_for_all_commands_is_found() {
        for line in [
            "stats socket /x/s level admin",
            "stats socket /x/s mode 600 level admin expose-fd listeners # ours",
            "stats socket unix@/x/s level admin",
            "stats socket 127.0.0.1:1,/x/s level admin",
            "stats socket \"${ELSE-/x/s}\" level admin",
            "stats socket /x/s level user level admin",
        ] {
            assert!(is_open(line, "/x/s"), "{line}");
        }
        assert!(is_open("stats socket \"$AT\" level admin", "/x/env.sock"));
    }

    #[test]
    fn another_socket_level_or_line_is_none() {
        for line in [
            "stats socket /x/s",
            "stats socket /x/s level operator",
            "stats socket /x/s level admin level user",
            "stats socket /x/other level admin",
            "stats socket /y/s level admin",
            "stats socket \"${AT-/x/s}\" level admin",
            "stats socket *:9999 level admin",
            "stats timeout 30s level admin",
            "bind /x/s level admin",
            "stats socket",
        ] {
            assert!(!is_open(line, "/x/s"), "{line}");
        }
    }

    #[test]
    fn a_link_to_the_folder_and_a_relative_path_are_no_difference() {
        let scratch = harness::scratch();
        let (folder, link) = (scratch.path().join("run"), scratch.path().join("link"));
        std::fs::create_dir(&folder).unwrap();
        std::os::unix::fs::symlink(&folder, &link).unwrap();
        assert!(is_same(&folder.join("s"), &link.join("s")));
        assert!(!is_same(&folder.join("s"), &link.join("t")));
        assert!(is_same(Path::new("s"), &link.join("s")));
    }
}
