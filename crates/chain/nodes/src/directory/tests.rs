use super::*;

fn nodes() -> (tempfile::TempDir, Nodes) {
    let directory = tempfile::tempdir().unwrap();
    let nodes = Nodes::new(directory.path());
    (directory, nodes)
}

fn node(line: &str) -> Node {
    let name = line.split(' ').next().unwrap();
    Node::parse(&Name::parse(name).unwrap(), line).unwrap()
}

#[test]
fn nodes_are_listed_in_name_order_and_hidden_files_are_none() {
    let (_directory, nodes) = nodes();
    let _lock = nodes.lock().unwrap();
    for line in ["s2 10.0.0.2", "s10 10.0.0.10", "s1 10.0.0.1"] {
        assert!(nodes.write(&node(line)).unwrap());
    }
    let listing = nodes.list().unwrap();
    let names: Vec<_> = listing
        .nodes
        .iter()
        .map(|node| node.name.as_str())
        .collect();
    assert_eq!(names, ["s1", "s10", "s2"]);
    assert_eq!(listing.hidden, [".lock"]);
    assert!(listing.refused.is_empty());
}

#[test]
fn a_short_line_after_a_long_one_is_read_as_it_is() {
    let (_directory, nodes) = nodes();
    let long = format!("long 10.0.0.1 rack={}", "x".repeat(900));
    let expected = [&long, "s1 10.0.0.2 port=1", "s2 ::1"].map(node);
    for node in &expected {
        nodes.write(node).unwrap();
    }
    assert_eq!(nodes.list().unwrap().nodes, expected);
}

#[test]
fn what_is_done_meanwhile_is_done_for_no_files_and_for_no_directory_too() {
    let (_directory, nodes) = nodes();
    let (listing, done) = nodes.list_while(|| 1);
    assert_eq!((listing.unwrap(), done), (Listing::default(), 1));
    let (listing, done) = Nodes::new("/nonexistent/nodes").list_while(|| 2);
    assert_eq!((listing.is_err(), done), (true, 2));
}

