//! The pages of the three programs, and all their options for whoever makes manual pages
//! or completions of them.
//!
//! The options are read elsewhere, since clap forgets the order of flags: in `svc` and
//! `svscanctl` it is an instruction, and in `svstat` that of the fields. Tests hold both
//! together.

use std::path::PathBuf;

const SVC_USAGE: &str = "svc [-wu | -wU | -wd | -wD | -wr | -wR] [-T MILLISECONDS]
           [-s SIGNAL] [-abqhkti12pcyrlPCKoduDUxOQ] SERVICEDIR...";

/// Control supervised services, to the letter of s6-svc
///
/// Interface
///   svc [-wu | -wU | -wd | -wD | -wr | -wR] [-T MILLISECONDS]
///       [-s SIGNAL] [-abqhkti12pcyrlPCKoduDUxOQ] SERVICEDIR...
///
///   The letters are obeyed in the order in which they stand:
///   -u   bring it up, and start it again when it dies
///   -d   bring it down, and leave it down
///   -o   bring it up once: it is not started again
///   -O   let it run, but do not start it again
///   -r   restart: send it its down-signal
///   -l   reload: send it its reload-signal (HUP)
///   -U, -D, -Q   as -u, -d, -O, and for the next supervisor as well:
///                the file `down` is removed (-U) or made (-D, -Q)
///   -x   the supervisor lets go of the service when it is down
///   -p, -c   pause it (STOP), continue it (CONT)
///   -P, -C, -K   STOP, CONT, KILL for its whole process group
///   -a ALRM, -b ABRT, -q QUIT, -h HUP, -k KILL, -t TERM, -i INT,
///   -1 USR1, -2 USR2, -y WINCH   send it this signal
///   -s SIGNAL   one of these by its name or number
///
///   -w waits until each of the services is
///      u up, U up and ready, d down, D down and ready to be started,
///      r down and up again, R down, up again and ready.
///   Without a notification-fd, U and R are u and r.
///   -T is the longest wait; 0 is for ever, as if there were no -T.
///
/// Files
///   SERVICEDIR/supervise/control   the letters are written to it
///   SERVICEDIR/supervise/status    the state of the service
///   SERVICEDIR/event               its events come here, which -w waits for
///
/// Exit codes
///   0    done
///   1    waiting was in vain: the service failed for good, or its supervisor
///        ended
///   99   timed out
///   100  used wrongly, or nobody supervises the service
///   111  the system failed, or there is no such service
///
/// Notes
///   Options stand before the first SERVICEDIR. Of several services each is told,
///   whatever happens to the others; with -w none, where one cannot be waited for.
///   -P, -C, -K need a supervisor of s6 2.13 or later, or init; -l of 2.15.1.
///   Waiting looks at the state before the letters take effect: `-wu -u` on a
///   service that is up returns at once. It waits without polling. s6-svc waits
///   for ever where nobody supervises; svc says so and exits 100.
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are the letters of s6-svc"
)]
#[derive(Debug, clap::Parser)]
#[command(
    name = "svc",
    version,
    verbatim_doc_comment,
    override_usage = SVC_USAGE,
    disable_help_flag = true,
    disable_version_flag = true
)]
pub struct Svc {
    /// Show this page
    #[arg(long, action = clap::ArgAction::Help)]
    pub help: Option<bool>,
    /// Show the version
    #[arg(long, action = clap::ArgAction::Version)]
    pub version: Option<bool>,
    /// Wait for this state: u, U, d, D, r or R
    #[arg(short = 'w', value_name = "STATE", hide_long_help = true)]
    pub wait: Option<String>,
    /// Wait no longer than this
    #[arg(short = 'T', value_name = "MILLISECONDS", hide_long_help = true)]
    pub timeout: Option<u32>,
    /// Send it this signal, by name or number
    #[arg(short = 's', value_name = "SIGNAL", hide_long_help = true)]
    pub signal: Option<String>,
    /// Send it ALRM
    #[arg(short = 'a', hide_long_help = true)]
    pub alarm: bool,
    /// Send it ABRT
    #[arg(short = 'b', hide_long_help = true)]
    pub abort: bool,
    /// Send it QUIT
    #[arg(short = 'q', hide_long_help = true)]
    pub quit: bool,
    /// Send it HUP
    #[arg(short = 'h', hide_long_help = true)]
    pub hangup: bool,
    /// Send it KILL
    #[arg(short = 'k', hide_long_help = true)]
    pub kill: bool,
    /// Send it TERM
    #[arg(short = 't', hide_long_help = true)]
    pub terminate: bool,
    /// Send it INT
    #[arg(short = 'i', hide_long_help = true)]
    pub interrupt: bool,
    /// Send it USR1
    #[arg(short = '1', hide_long_help = true)]
    pub user_1: bool,
    /// Send it USR2
    #[arg(short = '2', hide_long_help = true)]
    pub user_2: bool,
    /// Pause it with STOP
    #[arg(short = 'p', hide_long_help = true)]
    pub pause: bool,
    /// Continue it with CONT
    #[arg(short = 'c', hide_long_help = true)]
    pub go_on: bool,
    /// Send it WINCH
    #[arg(short = 'y', hide_long_help = true)]
    pub window: bool,
    /// Restart it with its down-signal
    #[arg(short = 'r', hide_long_help = true)]
    pub restart: bool,
    /// Send it its reload-signal
    #[arg(short = 'l', hide_long_help = true)]
    pub reload: bool,
    /// Pause its process group with STOP
    #[arg(short = 'P', hide_long_help = true)]
    pub pause_group: bool,
    /// Continue its process group with CONT
    #[arg(short = 'C', hide_long_help = true)]
    pub go_on_group: bool,
    /// Send KILL to its process group
    #[arg(short = 'K', hide_long_help = true)]
    pub kill_group: bool,
    /// Bring it up once, without another start
    #[arg(short = 'o', hide_long_help = true)]
    pub once: bool,
    /// Bring it down, and leave it down
    #[arg(short = 'd', hide_long_help = true)]
    pub down: bool,
    /// Bring it up, and start it again when it dies
    #[arg(short = 'u', hide_long_help = true)]
    pub up: bool,
    /// As -d, and make the file down
    #[arg(short = 'D', hide_long_help = true)]
    pub down_for_good: bool,
    /// As -u, and remove the file down
    #[arg(short = 'U', hide_long_help = true)]
    pub up_for_good: bool,
    /// Supervise it no more once it is down
    #[arg(short = 'x', hide_long_help = true)]
    pub exit: bool,
    /// Let it run, but do not start it again
    #[arg(short = 'O', hide_long_help = true)]
    pub at_most_once: bool,
    /// As -O, and make the file down
    #[arg(short = 'Q', hide_long_help = true)]
    pub at_most_once_for_good: bool,
    /// The service directories
    #[arg(value_name = "SERVICEDIR", required = true, hide_long_help = true)]
    pub services: Vec<PathBuf>,
}

