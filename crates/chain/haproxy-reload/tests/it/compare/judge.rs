//! What a HAProxy runs, so that two of them can be compared.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use harness::haproxy::ask;

/// Columns of `show servers state` that say what a server is.
const STATE: [&str; 12] = [
    "srv_addr",
    "srv_port",
    "srv_op_state",
    "srv_admin_state",
    "srv_uweight",
    "srv_check_state",
    "srv_agent_state",
    "srv_use_ssl",
    "srv_check_port",
    "srv_check_addr",
    "srv_agent_addr",
    "srv_agent_port",
];
/// Columns of `show stat` that do.
const STAT: [&str; 22] = [
    "status",
    "weight",
    "act",
    "bck",
    "check_status",
    "check_code",
    "check_desc",
    "check_rise",
    "check_fall",
    "check_health",
    "agent_status",
    "agent_desc",
    "agent_rise",
    "agent_fall",
    "agent_health",
    "cookie",
    "slim",
    "qlimit",
    "tracked",
    "throttle",
    "mode",
    "algo",
];
/// Those that say nothing of a server in maintenance.
const OF_USE: [&str; 11] = [
    "weight",
    "check_status",
    "check_code",
    "check_desc",
    "check_rise",
    "check_fall",
    "check_health",
    "agent_rise",
    "agent_fall",
    "agent_health",
    "throttle",
];
/// Bits of `srv_admin_state`: a server is in maintenance, and whether the file had it begin so.
const FORCED_MAINTENANCE: u32 = 1;
const CONFIGURED_MAINTENANCE: u32 = 4;
/// Bits of a check's state that say what it is, not what it does at the moment.
const CHECK: u32 = 0x3e;
const CHECK_CONFIGURED: u32 = 2;
const CHECK_ENABLED: u32 = 4;
const CHECK_PAUSED: u32 = 8;

/// The columns of a row by name.
pub(crate) type Row = BTreeMap<&'static str, String>;

/// A backend and a server.
pub(crate) type Name = (String, String);

/// What one HAProxy runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// By backend and server. The rows of `show stat` for a backend or a frontend as a whole
    /// have no name of a server's form.
    pub(crate) rows: BTreeMap<Name, Row>,
}

impl Seen {
    /// Asks it.
    pub(crate) fn of(socket: &Path) -> anyhow::Result<Self> {
        let mut seen = Self::default();
        let stat = ask(socket, "show stat")?;
        for row in table(stat.trim_start_matches("# "), ',') {
            seen.take(&row, "pxname", "svname", &STAT);
        }
        let state = ask(socket, "show servers state")?;
        let (_version, state) = state.split_once('\n').unwrap_or_default();
        for row in table(state.trim_start_matches("# "), ' ') {
            seen.take(&row, "be_name", "srv_name", &STATE);
            let key = (row["be_name"].to_owned(), row["srv_name"].to_owned());
            let seen = seen.rows.entry(key).or_default();
            seen.insert("id", row["srv_id"].to_owned());
        }
        for (key, row) in &mut seen.rows {
            normalise(row);
            if matches!(key.1.as_str(), "FRONTEND" | "BACKEND") {
                // HAProxy makes it of the descriptors that it may have.
                row.remove("slim");
                // A backend whose servers have all left is DOWN, one that never had any is UP.
                // Neither serves.
                let has_none = ["act", "bck"].iter().all(|column| row[column] == "0");
                if key.1 == "BACKEND" && has_none {
                    row.insert("status", String::new());
                }
            }
        }
        Ok(seen)
    }

