//! What needs a file system of its own: each test has a mount namespace, so
//! nothing is left behind however it ends.

use std::os::unix::fs::MetadataExt;
use std::process::Command;

use crate::fixture::{Fixture, Run, TEMPLATE};

/// Runs a script in which `$gen` is the program with its options, `$etc` the
/// directory of the configuration, `$nodes` that of the nodes.
fn script(fixture: &Fixture, text: &str) -> Run {
    let generate = fixture.command();
    let mut words = vec![generate.get_program()];
    words.extend(generate.get_args());
    let words: Vec<_> = words.iter().map(|word| word.to_str().unwrap()).collect();
    let text = format!(
        "set -u\ngen='{} --haproxy {}'\n{text}",
        words.join(" "),
        harness::require("haproxy").display()
    );
    let mut command = Command::new(harness::require("unshare"));
    // Root needs no user namespace, and can go on where they are forbidden.
    if std::fs::metadata("/proc/self").unwrap().uid() != 0 {
        command.args(["--user", "--map-root-user"]);
    }
    command
        .args(["--mount", "sh", "-c", text.as_str()])
        .env("etc", fixture.path("etc"))
        .env("nodes", fixture.nodes())
        .env("HAPROXY_MASTER", "/nonexistent/master.sock");
    for name in crate::fixture::VARIABLES {
        command.env_remove(name);
    }
    command.output().unwrap().into()
}

#[test]
fn a_full_disk_leaves_the_old_file_and_the_next_run_catches_up() {
    let fixture = Fixture::with_nodes(TEMPLATE, &["s1 10.0.0.1"]);
    let run = script(
        &fixture,
        "mount -t tmpfs -o size=64k none $etc || exit 99
         $gen; echo made $?
         cp $etc/haproxy.cfg $nodes/.old
         dd if=/dev/zero of=$etc/fill bs=4k 2>/dev/null
         echo s2 10.0.0.2 >$nodes/s2
         $gen; echo full $?
         cmp $etc/haproxy.cfg $nodes/.old && echo same
         rm $etc/fill
         $gen; echo again $?
         grep -c server $etc/haproxy.cfg
         ls -A $etc | grep new",
    );
    // The line `timeout server` is counted, too.
    assert_eq!(
        run.stdout, "made 0\nfull 111\nsame\nagain 0\n3\n",
        "{}",
        run.stderr
    );
    let words = "haproxy.cfg.new: No space left on device";
    assert!(run.stderr.contains(words), "{}", run.stderr);
}

#[test]
fn a_read_only_directory_is_told() {
    let fixture = Fixture::with_nodes(TEMPLATE, &["s1 10.0.0.1"]);
    let run = script(
        &fixture,
        "mount -t tmpfs none $etc || exit 99
         $gen; echo made $?
         mount -o remount,ro $etc || exit 99
         echo s2 10.0.0.2 >$nodes/s2
         $gen; echo read-only $?
         mount -o remount,rw $etc || exit 99
         $gen; echo again $?",
    );
    assert_eq!(
        run.stdout, "made 0\nread-only 111\nagain 0\n",
        "{}",
        run.stderr
    );
    assert!(
        run.stderr.contains("Read-only file system"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_bind_mounted_file_is_told_with_what_to_mount_instead() {
    let fixture = Fixture::with_nodes(TEMPLATE, &["s1 10.0.0.1"]);
    let run = script(
        &fixture,
        "echo old >$etc/haproxy.cfg
         mount --bind $etc/haproxy.cfg $etc/haproxy.cfg || exit 99
         $gen; echo mounted $?
         cat $etc/haproxy.cfg
         umount $etc/haproxy.cfg
         $gen; echo unmounted $?",
    );
    assert_eq!(
        run.stdout, "mounted 111\nold\nunmounted 0\n",
        "{}",
        run.stderr
    );
    assert!(
        run.stderr.contains("mount its directory instead"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_difference_is_checked_where_nothing_can_be_written() {
    let fixture = Fixture::with_nodes(TEMPLATE, &["s1 10.0.0.1"]);
    let run = script(
        &fixture,
        "$gen; echo made $?
         echo s2 10.0.0.2 >$nodes/s2
         mount --bind $etc $etc && mount -o remount,bind,ro $etc || exit 99
         $gen --diff >/dev/null; echo shown $?
         $gen --diff --haproxy /bin/false >/dev/null 2>&1; echo refused $?
         ls -A $etc",
    );
    assert_eq!(
        run.stdout,
        "made 0\nshown 0\nrefused 100\n.haproxy.cfg.checked\n.haproxy.cfg.lock\nhaproxy.cfg\n",
        "{}",
        run.stderr
    );
}
