//! Why a program does not start, in words.
//!
//! Of a script that is there the kernel says "No such file or directory" when the
//! interpreter in its first line is missing, which it is as well when an editor has
//! put a carriage return behind its name.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use nix::libc;
use nix::sys::statvfs::{FsFlags, statvfs};
use servicedir::reason;

use super::shebang::{Shebang, beginning_of};

/// Where the C library looks without a PATH.
const DEFAULT_PATH: &str = "/bin:/usr/bin";
/// What the ELF header of a program says if it is for the machine that we were built
/// for; on other machines programs are not looked at.
const MACHINE: Option<u16> = if cfg!(target_arch = "x86_64") {
    Some(libc::EM_X86_64)
} else if cfg!(target_arch = "aarch64") {
    Some(libc::EM_AARCH64)
} else {
    None
};

/// With this an ELF file begins.
const ELF: &[u8] = b"\x7fELF";
/// Where an ELF header says for which machine it is: `e_machine`.
const MACHINE_AT: usize = 18;
/// 32-bit programs for these may run on the 64-bit machine of the same family.
const OLDER: [u16; 2] = [libc::EM_386, libc::EM_ARM];

/// Why the file cannot start, although the kernel, or a shell to which such files are
/// given, would try it.
pub(crate) fn before(path: &Path) -> Option<String> {
    if let Some(why) = no_file(path) {
        return Some(why);
    }
    let start = beginning_of(path).ok()?;
    if let Some(Shebang { line, .. }) = Shebang::of(&start) {
        return line.ends_with(b"\r").then(|| carriage_return(line));
    }
    if start.starts_with(ELF) {
        // Whether a 32-bit program runs here is left to the kernel.
        let machine = foreign(&start).filter(|machine| !OLDER.contains(machine));
        return machine.map(program_for);
    }
    if start.starts_with(b"\xef\xbb\xbf#!") {
        return Some("a byte order mark stands before its #!: save it without".into());
    }
    if start.is_empty() {
        return Some("it is empty".into());
    }
    Some("it is neither a script that begins with #! nor a program".into())
}

/// What `error` means for a program. Unless its name has a slash it was looked for on
/// `search`, the PATH of its environment.
#[must_use]
pub fn program(name: &OsStr, search: Option<&OsStr>, error: &io::Error) -> String {
    if name.as_bytes().contains(&b'/') {
        return after(Path::new(name), error);
    }
    let search = search.unwrap_or(OsStr::new(DEFAULT_PATH));
    let mut places = std::env::split_paths(search).map(|directory| directory.join(name));
    match places.find(|place| place.is_file()) {
        Some(place) => after(&place, error),
        None if error.kind() == io::ErrorKind::NotFound => "not found on the PATH".into(),
        None => reason(error),
    }
}

/// What `error` means for the program at `path`.
pub(crate) fn after(path: &Path, error: &io::Error) -> String {
    let why = match error.raw_os_error() {
        Some(libc::ENOENT) => missing(path),
        Some(libc::EACCES) => forbidden(path),
        Some(libc::ENOEXEC) => unknown(path),
        _ => None,
    };
    why.unwrap_or_else(|| reason(error))
}

/// What it means for a script that its interpreter cannot be started, and why.
pub(crate) fn interpreter(path: &Path, why: &str) -> String {
    let name = path.display();
    if path.exists() {
        return format!("its interpreter {name}: {why}");
    }
    format!("its interpreter {name} is missing")
}

fn missing(path: &Path) -> Option<String> {
    let Ok(metadata) = path.symlink_metadata() else {
        return Some("there is no such file".into());
    };
    if metadata.is_symlink() && !path.exists() {
        let target = path.read_link().unwrap_or_default();
        return Some(format!(
            "it links to {}, which is missing",
            target.display()
        ));
    }
    let start = beginning_of(path).ok()?;
    let Some(shebang) = Shebang::of(&start) else {
        return Some("the loader or a library that it needs is missing".into());
    };
    if shebang.line.ends_with(b"\r") {
        return Some(carriage_return(shebang.line));
    }
    let name = shebang.interpreter.display();
    if shebang.interpreter.exists() {
        return Some(format!(
            "its interpreter {name} needs something that is missing"
        ));
    }
    Some(format!("its interpreter {name} is missing"))
}

fn forbidden(path: &Path) -> Option<String> {
    if let Some(why) = no_file(path) {
        return Some(why);
    }
    let mode = path.metadata().ok()?.permissions().mode() & 0o7777;
    if mode & 0o111 == 0 {
        return Some(format!("it is not executable (mode {mode:04o}): chmod +x"));
    }
    let flags = statvfs(path).ok()?.flags();
    if flags.contains(FsFlags::ST_NOEXEC) {
        let advice = "mount it with exec (docker: --tmpfs /run:exec)";
        return Some(format!("it is on a file system mounted noexec: {advice}"));
    }
    let start = beginning_of(path).ok()?;
    let shown = Shebang::of(&start)?.interpreter.display();
    Some(format!(
        "it, or its interpreter {shown}, may not be executed by us"
    ))
}

/// A program is a file, whatever else can be found at its path.
fn no_file(path: &Path) -> Option<String> {
    let found = path.metadata().ok().filter(|found| !found.is_file())?;
    Some(format!("it is {}, no program", servicedir::kind(&found)))
}

