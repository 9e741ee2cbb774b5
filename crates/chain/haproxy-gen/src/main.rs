//! haproxy-gen makes haproxy.cfg from /nodes and a template.

mod candidate;
mod capacity;
mod check;
mod context;
mod draft;
mod functions;
mod hints;
mod ids;
mod language;
mod pairs;
mod paths;
mod reference;
mod render;
mod services;
mod sources;
mod surroundings;
mod tags;
mod target;
mod template;
mod variables;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use exit::Exit;
use files::Staged;
use haproxy_config::{Surroundings, files_of};

use candidate::Candidate;
use check::{Checker, Subject};
use draft::Draft;
use pairs::{Kind, Pair, STDIN, STDOUT, pairs};
use target::Target;
use template::Given;
use variables::Variable;

/// The name before each message.
const PROGRAM: &str = "haproxy-gen";

/// Makes haproxy.cfg from /nodes and a template: checked, and replaced whole.
///
/// Interface
///   Reads every file of /nodes, renders the template, lets `haproxy -c` check
///   the result and puts it in the place of haproxy.cfg. If HAProxy refuses it,
///   the old file stays. If nothing changes, no file is touched. A file of /nodes
///   that does not hold a node is left out: the first ten of these are reported,
///   and how many more there are. One that cannot be read might hold a node, so
///   the old file stays as well.
///
///   The template is in the language of Tera (Jinja's), and sees
///     nodes       in name order, each with name, ip, port (3000 if the file
///                 names none), address (ip:port, IPv6 in brackets), weight (100
///                 if the file names none), service ("" if it names none),
///                 tags (its further key=value) and id (1 to 1048575, no two
///                 alike: the one that it has in the old result, or a new one that
///                 its name decides)
///     addresses   the same nodes as host and ip
///     capacity    a power of two from 16 on, and at least the number of nodes: it
///                 doubles when they are more, and halves when less than a quarter
///                 is used
///   and whatever `--set` names. A name that is not defined is an error. It can include
///   files beside it, but none outside of its folder. `--reference` shows all that it has.
///
///   A template serves the nodes that name no service, unless a comment in it says which
///   services it serves:
///     {# services: web api - #}
///   where `-` stands for the nodes that name none. Nodes of other services are
///   reported and left out.
///
///   Several templates make several files, in pairs: the first --template makes the first
///   --output. All are checked together before any is replaced. Those whose names end in
///   .cfg are one configuration of HAProxy's, in their order; it may name the others, as
///   maps.
///
///   With `--check` no file is HAProxy's, and nothing is added to any. The command runs
///   if something changes; an end with 126 or 127 is a failure, as no program to run.
///
/// Files
///   /nodes/NAME                            one node each: NAME ADDRESS [port=N]
///                                          [weight=N] [service=NAME] [KEY=VALUE]...
///   /config/haproxy.cfg.tera               the template
///   /usr/local/etc/haproxy/haproxy.cfg     the result
///   beside each result, here one called haproxy.cfg:
///              .haproxy.cfg.lock           the lock
///              .haproxy.cfg.candidate      the result while HAProxy checks it
///   beside the first configuration:
///              .haproxy.cfg.checked        the hashes of what passed the last check
///   /var/run/haproxy-master.sock           tells which process is the running HAProxy
///
/// Signals
///   None. Whenever it is killed, the old file or the new one is in place.
///
/// Exit codes
///     0  a file was replaced, or printed, or `--diff` found a difference
///     1  nothing to do: the files were right already
///   100  used wrongly, or the template is wrong, or HAProxy refuses the result
///   111  the system failed (disk full, no haproxy, a file that cannot be read), and
///        a later run may work
///
/// Notes
///   One line is added to `global`: `setenv CONFIG_FINGERPRINT LINES.SERVERS`, the
///   hash of all lines that are no servers, and that of the servers' settings, so
///   haproxy-reload can tell whether the running HAProxy needs a reload (and a third,
///   of the settings as they stand there, while a section has no node). Addresses,
///   weights, ids and `disabled` do not count, nor do comments and blanks. Servers
///   are those lines `server NAME IP:PORT OPTION...` of a `backend` or `listen`
///   section that have no quotes, `$`, `;` and backslashes, and only options that
///   are known.
///
///   A template that names `capacity` has it kept in the file, as a comment behind
///   that line. The paths of other files that were made with it stand there too, so
///   haproxy-reload knows which maps are to be as these.
///
///   The check runs beside the result, in the working directory and with the
///   environment of the running HAProxy if the socket of its master is there and
///   belongs to the same user, or else in our own. `--diff` by somebody who cannot
///   write there hands the result over in memory. The check takes 20 ms or more, so it
///   is skipped if the result differs from the last one that passed it only in such
///   servers, and directory and environment are the same.
///
///   A check that has not ended after 30 s is killed (111). A template that takes longer
///   than `--limit` is refused (100).
#[derive(clap::Parser)]
#[command(version, verbatim_doc_comment)]
struct Args {
    /// The directory that holds one file for each node
    #[arg(long, env = "NODES_DIR", default_value = "/nodes", value_name = "DIR")]
    nodes: PathBuf,
    /// The template; `-` is stdin. More than once with as many --output
    #[arg(
        long,
        env = "HAPROXY_TEMPLATE",
        default_value = "/config/haproxy.cfg.tera",
        value_name = "FILE"
    )]
    template: Vec<PathBuf>,
    /// The file to make of the template; `-` prints it without a check
    #[arg(
        long,
        env = "HAPROXY_CFG",
        default_value = "/usr/local/etc/haproxy/haproxy.cfg",
        value_name = "FILE"
    )]
    output: Vec<PathBuf>,
    /// A variable more for the template, as often as needed: text, or JSON where VALUE
    /// begins with `[` or `{`
    #[arg(long = "set", value_name = "NAME=VALUE")]
    variables: Vec<Variable>,
    /// The HAProxy that checks it, looked up in the PATH and /usr/sbin
    #[arg(long, default_value = "haproxy", value_name = "PROGRAM")]
    haproxy: PathBuf,
    /// The command socket of the running HAProxy's master, in whose directory and
    /// environment the check runs
    #[arg(
        long,
        env = "HAPROXY_MASTER",
        default_value = "/var/run/haproxy-master.sock",
        value_name = "SOCKET"
    )]
    master: PathBuf,
    /// Let this command for /bin/sh check the results, which are none of HAProxy's: it
    /// finds their paths in "$1", "$2" ... and ends with 0 if they are right
    #[arg(long, value_name = "COMMAND", conflicts_with = "no_check")]
    check: Option<String>,
    /// Do not let HAProxy check the result
    #[arg(long)]
    no_check: bool,
    /// How much processor time a template may take
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = limit)]
    limit: Duration,
    /// Show what would change, and write nothing
    #[arg(long)]
    diff: bool,
    /// Show all that a template has: tags, functions, filters and tests, with examples
    #[arg(long)]
    reference: bool,
}

