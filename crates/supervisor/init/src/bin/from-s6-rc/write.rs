//! Makes the service directories of a plan, each aside and then renamed into place.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, Metadata, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use files::{Links, open_regular};

use crate::plan::{Plan, Service, What};
use crate::tree::USER;

/// The file by which a directory is known as one of ours, and the content of other files
/// that are.
const MARK: &str = "from-s6-rc";
/// What a supervisor keeps in a service directory.
const KEPT: [&str; 2] = ["supervise", "event"];
/// The files of a longrun that mean something to who supervises it.
const FILES: [&str; 17] = [
    "run",
    "finish",
    "notification-fd",
    "down-signal",
    "reload-signal",
    "timeout-kill",
    "timeout-finish",
    "lock-fd",
    "max-death-tally",
    "essential",
    "restart-delay",
    "restart-delay-max",
    "restart-limit",
    "restart-window",
    "kill-mode",
    "output-prefix",
    "output-time",
];
const DIRECTORIES: [&str; 2] = ["data", "env"];

/// A directory of service directories, as it is before anything is written.
#[derive(Debug)]
pub(crate) struct Destination {
    path: PathBuf,
    /// Made by an earlier run.
    ours: BTreeSet<String>,
    /// Everything else.
    theirs: BTreeSet<String>,
    /// Those of them that are services.
    services: Vec<String>,
}

impl Destination {
    pub(crate) fn look(path: &Path) -> Result<Destination> {
        let mut found = Destination {
            path: path.to_owned(),
            ours: BTreeSet::new(),
            theirs: BTreeSet::new(),
            services: Vec::new(),
        };
        let entries = match fs::read_dir(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(found),
            entries => entries.and_then(Iterator::collect::<io::Result<Vec<_>>>),
        };
        for entry in entries.with_context(|| format!("read {}", path.display()))? {
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            if name.starts_with('.') {
                continue;
            }
            if entry.path().join(MARK).is_file() {
                found.ours.insert(name);
                continue;
            }
            if entry.path().join("run").exists() {
                found.services.push(name.clone());
            }
            found.theirs.insert(name);
        }
        found.services.sort();
        Ok(found)
    }

    /// The services that are started by themselves, so that others may wait for them.
    pub(crate) fn started(&self) -> Vec<String> {
        let is_started = |name: &&String| !self.path.join(name).join("down").exists();
        self.services.iter().filter(is_started).cloned().collect()
    }

    /// What is in the way of a plan.
    pub(crate) fn collisions(&self, plan: &Plan) -> Vec<String> {
        let names = plan.services.keys();
        names
            .filter(|name| self.theirs.contains(*name))
            .map(|name| {
                let path = self.path.join(name);
                format!(
                    "{}: it is there, and not made by {MARK}: give it or the definition of {name} another name",
                    path.display()
                )
            })
            .collect()
    }

    /// Makes the plan's directories, and removes those of an earlier run.
    pub(crate) fn write(&self, plan: &Plan) -> Result<()> {
        create_dirs(&self.path)?;
        let staged = plan
            .services
            .iter()
            .try_for_each(|(name, service)| self.stage(name, service));
        if let Err(error) = staged {
            for name in plan.services.keys() {
                let _ = fs::remove_dir_all(self.aside(name));
            }
            return Err(error);
        }
        for name in self
            .ours
            .iter()
            .filter(|name| !plan.services.contains_key(*name))
        {
            self.retire(name)?;
        }
        for name in plan.services.keys() {
            self.place(name)?;
        }
        for name in &self.services {
            self.order(name, plan.has_user())?;
        }
        Ok(())
    }

    fn aside(&self, name: &str) -> PathBuf {
        self.path.join(format!(".{name}.new"))
    }

    fn retired(&self, name: &str) -> PathBuf {
        self.path.join(format!(".{name}.old"))
    }

    /// Removes a service that an earlier run has made. It is moved aside first: one that is
    /// removed by half has perhaps lost its mark, and the next run would not dare to touch it.
    fn retire(&self, name: &str) -> Result<()> {
        let (old, aside) = (self.path.join(name), self.retired(name));
        remove(&aside)?;
        match fs::rename(&old, &aside) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error).with_context(|| format!("move {} aside", old.display())),
            Ok(()) => remove(&aside),
        }
    }

    fn stage(&self, name: &str, service: &Service) -> Result<()> {
        let aside = self.aside(name);
        remove(&aside)?;
        // An earlier run may have been killed while it removed this.
        remove(&self.retired(name))?;
        create_dirs(&aside)?;
        match &service.what {
            What::Longrun { from, log } => {
                copy_longrun(from, &aside)?;
                if let Some((from, needs)) = log {
                    let log = aside.join("log");
                    create_dirs(&log)?;
                    copy_longrun(from, &log)?;
                    write_needs(&log, needs)?;
                }
            }
            What::Oneshot {
                run,
                finish,
                timeout_up,
                timeout_down,
            } => {
                let up = Some(*timeout_up).filter(|time| *time > 0);
                let up = up.map_or_else(String::new, |time| format!("{time}\n"));
                write_file(&aside.join("oneshot"), up.as_bytes(), 0o644)?;
                let down = format!("{timeout_down}\n");
                write_file(&aside.join("timeout-finish"), down.as_bytes(), 0o644)?;
                for (name, script) in [("run", run), ("finish", finish)] {
                    if let Some(script) = script {
                        write_file(&aside.join(name), script, 0o755)?;
                    }
                }
            }
        }
        write_needs(&aside, &service.needs)?;
        write_file(&aside.join(MARK), b"", 0o644)
    }

    /// Takes the place of what an earlier run has made, but for what its supervisor keeps in it.
    fn place(&self, name: &str) -> Result<()> {
        let (new, old) = (self.aside(name), self.path.join(name));
        if self.ours.contains(name) {
            keep(&old, &new)?;
            if new.join("log").is_dir() {
                keep(&old.join("log"), &new.join("log"))?;
            }
            self.retire(name)?;
        }
        fs::rename(&new, &old).with_context(|| format!("make {}", old.display()))
    }

    /// Whether a service of services.d waits for the bundle `user`.
    fn order(&self, name: &str, waits: bool) -> Result<()> {
        let folder = self.path.join(name).join("dependencies.d");
        let file = folder.join(USER);
        let is_ours = fs::read(&file).is_ok_and(|content| content == content_of_mark());
        let done = if waits && !file.exists() {
            create_dirs(&folder)?;
            return write_file(&file, &content_of_mark(), 0o644);
        } else if !waits && is_ours {
            fs::remove_file(&file)
        } else {
            Ok(())
        };
        done.with_context(|| format!("remove {}", file.display()))
    }
}

