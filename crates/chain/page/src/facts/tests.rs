use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::thread;
use std::time::Instant;

use files::Durability;
use harness::{Scratch, scratch, wait_for};
use servicedir::{Death, Servicedir, Stamp, Status};

use super::*;
use crate::view::{History, Level, NodeState, view};

/// Longer than anything here takes, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(60);
/// What HAProxy says, cut to what is read.
const ANSWER: &str = "Name: HAProxy\nVersion: 2.6.12-1+deb12u1\nUptime_sec: 61\n\n\
    # pxname,svname,scur,stot,status,weight,check_status,check_duration,last_chk,check_desc,rate,\n\
    nodes,s1,1,8,UP,100,L7OK,2,,Layer7 check passed,7,\n\
    nodes,s2,0,0,DOWN,100,L4CON,0,Connection refused,Layer4 connection problem,0,\n\n";

/// A balancer's places.
struct World {
    scratch: Scratch,
    paths: Paths,
}

impl World {
    fn new() -> Self {
        let scratch = scratch();
        let path = |name: &str| scratch.path().join(name);
        let paths = Paths {
            name: "ha".to_owned(),
            nodes: path("nodes"),
            journal: Some(path("muster.jsonl")),
            socket: path("look"),
            services: Some(path("services")),
            patience: Some(Duration::from_secs(30)),
        };
        Self { scratch, paths }
    }

    fn with_folders() -> Self {
        let world = Self::new();
        for folder in ["nodes", "services"] {
            std::fs::create_dir(world.path(folder)).unwrap();
        }
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        files::replace(&self.path(name), text.as_bytes(), Durability::Unsynced).unwrap();
    }

    fn append(&self, name: &str, text: &str) {
        let file = std::fs::File::options()
            .append(true)
            .create(true)
            .open(self.path(name));
        file.unwrap().write_all(text.as_bytes()).unwrap();
    }

    fn reader(&self) -> Reader {
        Reader::new(&self.paths)
    }
}

/// Gives each question at `path` to `answer`.
fn listen(path: &Path, answer: impl Fn(&str, UnixStream) + Send + 'static) {
    let listener = UnixListener::bind(path).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut question = String::new();
            let mut reader = BufReader::new(stream);
            if reader.read_line(&mut question).is_ok() {
                answer(question.trim_end(), reader.into_inner());
            }
        }
    });
}

fn names(snapshot: &Snapshot) -> Vec<String> {
    let listing = snapshot.nodes.as_ref().unwrap();
    listing
        .nodes
        .iter()
        .map(|node| node.name.to_string())
        .collect()
}

/// Until the folder is so old that it is not read again.
fn wait_for_cache(reader: &mut Reader) {
    wait_for("the same listing twice", PATIENCE, || {
        let (one, other) = (reader.nodes().unwrap(), reader.nodes().unwrap());
        Arc::ptr_eq(&one, &other).then_some(())
    });
}

#[test]
fn where_nothing_is_there_yet_everything_says_so() {
    let world = World::new();
    let snapshot = world.reader().read();
    assert_eq!(snapshot.chain, Ok(None));
    assert!(snapshot.nodes.unwrap_err().contains("nodes"));
    let why = snapshot.haproxy.unwrap_err();
    assert!(why.contains("there is no such socket"), "{why}");
    assert!(why.ends_with("the template needs `stats socket ... level user`"));
    assert_eq!((snapshot.journal.len(), snapshot.journal_unread), (0, None));
    assert_eq!(snapshot.services, Ok(Vec::new()));
}

#[test]
fn a_node_is_seen_at_once_and_a_folder_that_stays_as_it_is_is_read_once() {
    let world = World::with_folders();
    let mut reader = world.reader();
    world.write("nodes/s1", "s1 10.0.0.1\n");
    assert_eq!(names(&reader.read()), ["s1"]);
    for number in 2..100 {
        world.write(
            &format!("nodes/s{number}"),
            &format!("s{number} 10.0.0.{number}\n"),
        );
        assert_eq!(names(&reader.read()).len(), number);
    }
    std::fs::remove_file(world.path("nodes/s9")).unwrap();
    assert_eq!(names(&reader.read()).len(), 98);
    wait_for_cache(&mut reader);
}