    fn take(
        &mut self,
        row: &BTreeMap<&str, &str>,
        backend: &str,
        server: &str,
        columns: &[&'static str],
    ) {
        let text = |name: &str| row.get(name).copied().unwrap_or_default().to_owned();
        let kept = self.rows.entry((text(backend), text(server))).or_default();
        kept.extend(columns.iter().map(|column| (*column, text(column))));
    }

    /// Whether nothing changes any more by itself.
    pub(crate) fn is_settled(&self) -> bool {
        self.rows.values().all(|row| {
            let status = &row["status"];
            let throttle = row.get("throttle").map_or("", String::as_str);
            let goes_on = status.contains('/') && !status.contains("via");
            let ready = |state: &str, status: &str| {
                let state = number(row, state);
                let runs = state & CHECK_ENABLED != 0 && state & CHECK_PAUSED == 0;
                !runs || !matches!(row.get(status).map_or("", String::as_str), "INI" | "")
            };
            let is_checked = ready("srv_check_state", "check_status");
            let is_asked = ready("srv_agent_state", "agent_status");
            let is_down = status.starts_with("MAINT");
            let is_final = is_down || !goes_on && is_checked && is_asked;
            is_final && matches!(throttle, "" | "100" | "100%")
        })
    }

    /// The servers that got no request, and get none.
    fn is_retired(row: &Row) -> bool {
        let is_off = number(row, "srv_admin_state") & FORCED_MAINTENANCE != 0;
        is_off && number(row, "srv_agent_state") & CHECK_ENABLED == 0
    }

    /// Where this one differs from a new one, a line each.
    pub(crate) fn differences(&self, new: &Self, with_id: &BTreeSet<Name>) -> Vec<String> {
        let mut found = Vec::new();
        for (key, row) in &self.rows {
            if !new.rows.contains_key(key) && !Self::is_retired(row) {
                found.push(format!("{}/{} runs, and is not in the file", key.0, key.1));
            }
        }
        for (key, wanted) in &new.rows {
            let name = format!("{}/{}", key.0, key.1);
            let Some(row) = self.rows.get(key) else {
                found.push(format!("{name} is in the file, and does not run"));
                continue;
            };
            for (column, wanted) in wanted {
                let is = row.get(column).map_or("", String::as_str);
                if is != wanted && (*column != "id" || with_id.contains(key)) {
                    found.push(format!("{name} {column}: {is:?} runs, {wanted:?} is new"));
                }
            }
        }
        found
    }
}

fn number(row: &Row, column: &str) -> u32 {
    let text = row.get(column).map_or("", String::as_str);
    text.parse().unwrap_or(0)
}

fn normalise(row: &mut Row) {
    let admin = number(row, "srv_admin_state");
    if row.contains_key("srv_admin_state") {
        let is_off = admin & FORCED_MAINTENANCE != 0;
        let admin = admin & !CONFIGURED_MAINTENANCE;
        row.insert("srv_admin_state", admin.to_string());
        for column in ["srv_check_state", "srv_agent_state"] {
            let state = number(row, column) & CHECK;
            // No check is as good as one that rests.
            let is_one = state & CHECK_CONFIGURED != 0;
            row.insert(column, (state * u32::from(is_one)).to_string());
        }
        if is_off {
            // What is found out about it, and its share, count when it is taken into use.
            for column in OF_USE {
                row.remove(column);
            }
        }
    }
    // While a check is under way, the result of the last one has a star.
    for column in ["check_status", "agent_status"] {
        if let Some(text) = row.get_mut(column)
            && let Some(rest) = text.strip_prefix("* ")
        {
            *text = rest.to_owned();
        }
    }
}

/// How often servers have gone down.
pub(crate) fn falls(socket: &Path) -> anyhow::Result<u64> {
    let stat = ask(socket, "show stat")?;
    let rows = table(stat.trim_start_matches("# "), ',');
    let falls = rows
        .iter()
        .filter_map(|row| row.get("chkdown")?.parse::<u64>().ok());
    Ok(falls.sum())
}

/// Rows by the names in the first line.
fn table(text: &str, separator: char) -> Vec<BTreeMap<&str, &str>> {
    let mut lines = text.lines().filter(|line| !line.is_empty());
    let names: Vec<&str> = lines.next().unwrap_or_default().split(separator).collect();
    lines
        .map(|line| names.iter().copied().zip(line.split(separator)).collect())
        .collect()
}

/// The lines of each backend, as words.
pub(crate) fn backends(config: &str) -> BTreeMap<&str, Vec<Vec<&str>>> {
    const OTHERS: [&str; 4] = ["global", "defaults", "frontend", "peers"];
    let mut backends: BTreeMap<&str, Vec<Vec<&str>>> = BTreeMap::new();
    let mut backend = "";
    for line in config.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.first() {
            Some(&"backend" | &"listen") => backend = words[1],
            Some(word) if OTHERS.contains(word) => backend = "",
            _ => backends.entry(backend).or_default().push(words),
        }
    }
    backends
}

/// The servers whose ids the file names. Where a request goes can depend on the others too,
/// which the requests show.
pub(crate) fn with_id(config: &str) -> BTreeSet<Name> {
    let mut names = BTreeSet::new();
    for (backend, lines) in backends(config) {
        let servers = lines
            .iter()
            .filter(|words| words.first() == Some(&"server") && words.contains(&"id"));
        names.extend(servers.map(|words| (backend.to_owned(), words[1].to_owned())));
    }
    names
}
