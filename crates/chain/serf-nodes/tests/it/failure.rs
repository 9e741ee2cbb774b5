//! When a disk is full or read-only, what can be done is done, and the rest is told.

use std::process::{Command, Output};

use super::{Case, backend, list};

/// Runs `script` where `DIR` is a file system of its own, which goes with it.
pub(crate) fn in_tmpfs(case: &Case, options: &str, script: &str) -> Output {
    let directory = case.path("small");
    std::fs::create_dir(&directory).unwrap();
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|metadata| {
        use std::os::unix::fs::MetadataExt;
        metadata.uid() == 0
    });
    let script = format!("set -e; mount -t tmpfs -o {options} tmpfs \"$DIR\"; {script}");
    Command::new(harness::require("unshare"))
        .arg(if is_root { "-m" } else { "-rm" })
        .args(["timeout", "60", "sh", "-c", &script])
        .env("DIR", directory)
        .env("PROGRAM", assert_cmd::cargo::cargo_bin!("serf-nodes"))
        .env("LIST", case.path("list"))
        .env("NODES_DIR", case.path("small"))
        .env("SERF_LOG", case.path("serf.log"))
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn many(count: usize) -> String {
    let member = |number| {
        backend(
            &format!("s{number:03}"),
            &format!("10.0.1.{number}"),
            "alive",
        )
    };
    let mut members: Vec<String> = (1..=count).map(member).collect();
    members.push(backend("ha", "10.0.0.42", "failed"));
    list(&members)
}

#[test]
fn a_full_disk_takes_what_fits_and_the_next_run_does_the_rest() {
    let case = Case::new();
    case.put("list", &many(100));
    let output = in_tmpfs(
        &case,
        "size=128k",
        r#"code=0; "$PROGRAM" --members "$LIST" || code=$?; echo "$code"
           ls "$DIR" | wc -l
           grep -Lx 's[0-9]* 10\.0\.1\.[0-9]*' "$DIR"/*; echo whole
           code=0; "$PROGRAM" --members "$LIST" 2>/dev/null || code=$?; echo "$code"
           mount -o remount,size=4m "$DIR"
           "$PROGRAM" --members "$LIST" 2>/dev/null; echo "$?"
           ls "$DIR" | wc -l"#,
    );
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    let lines: Vec<&str> = stdout.lines().collect();
    assert_eq!(lines.len(), 6, "{stdout}{stderr}");
    assert_eq!(
        (lines[0], lines[2], lines[3]),
        ("111", "whole", "111"),
        "{stdout}{stderr}"
    );
    let fitted: usize = lines[1].trim().parse().unwrap();
    assert!((1..100).contains(&fitted), "{fitted}");
    assert_eq!(
        (lines[4], lines[5].trim()),
        ("0", "100"),
        "{stdout}{stderr}"
    );
    assert!(stderr.contains("No space left on device"), "{stderr}");
    assert!(
        stderr.contains("of the steps failed, the next run tries again"),
        "{stderr}"
    );
    assert!(stderr.lines().count() < fitted + 10, "{stderr}");
}

#[test]
fn a_full_disk_does_not_keep_a_node_from_being_removed() {
    let case = Case::new();
    let members = [
        backend("s1", "10.0.0.1", "left"),
        backend("s2", "10.0.0.2", "alive"),
    ];
    case.put("list", &list(&members));
    let output = in_tmpfs(
        &case,
        "size=64k",
        r#"echo s1 10.0.0.1 >"$DIR/s1"; : >"$DIR/.lock"
           cat /dev/zero >"$DIR/.filler" 2>/dev/null || true
           code=0; "$PROGRAM" --members "$LIST" || code=$?; echo "$code"
           ls "$DIR"; "$PROGRAM" --members "$LIST" 2>/dev/null; echo "$?"; ls "$DIR""#,
    );
    assert_eq!(
        text(&output.stdout),
        "111\n0\ns2\n",
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn a_read_only_directory_is_told_and_left_as_it_is() {
    let case = Case::new();
    case.put("list", &many(1));
    let output = in_tmpfs(
        &case,
        "size=64k",
        r#"echo s9 10.0.0.9 >"$DIR/s9"; mount -o remount,ro "$DIR"
           code=0; "$PROGRAM" --members "$LIST" || code=$?; echo "$code"
           code=0; printf 's1\t10.0.0.1\tbackend\t\n' |
               SERF_EVENT=member-join "$PROGRAM" || code=$?; echo "$code"
           cat "$DIR"/*"#,
    );
    let stderr = text(&output.stderr);
    assert_eq!(text(&output.stdout), "111\n111\ns9 10.0.0.9\n", "{stderr}");
    let told = format!(
        "serf-nodes: open the lock {}/.lock: Read-only file system",
        case.path("small").display()
    );
    assert_eq!(stderr.matches(&told).count(), 2, "{stderr}");
}

#[test]
fn a_missing_directory_is_told_by_its_path() {
    let case = Case::new();
    let missing = case.path("missing");
    let path = missing.to_str().unwrap();
    let ran = case.run(&["--members", "-", "--nodes", path], &many(1));
    assert_eq!(ran.code, 111);
    assert!(ran.stderr.contains(path), "{}", ran.stderr);
}

#[test]
fn a_file_that_cannot_be_replaced_stops_only_its_own_node() {
    let case = Case::new();
    std::fs::create_dir_all(case.path("nodes/s1/x")).unwrap();
    let members = [
        backend("s1", "10.0.0.1", "alive"),
        backend("s2", "10.0.0.2", "alive"),
    ];
    let ran = case.follow(&members, &[]);
    assert_eq!(ran.code, 111);
    assert!(ran.stderr.contains("nodes/s1"), "{}", ran.stderr);
    assert!(case.path("nodes/s2").exists());
}

#[test]
fn a_run_that_is_killed_leaves_whole_files_and_the_next_one_does_the_rest() {
    let case = Case::new();
    let member = |number: usize| {
        let ip = format!("10.1.{}.{}", number / 250, 1 + number % 250);
        backend(&format!("s{number:04}"), &ip, "alive")
    };
    let members: Vec<String> = (0..2_000).map(member).collect();
    case.put("list", &list(&members));
    for written in [1, 100, 1_000] {
        let mut run = Command::new(assert_cmd::cargo::cargo_bin!("serf-nodes"))
            .arg("--members")
            .arg(case.path("list"))
            .args(["--log", "/dev/null", "--nodes"])
            .arg(case.path("nodes"))
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        harness::wait_for("nodes", std::time::Duration::from_secs(30), || {
            (case.nodes().len() >= written).then_some(())
        });
        run.kill().unwrap();
        run.wait().unwrap();
        assert!(
            case.nodes()
                .iter()
                .all(|line| line.starts_with('s') && line.contains(" 10.1."))
        );
    }
    case.put("nodes/.s0000.new", "s0000 10");
    let _ = case.follow(&members, &[]);
    assert_eq!(case.nodes().len(), members.len());
    assert!(!case.path("nodes/.s0000.new").exists());
    assert_eq!(case.follow(&members, &[]).code, 1);
}