#[test]
fn a_node_that_a_person_edits_in_its_place_is_seen() {
    let world = World::with_folders();
    let mut reader = world.reader();
    world.append("nodes/s1", "s1 10.0.0.1\n");
    wait_for_cache(&mut reader);
    world.append("nodes/s1", "and more\n");
    wait_for("the file to be refused", PATIENCE, || {
        reader.nodes().unwrap().nodes.is_empty().then_some(())
    });
}

#[test]
fn the_state_is_read_and_one_that_is_torn_is_no_state() {
    let world = World::with_folders();
    let mut reader = world.reader();
    let moment = files::Moment::now().unwrap();
    world.write(
        "nodes/.state",
        &format!("{{\"run\":\"a\",\"end\":5.0,\"moment\":\"{moment}\"}}"),
    );
    let snapshot = reader.read();
    assert_eq!(snapshot.chain.unwrap().unwrap().end, Some(5.0));
    assert!(snapshot.age.unwrap() < PATIENCE);
    world.write("nodes/.state", "{\"run\":\"a\",");
    let snapshot = reader.read();
    assert!(snapshot.chain.unwrap_err().contains(".state"));
    assert_eq!(snapshot.age, None);
}

#[test]
fn the_journal_is_followed_and_what_is_no_line_of_it_is_left_out() {
    let world = World::with_folders();
    world.append(
        "muster.jsonl",
        "{\"t\":1,\"step\":\"serf-nodes\",\"left\":[\"s1\"]}\n\0\n{\"t\":",
    );
    let mut reader = world.reader();
    assert_eq!(reader.read().journal.len(), 1);
    world.append(
        "muster.jsonl",
        "2,\n{\"t\":3,\"step\":\"serf-nodes\",\"left\":[\"s2\"]}\n",
    );
    let snapshot = reader.read();
    assert_eq!(snapshot.journal[1].left, ["s2"]);
    for _ in 0..30 {
        world.append("muster.jsonl", &"{\"t\":4,\"step\":\"x\"}\n".repeat(100));
        reader.read();
    }
    assert_eq!(reader.read().journal.len(), 2000);
    // A page that starts anew knows as much.
    assert!(world.reader().read().journal.len() >= 2000);
}

#[test]
fn a_journal_that_cannot_be_read_is_told() {
    let world = World::with_folders();
    std::fs::create_dir(world.path("muster.jsonl")).unwrap();
    let why = world.reader().read().journal_unread.unwrap();
    assert!(
        why.starts_with("read the journal ") && why.contains("muster.jsonl"),
        "{why}"
    );
}

#[test]
fn haproxy_is_asked_once_for_all() {
    let world = World::with_folders();
    listen(&world.paths.socket, |question, mut stream| {
        assert_eq!(question, "show info;show stat -1 4 -1");
        stream.write_all(ANSWER.as_bytes()).unwrap();
    });
    let haproxy = world.reader().read().haproxy.unwrap();
    assert_eq!((haproxy.version.as_str(), haproxy.uptime), ("2.6.12", 61));
    let stat = &haproxy.servers["nodes/s2"];
    assert_eq!(
        stat.check_words,
        "Layer4 connection problem: Connection refused"
    );
    assert_eq!(haproxy.servers["nodes/s1"].rate, 7);
}

#[test]
fn a_haproxy_that_hangs_or_never_ends_does_not_stop_the_page() {
    for is_silent in [true, false] {
        let world = World::with_folders();
        listen(&world.paths.socket, move |_, mut stream| {
            // Until the other side has given up.
            while !is_silent && stream.write_all(b"a").is_ok() {
                harness::wait::pass(Duration::from_millis(5));
            }
            let _ = BufReader::new(stream).read_line(&mut String::new());
        });
        let began = Instant::now();
        let why = world.reader().read().haproxy.unwrap_err();
        assert!(began.elapsed() < Duration::from_secs(20));
        // Where the time is nearly over, the last part of the answer has next to none.
        let is_over = !is_silent && why.contains("the time for it is over");
        assert!(is_over || why.contains("nobody answers"), "{why}");
    }
}

