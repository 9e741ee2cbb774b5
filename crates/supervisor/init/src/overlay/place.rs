//! Where the services live: in s6-overlay's scan directory, or in one of the user's
//! own where that cannot be written to, as under `docker run --user`.

use std::fs::{self, DirBuilder};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use anyhow::Context;
use nix::unistd::geteuid;

use crate::output;

/// s6-overlay's scan directory.
pub const DEFAULT_SCANDIR: &str = "/var/run/s6/services";

/// What stands beside `path` under another name.
pub(crate) fn beside(path: &Path, name: &str) -> PathBuf {
    path.parent().unwrap_or(Path::new("/")).join(name)
}

/// Makes the scan directory, and says where it is: elsewhere if the user may not
/// write to the default one.
pub(crate) fn make(wanted: &Path) -> anyhow::Result<PathBuf> {
    let error = match fs::create_dir_all(wanted) {
        Ok(()) if is_writable(wanted) => return Ok(wanted.to_path_buf()),
        Ok(()) => io::Error::from(ErrorKind::PermissionDenied),
        Err(error) => error,
    };
    let is_forbidden = matches!(
        error.kind(),
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem
    );
    let shown = wanted.display();
    if is_forbidden
        && wanted == Path::new(DEFAULT_SCANDIR)
        && let Ok(path) = make_own(&own())
    {
        let user = geteuid();
        let instead = path.display();
        output::say(format_args!(
            "user {user} may not write to {shown}: the services live in {instead}"
        ));
        return Ok(path);
    }
    Err(error).with_context(|| format!("make {shown} ({})", advice()))
}

fn is_writable(path: &Path) -> bool {
    nix::unistd::access(path, nix::unistd::AccessFlags::W_OK).is_ok()
}

fn advice() -> String {
    let user = geteuid();
    format!(
        "user {user} needs a writable place: docker run --tmpfs /run:exec,uid={user}, or --scandir DIR"
    )
}

/// The directory for a user who may not write to the default one.
pub(crate) fn own() -> PathBuf {
    std::env::temp_dir().join(format!("s6-{}", geteuid()))
}

/// The environment with its secrets lies beside the services, so nobody else may have
/// made the directory or look into it.
fn make_own(place: &Path) -> io::Result<PathBuf> {
    match DirBuilder::new().mode(0o700).create(place) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let found = fs::symlink_metadata(place)?;
    if !found.is_dir() || found.uid() != geteuid().as_raw() || found.mode() & 0o077 != 0 {
        return Err(io::Error::from(ErrorKind::PermissionDenied));
    }
    let services = place.join("services");
    fs::create_dir_all(&services)?;
    Ok(services)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, symlink};

    #[test]
    fn a_place_of_ones_own_is_closed_to_others_and_found_again() {
        let scratch = harness::scratch();
        let place = scratch.path().join("s6-1000");
        let services = make_own(&place).unwrap();
        assert_eq!(services, place.join("services"));
        assert_eq!(place.metadata().unwrap().mode() & 0o777, 0o700);
        assert_eq!(make_own(&place).unwrap(), services);
    }

    #[test]
    fn what_somebody_else_may_have_prepared_is_not_taken() {
        let scratch = harness::scratch();
        let open = scratch.path().join("open");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(make_own(&open).is_err());
        let link = scratch.path().join("link");
        symlink(make_own(&scratch.path().join("own")).unwrap(), &link).unwrap();
        assert!(make_own(&link).is_err());
    }

    #[test]
    fn a_place_that_was_asked_for_is_that_or_an_error_with_what_to_do() {
        let scratch = harness::scratch();
        let asked = scratch.path().join("run/services");
        assert_eq!(make(&asked).unwrap(), asked);
        let file = scratch.path().join("file");
        fs::File::create(&file).unwrap();
        let told = format!("{:#}", make(&file.join("services")).unwrap_err());
        assert!(told.contains("docker run --tmpfs /run:exec,uid="), "{told}");
    }
}
