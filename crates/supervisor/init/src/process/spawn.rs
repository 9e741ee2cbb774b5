//! Starting programs: a service's `run` and `finish`, scripts, the command.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

use crate::process::diagnose;
use crate::process::sys::{self, Inherited, Session};
use crate::process::terminal;

/// s6's pause after a `run` that cannot be executed.
const AFTER_EXEC: Duration = Duration::from_secs(10);
/// The pause after the system had no process or descriptor left.
const AFTER_SYSTEM: Duration = Duration::from_secs(1);
/// The pause after a program that could not be started because it was being written.
const AFTER_WRITING: Duration = Duration::from_millis(100);
/// The PATH of a clean environment, as in s6-overlay.
const CLEAN_PATH: &str = "/usr/bin:/usr/sbin:/bin:/sbin";

/// How programs are started.
#[derive(Debug)]
pub(crate) struct Nursery {
    pub(crate) inherited: Inherited,
    /// Services and scripts see our environment; otherwise they start with a clean one.
    pub(crate) keep_environment: bool,
    /// Services have our standard input; otherwise they have none.
    pub(crate) keep_stdin: bool,
    /// The lines of all services are labelled.
    pub(crate) label_all: bool,
}

/// Why a program did not start.
#[derive(Debug)]
pub(crate) struct NotStarted {
    pub(crate) why: String,
    /// The pause before the next attempt.
    pub(crate) wait: Duration,
    pub(crate) errno: i32,
}

impl NotStarted {
    /// The system could not give something that the program needs.
    pub(crate) fn system(error: &io::Error) -> Self {
        Self {
            why: error.to_string(),
            wait: AFTER_SYSTEM,
            errno: error.raw_os_error().unwrap_or(0),
        }
    }

    fn new(program: &Path, error: &io::Error) -> Self {
        let errno = error.raw_os_error().unwrap_or(0);
        let wait = match errno {
            _ if is_the_systems(errno) => AFTER_SYSTEM,
            libc::ETXTBSY => AFTER_WRITING,
            _ => AFTER_EXEC,
        };
        Self {
            why: diagnose::after(program, error),
            wait,
            errno,
        }
    }

    /// It is tried again soon: it is the moment that is wrong, not the program.
    pub(crate) fn is_of_the_moment(&self) -> bool {
        self.wait != AFTER_EXEC
    }

    /// The exit code that a shell has for this, or ours where it was the system that
    /// failed.
    pub(crate) fn code(&self) -> u8 {
        match self.errno {
            libc::ENOENT => 127,
            errno if is_the_systems(errno) => exit::FAILED,
            _ => 126,
        }
    }
}

/// Whether the system could not give what every program needs.
fn is_the_systems(errno: i32) -> bool {
    matches!(
        errno,
        libc::EAGAIN | libc::ENOMEM | libc::EMFILE | libc::ENFILE | libc::ENOSPC
    )
}

/// A program of a service, to be started in the current directory.
pub(crate) struct Program<'a> {
    command: Command,
    path: &'a Path,
    descriptors: Vec<(OwnedFd, RawFd)>,
}

impl<'a> Program<'a> {
    pub(crate) fn new(path: &'a str, arguments: &[&str], nursery: &Nursery) -> Self {
        let name = path.trim_start_matches("./");
        let mut command = Command::new(path);
        command.arg0(name).args(arguments);
        nursery.surround(&mut command);
        Self {
            command,
            path: Path::new(path),
            descriptors: Vec::new(),
        }
    }

    pub(crate) fn stdin(&mut self, file: impl Into<Stdio>) {
        self.command.stdin(file);
    }

    pub(crate) fn stdout(&mut self, file: impl Into<Stdio>) {
        self.command.stdout(file);
    }

    pub(crate) fn stderr(&mut self, file: impl Into<Stdio>) {
        self.command.stderr(file);
    }

    /// Gives it `file` as its descriptor `number`.
    pub(crate) fn pass(&mut self, file: impl Into<OwnedFd>, number: RawFd) {
        self.descriptors.push((file.into(), number));
    }

    /// Starts it; gives its process, or why there is none.
    pub(crate) fn start(mut self, nursery: &Nursery) -> Result<i32, NotStarted> {
        if let Some(why) = diagnose::before(self.path) {
            return Err(NotStarted {
                why,
                wait: AFTER_EXEC,
                errno: libc::ENOEXEC,
            });
        }
        place(&self.descriptors)
            .and_then(|placed| {
                let pairs = placed.pairs();
                sys::spawn(&mut self.command, Session::New, &nursery.inherited, pairs)
            })
            .map_err(|error| NotStarted::new(self.path, &error))
    }
}

impl Nursery {
    fn surround(&self, command: &mut Command) {
        if !self.keep_environment {
            command.env_clear().env("PATH", CLEAN_PATH);
        }
        if !self.keep_stdin {
            command.stdin(Stdio::null());
        }
    }