#[test]
fn one_bad_file_does_not_hide_the_good_ones() {
    let (directory, nodes) = nodes();
    nodes.write(&node("s1 10.0.0.1")).unwrap();
    fs::write(directory.path().join("s2"), "s2 nowhere\n").unwrap();
    fs::write(directory.path().join("a b"), "a b\n").unwrap();
    fs::write(directory.path().join("binary"), b"\xff\xfe").unwrap();
    fs::write(directory.path().join("long"), "x".repeat(5000)).unwrap();
    fs::create_dir(directory.path().join("folder")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", directory.path().join("link")).unwrap();
    let listing = nodes.list().unwrap();
    assert_eq!(listing.nodes, [node("s1 10.0.0.1")]);
    assert_eq!(listing.refused.len(), 6);
    assert!(
        listing
            .refused
            .iter()
            .any(|file| file.why == "'nowhere' is not an IP address")
    );
}

#[test]
fn many_threads_find_the_same_in_the_same_order_as_one() {
    let (directory, nodes) = nodes();
    let count = 7 * FILES_A_SHARE + 23;
    for number in 0..count {
        let address = if number % 7 == 0 {
            "nowhere"
        } else {
            "10.0.0.1"
        };
        let line = format!("s{number} {address}\n");
        fs::write(directory.path().join(format!("s{number}")), line).unwrap();
    }
    let files = nodes.files().unwrap();
    let (alone, ()) = nodes.read_by(1, &files, || ());
    let alone = alone.unwrap();
    let broken = count.div_ceil(7);
    let expected = (count - broken, broken);
    assert_eq!((alone.nodes.len(), alone.refused.len()), expected);
    for threads in 2..=10 {
        let (together, done) = nodes.read_by(threads, &files, || threads);
        assert_eq!((together.unwrap(), done), (alone.clone(), threads));
    }
    let (none, done) = nodes.read_by(4, &[], || 4);
    assert_eq!((none.unwrap(), done), (Listing::default(), 4));
}

#[test]
fn a_few_files_are_not_worth_a_thread_and_many_are_not_worth_many() {
    assert_eq!([0, 1, 2 * FILES_A_THREAD - 1].map(threads_for), [1, 1, 1]);
    let most = threads_for(1_000_000);
    assert!((1..=MAX_THREADS).contains(&most), "{most}");
    assert!(threads_for(2 * FILES_A_THREAD) <= most.min(2));
}

#[test]
fn what_is_no_file_is_told_as_such() {
    let (directory, nodes) = nodes();
    let path = |name| directory.path().join(name);
    fs::create_dir(path("folder")).unwrap();
    std::os::unix::fs::symlink("/nonexistent", path("link")).unwrap();
    let fifo = std::process::Command::new("mkfifo")
        .arg(path("pipe"))
        .status();
    assert!(fifo.unwrap().success());
    let _socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
    fs::write(path("zero"), "").unwrap();
    let refused = nodes.list().unwrap().refused;
    let why: Vec<&str> = refused.iter().map(|file| file.why.as_str()).collect();
    let no_file = "it is no regular file";
    let expected = [
        no_file,
        "it is a symbolic link",
        no_file,
        no_file,
        "it is empty",
    ];
    assert_eq!(why, expected);
    let folders: Vec<bool> = refused.iter().map(|file| file.is_folder).collect();
    assert_eq!(folders, [true, false, false, false, false]);
    for name in ["folder", "link", "pipe", "socket", "zero", "none"] {
        assert_eq!(nodes.get(&Name::parse(name).unwrap()).unwrap(), None);
    }
}

#[test]
fn writing_the_same_again_changes_nothing() {
    let (_directory, nodes) = nodes();
    let s1 = node("s1 10.0.0.1 weight=5");
    assert!(nodes.write(&s1).unwrap());
    assert!(!nodes.write(&s1).unwrap());
    assert_eq!(nodes.get(&s1.name).unwrap(), Some(s1));
}

#[test]
fn a_node_without_a_file_is_added_whole() {
    let (_directory, nodes) = nodes();
    let s1 = node("s1 10.0.0.1 port=80");
    nodes.add(&s1).unwrap();
    let listing = nodes.list().unwrap();
    assert_eq!((listing.nodes, listing.hidden.len()), (vec![s1.clone()], 0));
    assert!(!nodes.write(&s1).unwrap());
}

#[test]
fn a_broken_file_is_put_right_by_the_next_write() {
    let (directory, nodes) = nodes();
    fs::write(directory.path().join("s1"), b"\xff").unwrap();
    assert!(nodes.write(&node("s1 10.0.0.1")).unwrap());
    assert_eq!(nodes.list().unwrap().nodes.len(), 1);
}

#[test]
fn a_link_gives_way_to_a_node_and_what_it_names_stays() {
    let (directory, nodes) = nodes();
    let foreign = directory.path().join(".foreign");
    fs::write(&foreign, "precious").unwrap();
    std::os::unix::fs::symlink(&foreign, directory.path().join("s1")).unwrap();
    assert!(nodes.write(&node("s1 10.0.0.1")).unwrap());
    assert_eq!(nodes.list().unwrap().nodes, [node("s1 10.0.0.1")]);
    assert_eq!(fs::read_to_string(foreign).unwrap(), "precious");
}

#[test]
fn a_file_that_is_there_and_cannot_be_read_is_an_error_and_one_that_has_gone_is_none() {
    let (_directory, nodes) = nodes();
    let long = Entry {
        name: "s1".into(),
        kind: Kind::File,
    };
    nodes.write(&node("s2 10.0.0.2")).unwrap();
    let files = [&[long][..], &nodes.files().unwrap()].concat();
    let (listing, ()) = nodes.read_by(1, &files, || ());
    assert_eq!(listing.unwrap().nodes, [node("s2 10.0.0.2")]);
    // A path that is too long is a failure of the system that needs no other machinery.
    let far = Nodes::new(nodes.path().join("./".repeat(2_100)));
    let (listing, ()) = far.read_by(1, &files, || ());
    let error = format!("{:#}", listing.unwrap_err());
    assert!(
        error.starts_with("read ") && error.contains("too long"),
        "{error}"
    );
}

#[test]
fn removing_an_unknown_node_is_nothing_to_do() {
    let (_directory, nodes) = nodes();
    let s1 = node("s1 10.0.0.1");
    assert!(!nodes.remove(&s1.name).unwrap());
    nodes.write(&s1).unwrap();
    assert!(nodes.remove(&s1.name).unwrap());
}

#[test]
fn a_missing_directory_is_told_by_its_path() {
    let error = Nodes::new("/nonexistent/nodes").list().unwrap_err();
    assert!(format!("{error:#}").starts_with("list /nonexistent/nodes: "));
}
