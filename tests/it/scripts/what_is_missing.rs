//! `scripts/require` tells what a machine lacks, and what to do about it.

use std::fs;

use harness::root;

use super::machine::Machine;

/// `rust-version` of Cargo.toml.
fn needed() -> String {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let line = manifest
        .lines()
        .find_map(|line| line.strip_prefix("rust-version = "));
    line.unwrap().trim_matches('"').to_string()
}

#[test]
fn a_missing_or_old_rust_is_told_with_what_to_do_before_anything_is_installed() {
    let machine = Machine::new();
    machine.program("apt-get", "");
    let needed = needed();
    let told = machine.refusal(&["cargo", "no-such-program"]);
    assert!(told.contains("cargo is missing") && told.contains("https://rustup.rs"));
    assert!(told.contains(&needed), "{told}");

    machine.rust("1.65.0");
    let told = machine.refusal(&["cargo", "no-such-program"]);
    assert!(told.contains("1.65.0") && told.contains(&needed), "{told}");
    assert!(told.contains("https://rustup.rs"), "{told}");

    machine.program("rustup", "");
    let told = machine.refusal(&["cargo"]);
    assert!(told.contains("'rustup update'"), "{told}");

    for enough in [needed.as_str(), &format!("{needed}.0"), "1.100.2", "2.0.0"] {
        machine.rust(enough);
        let output = machine.script("require", &["cargo"]);
        assert!(output.status.success(), "{enough}: {output:?}");
    }

    machine.program("cargo", "echo 'no default toolchain' >&2; exit 1");
    let told = machine.refusal(&["cargo"]);
    assert!(told.contains("no default toolchain"), "{told}");
}

#[test]
fn missing_components_of_rust_are_told_with_the_command_that_adds_them() {
    for (component, stub) in [
        ("rustfmt", "[ \"$1\" != fmt ]"),
        ("clippy", "[ \"$1\" != clippy ]"),
    ] {
        let machine = Machine::new();
        machine.rust("99.0.0").program("rustup", "");
        machine.program("apt-get", "");
        machine.program("cargo", &format!("echo cargo 99.0.0; {stub}"));
        let told = machine.refusal(&["cargo", component]);
        let remedy = "rustup component add rustfmt clippy";
        assert!(told.contains(component) && told.contains(remedy), "{told}");
    }
}

#[test]
fn a_compiler_that_cannot_link_lacks_the_files_of_the_c_library() {
    let machine = Machine::new();
    machine.program("id", "echo 1000").program("apt-get", "");
    let told = machine.refusal(&["cc"]);
    assert!(told.contains("gcc libc6-dev"), "{told}");
    machine.program("cc", "echo \"${1#*=}\"");
    let told = machine.refusal(&["cc"]);
    assert!(
        told.contains("libc6-dev") && !told.contains("gcc"),
        "{told}"
    );
    machine.program("cc", "echo \"/usr/lib/${1#*=}\"");
    assert!(machine.script("require", &["cc"]).status.success());
}

#[test]
fn who_may_not_install_gets_one_command_to_paste_and_who_has_no_apt_the_names() {
    let machine = Machine::new();
    machine.program("id", "echo 1000");
    let told = machine.refusal(&["no-such-program", "s6-nothing", "runsvdir"]);
    assert!(told.contains("not Debian"), "{told}");
    assert!(told.contains("no-such-program s6-nothing runit"), "{told}");

    machine.program("apt-get", "");
    let script = root().join("scripts/require");
    let script = script.display();
    let words = ["no-such-program", "runsvdir"];
    let told = machine.refusal(&words);
    let command = format!("su -c \"'{script}' no-such-program runsvdir\"");
    assert!(told.contains(&command), "{told}");
    machine.program("sudo", "");
    let told = machine.refusal(&words);
    let command = format!("sudo '{script}' no-such-program runsvdir");
    assert!(told.contains(&command), "{told}");
    assert!(told.contains("packages no-such-program runit"), "{told}");
}

#[test]
fn a_program_for_which_only_roots_path_has_a_folder_is_found() {
    let machine = Machine::new();
    machine.program("apt-get", "").program("id", "echo 1000");
    let output = machine.script("require", &["haproxy"]);
    assert!(output.status.success(), "{output:?}");
}