fn content_of_mark() -> Vec<u8> {
    format!("{MARK}\n").into_bytes()
}

fn keep(old: &Path, new: &Path) -> Result<()> {
    for name in KEPT {
        match fs::rename(old.join(name), new.join(name)) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("keep {}", old.join(name).display()));
            }
            _ => {}
        }
    }
    Ok(())
}

fn write_needs(service: &Path, needs: &BTreeSet<String>) -> Result<()> {
    let folder = service.join("dependencies.d");
    if !needs.is_empty() {
        create_dirs(&folder)?;
    }
    let mut needs = needs.iter();
    needs.try_for_each(|name| write_file(&folder.join(name), b"", 0o644))
}

fn copy_longrun(from: &Path, to: &Path) -> Result<()> {
    for name in FILES {
        copy(&from.join(name), &to.join(name), Folders::LeaveOut)?;
    }
    for name in DIRECTORIES {
        copy(&from.join(name), &to.join(name), Folders::Copy)?;
    }
    for name in ["run", "finish"] {
        make_executable(&to.join(name))?;
    }
    let timeout = to.join("timeout-kill");
    if timeout.exists() {
        return Ok(());
    }
    // To s6-rc a service may take as long as it wants; to init only if it says so.
    write_file(&timeout, b"0\n", 0o644)
}

/// A link is left as it is, since its target belongs to the image.
fn make_executable(program: &Path) -> Result<()> {
    match fs::symlink_metadata(program) {
        Ok(meta) if meta.is_file() && meta.permissions().mode() & 0o111 == 0 => {
            set_mode(program, mode_of(&meta) | 0o755)
        }
        _ => Ok(()),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Folders {
    Copy,
    LeaveOut,
}

/// Copies what is at `from`, if something is. Links that lead somewhere by an absolute path
/// stay, the others become what they lead to, since the directory moves. FIFOs, sockets and
/// devices are left out.
fn copy(from: &Path, to: &Path, folders: Folders) -> Result<()> {
    let copied = match fs::symlink_metadata(from) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(meta) if meta.is_symlink() => copy_link(from, to),
        Ok(meta) if meta.is_file() => copy_file(from, to),
        Ok(meta) if meta.is_dir() && folders == Folders::Copy => {
            return copy_folder(from, to, &meta);
        }
        Ok(_) => Ok(()),
    };
    copied.with_context(|| format!("copy {} to {}", from.display(), to.display()))
}

fn copy_link(from: &Path, to: &Path) -> io::Result<()> {
    let target = fs::read_link(from)?;
    if target.is_absolute() {
        return symlink(target, to);
    }
    match fs::metadata(from) {
        Ok(meta) if meta.is_file() => copy_file(from, to),
        // A copy of it could have no end.
        Ok(meta) if meta.is_dir() => symlink(from.canonicalize()?, to),
        Ok(_) => Ok(()),
        Err(_) => symlink(target, to),
    }
}

fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    let (mut source, meta) = open_regular(from, Links::Follow)?;
    let mut copy = File::create_new(to)?;
    io::copy(&mut source, &mut copy)?;
    copy.set_permissions(Permissions::from_mode(mode_of(&meta)))
}

fn copy_folder(from: &Path, to: &Path, meta: &Metadata) -> Result<()> {
    create_dirs(to)?;
    let entries = fs::read_dir(from).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    for entry in entries.with_context(|| format!("read {}", from.display()))? {
        copy(&entry.path(), &to.join(entry.file_name()), Folders::Copy)?;
    }
    set_mode(to, mode_of(meta))
}

fn mode_of(meta: &Metadata) -> u32 {
    meta.permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) -> Result<()> {
    fs::set_permissions(path, Permissions::from_mode(mode))
        .with_context(|| format!("set the mode of {}", path.display()))
}

fn create_dirs(path: &Path) -> Result<()> {
    let mut builder = DirBuilder::new();
    let created = builder.recursive(true).mode(0o755).create(path);
    created.with_context(|| format!("create {}", path.display()))
}

fn write_file(path: &Path, content: &[u8], mode: u32) -> Result<()> {
    let written = File::create_new(path).and_then(|mut file| {
        file.write_all(content)?;
        file.set_permissions(Permissions::from_mode(mode))
    });
    written.with_context(|| format!("write {}", path.display()))
}

fn remove(path: &Path) -> Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(_) => return Ok(()),
    };
    removed.with_context(|| format!("remove {}", path.display()))
}
