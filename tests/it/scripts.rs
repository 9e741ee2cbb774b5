//! The scripts as people meet them: called from anywhere, on a machine that lacks
//! something, and interrupted.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use harness::cluster::{Cluster, SOON};
use harness::{root, wait_for};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// What scripts need of every machine, and all that a bare one has.
const BARE: [&str; 22] = [
    "sh", "sed", "sort", "dirname", "readlink", "cut", "head", "tail", "cat", "grep", "ls", "rm",
    "expr", "ln", "mkdir", "chmod", "flock", "setsid", "find", "tr", "xargs", "wc",
];

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

fn write(path: &Path, text: &str) {
    files::replace(path, text.as_bytes(), files::Durability::Unsynced).unwrap();
}

/// A machine that has nothing but what a test gives it.
struct Machine {
    folder: harness::Scratch,
}

impl Machine {
    fn new() -> Self {
        let folder = harness::scratch();
        let machine = Self { folder };
        for folder in ["bin", "home", "tmp"] {
            fs::create_dir(machine.path(folder)).unwrap();
        }
        for name in BARE {
            symlink(harness::require(name), machine.path("bin").join(name)).unwrap();
        }
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A program that notes that it ran, and then does what `text` says.
    fn program(&self, name: &str, text: &str) -> &Self {
        let ran = self.path("ran");
        let noted = format!("echo \"{name} $*\" >>'{}'", ran.display());
        let path = self.path("bin").join(name);
        harness::write_program(&path, &format!("#!/bin/sh\n{noted}\n{text}\n"));
        self
    }

    fn rust(&self, version: &str) -> &Self {
        for tool in ["cargo", "rustc", "rustfmt"] {
            self.program(tool, &format!("echo \"{tool} {version} (123 2026-01-01)\""));
        }
        self
    }

    /// What was run, one command a line.
    fn ran(&self) -> String {
        fs::read_to_string(self.path("ran")).unwrap_or_default()
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", self.path("bin"))
            .env("HOME", self.path("home"))
            .env("TMPDIR", self.path("tmp"))
            .stdin(Stdio::null());
        command
    }

    fn script(&self, name: &str, words: &[&str]) -> Output {
        self.command(root().join("scripts").join(name))
            .args(words)
            .output()
            .unwrap()
    }

    /// What `scripts/require WORDS` says where it has to give up.
    fn refusal(&self, words: &[&str]) -> String {
        let output = self.script("require", words);
        assert_eq!(output.status.code(), Some(100), "{output:?}");
        assert!(!self.ran().contains("apt-get"), "{}", self.ran());
        String::from_utf8(output.stderr).unwrap()
    }
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// `rust-version` of Cargo.toml.
fn needed() -> String {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let line = manifest
        .lines()
        .find_map(|line| line.strip_prefix("rust-version = "));
    line.unwrap().trim_matches('"').to_string()
}

/// One whose programs would be noticed.
fn watched() -> Machine {
    let machine = Machine::new();
    machine.rust("99.0.0");
    for name in ["apt-get", "docker", "shellcheck", "debootstrap", "curl"] {
        machine.program(name, "");
    }
    machine
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

/// Runs `scripts/require haproxy` as a root to whom all of /usr/sbin and systemd's
/// folder belong, and shows what is left there.
fn installed(machine: &Machine) -> Output {
    let script = root().join("scripts/require");
    machine
        .command(harness::require("setsid"))
        .arg("-w")
        .arg(harness::require("env"))
        .arg("--default-signal=INT")
        .arg(harness::require("unshare"))
        .args(["-rm", "/bin/sh", "-c"])
        .arg(format!(
            "trap : INT
             PATH=$PATH:/usr/bin:/bin
             mount -t tmpfs tmpfs /usr/sbin && mkdir -p /etc/systemd/system &&
             mount -t tmpfs tmpfs /etc/systemd/system || exit 99
             wants=/etc/systemd/system/multi-user.target.wants
             mkdir $wants
             ln -s /nowhere/mine.service $wants/mine.service
             (PATH='{}'; exec '{}' haproxy)
             echo \"code $?\"
             ls /usr/sbin $wants",
            machine.path("bin").display(),
            script.display()
        ))
        .output()
        .unwrap()
}

/// A Debian whose packages bring units of their own.
fn debian() -> Machine {
    let machine = Machine::new();
    machine.program("id", "echo 0");
    machine.program(
        "dpkg-query",
        "case $1 in
            -W) echo 'old installed' ;;
            -S) case $2 in
                */systemd-x.service) echo \"systemd-x: $2\" ;;
                */old.service) echo \"old: $2\" ;;
                *) echo \"haproxy:amd64, other: $2\" ;;
            esac ;;
        esac",
    );
    machine.program(
        "deb-systemd-helper",
        "[ \"$1\" = disable ] && [ -n \"$DPKG_MAINTSCRIPT_PACKAGE\" ] &&
            rm \"/etc/systemd/system/multi-user.target.wants/$2\"",
    );
    machine
}

