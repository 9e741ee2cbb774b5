use std::future::poll_fn;
use std::time::Duration;

use super::*;

fn fragments(text: &str) -> Fragments {
    Fragments {
        parts: vec![("sentence".to_owned(), text.to_owned())],
        lists: Vec::new(),
    }
}

fn hub() -> Arc<Hub> {
    Arc::new(Hub::new("a".to_owned()))
}

/// A stream, with what keeps it open.
struct Reader(Body, watch::Sender<bool>);

impl Reader {
    fn open(hub: &Arc<Hub>, from: &str) -> Option<Self> {
        let (tell, stop) = watch::channel(false);
        Some(Self(hub.open(from, stop)?, tell))
    }

    /// One that has heard how it begins.
    async fn joined(hub: &Arc<Hub>, from: &str) -> Self {
        let mut reader = Self::open(hub, from).unwrap();
        assert_eq!(reader.next().await.as_deref(), Some(RETRY));
        reader
    }

    async fn next(&mut self) -> Option<String> {
        let frame = poll_fn(|context| Pin::new(&mut self.0).poll_frame(context));
        let frame = frame.await?.unwrap();
        Some(String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap())
    }

    async fn expect(&mut self, id: &str, text: &str) {
        let event = self.next().await.unwrap();
        let data = format!(r#"data: {{"set":[["sentence","{text}"]],"lists":{{}}}}"#);
        assert_eq!(event, format!("event: change\nid: {id}\n{data}\n\n"));
    }
}

async fn wait_until(fact: impl Fn() -> bool) {
    let wait = async {
        while !fact() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let patience = Duration::from_secs(30);
    tokio::time::timeout(patience, wait).await.unwrap();
}

#[tokio::test]
async fn a_stream_begins_with_everything_and_goes_on_with_what_differs() {
    let hub = hub();
    hub.publish(fragments("one"), String::new());
    let mut reader = Reader::joined(&hub, "").await;
    reader.expect("a-1", "one").await;
    hub.publish(fragments("one"), "14:00:00".to_owned());
    hub.beat();
    let beat = "event: beat\ndata: 14:00:00\n\n";
    assert_eq!(reader.next().await.as_deref(), Some(beat));
    hub.publish(fragments("two"), String::new());
    reader.expect("a-2", "two").await;
}

#[tokio::test]
async fn a_page_that_is_a_little_older_gets_what_came_since() {
    let hub = hub();
    for text in ["one", "two", "three"] {
        hub.publish(fragments(text), String::new());
    }
    let mut reader = Reader::joined(&hub, "a-1").await;
    reader.expect("a-2", "two").await;
    reader.expect("a-3", "three").await;
    let mut newest = Reader::joined(&hub, "a-3").await;
    hub.publish(fragments("four"), String::new());
    newest.expect("a-4", "four").await;
}

#[tokio::test]
async fn a_page_of_which_nobody_knows_gets_everything() {
    let hub = hub();
    for number in 0..100 {
        hub.publish(fragments(&number.to_string()), String::new());
    }
    for from in ["", "a-1", "a-101", "b-100", "a-x", "a", "a--1"] {
        let mut reader = Reader::joined(&hub, from).await;
        reader.expect("a-100", "99").await;
    }
}

#[tokio::test]
async fn whoever_reads_too_slowly_gets_the_state_and_not_what_he_has_missed() {
    let hub = hub();
    let mut reader = Reader::joined(&hub, "a-0").await;
    for number in 0..10 * BEHIND {
        hub.publish(fragments(&number.to_string()), String::new());
        tokio::task::yield_now().await;
    }
    let last = format!("id: a-{}\n", 10 * BEHIND);
    let mut events = 0;
    while !reader.next().await.unwrap().contains(&last) {
        events += 1;
    }
    assert!(events <= 2 * BEHIND, "{events}");
    hub.publish(fragments("new"), String::new());
    reader
        .expect(&format!("a-{}", 10 * BEHIND + 1), "new")
        .await;
}

#[tokio::test]
async fn there_are_so_many_streams_and_a_place_is_free_when_one_ends() {
    let hub = hub();
    assert!(!hub.is_watched());
    let mut readers: Vec<Reader> = (0..MOST).map(|_| Reader::open(&hub, "").unwrap()).collect();
    assert!(Reader::open(&hub, "").is_none());
    readers.pop();
    wait_until(|| hub.places.available_permits() == 1).await;
    readers.push(Reader::open(&hub, "").unwrap());
    drop(readers);
    wait_until(|| !hub.is_watched()).await;
}

#[tokio::test]
async fn a_stream_ends_when_the_program_does_whether_it_is_read_or_not() {
    let hub = hub();
    let mut read = Reader::joined(&hub, "a-0").await;
    let unread = Reader::open(&hub, "").unwrap();
    for number in 0..9 {
        hub.publish(fragments(&number.to_string()), String::new());
    }
    for reader in [&read, &unread] {
        reader.1.send_replace(true);
    }
    wait_until(|| !hub.is_watched()).await;
    while read.next().await.is_some() {}
}
