//! The seamless reload. It first tries what can fail, then asks the master to reload,
//! and then waits until the new worker answers.

mod bind;
mod objections;
pub(crate) mod pace;
pub(crate) mod refused;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use haproxy_config::Listener;

use self::refused::Refused;
use crate::file::admin;
use crate::file::content::listed;
use crate::haproxy::master::{self, Answer, Processes};
use crate::haproxy::{Haproxy, look};
use haproxy_socket::{Absent, TURN, pause};

/// How many old workers may still be finishing when a reload is asked for. More could
/// use up the memory of a small machine.
const MOST_OLD: usize = 5;
/// How long a run waits for old workers. The lock is held meanwhile, and what leaves is not
/// to wait for it.
const ROOM: Duration = Duration::from_secs(2);
/// How long the command socket of a new worker may be absent. A worker that the master
/// lists has opened its sockets, so if the socket stays absent, somebody removed its
/// file: the worker then inherits the open socket without a path.
const OPENING: Duration = Duration::from_secs(2);

/// What is to be loaded.
pub(crate) struct Request<'a> {
    pub(crate) config: &'a [PathBuf],
    pub(crate) listeners: &'a [Listener],
    /// The hash of the file.
    pub(crate) hash: &'a str,
    /// The process that answers now, if one does.
    pub(crate) worker: Option<u32>,
}

impl Haproxy {
    /// Makes HAProxy read its file again, and returns when the new worker answers. If
    /// that fails, the old worker keeps running. `meanwhile` is called before a longer
    /// wait.
    pub(crate) fn reload(
        &self,
        request: &Request,
        refused: &Refused,
        meanwhile: &mut dyn FnMut(),
    ) -> anyhow::Result<()> {
        let &Request {
            config,
            listeners,
            hash,
            worker,
        } = request;
        let tried = refused.check(hash);
        if worker.is_none() {
            tried.context("if it stays so, `svc -r` of HAProxy's service gives it its sockets")?;
        } else {
            tried?;
        }
        let before = self.room_for_another(meanwhile)?;
        let environment = self.environment(before.master);
        if let Err(error) = self.check_socket(config, listeners, &environment) {
            refused.remember(hash)?;
            return Err(error);
        }
        let listener = worker.or(before.workers.first().copied());
        bind::probe(listeners, &environment, listener.unwrap_or_default())
            .context("try the addresses of the file, before HAProxy does")?;
        let answer = self.ask_for_it(&before);
        if answer.is_err() && worker.is_none() {
            // Without a pause, each run would reload again and not help either.
            refused.remember(hash)?;
        }
        let Some(words) = answer? else {
            return Ok(());
        };
        refused.remember(hash)?;
        let words = objections::told(&words, config, &environment);
        Err(anyhow!("{words}").context("HAProxy refused the file, and the old worker goes on"))
    }

    /// Refuses a file without the worker's command socket: HAProxy would accept it, and
    /// then no later file could be compared with what runs. Without HAProxy's
    /// environment this is not checked, since the path may depend on it.
    fn check_socket(
        &self,
        config: &[PathBuf],
        listeners: &[Listener],
        environment: &BTreeMap<String, String>,
    ) -> anyhow::Result<()> {
        let socket = &self.worker.path;
        if environment.is_empty() || admin::opens(listeners, environment, socket) {
            return Ok(());
        }
        bail!(
            "{} has no `stats socket {} level admin`, so no later change could be made; the \
             running HAProxy stays as it is",
            listed(config),
            socket.display()
        )
    }

    fn room_for_another(&self, meanwhile: &mut dyn FnMut()) -> anyhow::Result<Processes> {
        let until = self.master.deadline.min(Instant::now() + ROOM);
        let mut is_first = true;
        loop {
            let processes = Processes::ask(&self.master)?;
            if processes.old.len() < MOST_OLD {
                return Ok(processes);
            }
            if std::mem::take(&mut is_first) {
                meanwhile();
            }
            if Instant::now() >= until {
                let old = processes.old.len();
                bail!("{old} old workers are still finishing; a later run tries again");
            }
            pause(4 * TURN);
        }
    }

    /// Asks the master for a reload. Returns HAProxy's words if it refused the file,
    /// and `None` when the new worker is there.
    fn ask_for_it(&self, before: &Processes) -> anyhow::Result<Option<String>> {
        loop {
            match master::reload(&self.master)? {
                Answer::Refused(words) => return Ok(Some(words)),
                Answer::Nothing | Answer::Taken => return self.confirm(before),
                Answer::Busy if Instant::now() >= self.master.deadline => {
                    bail!("another reload is still in progress");
                }
                Answer::Busy => pause(TURN * 4),
            }
        }
    }

    /// Waits until the new worker itself answers, since the master's word is not
    /// enough. Returns HAProxy's words, which are empty, if the reload failed.
    ///
    /// An error does not end the wait, since the master refuses connections for 40 to
    /// 80 ms while it restarts itself. At the deadline the last one is reported.
    fn confirm(&self, before: &Processes) -> anyhow::Result<Option<String>> {
        let mut opening = None;
        loop {
            let mut until = self.master.deadline;
            let last = match Processes::ask(&self.master) {
                Ok(now) if now.is_after(before) && now.failed > 0 => {
                    return Ok(Some(String::new()));
                }
                Ok(now) if now.is_after(before) => match self.answers(now.successor(before)) {
                    Ok(()) => return Ok(None),
                    Err(error) if error.is::<Absent>() => {
                        until = *opening.get_or_insert_with(|| Instant::now() + OPENING);
                        error
                    }
                    Err(error) => error,
                },
                Ok(now) => {
                    let reloads = now.reloads;
                    anyhow!("the master still says that it has reloaded {reloads} times")
                }
                Err(error) => error,
            };
            // The reload itself may have taken all of the time, and is done nevertheless.
            if Instant::now() >= until {
                return Err(last.context("confirm the reload"));
            }
            pause(TURN);
        }
    }

    fn answers(&self, successor: Option<u32>) -> anyhow::Result<()> {
        let successor = successor.context("there is no new worker")?;
        let running = look(&self.worker)?;
        if running.pid != successor || running.stopping {
            bail!("worker {successor} does not answer yet");
        }
        Ok(())
    }
}