/// Show what a supervised service is doing, in the words of s6-svstat
///
/// Interface
///   svstat [--json] [-uwNrpgest | -o FIELD,...] [-n] SERVICEDIR
///
///   Without options one line for people:
///     up (pid 42) 7 seconds, ready 6 seconds
///     down (exitcode 3) 1 seconds, normally up, want up
///
///   -o prints these fields, separated by a space:
///        up, wantedup, normallyup, ready, paused   true or false
///        pid, pgid, exitcode, signum               -1: does not apply
///        signal                                    NA: does not apply
///        updownsince, readysince                   TAI64N
///        updownfor, readyfor                       seconds
///   -u up, -w wantedup, -N normallyup, -r ready, -p pid, -g pgid,
///   -e exitcode, -s signal, -t updownfor   are short for -o with this field
///   -n shows a signal in the line as a number
///   --json prints an object of all fields, and of `finishing`, which is true
///          while `finish` runs: null for what does not apply, seconds since
///          1970 for times
///
/// Files
///   SERVICEDIR/supervise/lock     whether somebody supervises it
///   SERVICEDIR/supervise/status   the record: 35 bytes, or the 43 of s6 2.13
///   SERVICEDIR/down               whether it is normally up
///
/// Exit codes
///   0    shown
///   1    nobody supervises it
///   100  used wrongly
///   111  the system failed, or the record is none
///
/// Notes
///   The words are those of s6 2.11, whatever release the supervisor is of. Where
///   that is 2.13.2 or later, a service may be `down (not started yet)`.
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are s6-svstat's letters"
)]
#[derive(Debug, clap::Parser)]
#[command(
    name = "svstat",
    version,
    verbatim_doc_comment,
    override_usage = "svstat [--json] [-uwNrpgest | -o FIELD,...] [-n] SERVICEDIR",
    disable_help_flag = true,
    disable_version_flag = true
)]
pub struct Svstat {
    /// Show this page
    #[arg(long, action = clap::ArgAction::Help)]
    pub help: Option<bool>,
    /// Show the version
    #[arg(long, action = clap::ArgAction::Version)]
    pub version: Option<bool>,
    /// Everything as one JSON object
    #[arg(long)]
    pub json: bool,
    /// As -o up
    #[arg(short = 'u', hide_long_help = true)]
    pub up: bool,
    /// As -o wantedup
    #[arg(short = 'w', hide_long_help = true)]
    pub wantedup: bool,
    /// As -o normallyup
    #[arg(short = 'N', hide_long_help = true)]
    pub normallyup: bool,
    /// As -o ready
    #[arg(short = 'r', hide_long_help = true)]
    pub ready: bool,
    /// As -o pid
    #[arg(short = 'p', hide_long_help = true)]
    pub pid: bool,
    /// As -o pgid
    #[arg(short = 'g', hide_long_help = true)]
    pub pgid: bool,
    /// As -o exitcode
    #[arg(short = 'e', hide_long_help = true)]
    pub exitcode: bool,
    /// As -o signal
    #[arg(short = 's', hide_long_help = true)]
    pub signal: bool,
    /// As -o updownfor
    #[arg(short = 't', hide_long_help = true)]
    pub updownfor: bool,
    /// Show these fields
    #[arg(short = 'o', value_name = "FIELD,...", hide_long_help = true)]
    pub fields: Option<String>,
    /// Show a signal in the line as a number
    #[arg(short = 'n', hide_long_help = true)]
    pub numeric: bool,
    /// The service directory
    #[arg(value_name = "SERVICEDIR", required = true, hide_long_help = true)]
    pub service: PathBuf,
}

