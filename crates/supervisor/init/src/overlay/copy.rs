//! Service directories, from where the image has them to where they live.

use std::fs::{self, DirBuilder, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, symlink};
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::listing::list;
use crate::output;

/// What the supervisor keeps in a service directory: that of an earlier life is adopted, not removed.
const KEPT: [&str; 2] = ["supervise", "event"];

/// Programs that s6-overlay 1 and 2 made executable, on which images rely.
const PROGRAMS: [&str; 2] = ["run", "finish"];

/// Copies every service directory in `from` into `scandir`; gives back their names, in order.
///
/// What an earlier life of the container has left of a service is replaced, but for what the supervisor keeps in it.
/// A missing `from` is no error: an image may put its services straight into `scandir`. Links and programs come last,
/// since a link may lead to another service.
pub(crate) fn copy_services(from: &Path, scandir: &Path) -> Result<Vec<String>> {
    create_dirs(scandir)?;
    let mut names = Vec::new();
    for entry in entries(from)? {
        let is_service = fs::metadata(from.join(&entry)).is_ok_and(|meta| meta.is_dir());
        if is_service && !entry.starts_with('.') {
            copy_service(&from.join(&entry), &scandir.join(&entry))?;
            names.push(entry);
        }
    }
    for name in &names {
        mend_links(&from.join(name), &scandir.join(name))?;
        make_programs_executable(&scandir.join(name))?;
    }
    Ok(names)
}

/// Makes the scan directory reachable by a second path, if that path is free or a link that leads elsewhere.
pub(crate) fn alias(real: &Path, link: &Path) -> Result<()> {
    if same(real, link) {
        return Ok(());
    }
    match fs::symlink_metadata(link) {
        Ok(meta) if meta.is_symlink() => {
            fs::remove_file(link).with_context(|| format!("remove {}", link.display()))?;
        }
        Ok(_) => bail!(
            "link {} to {}: something else is there",
            link.display(),
            real.display()
        ),
        Err(_) => create_dirs(link.parent().unwrap_or(Path::new("/")))?,
    }
    symlink(real, link).with_context(|| format!("link {} to {}", link.display(), real.display()))
}

fn same(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

fn copy_service(from: &Path, to: &Path) -> Result<()> {
    remove_stale(to)?;
    copy_dir(from, to)
}

fn make_programs_executable(service: &Path) -> Result<()> {
    for dir in [service.to_path_buf(), service.join("log")] {
        for program in PROGRAMS {
            make_executable(&dir.join(program))?;
        }
    }
    Ok(())
}

/// A `down` or a `finish` of an earlier life must not survive in the service.
fn remove_stale(service: &Path) -> Result<()> {
    if !service.is_dir() {
        return Ok(());
    }
    for entry in entries(service)? {
        let path = service.join(&entry);
        let removed = match fs::symlink_metadata(&path) {
            Ok(_) if KEPT.contains(&entry.as_str()) => Ok(()),
            Ok(meta) if meta.is_dir() && entry == "log" => {
                remove_stale(&path)?;
                Ok(())
            }
            Ok(meta) if meta.is_dir() => fs::remove_dir_all(&path),
            Ok(_) => fs::remove_file(&path),
            Err(error) => Err(error),
        };
        removed.with_context(|| format!("remove the old {}", path.display()))?;
    }
    Ok(())
}

fn copy_dir(from: &Path, to: &Path) -> Result<()> {
    create_dirs(to)?;
    for entry in entries(from)? {
        if !KEPT.contains(&entry.as_str()) {
            copy_entry(&from.join(&entry), &to.join(&entry))?;
        }
    }
    let mode = fs::metadata(from)
        .with_context(|| format!("read {}", from.display()))?
        .permissions();
    set_mode(to, mode.mode() & 0o7777)
}

/// FIFOs, sockets and devices are left out: they belong to the program that has made them, and to read one may block.
fn copy_entry(from: &Path, to: &Path) -> Result<()> {
    let meta = fs::symlink_metadata(from).with_context(|| format!("read {}", from.display()))?;
    let copied = match kind(&meta) {
        Kind::Directory => return copy_dir(from, to),
        Kind::Link => fs::read_link(from).and_then(|target| symlink(target, to)),
        Kind::File => fs::copy(from, to).map(drop),
        Kind::Other => {
            let kind = servicedir::kind(&meta);
            output::say(format_args!(
                "{}: it is {kind}, not a file: not copied",
                from.display()
            ));
            Ok(())
        }
    };
    copied.with_context(|| format!("copy {} to {}", from.display(), to.display()))
}

enum Kind {
    Directory,
    Link,
    File,
    Other,
}

fn kind(meta: &Metadata) -> Kind {
    match meta.file_type() {
        kind if kind.is_dir() => Kind::Directory,
        kind if kind.is_symlink() => Kind::Link,
        kind if kind.is_file() => Kind::File,
        _ => Kind::Other,
    }
}

/// A relative link that leads out of its service leads elsewhere from the copy. If there is nothing, it becomes a link
/// to what the original leads to.
fn mend_links(from: &Path, to: &Path) -> Result<()> {
    for entry in entries(to)? {
        let (from, to) = (from.join(&entry), to.join(&entry));
        match fs::symlink_metadata(&to) {
            Ok(meta) if meta.is_dir() && !KEPT.contains(&entry.as_str()) => mend_links(&from, &to)?,
            Ok(meta) if meta.is_symlink() && !to.exists() => {
                let target = from.canonicalize().ok();
                if let Some(target) = target.filter(|it| it.is_file() || it.is_dir()) {
                    replace(&to, |to| symlink(target, to))?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// The target of a link is left as it is, since it belongs to the image and may be read-only. Where it cannot be
/// executed, as a file of a `ConfigMap`, to which every name in the mounted directory is a link, the link becomes a copy.
fn make_executable(program: &Path) -> Result<()> {
    let Ok(meta) = fs::metadata(program) else {
        return Ok(());
    };
    if !meta.is_file() || meta.permissions().mode() & 0o111 != 0 {
        return Ok(());
    }
    if program.is_symlink() {
        let target = program
            .canonicalize()
            .with_context(|| format!("read {}", program.display()))?;
        replace(program, |program| fs::copy(target, program).map(drop))?;
    }
    set_mode(program, meta.permissions().mode() & 0o7777 | 0o755)
}

fn replace(link: &Path, make: impl FnOnce(&Path) -> io::Result<()>) -> Result<()> {
    fs::remove_file(link)
        .and_then(|()| make(link))
        .with_context(|| format!("replace {}", link.display()))
}

fn set_mode(path: &Path, mode: u32) -> Result<()> {
    fs::set_permissions(path, Permissions::from_mode(mode))
        .with_context(|| format!("set the mode of {}", path.display()))
}

fn create_dirs(path: &Path) -> Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(path)
        .with_context(|| format!("create {}", path.display()))
}

/// The names in a directory, in order. Names that are no text are skipped, since no message could show them.
fn entries(dir: &Path) -> Result<Vec<String>> {
    let mut names: Vec<String> = list(dir)?
        .iter()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests;
