use super::*;

#[test]
fn where_nothing_is_there_yet_everything_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let paths = Paths {
        name: "ha".to_owned(),
        nodes: path("nodes"),
        journal: Some(path("muster.jsonl")),
        socket: path("look.sock"),
        services: Some(path("services")),
        patience: None,
    };
    let snapshot = Reader::new(&paths).read();
    assert_eq!(snapshot.chain, Ok(None));
    assert!(snapshot.nodes.unwrap_err().contains("nodes"));
    let why = snapshot.haproxy.unwrap_err();
    assert!(why.contains("there is no such socket"), "{why}");
    assert!(why.ends_with("the template needs `stats socket ... level user`"));
    assert_eq!((snapshot.journal.len(), snapshot.journal_unread), (0, None));
    assert_eq!(snapshot.services, Ok(Vec::new()));
}
