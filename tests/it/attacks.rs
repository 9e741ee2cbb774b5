//! What other users of the machine, and whoever reaches a port of the balancer, can try.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use harness::cluster::{BALANCER, Cluster, printed};
use harness::haproxy::ask_at;
use harness::{Owned, scratch};

/// Somebody who is neither root nor the owner of this repository.
const STRANGER: u32 = 54_321;
/// The balancer's command line.
const COMMAND_LINE: u16 = 9999;
const BRIEFLY: Duration = Duration::from_millis(20);

/// Connections to an address, of which each asks the same over and over.
struct Talk {
    end: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Talk {
    fn start(address: SocketAddr, count: usize, question: &'static str) -> Self {
        let end = Arc::new(AtomicBool::new(false));
        let threads = (0..count)
            .map(|_| {
                let end = Arc::clone(&end);
                thread::spawn(move || {
                    while !end.load(Ordering::Relaxed) {
                        let Ok(mut stream) = TcpStream::connect_timeout(&address, BRIEFLY) else {
                            continue;
                        };
                        stream.set_read_timeout(Some(BRIEFLY)).unwrap();
                        // Whoever gets no answer comes again.
                        let _ = stream.write_all(question.as_bytes());
                        let _ = stream.read_to_end(&mut Vec::new());
                    }
                })
            })
            .collect();
        Self { end, threads }
    }

    fn end(self) {
        self.end.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().unwrap();
        }
    }
}

#[test]
fn who_fills_the_command_line_keeps_no_node_out() {
    let cluster = Cluster::up(120, 1);
    let command_line = cluster.at_port(BALANCER, COMMAND_LINE);
    // Where none is accepted any more, the kernel lets the rest wait.
    let idle: Vec<_> = (0..200)
        .flat_map(|_| TcpStream::connect_timeout(&command_line, BRIEFLY))
        .collect();
    assert!(idle.len() >= 8, "{} connections", idle.len());
    cluster.succeed(&["node", "start", "s2"]);
    cluster.wait_for_nodes(&["s1", "s2"]);
    let talk = Talk::start(command_line, 50, "show stat\n");
    cluster.succeed(&["node", "start", "s3"]);
    cluster.succeed(&["node", "stop", "s1"]);
    cluster.wait_for_nodes(&["s2", "s3"]);
    talk.end();
    drop(idle);
}

#[test]
fn who_reaches_the_command_line_and_the_page_of_statistics_may_only_look() {
    let cluster = Cluster::up(128, 1);
    let command_line = cluster.at_port(BALANCER, COMMAND_LINE);
    let seen = ask_at(command_line, "show stat nodes 4 -1").unwrap();
    assert!(seen.contains("s1"), "{seen}");
    for command in [
        "disable server nodes/s1",
        "set server nodes/s1 state maint",
        "set weight nodes/s1 0",
        "set maxconn global 1",
        "shutdown frontend localnodes",
        "disable frontend localnodes",
        "clear counters all",
        "show env",
        "show sess",
        "show errors",
        "expert-mode on",
    ] {
        let answer = ask_at(command_line, command).unwrap();
        assert!(answer.contains("Permission denied"), "{command}: {answer}");
    }
    let mut page = TcpStream::connect(cluster.at_port(BALANCER, 1936)).unwrap();
    let form = "s=s1&action=disable&b=%234";
    let length = form.len();
    write!(
        page,
        "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{form}"
    )
    .unwrap();
    let mut answer = String::new();
    page.read_to_string(&mut answer).unwrap();
    assert!(
        answer.contains("DENY") || answer.contains("403"),
        "{answer}"
    );
    let state = cluster.statistics(BALANCER);
    assert_eq!(state.value("s1", "status"), Some("UP"));
    assert_eq!(state.value("s1", "weight"), Some("100"));
}

