//! Every script shows its page, wherever it is called from and by whatever name.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::Command;

use harness::root;

use super::machine::{Machine, watched};
use super::{stderr, stdout, write};

/// The commands in `scripts/`.
fn scripts() -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(root().join("scripts"))
        .unwrap()
        .map(Result::unwrap)
        .filter(|entry| {
            let metadata = entry.metadata().unwrap();
            metadata.is_file() && metadata.permissions().mode() & 0o111 != 0
        })
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert!(names.len() > 10, "{names:?}");
    names
}

/// The comment at the head of a script.
fn page(name: &str) -> String {
    let text = fs::read_to_string(root().join("scripts").join(name)).unwrap();
    let lines = text.lines().skip(1);
    lines
        .map_while(|line| line.strip_prefix('#'))
        .flat_map(|line| [line.strip_prefix(' ').unwrap_or(line), "\n"])
        .collect()
}

#[test]
fn every_script_shows_its_page_and_does_nothing_else() {
    let machine = watched();
    for name in scripts() {
        for word in ["--help", "-h"] {
            let output = machine.script(&name, &[word]);
            assert_eq!(output.status.code(), Some(0), "{name} {word}: {output:?}");
            assert_eq!(stdout(&output), page(&name), "{name}");
            assert_eq!(stderr(&output), "", "{name}");
        }
        assert!(page(&name).contains("Exit: 0"), "{name}");
    }
    assert_eq!(machine.ran(), "");
    assert_eq!(fs::read_dir(machine.path("tmp")).unwrap().count(), 0);
}

#[test]
fn every_script_refuses_unknown_words_with_its_page_and_does_nothing_else() {
    let machine = watched();
    for name in scripts() {
        let output = machine.script(&name, &["--bogus"]);
        assert_eq!(output.status.code(), Some(100), "{name}: {output:?}");
        let told = stderr(&output);
        assert!(told.starts_with(&format!("{name}: ")), "{told}");
        assert!(told.ends_with(&page(&name)), "{name}: {told}");
        assert_eq!(stdout(&output), "", "{name}");
    }
    assert_eq!(machine.ran(), "");
}

#[test]
fn every_script_works_through_links_and_calls_itself_by_their_names() {
    let machine = watched();
    let folder = machine.path("my links");
    fs::create_dir(&folder).unwrap();
    symlink(root(), folder.join("clone")).unwrap();
    for name in scripts() {
        let absolute = folder.join(format!("absolute-{name}"));
        symlink(root().join("scripts").join(&name), &absolute).unwrap();
        let relative = folder.join(format!("relative-{name}"));
        symlink(format!("clone/scripts/{name}"), &relative).unwrap();
        let chain = machine.path("bin").join(format!("chain-{name}"));
        symlink(format!("../my links/relative-{name}"), &chain).unwrap();
        for link in [absolute, relative, chain] {
            let output = machine.command(&link).arg("--help").output().unwrap();
            assert_eq!(stdout(&output), page(&name), "{link:?}: {output:?}");
            let output = machine.command(&link).arg("--bogus").output().unwrap();
            let called = link.file_name().unwrap().to_str().unwrap();
            assert!(stderr(&output).starts_with(&format!("{called}: ")));
        }
    }
}

/// A copy without git, as an archive is that was unpacked.
fn archive(machine: &Machine) -> PathBuf {
    let copy = machine.path("zwölf böse Wörter");
    fs::create_dir(&copy).unwrap();
    let copied = Command::new("cp")
        .args(["-R", "Cargo.toml", "scripts", "ha"])
        .arg(&copy)
        .current_dir(root())
        .status();
    assert!(copied.unwrap().success());
    copy
}

#[test]
fn an_unpacked_archive_works_in_a_path_with_spaces_and_umlauts() {
    let machine = watched();
    machine.program("cc", "echo /usr/lib/crt1.o");
    let copy = archive(&machine);
    for name in scripts() {
        let script = copy.join("scripts").join(&name);
        let output = machine.command(script).arg("--help").output().unwrap();
        assert_eq!(stdout(&output), page(&name), "{output:?}");
    }
    let check = || {
        let script = copy.join("scripts/check");
        machine.command(script).output().unwrap()
    };
    let clean = check();
    assert_eq!(clean.status.code(), Some(0), "{clean:?}");
    assert!(machine.ran().contains("scripts/up"), "{}", machine.ran());
    for (folder, code) in [("target", 0), (".run", 0), ("docs", 1)] {
        fs::create_dir(copy.join(folder)).unwrap();
        let path = format!("{}somebody/x\n", "/home/");
        write(&copy.join(folder).join("page"), &path);
        let output = check();
        assert_eq!(output.status.code(), Some(code), "{folder}: {output:?}");
    }
}
