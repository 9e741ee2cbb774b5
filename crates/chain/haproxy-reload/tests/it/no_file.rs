//! What stands in the place of haproxy.cfg and is no file is told, and not waited for.

use std::process::Command;
use std::time::Duration;

#[test]
fn a_configuration_or_a_lock_that_is_a_fifo_is_told_and_not_waited_for() {
    for name in ["haproxy.cfg", ".haproxy.cfg.reload.lock"] {
        let scratch = harness::scratch();
        let path = scratch.path().join(name);
        let made = Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        let mut command = assert_cmd::cargo_bin_cmd!("haproxy-reload");
        for (option, file) in [
            ("--config", "haproxy.cfg"),
            ("--socket", "s"),
            ("--master", "m"),
        ] {
            command.arg(option).arg(scratch.path().join(file));
        }
        let output = command.timeout(Duration::from_secs(180)).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(111), "{name}: {stderr}");
        let told = format!("{}: it is no regular file", path.display());
        assert!(stderr.contains(&told), "{name}: {stderr}");
    }
}