fn carriage_return(line: &[u8]) -> String {
    let shown = String::from_utf8_lossy(line.trim_ascii_end());
    format!("its first line #!{shown} ends with a carriage return: save it with line feeds alone")
}

/// The machine that a program is for, unless it is ours.
fn foreign(start: &[u8]) -> Option<u16> {
    let bytes = start.get(MACHINE_AT..)?.first_chunk()?;
    let machine = u16::from_le_bytes(*bytes);
    (machine != MACHINE?).then_some(machine)
}

fn program_for(machine: u16) -> String {
    let name = match machine {
        libc::EM_386 => "32-bit x86",
        libc::EM_ARM => "32-bit ARM",
        libc::EM_X86_64 => "x86-64",
        libc::EM_AARCH64 => "64-bit ARM",
        libc::EM_RISCV => "RISC-V",
        _ => "another architecture",
    };
    format!("it is a program for {name}")
}

/// Why the kernel refuses the format of the file.
fn unknown(path: &Path) -> Option<String> {
    let start = beginning_of(path).ok()?;
    if start.starts_with(ELF) {
        return foreign(&start).map(program_for);
    }
    before(path)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "fixtures")]

    use super::*;
    use std::fs;

    fn file(content: &[u8], mode: u32) -> (harness::Scratch, std::path::PathBuf) {
        let scratch = harness::scratch();
        let path = scratch.path().join("run");
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        (scratch, path)
    }

    fn told(content: &[u8], mode: u32, errno: i32) -> String {
        let (_scratch, path) = file(content, mode);
        after(&path, &io::Error::from_raw_os_error(errno))
    }

    #[test]
    fn a_carriage_return_is_called_by_its_name() {
        let (_scratch, path) = file(b"#!/usr/bin/env bash\r\nexit\r\n", 0o755);
        let why = before(&path).unwrap();
        assert!(why.contains("#!/usr/bin/env bash ends with a carriage return"));
        let why = told(b"#!/bin/sh\r\n", 0o755, libc::ENOENT);
        assert!(why.contains("carriage return"), "{why}");
    }

    #[test]
    fn a_missing_interpreter_is_named() {
        let why = told(b"#! /no/such/shell -e\n", 0o755, libc::ENOENT);
        assert_eq!(why, "its interpreter /no/such/shell is missing");
    }

    #[test]
    fn a_mode_without_execution_is_shown() {
        let why = told(b"#!/bin/sh\n", 0o644, libc::EACCES);
        assert_eq!(why, "it is not executable (mode 0644): chmod +x");
    }

    #[test]
    fn a_program_for_another_machine_is_told() {
        let (_scratch, path) = file(&elf(libc::EM_RISCV), 0o755);
        assert_eq!(before(&path).unwrap(), "it is a program for RISC-V");
        let (_scratch, path) = file(&elf(libc::EM_ARM), 0o755);
        assert_eq!(before(&path), None, "the kernel is asked");
        let why = told(&elf(libc::EM_ARM), 0o755, libc::ENOEXEC);
        assert_eq!(why, "it is a program for 32-bit ARM");
    }

    fn elf(machine: u16) -> Vec<u8> {
        let mut elf = b"\x7fELF\x02\x01\x01".to_vec();
        elf.resize(MACHINE_AT, 0);
        elf.extend(machine.to_le_bytes());
        elf
    }

    #[test]
    fn a_script_without_first_line_is_told() {
        for content in [&b"echo hello\n"[..], b"", b"\xef\xbb\xbf#!/bin/sh\n"] {
            let (_scratch, path) = file(content, 0o755);
            assert!(before(&path).is_some());
        }
    }

    #[test]
    fn nothing_is_wrong_with_a_script_and_with_ourselves() {
        let (_scratch, path) = file(b"#!/bin/sh\nexit\n", 0o755);
        assert_eq!(before(&path), None);
        assert_eq!(before(&std::env::current_exe().unwrap()), None);
    }

    #[test]
    fn a_file_that_is_not_there_or_links_to_nowhere_is_told() {
        let scratch = harness::scratch();
        let path = scratch.path().join("run");
        let error = io::Error::from_raw_os_error(libc::ENOENT);
        assert_eq!(after(&path, &error), "there is no such file");
        std::os::unix::fs::symlink("nowhere", &path).unwrap();
        assert_eq!(
            after(&path, &error),
            "it links to nowhere, which is missing"
        );
    }

    #[test]
    fn what_is_no_file_is_called_by_its_name_and_not_opened() {
        let scratch = harness::scratch();
        let path = scratch.path().join("run");
        let refused = io::Error::from_raw_os_error(libc::EACCES);
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert_eq!(before(&path).unwrap(), "it is a FIFO, no program");
        assert_eq!(after(&path, &refused), "it is a FIFO, no program");
        let why = before(scratch.path()).unwrap();
        assert_eq!(why, "it is a directory, no program");
    }

    #[test]
    fn other_errors_stay_as_they_are() {
        let why = told(b"#!/bin/sh\n", 0o755, libc::EAGAIN);
        assert_eq!(why, "Resource temporarily unavailable");
    }
}