fn post(address: SocketAddr) {
    let mut stream = TcpStream::connect(address).unwrap();
    let head = "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// HAProxy lets everybody do that.
#[test]
fn who_changes_the_patterns_of_acls_changes_nothing() {
    let cluster = Cluster::up(130, 1);
    let command_line = cluster.at_port(BALANCER, COMMAND_LINE);
    for number in 0..8 {
        for word in ["GET", "POST", "/metrics", "/"] {
            ask_at(command_line, &format!("add acl #{number} {word}")).unwrap();
        }
        let repeated = || {
            cluster
                .statistics(BALANCER)
                .value("again", "stot")
                .map(str::to_owned)
        };
        let before = repeated();
        post(cluster.front());
        assert_eq!(
            repeated(),
            before,
            "a POST may be repeated after a change of #{number}"
        );
        ask_at(command_line, &format!("clear acl #{number}")).unwrap();
        let metrics = harness::http::get(cluster.at_port(BALANCER, 1936), "/metrics").unwrap();
        assert!(
            metrics.text().contains("haproxy_process_nbthread"),
            "#{number}"
        );
        let before = repeated();
        harness::http::get(cluster.front(), "/").unwrap();
        assert_ne!(
            repeated(),
            before,
            "no GET is repeated after a change of #{number}"
        );
    }
}

/// What a script says of a folder for its cluster, which it refuses.
fn refused(run: &Path, words: &[&str]) -> String {
    let cluster = Cluster::at(harness::root(), "127.0.121", run).unwrap();
    let output: Output = cluster.run_script(words);
    assert_eq!(output.status.code(), Some(111), "{words:?}: {output:?}");
    assert!(output.stdout.is_empty(), "{words:?}: {output:?}");
    String::from_utf8(output.stderr).unwrap()
}

const SCRIPTS: [&[&str]; 5] = [
    &["up", "1"],
    &["down"],
    &["node", "list"],
    &["node", "kill", "x"],
    &["node", "run", "x", "true"],
];

fn owned_by(path: &Path, user: u32, mode: u32) {
    chown(path, Some(user), Some(user)).unwrap();
    fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

#[test]
fn nothing_in_a_folder_that_others_made_is_read_written_or_believed() {
    let scratch = scratch();
    let run = scratch.path().join("run");
    let target = scratch.path().join("made-by-root");
    let mut victim = Owned::spawn(std::process::Command::new("sleep").arg("600")).unwrap();
    fs::create_dir_all(run.join("x")).unwrap();
    symlink(&target, run.join(".lock")).unwrap();
    let stat = fs::read_to_string(format!("/proc/{}/stat", victim.pid())).unwrap();
    let birth = stat
        .rsplit(") ")
        .next()
        .unwrap()
        .split(' ')
        .nth(19)
        .unwrap();
    for (name, content) in [
        (".net", "127.0.121\n".to_owned()),
        ("gossip.key", "Z29zc2lwLW9mLW11c3Rlcg==\n".to_owned()),
        ("x/pid", format!("{} {birth}\n", victim.pid())),
        ("x/address", "127.0.121.101\n".to_owned()),
    ] {
        files::replace(
            &run.join(name),
            content.as_bytes(),
            files::Durability::Unsynced,
        )
        .unwrap();
    }
    owned_by(&run, STRANGER, 0o755);
    for words in SCRIPTS {
        let told = refused(&run, words);
        assert!(told.contains("is another user's: name a folder"), "{told}");
    }
    assert!(victim.runs() && !target.exists());
    assert!(run.join("x/pid").exists(), "nothing of it is removed");
}

#[test]
fn a_folder_that_others_can_write_or_exchange_is_refused() {
    let scratch = scratch();
    for (name, folder, mode, ours) in [
        ("open", "", 0o777, true),
        ("of-a-group", "", 0o770, false),
        ("sticky", "", 0o1777, true),
        ("in-an-open-one", "run", 0o777, true),
        ("in-anothers", "run", 0o755, false),
    ] {
        let place = scratch.path().join(name);
        let run = place.join(folder);
        fs::create_dir_all(&run).unwrap();
        if ours {
            fs::set_permissions(&place, PermissionsExt::from_mode(mode)).unwrap();
        } else if name == "of-a-group" {
            chown(&place, None, Some(STRANGER)).unwrap();
            fs::set_permissions(&place, PermissionsExt::from_mode(mode)).unwrap();
        } else {
            owned_by(&place, STRANGER, mode);
        }
        for words in SCRIPTS {
            let told = refused(&run, words);
            let why = told.contains("can be written by others") || told.contains("another user's");
            assert!(why && told.contains("in MUSTER_RUN"), "{name}: {told}");
        }
        let names = fs::read_dir(&run).unwrap().count();
        assert_eq!(names, 0, "{name}: something was written there");
    }
}

#[test]
fn the_folder_of_a_cluster_is_its_owners_and_stands_in_one_like_tmp() {
    let place = scratch();
    fs::set_permissions(place.path(), PermissionsExt::from_mode(0o1777)).unwrap();
    let run = place.path().join("run");
    let cluster = Cluster::at(harness::root(), "127.0.122", &run).unwrap();
    cluster.start(1);
    let mode = fs::metadata(&run).unwrap().mode() & 0o7777;
    let wrong = open_to_others(&run);
    cluster.succeed(&["down"]);
    assert_eq!(mode, 0o700);
    assert!(wrong.is_empty(), "{wrong:?}");
}

/// The locks, sockets and keys in a folder that others could open if they came there. Those
/// in `supervise` have the modes that s6's have, in a folder that nobody else can enter.
fn open_to_others(folder: &Path) -> Vec<PathBuf> {
    let mut open = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let (path, metadata) = (entry.path(), entry.metadata().unwrap());
        let name = entry.file_name().into_string().unwrap();
        let is_secret = metadata.file_type().is_socket()
            || [".chain", "supervise"].contains(&&*name)
            || [".lock", ".key", "agent.json"]
                .iter()
                .any(|end| name.ends_with(end));
        if is_secret && metadata.mode() & 0o077 != 0 {
            open.push(path.clone());
        }
        if metadata.is_dir() && name != "supervise" {
            open.extend(open_to_others(&path));
        }
    }
    open
}

/// What is in a file of each process of the cluster, without the commands of Serf, each of
/// which may have the key of its agent in its environment.
fn of_processes(cluster: &Cluster, file: &str) -> Vec<String> {
    let mark = format!("MUSTER_NODE={}/", cluster.run().display());
    let read = |path: PathBuf| Some(String::from_utf8_lossy(&fs::read(path).ok()?).into_owned());
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes
        .map(|entry| entry.path())
        .filter(|process| {
            let environ = read(process.join("environ")).unwrap_or_default();
            let command = read(process.join("cmdline")).unwrap_or_default();
            let is_command = command.starts_with("serf\0") && !command.starts_with("serf\0agent\0");
            environ.contains(&mark) && !is_command
        })
        .filter_map(|process| read(process.join(file)))
        .collect()
}

#[test]
fn the_agents_take_commands_from_their_own_nodes_alone_and_nothing_else_has_the_key() {
    let cluster = Cluster::up(123, 1);
    for node in ["ha", "s1"] {
        let mut stranger = cluster.serf(node);
        let output = stranger
            .env_remove("SERF_RPC_AUTH")
            .args(["keys", "-list"])
            .output()
            .unwrap();
        let told =
            String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
        assert!(told.contains("Authentication required"), "{node}: {told}");

        let listed = cluster.succeed(&["node", "run", node, "serf", "members"]);
        assert!(listed.contains("alive"), "{listed}");
        let key = fs::read_to_string(cluster.file(node, "rpc.key")).unwrap();
        let key = key.trim();
        assert_eq!(key.len(), 44, "32 bytes in base64");
        let environment = cluster.succeed(&["node", "run", node, "env"]);
        assert!(environment.contains("SERF_RPC_KEY_FILE=") && !environment.contains(key));
        for file in ["environ", "cmdline"] {
            let seen = of_processes(&cluster, file);
            assert!(seen.len() > 5, "{seen:?}");
            assert!(
                !seen.iter().any(|text| text.contains(key)),
                "{file}: {seen:?}"
            );
        }
    }
    let keys = ["ha", "s1"].map(|node| fs::read(cluster.file(node, "rpc.key")).unwrap());
    assert_ne!(keys[0], keys[1]);
    let output = cluster.serf("s1").args(["keys", "-list"]).output().unwrap();
    printed(&output, &["serf", "keys"]);
}

#[test]
fn a_command_of_serf_without_an_agents_key_file_is_serfs_own() {
    let scratch = scratch();
    harness::write_program(
        &scratch.path().join("serf"),
        "#!/bin/sh\necho \"$1 ${SERF_RPC_AUTH-none}\"\n",
    );
    let key = scratch.path().join("key");
    files::replace(&key, b"secret\n", files::Durability::Unsynced).unwrap();
    let scripts = harness::root().join("ha/scripts");
    let path = [
        &scripts,
        scratch.path(),
        Path::new("/usr/bin"),
        Path::new("/bin"),
    ]
    .map(|folder| folder.display().to_string())
    .join(":");
    let run = |word: &str, file: &Path| {
        let mut serf = std::process::Command::new(scripts.join("serf"));
        serf.arg(word)
            .env_clear()
            .env("PATH", &path)
            .env("SERF_RPC_KEY_FILE", file);
        printed(&serf.output().unwrap(), &["serf"])
    };
    assert_eq!(run("members", &key), "members secret\n");
    assert_eq!(run("members", Path::new("")), "members none\n");
    assert_eq!(run("agent", &key), "agent none\n");
}
