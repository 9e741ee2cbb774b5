//! From the arguments to the loop, and from the loop to the exit code.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::os::unix::process::CommandExt;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use exit::misuse;
use nix::poll::{PollTimeout, poll};
use servicedir::Layout;

use crate::output;
use crate::overlay::place::{self, beside};
use crate::overlay::{self, Variables};
use crate::process::signals::Signals;
use crate::process::spawn::Nursery;
use crate::process::sys::Inherited;
use crate::service::layout;
use crate::supervisor::Supervisor;
use crate::supervisor::command::MainCommand;
use crate::supervisor::scandir::Scandir;
use crate::supervisor::sequence::Sequence;

/// Where s6-overlay has its services; an image may have none.
pub const DEFAULT_SERVICES: &str = "/etc/services.d";
/// At the end, output that nobody has read yet is waited for this long at most.
const LAST_OUTPUT: Duration = Duration::from_millis(200);
/// The pause in ms between turns that end in a bug, one after another: they must not
/// take the whole processor.
const AFTER_PANIC: u8 = 250;

/// What is asked for on the command line.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Where the services are that are copied to `scandir`.
    pub services: PathBuf,
    /// Where the services live.
    pub scandir: PathBuf,
    /// The services are in `scandir` already, and nothing of s6-overlay is done.
    pub in_place: bool,
    /// The command whose exit code is ours.
    pub command: Vec<OsString>,
    /// Where our messages and the lines of services go, if not to our own output.
    pub log: Option<LogFile>,
}

/// A log of bounded size.
#[derive(Clone, Debug)]
pub struct LogFile {
    /// The file; the older one beside it has `.1` behind its name.
    pub path: PathBuf,
    /// How many bytes both may have.
    pub size: u64,
    /// How many lines of one kind a service may write each second; 0 is any number.
    pub rate: u32,
}

/// Runs until everything has ended; gives the exit code.
pub fn run(options: &Options) -> anyhow::Result<u8> {
    check_services(options)?;
    if let Some(log) = &options.log {
        output::open_log(&log.path, log.size, log.rate)?;
    }
    let inherited = Inherited::look();
    // Before anything else: no signal that arrives from now on is lost.
    let signals = Signals::listen(!options.command.is_empty()).context("listen to signals")?;
    inherited.change();
    if std::process::id() != 1 {
        nix::sys::prctl::set_child_subreaper(true).context("become a subreaper")?;
    }
    if asks_for("INIT_TIME") {
        output::show_times();
    }
    let definitions = overlay::definitions(&options.services).filter(|_| !options.in_place);
    let is_3 =
        definitions.is_some() || !options.in_place && overlay::were_definitions(&options.services);
    let variables = Variables::read(|name| std::env::var(name).ok(), is_3);
    let nursery = Nursery {
        inherited: inherited.clone(),
        keep_environment: variables.keep_env || options.in_place,
        keep_stdin: options.in_place,
        label_all: asks_for("INIT_PREFIX"),
    };
    let mut command = MainCommand::new(options.command.clone());
    let scandir = open_scandir(options)?;
    if options.in_place && !command.exists() {
        command.leave_origin();
    }
    let layout = scandir.as_ref().map_or_else(Layout::default, |_| layout());
    let mut supervisor = Supervisor::new(nursery, variables, signals, scandir, layout, command);
    prepare(&mut supervisor, options, definitions.as_deref())?;
    panic::set_hook(Box::new(|bug| output::say(format_args!("a bug: {bug}"))));
    survive(|after_bug| supervisor.turn(after_bug));
    end(&supervisor, options, &inherited)
}

fn asks_for(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| value == "1")
}

/// A mistyped directory must not pass for a set without services.
fn check_services(options: &Options) -> anyhow::Result<()> {
    let path = &options.services;
    if options.in_place || path == Path::new(DEFAULT_SERVICES) {
        return Ok(());
    }
    let shown = path.display();
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => Err(misuse(format_args!("--services {shown}: not a directory"))),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(misuse(format_args!(
            "--services {shown}: no such directory"
        ))),
        Err(error) => Err(error).with_context(|| format!("look at --services {shown}")),
    }
}

/// There is nothing to supervise, only a command: for that no file is written.
fn is_plain(options: &Options) -> bool {
    let has_scripts = |name| {
        overlay::scripts(&beside(&options.services, name)).is_ok_and(|found| !found.is_empty())
    };
    let services = std::fs::read_dir(&options.services);
    let has_services = services.is_ok_and(|mut found| found.next().is_some());
    !options.in_place
        && !options.command.is_empty()
        && !has_services
        && overlay::definitions(&options.services).is_none()
        && !has_scripts("cont-init.d")
        && !has_scripts("cont-finish.d")
}

fn open_scandir(options: &Options) -> anyhow::Result<Option<Scandir>> {
    if is_plain(options) {
        return Ok(None);
    }
    let mut path = std::path::absolute(&options.scandir)?;
    if !options.in_place {
        path = place::make(&path)?;
    }
    Scandir::open(&path).map(Some)
}

