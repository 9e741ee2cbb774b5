//! `init`: see [`Arguments`], which is its page.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use exit::Exit;
use init::LogFile;

const USAGE: &str = "init [--services DIR] [--scandir DIR] [COMMAND [ARGUMENT...]]
       init --scan DIR";

/// Bytes, of both files.
const LOG_SIZE: u64 = 10_000_000;
/// A line of any length fits into half of it.
const LEAST_LOG: u64 = 200_000;
/// Lines a second.
const LOG_RATE: u32 = 10;

/// init - starts services, keeps them running, and stops them in order.
///
/// A drop-in for s6-overlay's /init: as the first process of a container or
/// anywhere else. The programs of s6 (s6-svc, s6-svstat, s6-svwait, ...) work on
/// its service directories.
///
/// Interface
///   init [--services DIR] [--scandir DIR] [COMMAND [ARGUMENT...]]
///   init --scan DIR
///   [--log FILE [--log-size BYTES] [--log-rate LINES]] is possible before each.
///
///   Copies the services from --services to --scandir, runs the scripts of
///   cont-init.d, supervises the services, starts COMMAND. When COMMAND ends, or
///   on SIGTERM, it stops COMMAND, then the services (those first that nobody
///   needs), runs the scripts of cont-finish.d, and ends whatever is left.
///   Without services and scripts it is a plain init for COMMAND.
///   Services defined as for s6-overlay 3 are started too: see from-s6-rc.
///   Where the default of --scandir cannot be written to, the services live in
///   /tmp/s6-UID/services. --scan DIR supervises DIR in place, as s6-svscan DIR
///   does.
///
///   Where a line of a service gets a label or the time, or goes to the log, what
///   could steer a terminal is spelled out: control characters as \u{1b}, bytes
///   that are not UTF-8 as \xff. A line of more than 8192 bytes is cut.
///
/// Log
///   With --log the lines of services and of init go to FILE, and not to its
///   output, which COMMAND and the scripts keep. FILE is made with mode 0600, or
///   has to be a regular file of ours. When it has half of BYTES it becomes FILE.1
///   and a new one begins; no line is lost or divided then. What cannot be written
///   is counted, and told later. Of lines of a service that begin alike, their
///   digits aside, FILE gets LINES a second and 100 seconds of them ahead (one of
///   more than 256 bytes counts as several); how many were left out is told each
///   second. Loggers have no limit.
///
/// Files
///   In a service directory, besides those of s6:
///   essential            its death ends everything, with its exit code
///   dependencies.d/NAME  NAME has to be up (ready, if it announces that) first
///   oneshot              run ends, and with 0 it is up until finish brings it
///                        down; a number is the ms that run may take
///   restart-delay        ms from its end to its next start; without this file
///                        s6's throttle: one start a second
///   restart-delay-max    the delay doubles up to this, as long as it dies
///                        within this time (at least 1000 ms)
///   restart-limit        so many restarts are allowed within restart-window
///                        (60000 ms): at the next death the service stays down
///   kill-mode            pid (signals reach run alone) or group: whoever of its
///                        process group outlives run is told to end too, and is
///                        killed after timeout-kill (without it after 3 s, and
///                        at the stop after the grace time)
///   output-prefix        each line of its output begins with [its name], or
///                        with what the file says
///   output-time          each line of its output begins with the time (UTC)
///   cont-init.d, cont-finish.d   beside the --services directory
///   container_environment        beside the --scandir directory: what
///                                with-contenv gives to its program
///
/// Environment
///   INIT_PREFIX=1 labels the output of all services, INIT_TIME=1 puts the time
///   before it and before init's messages. S6_KEEP_ENV=1 lets services see
///   init's environment; otherwise they start with a clean one.
///   INIT_S6_RECORD=35 or 43 is the length of the status records: 43 for the
///   tools of s6 2.13, which init looks for unless this is set.
///   INIT_LOG, INIT_LOG_SIZE and INIT_LOG_RATE stand in for --log, --log-size and
///   --log-rate.
///   S6_SERVICES_GRACETIME, S6_KILL_GRACETIME, S6_KILL_FINISH_MAXTIME (ms),
///   S6_BEHAVIOUR_IF_STAGE2_FAILS, S6_CMD_WAIT_FOR_SERVICES mean what they mean
///   in s6-overlay; the times are upper bounds.
///
/// Signals
///   TERM, INT, QUIT  stop everything in order (QUIT: loggers are signalled too)
///   HUP              look for new services, stop those that have vanished
///   ALRM             look for new services
///   ABRT             end at once
///   With a command all but TERM, INT and QUIT go to it; a plain init forwards
///   these as well. A script .s6-svscan/SIGHUP (INT, TERM, QUIT, USR1, USR2, PWR,
///   WINCH) stands in for the signal's meaning when there is no command.
///   `svscanctl -h` does what HUP does, with a command too.
///
/// Exit codes
///   That of COMMAND, or of the essential service that ended: 128 and the number
///   for a signal. Otherwise
///   0    everything was stopped
///   100  used wrongly: also a --services directory that is not there, unless
///        it is the default
///   111  the system failed
///   126  COMMAND cannot be executed
///   127  COMMAND is not there
#[expect(clippy::doc_markdown, reason = "the page is shown as it is written")]
#[derive(Debug, Parser)]
#[command(name = "init", version, verbatim_doc_comment, override_usage = USAGE)]
struct Arguments {
    /// The service directories, which are copied to where they live
    #[arg(long, value_name = "DIR", default_value = init::DEFAULT_SERVICES)]
    services: PathBuf,
    /// Where the services live
    #[arg(long, value_name = "DIR", default_value = init::DEFAULT_SCANDIR)]
    scandir: PathBuf,
    /// Supervise this directory in place, as s6-svscan does
    #[arg(long = "scan", value_name = "DIR")]
    in_place: Option<PathBuf>,
    /// Where the lines of services and of init go, instead of its output
    #[arg(long, value_name = "FILE", env = "INIT_LOG")]
    log: Option<PathBuf>,
    /// How many bytes FILE and FILE.1, the older one, have at most
    #[arg(long, value_name = "BYTES", env = "INIT_LOG_SIZE", default_value_t = LOG_SIZE,
        value_parser = clap::value_parser!(u64).range(LEAST_LOG..))]
    log_size: u64,
    /// How many lines of one kind go there each second; 0 is any number
    #[arg(long, value_name = "LINES", env = "INIT_LOG_RATE", default_value_t = LOG_RATE)]
    log_rate: u32,
    /// What to run beside the services; its exit code is ours
    #[arg(trailing_var_arg = true)]
    command: Vec<OsString>,
}

fn main() -> ExitCode {
    exit::main("init", |arguments: Arguments| {
        let options = init::Options {
            services: arguments.services,
            in_place: arguments.in_place.is_some(),
            scandir: arguments.in_place.unwrap_or(arguments.scandir),
            command: arguments.command,
            log: arguments.log.map(|path| LogFile {
                path,
                size: arguments.log_size,
                rate: arguments.log_rate,
            }),
        };
        init::run(&options).map(Exit::Code)
    })
}
