//! What the engine says of containers.

use serde_json::Value;

use super::{ensure, equal, owned, sorted};

/// The last part of the names that the engine gave, `ha` or `webapp-1`, of each row.
pub(super) fn containers(text: &str) -> Vec<String> {
    let rows = text.lines().filter(|line| line.contains(" Up "));
    let names = rows.filter_map(|line| line.split_whitespace().next());
    let mut names: Vec<String> = names.map(service).collect();
    names.sort();
    names
}

/// `muster_webapp_1` and `muster-webapp-1` are `webapp-1`; one that there is but one of has no
/// number.
pub(super) fn service(container: &str) -> String {
    let parts: Vec<&str> = container.split(['_', '-']).collect();
    match parts.as_slice() {
        [.., "webapp", number] => format!("webapp-{number}"),
        [.., name, "1"] => (*name).to_owned(),
        _ => container.to_owned(),
    }
}

pub(super) fn published(text: &str, ports: &[(&str, &str)]) -> Result<(), String> {
    let mut names: Vec<&str> = ports.iter().map(|(name, _)| *name).collect();
    names.dedup();
    let rows = text.lines().take_while(|line| !line.starts_with('$'));
    let rows: Vec<&str> = rows.collect();
    equal(&containers(&rows.join("\n")), &sorted(&names))?;
    ports.iter().try_for_each(|(name, port)| {
        let there = rows.iter().any(|row| {
            let container = row.split_whitespace().next().unwrap_or_default();
            service(container) == *name && row.contains(&format!(":{port}/tcp"))
        });
        ensure(there, format!("{name} does not publish {port}"))
    })
}

pub(super) fn inspected(text: &str, name: &str) -> Result<(), String> {
    let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let one = &value[0];
    let container = one["Name"].as_str().unwrap_or_default();
    equal(&[service(container)], &owned(&[name]))?;
    let image = one["Config"]["Image"].as_str().unwrap_or_default();
    let expected = if name == "ha" {
        "muster/ha:"
    } else {
        "muster/webapp:"
    };
    ensure(
        image.starts_with(expected),
        format!("is of the image '{image}'"),
    )?;
    let status = &one["State"]["Status"];
    ensure(status == "running", format!("is {status}"))
}
