//! `from-s6-rc`: the services of an s6-rc source tree, as service directories.

#![cfg_attr(fuzzing, no_main)]

mod execline;
#[cfg(any(test, fuzzing))]
#[path = "../../../../../../fuzz/targets/s6_rc.rs"]
mod fuzz;
mod plan;
mod source;
mod tools;
mod tree;
mod write;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use exit::Exit;

use plan::Plan;
use source::Source;
use tree::Tree;
use write::Destination;

const PROGRAM: &str = "from-s6-rc";

/// Make service directories of s6-overlay 3's service definitions
///
/// Interface
///   from-s6-rc [--bundles DIR] SOURCE DESTINATION
///   from-s6-rc /etc/s6-overlay/s6-rc.d /etc/services.d
///
///   Reads the definitions in SOURCE, an s6-rc source tree, and makes a service
///   directory in DESTINATION of each one that the bundles user and user2 reach.
///   init runs it when it starts, if it finds /etc/s6-overlay/s6-rc.d; or run it
///   when an image is built.
///   What user reaches starts first, then the services that are in DESTINATION
///   already, then what only user2 reaches. The bundle base and what is in it is
///   done before that by init itself.
///
/// Files it reads
///   SOURCE/NAME/type        longrun, oneshot or bundle
///   dependencies.d/         who has to be up before; or the file dependencies
///   contents.d/             what a bundle is; or the file contents
///   up, down                command lines of a oneshot, which execlineb runs, if
///                           it is there. Else a shell runs one command with its
///                           arguments; any other fails and says why
///   timeout-up              milliseconds for up; 0, the default, is for ever
///   timeout-down            milliseconds for down
///   run, finish, data, env  of a longrun, and all that init reads: see init
///   producer-for            the logger of a longrun; with consumer-for in the
///                           logger. One producer has one consumer
///   The types of user and user2 need not be there.
///
/// Files it makes
///   DESTINATION/NAME/       with an empty file from-s6-rc, by which the next run
///                           knows what to replace or to remove
///   log/                    a consumer, in the directory of its producer
///   oneshot                 what ends when it is done, and may have run and finish
///   DESTINATION/user, legacy-services
///                           up when all of user, and of DESTINATION, are up
///   dependencies.d/user     in the services that were in DESTINATION
///
/// Exit codes
///   0    written
///   100  used wrongly, or definitions are wrong: each is told, nothing is written
///   111  the system failed
///
/// Notes
///   It also tells which programs of s6 and execline the scripts use that are not
///   there, and what to do. That is no error.
#[derive(clap::Parser)]
#[command(
    name = "from-s6-rc",
    version,
    verbatim_doc_comment,
    override_usage = "from-s6-rc [--bundles DIR] SOURCE DESTINATION"
)]
struct Arguments {
    /// The bundles of a SOURCE without user; user-bundles.d beside it
    #[arg(
        long,
        value_name = "DIR",
        env = "S6_RUNTIME_BUNDLEDIR",
        hide_env_values = true
    )]
    bundles: Option<PathBuf>,
    /// The definitions
    source: PathBuf,
    /// Where the service directories go
    destination: PathBuf,
}

fn main() -> ExitCode {
    exit::main(PROGRAM, |arguments: Arguments| run(&arguments))
}

fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    let source = read(arguments)?;
    let destination = Destination::look(&arguments.destination)?;
    let execlineb = tools::execlineb();
    let (tree, wrong) = Tree::of(source.definitions);
    let mut problems = source.problems;
    problems.extend(wrong);
    let planned = Plan::of(&tree, &destination.started(), execlineb.as_deref());
    // What a wrong tree would become is of no interest.
    let planned = if problems.is_empty() {
        planned
    } else {
        Err(problems)
    };
    let plan = planned.map_err(|problems| refuse(&problems))?;
    let collisions = destination.collisions(&plan);
    if !collisions.is_empty() {
        return Err(refuse(&collisions));
    }
    destination.write(&plan)?;
    warn(arguments, &plan, tree.has_services());
    Ok(Exit::Changed)
}

fn read(arguments: &Arguments) -> anyhow::Result<Source> {
    let mut source = Source::default();
    add(&mut source, &arguments.source)?;
    if !source::has_bundles(&arguments.source) {
        let beside = source::beside(&arguments.source);
        match &arguments.bundles {
            Some(bundles) => add(&mut source, bundles)?,
            None if beside.exists() => add(&mut source, &beside)?,
            None => {}
        }
    }
    Ok(source)
}

/// A directory that is not there is a mistyped name.
fn add(source: &mut Source, directory: &Path) -> anyhow::Result<()> {
    let added = source.add(directory);
    if directory.is_dir() {
        added
    } else {
        added.map_err(exit::into_misuse)
    }
}

fn refuse(problems: &[String]) -> anyhow::Error {
    for problem in problems {
        exit::say(PROGRAM, problem);
    }
    let number = problems.len();
    let things = if number == 1 { "problem" } else { "problems" };
    exit::misuse(format_args!("nothing is written, for {number} {things}"))
}

fn warn(arguments: &Arguments, plan: &Plan, has_services: bool) {
    let Arguments {
        source,
        destination,
        ..
    } = arguments;
    let mut warnings = plan.warnings.clone();
    if plan.services.is_empty() && has_services {
        warnings.push(format!(
            "{}: the bundle user reaches nothing, so nothing is started: name services in user/contents.d",
            source.display()
        ));
    }
    // s6-overlay's directory is beside those of its older releases.
    let root = source.canonicalize().ok();
    let root = root
        .as_deref()
        .and_then(Path::parent)
        .and_then(Path::parent);
    let beside = |name: &str| root.map(|root| root.join(name)).unwrap_or_default();
    let folders = ["cont-init.d", "cont-finish.d"].map(beside);
    let planned = plan.services.keys().map(|name| source.join(name));
    let mut services: Vec<PathBuf> = planned.collect();
    services.extend(tools::entries(&beside("services.d")));
    services.extend(tools::entries(destination));
    let scripts = tools::scripts(&services, &folders);
    warnings.extend(tools::missing(&scripts, tools::is_there));
    let fix_attrs = beside("fix-attrs.d");
    if !tools::entries(&fix_attrs).is_empty() {
        warnings.push(format!(
            "{}: it is not read: set owners and modes in the Dockerfile, or in a script of cont-init.d",
            fix_attrs.display()
        ));
    }
    for warning in warnings {
        exit::say(PROGRAM, warning);
    }
}
