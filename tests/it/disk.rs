//! A disk that is full or read-only while a node joins: the old files stay whole,
//! the message is clear, and the next run catches up.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use harness::cluster::{Cluster, SOON};
use harness::wait_for;

/// A mount that goes with the value.
struct Mount(PathBuf);

impl Mount {
    fn new(words: &[&str], target: &Path) -> Self {
        let status = Command::new("mount")
            .args(words)
            .arg(target)
            .status()
            .expect("run mount");
        assert!(
            status.success(),
            "mount {words:?} {}: {status} (are you root?)",
            target.display()
        );
        Self(target.to_path_buf())
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// `haproxy.cfg`'s folder with nothing but a tmpfs of 256 kB under it.
fn small_disk(cluster: &Cluster) -> Mount {
    let folder = cluster.file("ha", "haproxy");
    let kept = fs::read(folder.join("haproxy.cfg")).unwrap();
    let mount = Mount::new(&["-t", "tmpfs", "-o", "size=256k", "tmpfs"], &folder);
    let mut file = fs::File::create(folder.join("haproxy.cfg")).unwrap();
    file.write_all(&kept).unwrap();
    mount
}

fn fill(folder: &Path) -> PathBuf {
    let path = folder.join("filler");
    let mut file = fs::File::create(&path).unwrap();
    while file.write_all(&[0; 4096]).is_ok() {}
    path
}

#[test]
fn a_full_disk_is_told_and_the_next_run_after_it_catches_up() {
    let cluster = Cluster::up(79, 1);
    let _mount = small_disk(&cluster);
    let folder = cluster.file("ha", "haproxy");
    let before = fs::read(folder.join("haproxy.cfg")).unwrap();
    let filler = fill(&folder);
    let mut join = cluster.script(&["node", "start", "s2"]).spawn().unwrap();
    wait_for("the message", SOON, || {
        let log = cluster.log("ha");
        (log.contains("haproxy-gen: ") && log.contains("No space left on device")).then_some(())
    });
    assert_eq!(fs::read(folder.join("haproxy.cfg")).unwrap(), before);
    fs::remove_file(filler).unwrap();
    assert!(join.wait().unwrap().success());
    cluster.wait_for_nodes(&["s1", "s2"]);
}

#[test]
fn a_read_only_directory_is_told_and_the_next_run_after_it_catches_up() {
    let cluster = Cluster::up(80, 1);
    let nodes = cluster.file("ha", "nodes");
    let path = nodes.to_str().unwrap().to_string();
    let mount = Mount::new(&["--bind", &path], &nodes);
    let _read_only = Mount::new(&["-o", "remount,bind,ro"], &nodes);
    let mut join = cluster.script(&["node", "start", "s2"]).spawn().unwrap();
    wait_for("the message", SOON, || {
        cluster
            .log("ha")
            .contains("Read-only file system")
            .then_some(())
    });
    assert_eq!(cluster.node_files("ha"), ["s1"]);
    drop(mount);
    assert!(join.wait().unwrap().success());
    cluster.wait_for_nodes(&["s1", "s2"]);
}
