//! s6-overlay 3's definitions of services, of which `from-s6-rc` makes directories.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::listing::list;
use super::place::beside;
use super::scripts::Script;

const PROGRAM: &str = "from-s6-rc";
/// Where the bundles are, if not beside the definitions.
const BUNDLES: &str = "S6_RUNTIME_BUNDLEDIR";

/// The directory of the definitions, beside that of the services, if it has any.
pub(crate) fn definitions(services: &Path) -> Option<PathBuf> {
    let found = beside(services, "s6-overlay/s6-rc.d");
    let is_one = |name: OsString| !name.as_encoded_bytes().starts_with(b".");
    let mut all = list(&found).ok()?.into_iter();
    all.any(|entry| is_one(entry.file_name())).then_some(found)
}

/// Whether a directory of these services was made of a definition, as when an image is
/// built: by the mark that `from-s6-rc` leaves in it.
pub(crate) fn were_definitions(services: &Path) -> bool {
    let is_marked = |entry: std::fs::DirEntry| entry.path().join(PROGRAM).exists();
    list(services).is_ok_and(|all| all.into_iter().any(is_marked))
}

/// What makes directories of these definitions in `scandir`.
pub(crate) fn converter(definitions: &Path, scandir: &Path) -> Script {
    let mut argv = vec![program().into()];
    if let Some(bundles) = env::var_os(BUNDLES).filter(|value| !value.is_empty()) {
        argv.extend(["--bundles".into(), bundles]);
    }
    argv.extend([definitions, scandir].map(OsString::from));
    Script::of(PROGRAM, argv)
}

/// It is beside us, or else on the PATH that scripts have.
fn program() -> PathBuf {
    let ours = env::current_exe().unwrap_or_default();
    Some(beside(&ours, PROGRAM))
        .filter(|path| path.is_file())
        .unwrap_or_else(|| PROGRAM.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_directory_with_nothing_but_hidden_files_has_no_definitions() {
        let etc = harness::scratch();
        let services = etc.path().join("services.d");
        assert_eq!(definitions(&services), None);
        let all = etc.path().join("s6-overlay/s6-rc.d");
        fs::create_dir_all(&all).unwrap();
        fs::File::create(all.join(".empty")).unwrap();
        assert_eq!(definitions(&services), None);
        fs::create_dir(all.join("web")).unwrap();
        assert_eq!(definitions(&services), Some(all));
    }

    #[test]
    fn a_service_with_the_mark_of_the_converter_was_a_definition() {
        let services = harness::scratch();
        assert!(!were_definitions(&services.path().join("missing")));
        fs::create_dir(services.path().join("web")).unwrap();
        assert!(!were_definitions(services.path()));
        fs::File::create(services.path().join("web").join(PROGRAM)).unwrap();
        assert!(were_definitions(services.path()));
    }

    #[test]
    fn the_converter_gets_both_directories() {
        let script = converter(Path::new("/etc/d"), Path::new("/run/s"));
        assert_eq!(script.name(), PROGRAM);
        assert!(script.argv.ends_with(&["/etc/d".into(), "/run/s".into()]));
    }
}