    /// Starts a script of `cont-init.d` or `cont-finish.d`, or one for a signal. One that
    /// is not executable stands behind its interpreter.
    pub(crate) fn script(&self, argv: &[OsString]) -> Result<i32, NotStarted> {
        let mut command = command(argv);
        self.surround(&mut command);
        let program = Path::new(&argv[0]);
        sys::spawn(&mut command, Session::New, &self.inherited, Vec::new()).map_err(|error| {
            let mut failed = NotStarted::new(program, &error);
            if argv.len() > 1 && !is_the_systems(failed.errno) {
                failed.why = diagnose::interpreter(program, &failed.why);
            }
            failed
        })
    }

    /// Starts the command whose exit code is ours, with everything that we were started
    /// with.
    pub(crate) fn command(&self, argv: &[OsString]) -> Result<i32, NotStarted> {
        let terminal = terminal::is_ours();
        let session = Session::Command { terminal };
        sys::spawn(&mut command(argv), session, &self.inherited, Vec::new())
            .map_err(|error| NotStarted::new(Path::new(&argv[0]), &error))
    }
}

fn command(argv: &[OsString]) -> Command {
    let mut command = Command::new(&argv[0]);
    command.args(&argv[1..]);
    command
}

/// Copies of files, above every number that the child asks for. Those numbers are kept
/// open here as well: the pipe that the standard library opens must get none of them,
/// since the child would overwrite it.
struct Placed {
    moved: Vec<(OwnedFd, RawFd)>,
    _occupied: Vec<OwnedFd>,
}

impl Placed {
    fn pairs(&self) -> Vec<(RawFd, RawFd)> {
        self.moved
            .iter()
            .map(|(file, number)| (file.as_raw_fd(), *number))
            .collect()
    }
}

fn place(descriptors: &[(OwnedFd, RawFd)]) -> io::Result<Placed> {
    let above = descriptors.iter().map(|(_, number)| number + 1).max();
    let mut moved = Vec::new();
    let mut occupied = Vec::new();
    for (file, number) in descriptors {
        moved.push((duplicate(file, above.unwrap_or(0))?, *number));
        occupied.push(duplicate(file, *number)?);
    }
    Ok(Placed {
        moved,
        _occupied: occupied,
    })
}

/// Duplicates a descriptor to the lowest free number from `lowest` on; children do not
/// get it.
fn duplicate(file: &OwnedFd, lowest: RawFd) -> io::Result<OwnedFd> {
    let number = fcntl(file, FcntlArg::F_DUPFD_CLOEXEC(lowest))?;
    sys::own(number)
}

