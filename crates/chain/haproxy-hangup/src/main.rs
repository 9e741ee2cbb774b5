//! Ends the requests that wait for servers which have fallen silent. The documentation
//! of [`Args`] is the program's page.

mod silent;
mod states;
mod trouble;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::Parser;
use exit::{Exit, escape};
use haproxy_socket::{SILENCE, Socket, pause, stat};

use silent::{Silent, is_timeout};
use trouble::Trouble;

const PROGRAM: &str = "haproxy-hangup";

/// The pause between two looks. A look costs HAProxy half a millisecond for a thousand
/// servers.
const EVERY: Duration = Duration::from_millis(150);

/// The looks may take this share of the time at most, where the pause that this needs is
/// not longer than [`AWAY`].
const SHARE: u32 = 20;

/// The longest pause, and that before asking again a HAProxy that does not answer.
const AWAY: Duration = Duration::from_secs(1);

/// So many servers' requests are ended with one line, which has to fit in HAProxy's
/// buffer of 16 kB.
const TOGETHER: usize = 50;

/// Ends the requests that wait for servers which have fallen silent
///
/// Interface
///   A node that is frozen, or whose cable is cut, sends nothing, not even the end of its
///   connections. HAProxy's health check finds it DOWN and sends it no more requests,
///   but those that it has wait on, for `timeout server`. This program ends them (by
///   HAProxy's own `shutdown sessions server`) when the server has been DOWN for
///   --after. HAProxy then sends those elsewhere that the configuration lets it repeat
///   (`retry-on empty-response`), and answers the others with an error.
///   Requests on a server that is DOWN but answers are left alone: its check was
///   refused, or got an error, as from a node that finishes its work before it ends.
///
/// Signals
///   TERM, INT    end at once; there is nothing to finish
///
/// Exit codes
///   100  used wrongly
///   It ends by a signal only. A HAProxy that does not answer is asked again each
///   second, and told once, if it does not answer then either.
///
/// Notes
///   --after has to be longer than `timeout connect`: to a server that is DOWN no new
///   connection is begun, so all that were begun have been given up by then, and
///   are tried elsewhere, whatever their method. This is what HAProxy's own
///   `on-marked-down shutdown-sessions` does not wait for.
#[derive(Parser)]
#[command(version, verbatim_doc_comment)]
struct Args {
    /// The command socket of the running HAProxy
    #[arg(
        long,
        value_name = "FILE",
        env = "HAPROXY_SOCKET",
        hide_env_values = true,
        default_value = "/var/run/haproxy.sock"
    )]
    socket: PathBuf,
    /// How long a silent server is DOWN before its requests are ended
    #[arg(
        long,
        value_name = "TIME",
        env = "HAPROXY_HANGUP_AFTER",
        hide_env_values = true,
        default_value = "350ms",
        value_parser = humantime::parse_duration
    )]
    after: Duration,
}

fn main() -> ExitCode {
    exit::main(PROGRAM, run)
}

fn run(Args { socket, after }: Args) -> anyhow::Result<Exit> {
    let mut silent = Silent::new(after);
    let mut trouble = Trouble::default();
    loop {
        let start = Instant::now();
        let length = match look(&socket, &mut silent) {
            Ok(()) => {
                trouble.is_over();
                rest(start.elapsed())
            }
            Err(error) => {
                // Who was DOWN before may have been UP since.
                silent = Silent::new(after);
                let text = format!("look for silent servers: {error:#}");
                if trouble.is_news(&text) {
                    exit::say(PROGRAM, &text);
                }
                AWAY
            }
        };
        pause(length);
    }
}

/// The pause after a look. One look that was held up, as by a reload, does not put off the
/// next one for long.
fn rest(took: Duration) -> Duration {
    (took * SHARE).clamp(EVERY, AWAY)
}

/// Looks once, and ends the requests of those servers for which it is time.
fn look(path: &std::path::Path, silent: &mut Silent) -> anyhow::Result<()> {
    let haproxy = Socket {
        path: path.to_owned(),
        deadline: Instant::now() + SILENCE,
        // A worker that has just been started takes over the socket of the one before.
        refusals: Duration::from_millis(200),
        half_close: false,
    };
    let down = states::down(&haproxy.ask("show servers state")?)?;
    let due = silent.due(down, Instant::now());
    if due.is_empty() {
        return Ok(());
    }
    let stats = stat::parse(&haproxy.ask("show stat -1 4 -1")?)?;
    let timed_out = |id: &&String| stats.get(*id).is_some_and(|stat| is_timeout(&stat.check));
    let wait: Vec<&String> = due.iter().filter(timed_out).collect();
    for servers in wait.chunks(TOGETHER) {
        let commands: Vec<String> = servers
            .iter()
            .map(|id| format!("shutdown sessions server {id}"))
            .collect();
        let answer = haproxy.ask(&commands.join(";"))?;
        let answer = answer.trim();
        ensure!(
            answer.is_empty(),
            "HAProxy answers `{}`",
            escape(answer.as_bytes())
        );
    }
    for id in wait {
        if silent.is_new(id) {
            let check = &stats.get(id).context("a server without counters")?.check;
            let (id, check) = (escape(id.as_bytes()), escape(check.as_bytes()));
            exit::say(
                PROGRAM,
                format_args!("{id} is silent ({check}): its requests are ended"),
            );
        }
    }
    silent.looked(&due, Instant::now());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_that_was_held_up_does_not_put_off_the_next_one_for_long() {
        let milliseconds = Duration::from_millis;
        for (took, pause) in [(0, 150), (5, 150), (10, 200), (50, 1000), (1900, 1000)] {
            assert_eq!(rest(milliseconds(took)), milliseconds(pause), "{took}");
        }
    }
}
