//! Processes, and what becomes of those that were killed.

use super::{between, ensure, says};

pub(super) fn processes(text: &str) -> Result<(), String> {
    says(text, &["/init", "serf agent", "serf-watch", "rsyslogd"])?;
    let haproxies = text.lines().filter(|line| line.contains("\\_ haproxy "));
    ensure(haproxies.count() == 2, "is not one master and one worker")?;
    for at_work in ["defunct", "haproxy-reload", "haproxy-gen", "serf-nodes"] {
        ensure(!text.contains(at_work), format!("caught '{at_work}'"))?;
    }
    Ok(())
}

pub(super) fn killed(text: &str) -> Result<(), String> {
    says(text, &["kill -KILL"])?;
    let [old, new] = between(text, "up (pid ", ")")[..] else {
        return Err("the process is not there before and after".to_owned());
    };
    ensure(old != new, "the process is the same")?;
    let lives: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("restarts: "))
        .collect();
    ensure(
        lives.len() == 2 && lives[0] == lives[1],
        "the container is not the same",
    )?;
    ensure(
        lives[0].starts_with("restarts: 0, "),
        "it was started again",
    )
}

pub(super) fn reload(text: &str) -> Result<(), String> {
    let (before, after) = text
        .split_once("s6-svc -h /var/run/s6/services/ha")
        .ok_or("no reload was asked for")?;
    let pid = |part: &str, kind: &str| {
        let row = part.lines().find(|line| {
            let mut words = line.split_whitespace();
            words.next().is_some_and(|pid| pid.parse::<u32>().is_ok()) && words.next() == Some(kind)
        });
        row.and_then(|row| row.split_whitespace().next())
            .map(str::to_owned)
    };
    ensure(
        pid(before, "master").is_some() && pid(before, "master") == pid(after, "master"),
        "the master is not the same",
    )?;
    ensure(
        pid(before, "worker").is_some()
            && pid(after, "worker").is_some()
            && pid(before, "worker") != pid(after, "worker"),
        "there is no other worker",
    )
}