fn main() -> ExitCode {
    exit::main(PROGRAM, |args: Args| {
        if args.reference {
            exit::print(&reference::page())?;
            return Ok(Exit::Changed);
        }
        let pairs = pairs(&args.template, &args.output, args.check.is_some())?;
        let given = Given {
            variables: args.variables.clone(),
            limit: args.limit,
            ..Given::default()
        };
        let run = Run {
            args: &args,
            targets: pairs.iter().map(|pair| Target::new(&pair.output)).collect(),
            pairs,
            given,
        };
        if args.output == [Path::new(STDOUT)] {
            run.print()
        } else if args.diff {
            run.diff()
        } else {
            run.generate()
        }
    })
}

fn limit(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(limit) if limit.is_zero() => Err("it has to be more than 0".to_owned()),
        Ok(limit) => Ok(limit),
        Err(error) => Err(error.to_string()),
    }
}

/// What a run is to make.
struct Run<'a> {
    args: &'a Args,
    pairs: Vec<Pair>,
    /// The outputs of the pairs.
    targets: Vec<Target>,
    given: Given,
}

/// The contents of the files that are there, in the order of the pairs.
type Old = Vec<Option<Vec<u8>>>;

impl Run<'_> {
    fn print(&self) -> anyhow::Result<Exit> {
        if self.args.diff {
            return Err(exit::misuse(
                "--diff compares with a file: name one with --output",
            ));
        }
        exit::print(&self.candidate(&[None])?.text())?;
        Ok(Exit::Changed)
    }

    fn diff(&self) -> anyhow::Result<Exit> {
        let old = self.read()?;
        let candidate = self.candidate(&old)?;
        let new = candidate.texts();
        let all = std::iter::zip(&self.targets, std::iter::zip(&old, new));
        let differences =
            all.filter_map(|(target, (old, new))| target.difference(old.as_deref(), new));
        let differences = differences.collect::<String>();
        if differences.is_empty() {
            return Ok(Exit::Unchanged);
        }
        exit::print(&differences)?;
        self.check(&candidate, &old, || {
            // Without the lock a run beside this one could find this one's file in its place.
            let locks = self.in_order().into_iter().map(Target::lock_that_is_there);
            Ok(locks.collect::<Result<Vec<_>, _>>().ok())
        })?;
        Ok(Exit::Changed)
    }

    fn generate(&self) -> anyhow::Result<Exit> {
        let _locks = self.lock()?;
        let old = self.read()?;
        let candidate = self.candidate(&old)?;
        let mark = self.check(&candidate, &old, || Ok(Some(Vec::new())))?;
        self.tell_unnamed(&candidate, &old);
        self.tell_forgotten(&candidate, &old);
        let changed = self.replace(&candidate, &old)?;
        if let Some((target, mark)) = self.configuration().zip(mark) {
            remember(target, &mark);
        }
        Ok(if changed {
            Exit::Changed
        } else {
            Exit::Unchanged
        })
    }

    /// The first target that is a configuration, which the mark of a check stands beside.
    fn configuration(&self) -> Option<&Target> {
        let place = self
            .pairs
            .iter()
            .position(|it| it.kind == Kind::Configuration);
        self.targets.get(place?)
    }

    fn lock(&self) -> anyhow::Result<Vec<File>> {
        self.in_order().into_iter().map(Target::lock).collect()
    }

    /// The targets in the order in which every run locks them, so that no two wait for each
    /// other.
    fn in_order(&self) -> Vec<&Target> {
        let mut targets: Vec<&Target> = self.targets.iter().collect();
        targets.sort_by_cached_key(|target| paths::whole(target.path()));
        targets
    }

    fn read(&self) -> anyhow::Result<Old> {
        self.targets.iter().map(Target::read).collect()
    }

    fn candidate(&self, old: &[Option<Vec<u8>>]) -> anyhow::Result<Candidate> {
        Candidate::make(&self.args.nodes, &self.pairs, &self.given, old)
    }

    /// Has the candidate checked unless that is known to be unnecessary. Returns what to
    /// remember of the check, if it was made and can be skipped next time.
    fn check(
        &self,
        candidate: &Candidate,
        old: &Old,
        locks: impl FnOnce() -> anyhow::Result<Option<Vec<Option<File>>>>,
    ) -> anyhow::Result<Option<String>> {
        if self.args.no_check {
            return Ok(None);
        }
        if let Some(command) = &self.args.check {
            let is_old =
                |(old, new): (&Option<Vec<u8>>, &String)| old.as_deref() == Some(new.as_bytes());
            if !std::iter::zip(old, candidate.texts()).all(is_old) {
                let locks = locks()?;
                let subjects = self.subjects(candidate, &[], locks.is_some())?;
                Checker::Command(command).run(&subjects)?;
            }
            return Ok(None);
        }
        let surroundings = surroundings::surroundings(&self.args.master);
        let mark = candidate.check_hash().map(|hash| {
            let around = surroundings.hash(&candidate.text());
            format!("{hash} {around}")
        });
        if self
            .configuration()
            .is_some_and(|it| it.was_checked(mark.as_deref()))
        {
            return Ok(None);
        }
        let locks = locks()?;
        let folders = self.folders(&surroundings);
        let subjects = self.subjects(candidate, &folders, locks.is_some())?;
        Checker::Haproxy(&self.args.haproxy, &surroundings).run(&subjects)?;
        Ok(mark)
    }

    /// Where relative paths in a configuration can begin: where HAProxy was started, or, with
    /// `default-path config`, beside the configuration.
    fn folders(&self, surroundings: &Surroundings) -> Vec<PathBuf> {
        let configurations = self
            .pairs
            .iter()
            .filter(|it| it.kind == Kind::Configuration);
        let beside = configurations.filter_map(|pair| pair.output.parent());
        let beside = beside.map(Path::to_path_buf);
        beside.chain(surroundings.directory.clone()).collect()
    }

    /// The contents of the files of this kind with their pairs: what is there, and what is to
    /// be.
    fn of_kind<'c>(
        &'c self,
        kind: Kind,
        old: &'c Old,
        candidate: &'c Candidate,
    ) -> impl Iterator<Item = (&'c Pair, Option<&'c [u8]>, &'c str)> {
        let contents = std::iter::zip(old, candidate.texts());
        let all = std::iter::zip(&self.pairs, contents);
        all.filter(move |(pair, _)| pair.kind == kind)
            .map(|(pair, (old, new))| (pair, old.as_deref(), new.as_str()))
    }

    /// Says which files have changed that no configuration names, so that nobody reads them.
    fn tell_unnamed(&self, candidate: &Candidate, old: &Old) {
        let is_new = |(_, old, new): &(_, Option<&[u8]>, &str)| *old != Some(new.as_bytes());
        let mut others = self
            .of_kind(Kind::Other, old, candidate)
            .filter(is_new)
            .peekable();
        let Some(config) = self.configuration().filter(|_| others.peek().is_some()) else {
            return;
        };
        let folders = self.folders(&surroundings::surroundings(&self.args.master));
        let text = candidate.text();
        let said = text
            .lines()
            .filter(|line| !line.trim_start().starts_with('#'));
        let said: String = said.flat_map(|line| [line, "\n"]).collect();
        for (pair, ..) in others {
            if paths::places(&said, &pair.output, &folders).is_empty() {
                let (path, config) = (pair.output.display(), config.path().display());
                exit::say(
                    PROGRAM,
                    format_args!("{config} does not name {path}, so HAProxy does not read it"),
                );
            }
        }
    }

    /// Says which files were made together with the configuration before, and are not now.
    fn tell_forgotten(&self, candidate: &Candidate, old: &Old) {
        for (pair, old, _) in self.of_kind(Kind::Configuration, old, candidate) {
            let was = files_of(&String::from_utf8_lossy(old.unwrap_or_default()));
            for path in was {
                let mut is = self
                    .pairs
                    .iter()
                    .map(|pair| candidate::whole_path(&pair.output));
                if !is.any(|is| is == path) {
                    let config = pair.output.display();
                    let path = exit::escape(path.as_bytes());
                    exit::say(
                        PROGRAM,
                        format_args!(
                            "{path} was made together with {config} before, and is not now: \
                             haproxy-reload does not look at it any more"
                        ),
                    );
                }
            }
        }
    }

    /// What is checked, each in a draft: beside its place, or in memory.
    fn subjects<'c>(
        &'c self,
        candidate: &'c Candidate,
        folders: &[PathBuf],
        is_beside: bool,
    ) -> anyhow::Result<Vec<Subject<'c>>> {
        let draft = |text: &str, pair: &Pair| {
            if is_beside {
                Draft::of(text, &pair.output)
            } else {
                Draft::in_memory(text)
            }
        };
        let all = || std::iter::zip(&self.pairs, candidate.texts());
        let mut subjects: Vec<Subject<'c>> = Vec::new();
        for kind in [Kind::Other, Kind::Configuration] {
            for (pair, text) in all().filter(|(pair, _)| pair.kind == kind) {
                let draft = match kind {
                    Kind::Other => draft(text, pair)?,
                    Kind::Configuration => {
                        let text = subjects.iter().filter(|it| it.kind == Kind::Other).fold(
                            text.clone(),
                            |text, other| {
                                let places = paths::places(&text, other.path, folders);
                                let draft = other.draft.path().to_string_lossy();
                                paths::replaced(&text, &places, &draft)
                            },
                        );
                        draft(&text, pair)?
                    }
                };
                subjects.push(Subject {
                    text,
                    path: &pair.output,
                    template: shown(&pair.template),
                    kind,
                    draft,
                });
            }
        }
        Ok(subjects)
    }

    /// Puts what has changed into place: first all are written beside their places, and what
    /// a configuration names is there before it. `false` if nothing has changed.
    fn replace(&self, candidate: &Candidate, old: &Old) -> anyhow::Result<bool> {
        let mut staged: Vec<(Kind, Staged)> = Vec::new();
        let all = std::iter::zip(&self.pairs, &self.targets);
        let contents = std::iter::zip(old, candidate.texts());
        for ((pair, target), (old, text)) in all.zip(contents) {
            let new = target.stage(old.as_deref(), text)?;
            staged.extend(new.map(|new| (pair.kind, new)));
        }
        staged.sort_by_key(|(kind, _)| *kind == Kind::Configuration);
        let changed = !staged.is_empty();
        for (_, staged) in staged {
            staged.put()?;
        }
        Ok(changed)
    }
}

/// The template's path as messages show it.
fn shown(template: &Path) -> &Path {
    if template == Path::new(STDIN) {
        Path::new("/dev/stdin")
    } else {
        template
    }
}

/// Stores the mark of the checked candidate. If that fails, only the next run has to
/// check again, while the configuration is in place: so it is reported and the
/// program succeeds.
fn remember(target: &Target, mark: &str) {
    if let Err(error) = target.remember_check(mark) {
        exit::say(PROGRAM, format_args!("{error:#}"));
    }
}