/// Control a whole scan directory of services, to the letter of s6-svscanctl
///
/// Interface
///   svscanctl [-zabhitqnN] SCANDIR
///
///   The letters are obeyed in the order in which they stand:
///   -a   look for new services, and start them
///   -n   stop the services whose directories are gone, and let them go
///   -h   as -an
///   -N   stop all services, and supervise those that are still there anew
///   -t, -i   stop all services, and end: loggers end with their input
///   -q   as -t, and loggers are stopped too
///   -b   end at once, and leave the services alone
///   -z   reap processes that have ended, which is done anyhow
///
///   Without letters it only looks whether somebody supervises SCANDIR.
///
/// Files
///   SCANDIR/.s6-svscan/control   the letters are written to it
///
/// Exit codes
///   0    told
///   100  used wrongly, or nobody supervises SCANDIR
///   111  the system failed, or there is no such directory
///
/// Notes
///   It does not wait until it is done: `svc -w` waits for a service. init
///   listens here whether it has a command or not. The letters of s6 2.9 and
///   older that shut down a machine (p, r, s, 0, 6, 7, 8) are refused.
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are s6-svscanctl's letters"
)]
#[derive(Debug, clap::Parser)]
#[command(
    name = "svscanctl",
    version,
    verbatim_doc_comment,
    override_usage = "svscanctl [-zabhitqnN] SCANDIR",
    disable_help_flag = true,
    disable_version_flag = true
)]
pub struct Svscanctl {
    /// Show this page
    #[arg(long, action = clap::ArgAction::Help)]
    pub help: Option<bool>,
    /// Show the version
    #[arg(long, action = clap::ArgAction::Version)]
    pub version: Option<bool>,
    /// Reap processes that have ended
    #[arg(short = 'z', hide_long_help = true)]
    pub reap: bool,
    /// Look for new services
    #[arg(short = 'a', hide_long_help = true)]
    pub look: bool,
    /// End at once, and leave the services alone
    #[arg(short = 'b', hide_long_help = true)]
    pub abort: bool,
    /// As -an
    #[arg(short = 'h', hide_long_help = true)]
    pub follow: bool,
    /// As -t
    #[arg(short = 'i', hide_long_help = true)]
    pub interrupt: bool,
    /// Stop all services, and end
    #[arg(short = 't', hide_long_help = true)]
    pub terminate: bool,
    /// As -t, and stop loggers too
    #[arg(short = 'q', hide_long_help = true)]
    pub quit: bool,
    /// Let services go whose directories are gone
    #[arg(short = 'n', hide_long_help = true)]
    pub dismiss_vanished: bool,
    /// Stop all services, and supervise them anew
    #[arg(short = 'N', hide_long_help = true)]
    pub dismiss_all: bool,
    /// The scan directory
    #[arg(value_name = "SCANDIR", required = true, hide_long_help = true)]
    pub scandir: PathBuf,
}