#[test]
fn daemons_of_packages_are_neither_started_nor_left_enabled() {
    let machine = debian();
    machine.program(
        "apt-get",
        "case \"$*\" in *--download-only*) exit ;; esac
         /usr/sbin/policy-rc.d; echo \"policy $?\" >>\"$HOME/policy\"
         for unit in haproxy systemd-x old; do
             ln -s /nowhere/x /etc/systemd/system/multi-user.target.wants/$unit.service
         done",
    );
    let output = installed(&machine);
    let (told, left) = (stderr(&output), stdout(&output));
    assert!(left.contains("code 0"), "{output:?}");
    assert!(
        told.contains("left disabled: haproxy (")
            && told.contains("systemctl enable --now haproxy)"),
        "{told}"
    );
    for stays in ["mine.service", "systemd-x.service", "old.service"] {
        assert!(left.contains(stays), "{left}");
    }
    assert!(!left.contains("haproxy.service"), "{left}");
    assert!(!left.contains("policy-rc.d"), "{left}");
    let policy = fs::read_to_string(machine.path("home/policy")).unwrap();
    assert_eq!(policy, "policy 101\n");
}

#[test]
fn an_interrupted_installation_leaves_nothing() {
    // A download ends at once; what has begun to install is brought to its end.
    for (moment, ends) in [("*--download-only", ""), ("*haproxy", "whole\n")] {
        let machine = debian();
        machine.program(
            "apt-get",
            &format!(
                "case \"$*\" in *update*) exit ;; {moment}\\ -o*) ;; *) exit ;; esac
                 ln -s /nowhere/x /etc/systemd/system/multi-user.target.wants/haproxy.service
                 read -r _ _ _ _ group _ <\"/proc/$PPID/stat\"
                 kill -INT \"-$group\"
                 echo whole >\"$HOME/end\""
            ),
        );
        let output = installed(&machine);
        let left = stdout(&output);
        assert!(left.contains("code 130"), "{moment}: {output:?}");
        assert!(!left.contains("policy-rc.d"), "{left}");
        assert!(!left.contains("haproxy.service"), "{left}");
        let end = fs::read_to_string(machine.path("home/end")).unwrap_or_default();
        assert_eq!(end, ends, "{output:?}");
        assert_eq!(fs::read_dir(machine.path("tmp")).unwrap().count(), 0);
    }
}

/// What `scripts/up` says that it cannot do here, with nothing built before.
fn told_before_the_build(command: &mut Command) -> String {
    let machine = Machine::new();
    machine.rust("99.0.0");
    let path = std::env::var("PATH").unwrap();
    let output = command
        .env("PATH", format!("{}:{path}", machine.path("bin").display()))
        .env_remove("MUSTER_BUILT")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(111), "{output:?}");
    assert!(!machine.ran().contains("build"), "{}", machine.ran());
    stderr(&output)
}

#[test]
fn what_cannot_work_is_told_before_anything_is_built() {
    let cluster = Cluster::new(110);
    let long = cluster.run().join("x".repeat(80));
    let told = told_before_the_build(cluster.script(&["up"]).env("MUSTER_RUN", long));
    assert!(told.contains("too long"), "{told}");

    let other = cluster.run().join("other");
    fs::create_dir_all(other.join("precious")).unwrap();
    let told = told_before_the_build(cluster.script(&["up"]).env("MUSTER_RUN", &other));
    assert!(told.contains("something else than a cluster"), "{told}");
    fs::remove_dir_all(&other).unwrap();

    let address = format!("{}:9999", cluster.address(42));
    let _owner = std::net::TcpListener::bind(&address).unwrap();
    let told = told_before_the_build(&mut cluster.script(&["up"]));
    assert!(
        told.contains(&format!("{address} is taken by users:")),
        "{told}"
    );
}

#[test]
fn a_loopback_device_without_the_net_is_told_before_anything_is_built() {
    let cluster = Cluster::new(111);
    let address = cluster.address(42);
    for setting in [
        "true",
        "ip link set lo up; ip address delete 127.0.0.1/8 dev lo; ip address add 127.0.0.1/32 dev lo",
    ] {
        let up = cluster.script(&["up"]);
        let mut command = Command::new("unshare");
        command.args(["-rn", "sh", "-c"]);
        command
            .arg(format!("{setting}; exec \"$0\""))
            .arg(up.get_program());
        for (name, value) in up.get_envs() {
            command.env(name, value.unwrap());
        }
        let told = told_before_the_build(&mut command);
        assert!(
            told.contains(&format!("{address} is no address of this machine's")),
            "{told}"
        );
    }
}

