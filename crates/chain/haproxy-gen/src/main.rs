//! haproxy-gen makes haproxy.cfg from /nodes and a template.

mod candidate;
mod capacity;
mod check;
mod context;
mod draft;
mod ids;
mod language;
mod render;
mod services;
mod surroundings;
mod target;
mod template;
mod variables;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use exit::Exit;

use candidate::Candidate;
use check::Check;
use draft::Draft;
use target::Target;
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
///   and whatever `--set` names. A name that is not defined is an error. A template serves the nodes that
///   name no service, unless a comment in it says which services it serves:
///     {# services: web api - #}
///   where `-` stands for the nodes that name none. Nodes of other services are
///   reported and left out.
///
/// Files
///   /nodes/NAME                            one node each: NAME ADDRESS [port=N]
///                                          [weight=N] [service=NAME] [KEY=VALUE]...
///   /config/haproxy.cfg.tera               the template
///   /usr/local/etc/haproxy/haproxy.cfg     the result
///   beside it: .haproxy.cfg.lock           the lock
///              .haproxy.cfg.candidate      the result while HAProxy checks it
///              .haproxy.cfg.checked        the hashes of what passed the last check
///   /var/run/haproxy-master.sock           tells which process is the running HAProxy
///
/// Signals
///   None. Whenever it is killed, the old file or the new one is in place.
///
/// Exit codes
///     0  the file was replaced, or printed, or `--diff` found a difference
///     1  nothing to do: the file was right already
///   100  used wrongly, or the template is wrong, or HAProxy refuses the result
///   111  the system failed (disk full, no haproxy, a file that cannot be read), and
///        a later run may work
///
/// Notes
///   One line is added to `global`: `setenv CONFIG_FINGERPRINT LINES.SERVERS`, the
///   hash of all lines that are no servers, and that of the servers' settings, so
///   haproxy-reload can tell whether the running HAProxy needs a reload. Addresses,
///   weights, ids and `disabled` do not count, nor do comments and blanks. Servers
///   are those lines `server NAME IP:PORT OPTION...` of a `backend` or `listen`
///   section that have no quotes, `$`, `;` and backslashes, and only options that
///   are known.
///
///   A template that names `capacity` has it kept in the file, as a comment behind
///   that line.
///
///   The check runs beside the result, in the working directory and with the
///   environment of the running HAProxy if the socket of its master is there and
///   belongs to the same user, or else in our own. `--diff` by somebody who cannot
///   write there hands the result over in memory. The check takes 20 ms or more, so it
///   is skipped if the result differs from the last one that passed it only in such
///   servers, and directory and environment are the same.
///
///   A check that has not ended after 30 s is killed (111). A template that takes 5 s
///   of processor time is refused (100).
#[derive(clap::Parser)]
#[command(version, verbatim_doc_comment)]
struct Args {
    /// The directory that holds one file for each node
    #[arg(long, env = "NODES_DIR", default_value = "/nodes", value_name = "DIR")]
    nodes: PathBuf,
    /// The template
    #[arg(
        long,
        env = "HAPROXY_TEMPLATE",
        default_value = "/config/haproxy.cfg.tera",
        value_name = "FILE"
    )]
    template: PathBuf,
    /// The file to make; `-` prints it without a check
    #[arg(
        long,
        env = "HAPROXY_CFG",
        default_value = "/usr/local/etc/haproxy/haproxy.cfg",
        value_name = "FILE"
    )]
    output: PathBuf,
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
    /// Do not let HAProxy check the result
    #[arg(long)]
    no_check: bool,
    /// Show what would change, and write nothing
    #[arg(long)]
    diff: bool,
}

fn main() -> ExitCode {
    exit::main(PROGRAM, |args: Args| {
        if args.output == Path::new("-") {
            print(&args)
        } else if args.diff {
            diff(&args)
        } else {
            generate(&args)
        }
    })
}

fn print(args: &Args) -> anyhow::Result<Exit> {
    if args.diff {
        return Err(exit::misuse(
            "--diff compares with a file: name one with --output",
        ));
    }
    exit::print(candidate(args, None)?.text())?;
    Ok(Exit::Changed)
}

fn candidate(args: &Args, old: Option<&[u8]>) -> anyhow::Result<Candidate> {
    Candidate::make(&args.nodes, &args.template, &args.variables, old)
}

fn diff(args: &Args) -> anyhow::Result<Exit> {
    let target = Target::new(&args.output);
    let old = target.read()?;
    let candidate = candidate(args, old.as_deref())?;
    let Some(difference) = target.difference(old.as_deref(), candidate.text()) else {
        return Ok(Exit::Unchanged);
    };
    exit::print(&difference)?;
    let text = candidate.text();
    check(args, &target, &candidate, || {
        // Without the lock a run beside this one could find this one's file in its place.
        match target.lock_that_is_there() {
            Ok(lock) => Draft::of(text, &args.output).map(|draft| (draft, lock)),
            Err(_) => Draft::in_memory(text).map(|draft| (draft, None)),
        }
    })?;
    Ok(Exit::Changed)
}

fn generate(args: &Args) -> anyhow::Result<Exit> {
    let target = Target::new(&args.output);
    let _lock = target.lock()?;
    let old = target.read()?;
    let candidate = candidate(args, old.as_deref())?;
    let mark = check(args, &target, &candidate, || {
        Draft::of(candidate.text(), &args.output).map(|draft| (draft, None))
    })?;
    let changed = target.replace(old.as_deref(), candidate.text())?;
    if let Some(mark) = mark {
        remember(&target, &mark);
    }
    Ok(if changed {
        Exit::Changed
    } else {
        Exit::Unchanged
    })
}

/// Lets HAProxy check the candidate unless that is known to be unnecessary. Returns what
/// to remember of the check, if it was made and can be skipped next time.
fn check(
    args: &Args,
    target: &Target,
    candidate: &Candidate,
    draft: impl FnOnce() -> anyhow::Result<(Draft, Option<File>)>,
) -> anyhow::Result<Option<String>> {
    if args.no_check {
        return Ok(None);
    }
    let surroundings = surroundings::surroundings(&args.master);
    let mark = candidate.check_hash().map(|hash| {
        let around = surroundings.hash(candidate.text());
        format!("{hash} {around}")
    });
    if target.was_checked(mark.as_deref()) {
        return Ok(None);
    }
    let (draft, _lock) = draft()?;
    let check = Check {
        haproxy: &args.haproxy,
        template: &args.template,
        path: &args.output,
        surroundings: &surroundings,
    };
    check.run(candidate.text(), &draft)?;
    Ok(mark)
}

/// Stores the mark of the checked candidate. If that fails, only the next run has to
/// check again, while the configuration is in place: so it is reported and the
/// program succeeds.
fn remember(target: &Target, mark: &str) {
    if let Err(error) = target.remember_check(mark) {
        exit::say(PROGRAM, format_args!("{error:#}"));
    }
}