/// The lock that a service inherits. It belongs to the open file, not to a process, so
/// that the next start fails while anything that the service has started still runs.
pub(crate) fn service_lock(path: &Path) -> io::Result<OwnedFd> {
    let held = "what is left of the service before holds its lock";
    let lock = servicedir::lock(path, 0o666)?;
    lock.map(OwnedFd::from)
        .ok_or_else(|| io::Error::other(held))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::io::Read;

    use nix::sys::wait::{WaitStatus, waitpid};
    use nix::unistd::Pid;

    fn nursery() -> Nursery {
        Nursery {
            inherited: Inherited::look(),
            keep_environment: false,
            keep_stdin: false,
            label_all: false,
        }
    }

    /// These tests write no program to execute it: a child that another test is
    /// starting would have it open for writing, and it could not be executed.
    fn shell<'a>(text: &str, arguments: &[&str], nursery: &Nursery) -> Program<'a> {
        Program::new(
            "/bin/sh",
            &[&["-c", text, "sh"], arguments].concat(),
            nursery,
        )
    }

    fn code(pid: i32) -> i32 {
        match waitpid(Pid::from_raw(pid), None).unwrap() {
            WaitStatus::Exited(_, code) => code,
            other => panic!("{other:?}"),
        }
    }

    fn output(text: &str, arguments: &[&str]) -> String {
        let nursery = nursery();
        let (mut reader, writer) = io::pipe().unwrap();
        let mut program = shell(text, arguments, &nursery);
        program.stdout(writer);
        let pid = program.start(&nursery).unwrap();
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(code(pid), 0);
        text
    }

    #[test]
    fn a_program_gets_files_at_the_numbers_it_asks_for() {
        let text = "echo three >&3; echo fifty >/proc/$$/fd/50";
        let nursery = nursery();
        let mut pipes = Vec::new();
        let mut program = shell(text, &[], &nursery);
        for number in [50, 3] {
            let (reader, writer) = io::pipe().unwrap();
            program.pass(writer, number);
            pipes.push(reader);
        }
        assert_eq!(code(program.start(&nursery).unwrap()), 0);
        for (mut reader, expected) in pipes.into_iter().zip(["fifty\n", "three\n"]) {
            let mut text = String::new();
            reader.read_to_string(&mut text).unwrap();
            assert_eq!(text, expected);
        }
    }

    #[test]
    fn a_file_may_have_the_number_that_another_is_to_get() {
        let (first, second) = (io::pipe().unwrap(), io::pipe().unwrap());
        let numbers = [second.1.as_raw_fd(), first.1.as_raw_fd()];
        let text = format!(
            "readlink /proc/$$/fd/{}; readlink /proc/$$/fd/{}",
            numbers[0], numbers[1]
        );
        let expected = [inode(&first.1), inode(&second.1)].join("");
        let nursery = nursery();
        let (mut reader, writer) = io::pipe().unwrap();
        let mut program = shell(&text, &[], &nursery);
        program.stdout(writer);
        program.pass(first.1, numbers[0]);
        program.pass(second.1, numbers[1]);
        assert_eq!(code(program.start(&nursery).unwrap()), 0);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, expected);
    }

    fn inode(file: &io::PipeWriter) -> String {
        let link = fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).unwrap();
        format!("{}\n", link.display())
    }

    #[test]
    fn a_service_starts_with_everything_reset() {
        // The shell blocks signals while it starts a program, so it becomes that program.
        let text = output("ulimit -Sn; exec grep '^SigBlk:' /proc/self/status", &[]);
        let limit = Command::new("sh").args(["-c", "ulimit -Sn"]).output();
        let limit = String::from_utf8(limit.unwrap().stdout).unwrap();
        assert_eq!(text, format!("{limit}SigBlk:\t0000000000000000\n"));
    }

    #[test]
    fn a_clean_environment_has_a_path_and_nothing_of_ours() {
        let text = output("env; echo \"$# $1\"", &["web"]);
        assert!(text.contains(&format!("PATH={CLEAN_PATH}\n")), "{text}");
        assert!(!text.contains("CARGO"), "{text}");
        assert!(text.ends_with("1 web\n"), "{text}");
    }

    #[test]
    fn a_session_of_its_own_keeps_others_signals_away() {
        let text = output("cut -d' ' -f1,5,6 /proc/$$/stat", &[]);
        let numbers: Vec<&str> = text.split_whitespace().collect();
        assert_eq!(numbers[0], numbers[1]);
        assert_eq!(numbers[0], numbers[2]);
    }

    #[test]
    fn a_program_that_is_not_there_is_told_with_the_code_of_a_shell() {
        let failed = nursery().command(&["/no/such/program".into()]).unwrap_err();
        assert_eq!(failed.code(), 127);
        assert_eq!(failed.why, "there is no such file");
        let failed = nursery().command(&["/etc/passwd".into()]).unwrap_err();
        assert_eq!(failed.code(), 126);
    }

    #[test]
    fn of_a_script_that_is_given_to_its_interpreter_that_is_told_which_fails() {
        let why = |interpreter: &str| {
            let argv = [interpreter.into(), "/etc/cont-init.d/script".into()];
            nursery().script(&argv).unwrap_err().why
        };
        assert_eq!(why("/no/such"), "its interpreter /no/such is missing");
        assert_eq!(
            why("/etc/passwd"),
            "its interpreter /etc/passwd: it is not executable (mode 0644): chmod +x"
        );
    }

    #[test]
    fn what_the_system_cannot_give_is_asked_for_again_soon() {
        let wait = |errno| {
            let error = io::Error::from_raw_os_error(errno);
            NotStarted::new(Path::new("run"), &error).wait
        };
        assert_eq!(wait(libc::EAGAIN), AFTER_SYSTEM);
        assert_eq!(wait(libc::EMFILE), AFTER_SYSTEM);
        assert_eq!(wait(libc::ETXTBSY), AFTER_WRITING);
        assert_eq!(wait(libc::EACCES), AFTER_EXEC);
        let code = |errno| {
            let error = io::Error::from_raw_os_error(errno);
            NotStarted::new(Path::new("run"), &error).code()
        };
        assert_eq!(code(libc::EMFILE), 111);
        assert_eq!(code(libc::ETXTBSY), 126);
    }

    #[test]
    fn a_service_lock_is_held_until_the_last_who_inherited_it_has_gone() {
        let scratch = harness::scratch();
        let path = scratch.path().join("service-lock");
        let first = service_lock(&path).unwrap();
        let inherited = first.try_clone().unwrap();
        drop(first);
        let error = service_lock(&path).unwrap_err();
        assert!(error.to_string().contains("holds its lock"));
        drop(inherited);
        // Another test may be starting a child, which has the lock until its exec.
        harness::wait_for("the lock", Duration::from_secs(30), || {
            service_lock(&path).ok()
        });
    }
}