#[test]
fn an_answer_of_something_else_is_no_answer() {
    for answer in [
        "",
        "Permission denied\n",
        "Unknown command",
        "Version: 2\n# pxname\n",
    ] {
        let world = World::with_folders();
        listen(&world.paths.socket, move |_, mut stream| {
            stream.write_all(answer.as_bytes()).unwrap();
        });
        let why = world.reader().read().haproxy.unwrap_err();
        assert!(why.starts_with("HAProxy does not answer at "), "{why}");
    }
}

#[test]
fn services_are_read_with_how_often_they_were_started_again() {
    let world = World::with_folders();
    let service = |name: &str| {
        std::fs::create_dir(world.path("services").join(name)).unwrap();
        Servicedir::new(world.path("services").join(name))
    };
    let ha = service("ha");
    let _held = ha.hold().unwrap().unwrap();
    let status = Status {
        stamp: Stamp::now(),
        pid: 7,
        want_up: true,
        ..Status::default()
    };
    ha.write_status(&status, servicedir::Layout::default())
        .unwrap();
    let death = Death {
        stamp: Stamp::now(),
        code: 1,
        signal: 0,
    };
    ha.add_death(&death, 10).unwrap();
    // One that has ended and stays down was not started again.
    let announce = service("announce");
    let _held = announce.hold().unwrap().unwrap();
    announce
        .write_status(&Status::default(), servicedir::Layout::default())
        .unwrap();
    announce.add_death(&death, 10).unwrap();
    let _torn = service("serf").hold().unwrap().unwrap();
    world.write("services/serf/supervise/status", "torn");
    service("nobody's");
    service(".s6-svscan");
    let services = world.reader().read().services.unwrap();
    let found: Vec<_> = services
        .iter()
        .map(|it| (it.name.as_str(), it.restarts))
        .collect();
    assert_eq!(found, [("announce", 0), ("ha", 1), ("serf", 0)]);
    assert_eq!(services[1].status, Ok(status));
    assert!(
        services[2]
            .status
            .as_ref()
            .unwrap_err()
            .starts_with("no record")
    );
}

#[test]
fn a_real_haproxy_says_who_answers_and_lets_nothing_be_changed() {
    let world = World::with_folders();
    let ip = harness::address("73.1");
    let place = harness::haproxy::Haproxy::new(world.scratch.path(), ip.clone());
    let (admin, look) = (place.socket.display(), world.paths.socket.display());
    world.write(
        "haproxy.cfg",
        &format!(
            "global\n    stats socket {admin} mode 600 level admin\n\
             \x20   stats socket {look} mode 600 level user\n\
             defaults\n    mode http\n    timeout connect 1s\n    timeout client 9s\n    \
             timeout server 9s\n\
             frontend front\n    bind {ip}:8080\n    http-request return status 200\n\
             backend nodes\n\
             \x20   server s1 {ip}:8080 check inter 50ms weight 10\n\
             \x20   server s2 {ip}:1 check inter 50ms fall 1\n"
        ),
    );
    for name in ["s1", "s2"] {
        world.write(&format!("nodes/{name}"), &format!("{name} {ip}\n"));
    }
    let _haproxy = place.start().unwrap();
    let mut reader = world.reader();
    let page = wait_for("s2 to be silent", PATIENCE, || {
        let page = view(&reader.read(), &History::default());
        (page.nodes[1].state == NodeState::Silent).then_some(page)
    });
    assert_eq!(
        (page.nodes[0].state, page.nodes[0].weight),
        (NodeState::Serves, Some(10))
    );
    let why = page.nodes[1].why.as_deref().unwrap();
    assert!(why.starts_with("Layer4 connection problem"), "{why}");
    assert_eq!(page.sentence.level, Level::Warn, "no run is recorded");
    assert!(page.chain[3].title.starts_with("HAProxy "));
    let answer = harness::haproxy::ask(&world.paths.socket, "disable server nodes/s1").unwrap();
    assert!(answer.contains("Permission denied"), "{answer}");
}

proptest::proptest! {
    #[test]
    fn no_answer_makes_it_panic(text in "(?s).*", length in 0..ANSWER.len()) {
        let _ = haproxy::parse(&text);
        let _ = haproxy::parse(&format!("Version: {text}\n# pxname,svname,status\n{text}"));
        let _ = haproxy::parse(&ANSWER[..length]);
    }
}
