//! What can be asked, and how it is answered.

use std::process::Stdio;

use anyhow::{Context, ensure};
use exit::{Exit, print};
use files::{Durability, replace};

use crate::picture::Picture;
use crate::ratio::{Ratio, judge};
use crate::setting::{Setting, progress};
use crate::table::Answer;
use crate::{burst, chain_cost, faults, init_question, machine, members, results, size};

pub(crate) const NAMES: [&str; 9] = [
    "chain", "burst", "members", "size", "init", "memory", "effect", "churn", "faults",
];

/// Answers these questions, or all of them if there are none. Quick answers are judged.
pub(crate) fn run(setting: &Setting, wanted: &[String]) -> anyhow::Result<Exit> {
    let mut ratios = Vec::new();
    for name in NAMES {
        if wanted.is_empty() || wanted.iter().any(|wanted| wanted == name) {
            let more = answer(setting, name);
            ratios.extend(more.with_context(|| format!("answer the question {name}"))?);
        }
    }
    if setting.quick {
        return judge(&ratios);
    }
    progress("the answers are in bench/results.md");
    Ok(Exit::Changed)
}

/// Answers one question, and returns the ratios by which the answer is judged.
fn answer(setting: &Setting, name: &str) -> anyhow::Result<Vec<Ratio>> {
    let done = |()| Vec::new();
    match name {
        "memory" => script(setting, "latency", &["--memory"]).map(done),
        "effect" if setting.quick => script(setting, "latency", &["2"]).map(done),
        "effect" => script(setting, "latency", &["20"]).map(done),
        "churn" if setting.quick => script(setting, "load", &["2"]).map(done),
        "churn" => script(setting, "load", &["60", "--all"]).map(done),
        _ => {
            let answer = measure(setting, name)?;
            tell(setting, &answer, !setting.quick)?;
            Ok(if setting.quick {
                answer.ratios
            } else {
                Vec::new()
            })
        }
    }
}

fn measure(setting: &Setting, name: &str) -> anyhow::Result<Answer> {
    match name {
        "chain" => {
            let (answer, picture) = chain_cost::question(setting)?;
            draw(setting, "cost.svg", &picture)?;
            Ok(answer)
        }
        "burst" => burst::question(setting),
        "members" => members::question(setting),
        "size" => size::question(setting),
        "faults" => faults::question(setting),
        _ => init_question::question(setting),
    }
}

/// Prints an answer, and keeps it.
pub(crate) fn tell(setting: &Setting, answer: &Answer, keep: bool) -> anyhow::Result<Exit> {
    let text = answer.to_string();
    print(&text)?;
    if keep {
        let path = setting.root().join("bench/results.md");
        results::keep(&path, &machine::facts(), &text)?;
    }
    Ok(Exit::Changed)
}

/// Draws a picture beside the answers.
pub(crate) fn draw(setting: &Setting, name: &str, picture: &Picture) -> anyhow::Result<()> {
    if setting.quick {
        return Ok(());
    }
    let path = setting.root().join("bench").join(name);
    replace(&path, picture.svg().as_bytes(), Durability::Unsynced)
}

/// Questions that need a cluster are answered by the scripts that start one.
fn script(setting: &Setting, name: &str, arguments: &[&str]) -> anyhow::Result<()> {
    let mut command = setting.script(name);
    command.args(arguments).stdin(Stdio::null());
    if !setting.quick {
        command.arg("--keep");
    }
    let status = command
        .status()
        .with_context(|| format!("run scripts/{name}"))?;
    // 1 means that a request failed, which the table shows.
    ensure!(
        matches!(status.code(), Some(0 | 1)),
        "scripts/{name} ended with {status}"
    );
    Ok(())
}