/// The layout of the status records, which the installed tools of s6 have to read.
fn layout() -> Layout {
    let (layout, complaint) = layout::find(std::env::var_os(layout::SETTING).as_deref());
    if let Some(complaint) = complaint {
        output::say(complaint);
    }
    layout
}

/// What s6-overlay does before it supervises. A directory that is supervised in place
/// needs none of it.
fn prepare(
    supervisor: &mut Supervisor,
    options: &Options,
    definitions: Option<&Path>,
) -> anyhow::Result<()> {
    let Some(scandir) = supervisor.scandir.as_ref().filter(|_| !options.in_place) else {
        return Ok(());
    };
    for complaint in &supervisor.variables.complaints {
        output::say(complaint);
    }
    let services = std::path::absolute(&options.services)?;
    let scripts = overlay::prepare(&services, scandir.path())?;
    let first = Sequence::new("cont-init.d", scripts, None);
    let converter = definitions
        .map(std::path::absolute)
        .transpose()?
        .map(|definitions| overlay::converter(&definitions, scandir.path()));
    supervisor.set_scripts(first, converter, beside(&services, "cont-finish.d"));
    Ok(())
}

/// Calls `turn` until it says that it was the last one, with true after a turn that
/// ended in a bug. The loop survives bugs, since a first process that ends takes its
/// container with it.
fn survive(mut turn: impl FnMut(bool) -> bool) {
    let mut bugs: u32 = 0;
    loop {
        match panic::catch_unwind(AssertUnwindSafe(|| turn(bugs > 0))) {
            Ok(true) => return,
            Ok(false) => bugs = 0,
            Err(_) => {
                bugs += 1;
                if bugs > 1 {
                    let _ = poll(&mut [], PollTimeout::from(AFTER_PANIC));
                }
            }
        }
    }
}

fn end(supervisor: &Supervisor, options: &Options, inherited: &Inherited) -> anyhow::Result<u8> {
    if supervisor.variables.sync_disks {
        nix::unistd::sync();
    }
    output::finish(LAST_OUTPUT);
    let Some(scandir) = &supervisor.scandir else {
        let code = supervisor.code.or(supervisor.stopped_command);
        return Ok(code.unwrap_or(0));
    };
    if options.in_place && supervisor.code.is_none() {
        give_way(scandir, &supervisor.signals, inherited)?;
    }
    let written = overlay::written_code(scandir.path());
    // A script that ends everything with a code of its own means more than the end of
    // the command that follows from it.
    let code = supervisor.code.or(written.filter(|code| *code != 0));
    Ok(code.or(supervisor.stopped_command).unwrap_or(0))
}

/// `.s6-svscan/finish` replaces this program, if it is there.
fn give_way(scandir: &Scandir, signals: &Signals, inherited: &Inherited) -> anyhow::Result<()> {
    let finish = Scandir::finish();
    scandir.enter().with_context(|| {
        format!(
            "look for {} in {}",
            finish.display(),
            scandir.path().display()
        )
    })?;
    if !finish.exists() {
        return Ok(());
    }
    // What has come since the last turn would end it before it begins.
    signals.arrived();
    inherited.give_back();
    let error = Command::new(&finish).arg0("finish").exec();
    Err(error).with_context(|| format!("execute {}", finish.display()))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "fixtures")]

    use super::*;
    use std::fs;

    #[test]
    fn the_loop_goes_on_after_a_bug() {
        let mut turns = Vec::new();
        survive(|after_bug| {
            turns.push(after_bug);
            assert!(turns.len() != 2, "a bug on purpose");
            turns.len() == 4
        });
        assert_eq!(turns, [false, false, true, false]);
    }

    fn options(scratch: &Path, command: &[&str]) -> Options {
        Options {
            services: scratch.join("services.d"),
            scandir: scratch.join("run/services"),
            in_place: false,
            command: command.iter().map(OsString::from).collect(),
            log: None,
        }
    }

    #[test]
    fn only_a_command_without_anything_beside_it_is_plain() {
        let scratch = harness::scratch();
        let options = options(scratch.path(), &["true"]);
        assert!(is_plain(&options));
        let idle = Options {
            command: Vec::new(),
            ..options.clone()
        };
        assert!(!is_plain(&idle));
        let scanning = Options {
            in_place: true,
            ..options.clone()
        };
        assert!(!is_plain(&scanning));
        fs::create_dir_all(options.services.join("web")).unwrap();
        assert!(!is_plain(&options));
    }

    #[test]
    fn a_script_beside_the_services_is_not_left_out() {
        let scratch = harness::scratch();
        let options = options(scratch.path(), &["true"]);
        fs::create_dir(scratch.path().join("cont-finish.d")).unwrap();
        assert!(is_plain(&options));
        fs::write(scratch.path().join("cont-finish.d/bye"), "").unwrap();
        assert!(!is_plain(&options));
    }

    #[test]
    fn a_plain_init_makes_no_directory() {
        let scratch = harness::scratch();
        let options = options(scratch.path(), &["true"]);
        assert!(open_scandir(&options).unwrap().is_none());
        assert!(!options.scandir.exists());
    }
}