/// A script in a process group of its own, as a terminal starts it.
fn in_foreground(cluster: &Cluster, words: &[&str]) -> Child {
    let script = cluster.script(words);
    let mut command = Command::new("env");
    command.arg("--default-signal=INT,TERM,HUP");
    command.arg(script.get_program()).args(script.get_args());
    for (name, value) in script.get_envs() {
        command.env(name, value.unwrap());
    }
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0);
    command.spawn().unwrap()
}

/// Sends `signal` to all of a script's processes, and waits for its end.
fn interrupt(mut script: Child, signal: Signal) -> String {
    killpg(Pid::from_raw(script.id().try_into().unwrap()), signal).unwrap();
    let status = wait_for("the script's end", Duration::from_secs(120), || {
        script.try_wait().unwrap()
    });
    let told = std::io::read_to_string(script.stderr.take().unwrap()).unwrap();
    assert_eq!(status.code(), Some(130), "{told}");
    told
}

/// How many processes the nodes of a cluster have.
fn processes(cluster: &Cluster) -> usize {
    let ours = format!("MUSTER_NODE={}/", cluster.run().display());
    fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| fs::read(entry.ok()?.path().join("environ")).ok())
        .filter(|environ| String::from_utf8_lossy(environ).contains(&ours))
        .count()
}

#[test]
fn an_interrupted_start_leaves_nothing() {
    let cluster = Cluster::new(112);
    for (file, signal) in [
        (".lock", Signal::SIGINT),
        ("ha/pid", Signal::SIGTERM),
        ("s1/address", Signal::SIGINT),
        ("s2/pid", Signal::SIGHUP),
        ("s3/pid", Signal::SIGINT),
    ] {
        let up = in_foreground(&cluster, &["up", "9"]);
        let sign = cluster.run().join(file);
        wait_for(file, SOON, || sign.exists().then_some(()));
        let told = interrupt(up, signal);
        assert_eq!(processes(&cluster), 0, "{file}: {told}");
        assert!(!cluster.run().exists(), "{file}: {told}");
        assert!(
            file == ".lock" || told.contains("interrupted: ending what was started"),
            "{told}"
        );
    }
}

#[test]
fn what_ran_before_an_interrupted_start_runs_on() {
    let cluster = Cluster::up(113, 1);
    let up = in_foreground(&cluster, &["up", "9"]);
    let sign = cluster.file("s3", "pid");
    wait_for("s3", SOON, || sign.exists().then_some(()));
    interrupt(up, Signal::SIGINT);
    cluster.wait_for_nodes(&["s1"]);
    assert!(!cluster.run().join("s2").exists());

    let start = in_foreground(&cluster, &["node", "start", "s2"]);
    let sign = cluster.file("s2", "pid");
    wait_for("s2", SOON, || sign.exists().then_some(()));
    interrupt(start, Signal::SIGINT);
    cluster.wait_for_nodes(&["s1"]);
    assert!(!cluster.run().join("s2").exists());
}

#[test]
fn what_runs_of_a_folder_that_was_removed_can_be_ended() {
    let cluster = Cluster::up(114, 1);
    fs::remove_dir_all(cluster.run()).unwrap();
    assert!(processes(&cluster) > 0);
    cluster.succeed(&["down"]);
    assert_eq!(processes(&cluster), 0);
}

/// `scripts/up --docker` with an engine that only notes what it is told, and what
/// it was told. `up` is what it does when containers are to be started.
fn up_docker(up: &str, before: &str, port: u16) -> (Output, String) {
    let machine = Machine::new();
    write(&machine.path("home/ids"), before);
    machine.program(
        "docker",
        &format!(
            "case \"$*\" in
                *' ps -aq') cat \"$HOME/ids\" ;;
                *{{{{.Name}}}}*) echo \"/$4\" ;;
                *{{{{.Size}}}}*) echo 1000000 ;;
                *' up -d '*) {up} ;;
             esac"
        ),
    );
    let output = machine
        .command("env")
        .env(
            "PATH",
            format!("{}:/usr/bin:/bin", machine.path("bin").display()),
        )
        .env("HTTP_PORT", port.to_string())
        .env("STATS_PORT", "1")
        .env("CLI_PORT", "1")
        .arg("--default-signal=INT")
        .arg(root().join("scripts/up"))
        .arg("--docker")
        .process_group(0)
        .output()
        .unwrap();
    (output, machine.ran())
}

