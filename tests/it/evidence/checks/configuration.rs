//! What is made of the nodes: files, HAProxy's configuration, its list.

use super::super::folder::Evidence;
use super::{distinct, ensure, equal, owned, says, shortened};

/// Who is in the lab's sentence. Another line stands for itself.
fn in_sentences(text: &str) -> Vec<String> {
    text.lines()
        .map(|line| {
            let name = line.strip_prefix("Container ").and_then(|rest| {
                let (name, ip) = rest
                    .split_once(" has joined the Serf cluster with the following IP address: ")?;
                ip.parse::<std::net::Ipv4Addr>().ok().map(|_| name)
            });
            name.unwrap_or(line).to_owned()
        })
        .collect()
}

pub(super) fn known(text: &str, names: &[&str]) -> Result<(), String> {
    equal(&shortened(&in_sentences(text)), &owned(names))
}

pub(super) fn answer(text: &str, names: &[&str]) -> Result<(), String> {
    let (head, sentences) = text.split_once('\n').ok_or("is empty")?;
    equal(&owned(&[head]), &[format!("# {} nodes", names.len())])?;
    known(sentences, names)
}

/// Lines of name and address.
fn addresses(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| {
        let mut words = line.split(' ').skip(1);
        let ip = words
            .next()
            .is_some_and(|ip| ip.parse::<std::net::Ipv4Addr>().is_ok());
        ip && words.next().is_none()
    });
    lines.map(str::to_owned).collect()
}

pub(super) fn node_files(text: &str, names: &[&str]) -> Result<(), String> {
    says(text, &[" ls -l /nodes\n"])?;
    let listed = text.lines().filter(|line| line.starts_with('-'));
    let listed = listed.filter_map(|line| line.split_whitespace().last());
    equal(&distinct(listed), &owned(names))?;
    let lines = addresses(text);
    let inside = lines.iter().filter_map(|line| line.split(' ').next());
    equal(&distinct(inside), &owned(names))
}

pub(super) fn configuration(
    evidence: &Evidence,
    file: &str,
    text: &str,
    names: &[&str],
) -> Result<(), String> {
    says(
        text,
        &["backend nodes", "frontend localnodes", "listen stats"],
    )?;
    let servers = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("server "))
        // The template's own `again` is no node.
        .filter(|server| !server.contains(" unix@"));
    let servers: Vec<String> = servers
        .map(|server| {
            let words: Vec<&str> = server.split(' ').take(2).collect();
            words.join(" ").replace(":3000", "")
        })
        .collect();
    let inside = servers.iter().filter_map(|server| server.split(' ').next());
    equal(&distinct(inside), &owned(names))?;
    let step = file.replace("haproxy-", "nodes-").replace(".cfg", ".txt");
    equal(&servers, &addresses(evidence.text(&step)?))
}

pub(super) fn timeline(text: &str, steps: &[(usize, usize)]) -> Result<(), String> {
    let lists = text.lines().filter_map(|line| line.split_once(" list: "));
    let mut seen = lists.map(|(_, list)| {
        let count = |state: &str| {
            list.split(", ")
                .filter(|node| node.ends_with(state))
                .count()
        };
        (count(" UP"), count(" DOWN"))
    });
    steps.iter().try_for_each(|step| {
        let reached = seen.any(|now| now == *step);
        ensure(
            reached,
            format!(
                "never had {} UP and {} DOWN, or not in its turn",
                step.0, step.1
            ),
        )
    })?;
    let mut last = 0;
    for line in text.lines() {
        let (second, _) = line.split_once(" s ").ok_or("a line has no second")?;
        let second: u32 = second
            .trim()
            .parse()
            .map_err(|_| format!("'{second}' is no second"))?;
        ensure(second >= last, "its seconds do not rise")?;
        last = second;
    }
    Ok(())
}
