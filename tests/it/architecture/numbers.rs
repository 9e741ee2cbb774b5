//! Flags of the kernel, its errors and its signals have other numbers on other machines, so the
//! sources have their names.

use super::shipped;

/// What takes such a number.
const CALLS: [&str; 9] = [
    "custom_flags(",
    "from_raw_os_error(",
    "Errno::from_raw(",
    "raw_os_error() == Some(",
    "raw_os_error(), Some(",
    "SignalKind::from_raw(",
    "Signal::try_from(",
    "syscall(",
    "ioctl(",
];
/// How the names of such constants begin, which the kernel's libraries define.
const FAMILIES: [&str; 17] = [
    "O_",
    "AT_FDCWD",
    "AT_SYMLINK",
    "SIG",
    "SYS_",
    "PR_",
    "F_",
    "MS_",
    "ENOENT",
    "ENXIO",
    "ELOOP",
    "EINTR",
    "EAGAIN",
    "EACCES",
    "EINVAL",
    "EPIPE",
    "ENOSYS",
];

fn is_number(text: &str) -> bool {
    text.trim_start().starts_with(|c: char| c.is_ascii_digit())
}

/// Whether the line defines such a constant.
fn defines(line: &str) -> bool {
    let line = line.trim_start().trim_start_matches("pub ");
    let line = line.trim_start_matches("pub(crate) ");
    let constant = line
        .strip_prefix("const ")
        .and_then(|it| it.split_once('='));
    constant.is_some_and(|(name, value)| {
        is_number(value) && FAMILIES.iter().any(|family| name.starts_with(family))
    })
}

/// Whether the line gives such a number to a call.
fn calls(line: &str) -> bool {
    let mut after = CALLS.iter().filter_map(|call| line.split_once(call));
    after.any(|(_, rest)| is_number(rest))
}

#[test]
fn what_the_kernel_calls_by_a_number_has_its_name() {
    for folder in ["crates", "webapp", "bench"] {
        for (path, text) in shipped(folder) {
            let found = text.lines().find(|line| defines(line) || calls(line));
            assert_eq!(found, None, "{path}");
        }
    }
}

#[test]
fn a_number_is_told_from_a_name() {
    for line in [
        "const O_NOFOLLOW: i32 = 0x20000;",
        "pub const SIGRTMIN: u8 = 34;",
        "    options.custom_flags(0o400000);",
        "io::Error::from_raw_os_error( 2)",
    ] {
        assert!(defines(line) || calls(line), "{line}");
    }
    for line in [
        "const OFTEN: u32 = 5;",
        "options.custom_flags(O_NONBLOCK)",
        "const O_BOTH: i32 = O_NONBLOCK | O_NOCTTY;",
    ] {
        assert!(!defines(line) && !calls(line), "{line}");
    }
}
