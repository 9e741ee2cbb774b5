//! `scripts/require` installs packages, and starts none of their daemons.

use std::fs;
use std::process::Output;

use harness::root;

use super::machine::Machine;
use super::{stderr, stdout};

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
