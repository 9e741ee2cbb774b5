//! The least that a program can do that makes one file of many: reads every file
//! of a directory, writes one, syncs it and renames it into place. The chain is compared
//! with it. It is called as `limit DIRECTORY FILE`.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(directory), Some(output), None) =
        (arguments.next(), arguments.next(), arguments.next())
    else {
        return ExitCode::from(100);
    };
    match join(Path::new(&directory), Path::new(&output)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(111),
    }
}

fn join(directory: &Path, output: &Path) -> io::Result<()> {
    let mut content = Vec::new();
    let mut buffer = [0; 4096];
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            // Node files are short: a second read would only find their end.
            let length = File::open(entry.path())?.read(&mut buffer)?;
            content.extend_from_slice(&buffer[..length]);
        }
    }
    let new = output.with_extension("new");
    let mut file = File::create(&new)?;
    file.write_all(&content)?;
    file.sync_all()?;
    fs::rename(&new, output)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "it is a fixture")]
    fn it_makes_one_file_of_all_that_are_no_dot_files() {
        let directory = tempfile::tempdir().unwrap();
        let nodes = directory.path().join("nodes");
        fs::create_dir(&nodes).unwrap();
        for name in ["s1", "s2", ".lock"] {
            fs::write(nodes.join(name), format!("{name}\n")).unwrap();
        }
        let output = directory.path().join("all");
        join(&nodes, &output).unwrap();
        let mut lines: Vec<_> = fs::read_to_string(output)
            .unwrap()
            .lines()
            .map(String::from)
            .collect();
        lines.sort();
        assert_eq!(lines, ["s1", "s2"]);
    }
}