#[test]
fn a_port_that_containers_need_is_told_before_an_image_is_built() {
    let owner = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = owner.local_addr().unwrap().port();
    let (output, told) = up_docker("", "", port);
    assert_eq!(output.status.code(), Some(111), "{output:?}");
    let words = format!("127.0.0.1:{port} is taken by users:");
    assert!(stderr(&output).contains(&words), "{output:?}");
    assert!(!told.contains(" build"), "{told}");
}

#[test]
fn an_interrupted_start_of_containers_ends_those_that_it_started() {
    let interrupted = "echo one two >\"$HOME/ids\"; kill -INT 0";
    let (output, told) = up_docker(interrupted, "", 1);
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    let (_, after) = told.split_once(" up -d ").unwrap();
    assert!(
        after.contains("docker compose down --remove-orphans --volumes"),
        "{told}"
    );

    let (output, told) = up_docker(interrupted, "one", 1);
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    assert!(!told.contains("compose down"), "{told}");
    assert!(told.contains("docker rm -f /two"), "{told}");
    assert!(!told.contains("/one"), "{told}");
}

#[test]
fn a_start_waits_until_what_is_ending_has_ended() {
    let cluster = Cluster::up(115, 1);
    let mut down = cluster.script(&["down"]).spawn().unwrap();
    let lock = cluster.run().join(".lock");
    wait_for("down to have the lock", SOON, || {
        let mut free = Command::new("flock");
        free.arg("-n").arg(&lock).arg("true");
        (!free.status().unwrap().success()).then_some(())
    });
    let told = cluster.start(2);
    assert!(!told.contains("runs already"), "{told}");
    assert!(down.wait().unwrap().success());
    cluster.wait_for_nodes(&["s1", "s2"]);
    // The folder says which net it is.
    let mut list = cluster.script(&["node", "list"]);
    let told = stdout(&list.env_remove("MUSTER_NET").output().unwrap());
    assert_eq!(told.matches("UP").count(), 2, "{told}");
}

#[test]
fn a_node_gets_an_address_whose_ports_are_all_free() {
    let cluster = Cluster::new(116);
    let _rpc = std::net::TcpListener::bind((cluster.address(101), 7373)).unwrap();
    cluster.start(1);
    let address = fs::read_to_string(cluster.file("s1", "address")).unwrap();
    assert_eq!(address.trim_end(), cluster.address(102));
}

/// What `words` of sh print, after those that end what tests have left.
fn ending_leftovers(scratch: &Path, words: &str, input: &str) -> String {
    let mut sh = Command::new("sh")
        .arg("-euc")
        .arg(format!(". scripts/parts/leftovers.sh; {words}"))
        .env("MUSTER_SCRATCH", scratch)
        .current_dir(root())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pipe = sh.stdin.take().unwrap();
    std::io::Write::write_all(&mut pipe, input.as_bytes()).unwrap();
    drop(pipe);
    let output = sh.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    stdout(&output)
}

#[test]
fn what_an_interrupted_run_of_tests_has_left_is_ended_by_its_folder() {
    let folder = harness::scratch();
    let path = folder.path();
    let sleep = || {
        let mut sleep = Command::new("sleep");
        sleep.arg("1000").stdin(Stdio::null());
        sleep
    };
    let mut tied = [
        sleep().current_dir(path).spawn().unwrap(),
        sleep().env("SOMETHING", path).spawn().unwrap(),
        Command::new("tail")
            .args(["-f", "/dev/null"])
            .arg(path.join("x"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap(),
    ];
    let somewhere_else = harness::scratch();
    let mut other = sleep().current_dir(somewhere_else.path()).spawn().unwrap();
    ending_leftovers(path, "end_processes", "");
    for process in &mut tied {
        wait_for("its end", SOON, || process.try_wait().unwrap());
    }
    assert!(other.try_wait().unwrap().is_none());
    drop(somewhere_else);
    other.wait().unwrap();
}

#[test]
fn containers_and_namespaces_are_left_only_by_test_processes_that_have_ended() {
    let own = std::process::id();
    let mut ended = Command::new("true").stdout(Stdio::piped()).spawn().unwrap();
    let gone = ended.id();
    // Until it is waited for it is a zombie.
    std::io::read_to_string(ended.stdout.take().unwrap()).unwrap();
    let listed = format!(
        "a1 muster-test-{own}-7\na2 muster-test-{gone}-7\n\
         muster-test-cut-{gone}-0 muster-test-cut-{gone}-0\na3 muster-lab-{gone}-1\na4 \n"
    );
    let want = format!("a2\nmuster-test-cut-{gone}-0\n");
    wait_for("what the dead have left", SOON, || {
        let found = ending_leftovers(Path::new("/nowhere"), "of_the_dead", &listed);
        (found == want).then_some(())
    });
    ended.wait().unwrap();
}
