//! What the machine is on which the figures were measured.

use std::fs;
use std::process::Command;

/// The facts, one on each line.
pub(crate) fn facts() -> String {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    format!(
        "- {cores} cores of {}, {}, load average {}\n- Linux {}, {}\n- {}, Serf {}\n",
        field("/proc/cpuinfo", "model name").unwrap_or_else(|| "an unknown processor".into()),
        memory(),
        load(),
        first_line("uname", &["-r"]),
        file_system(),
        first_line("haproxy", &["-v"])
            .split(" - ")
            .next()
            .unwrap_or_default(),
        first_line("serf", &["version"]),
    )
}

fn field(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_string())
}

fn memory() -> String {
    let kilobytes = field("/proc/meminfo", "MemTotal")
        .and_then(|text| text.split(' ').next()?.parse::<u64>().ok());
    kilobytes.map_or_else(
        || "unknown memory".into(),
        |kilobytes| format!("{} GB", kilobytes >> 20),
    )
}

/// The load of the last minute, since whoever reads the figures must know what else the
/// machine did.
fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or_default().to_string()
}

fn file_system() -> String {
    format!(
        "files on {}",
        first_line("findmnt", &["-no", "FSTYPE", "-T", "/tmp"])
    )
}

fn first_line(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map(|output| output.stdout).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    text.lines().next().unwrap_or("unknown").trim().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_is_described() {
        let facts = facts();
        assert!(
            facts.contains("cores of") && facts.contains("Linux "),
            "{facts}"
        );
        assert_eq!(first_line("no-such-program", &[]), "unknown");
    }
}
