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
mod run;
mod services;
mod sources;
mod surroundings;
mod tags;
mod target;
mod template;
mod variables;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::ArgAction;
use clap::builder::FalseyValueParser;
use exit::{Exit, misuse};
use journal::Step;

use pairs::{STDOUT, pairs};
use run::Run;
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
///   /nodes/.state, /var/log/muster.jsonl   what a step of the chain did
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
    #[arg(
        long,
        env = "HAPROXY_PROGRAM",
        default_value = "haproxy",
        value_name = "PROGRAM"
    )]
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
    #[arg(long, env = "HAPROXY_CHECK", value_name = "COMMAND")]
    check: Option<String>,
    /// Do not let HAProxy check the result
    #[arg(
        long,
        env = "HAPROXY_NO_CHECK",
        action = ArgAction::SetTrue,
        value_parser = FalseyValueParser::new()
    )]
    no_check: bool,
    /// How much processor time a template may take
    #[arg(
        long,
        env = "HAPROXY_TEMPLATE_LIMIT",
        value_name = "TIME",
        default_value = "1s",
        value_parser = limit
    )]
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
        if args.diff || args.prints() {
            return show(&args);
        }
        let mut step = Step::begin(PROGRAM, &args.nodes);
        let result = generate(&args, &mut step.line().wrote);
        step.end(&result);
        result
    })
}

impl Args {
    /// Whether the result is printed.
    fn prints(&self) -> bool {
        self.output == [Path::new(STDOUT)]
    }

    fn run(&self) -> anyhow::Result<Run<'_>> {
        if self.no_check && self.check.is_some() {
            return Err(misuse(
                "--check and --no-check (HAPROXY_CHECK and HAPROXY_NO_CHECK) exclude each other",
            ));
        }
        let pairs = pairs(&self.template, &self.output, self.check.is_some())?;
        Ok(Run::new(self, pairs))
    }
}

/// Makes the files, and adds the paths of those that are replaced to `wrote`.
fn generate(args: &Args, wrote: &mut Vec<String>) -> anyhow::Result<Exit> {
    args.run()?.generate(wrote)
}

/// Shows what would be made, or what would change.
fn show(args: &Args) -> anyhow::Result<Exit> {
    let run = args.run()?;
    if args.prints() {
        run.print()
    } else {
        run.diff()
    }
}

fn limit(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(limit) if limit.is_zero() => Err("it has to be more than 0".to_owned()),
        Ok(limit) => Ok(limit),
        Err(error) => Err(error.to_string()),
    }
}
