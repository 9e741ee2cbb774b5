use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, PoisonError};

use axum::body::{Body, Bytes, HttpBody as _};
use tokio::sync::{oneshot, watch};

use super::*;
use crate::http::source::Stamp;
use crate::render::Fragments;

/// What a test sees of its source, and changes of it.
#[derive(Default)]
struct Seen {
    reads: AtomicUsize,
    questions: AtomicUsize,
    /// What the files say.
    files: Mutex<String>,
    /// How often the other balancers were looked for.
    peers: AtomicUsize,
    /// Where HAProxy keeps silent: it answers when this ends.
    silence: Mutex<Option<Receiver<()>>>,
}

impl Seen {
    fn counts(&self) -> (usize, usize) {
        let count = |it: &AtomicUsize| it.load(Ordering::SeqCst);
        (count(&self.reads), count(&self.questions))
    }

    fn files(&self) -> String {
        let files = self.files.lock();
        files.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn write(&self, text: &str) {
        *self.files.lock().unwrap() = text.to_owned();
    }

    /// Lets HAProxy keep silent until the value goes.
    fn silence(&self) -> Sender<()> {
        let (sender, receiver) = channel();
        *self.silence.lock().unwrap() = Some(receiver);
        sender
    }
}

struct Fake {
    seen: Arc<Seen>,
    /// As it was read.
    text: String,
    folder: harness::Scratch,
}

impl Source for Fake {
    type Running = usize;

    fn question(&self) -> Box<dyn FnOnce() -> usize + Send> {
        let seen = Arc::clone(&self.seen);
        Box::new(move || {
            if let Some(silence) = seen.silence.lock().unwrap().take() {
                let _ = silence.recv();
            }
            seen.questions.fetch_add(1, Ordering::SeqCst) + 1
        })
    }

    fn stamp(&self) -> Vec<Stamp> {
        // Another name is another file, whatever the step of the clock is.
        let path = self.folder.path().join(self.seen.files());
        let _ = std::fs::File::create_new(&path);
        vec![Stamp::of(&path)]
    }

    fn read(&mut self, running: Option<&usize>, _: Vec<(String, Answer)>) -> anyhow::Result<()> {
        self.seen.reads.fetch_add(1, Ordering::SeqCst);
        let running = if running.is_some() { "runs" } else { "silent" };
        self.text = format!("{} {running}", self.seen.files());
        Ok(())
    }

    fn as_of(&self) -> String {
        "14:00:00".to_owned()
    }

    fn fragments(&self) -> anyhow::Result<Fragments> {
        Ok(Fragments {
            parts: vec![("sentence".to_owned(), self.text.clone())],
            lists: Vec::new(),
        })
    }

    fn page(&self, version: &str) -> anyhow::Result<String> {
        Ok(format!("{} {version}", self.text))
    }

    fn state(&self) -> anyhow::Result<String> {
        Ok(self.text.clone())
    }

    fn metrics(&self) -> anyhow::Result<String> {
        anyhow::bail!("no metrics")
    }

    fn agreement(&mut self) -> anyhow::Result<String> {
        Ok("nodes".to_owned())
    }

    fn balancers(&self) -> Box<dyn FnOnce() -> Vec<(String, IpAddr)> + Send> {
        let seen = Arc::clone(&self.seen);
        Box::new(move || {
            seen.peers.fetch_add(1, Ordering::SeqCst);
            Vec::new()
        })
    }
}

/// A poller that runs.
struct Running {
    seen: Arc<Seen>,
    hub: Arc<Hub>,
    asks: mpsc::Sender<Ask>,
}

impl Running {
    fn start() -> Self {
        let seen = Arc::new(Seen::default());
        seen.write("one");
        let source = Fake {
            seen: Arc::clone(&seen),
            text: String::new(),
            folder: harness::scratch(),
        };
        let hub = Arc::new(Hub::new("a".to_owned()));
        let (asks, asked) = mpsc::channel(1);
        tokio::spawn(Poller::new(source, Arc::clone(&hub), asked, 1).run());
        Self { seen, hub, asks }
    }

    async fn get(&self, what: What) -> String {
        self.ask(what).await.unwrap()
    }

    async fn ask(&self, what: What) -> anyhow::Result<String> {
        let (reply, made) = oneshot::channel::<anyhow::Result<Bytes>>();
        assert!(self.asks.send(Ask { what, reply }).await.is_ok());
        let made = tokio::time::timeout(Duration::from_secs(30), made).await;
        Ok(String::from_utf8(made.unwrap().unwrap()?.to_vec())?)
    }

    /// A stream, with what keeps it open.
    fn watch(&self) -> (Body, watch::Sender<bool>) {
        let (tell, stop) = watch::channel(false);
        (self.hub.open("", stop).unwrap(), tell)
    }
}

/// The next event with this in it.
async fn event(body: &mut Body, part: &str) -> String {
    let next = async {
        loop {
            let next = |context: &mut std::task::Context<'_>| {
                std::pin::Pin::new(&mut *body).poll_frame(context)
            };
            let frame = std::future::poll_fn(next).await.unwrap().unwrap();
            let text = String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap();
            if text.contains(part) {
                return text;
            }
        }
    };
    let patience = Duration::from_secs(30);
    tokio::time::timeout(patience, next).await.unwrap()
}

#[test]
fn haproxy_spends_a_hundredth_of_its_time_at_most_and_is_asked_every_second() {
    let ms = Duration::from_millis;
    for (cost, wanted) in [
        (0, 250),
        (1, 250),
        (2, 250),
        (5, 500),
        (10, 1000),
        (900, 1000),
    ] {
        assert_eq!(pause(ms(cost)), ms(wanted), "{cost}");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_read_while_nobody_looks() {
    let running = Running::start();
    let hour = Duration::from_secs(3600);
    tokio::time::sleep(hour).await;
    assert_eq!(running.seen.counts(), (0, 0));
    let (stream, tell) = running.watch();
    tokio::time::sleep(Duration::from_secs(2)).await;
    tell.send_replace(true);
    drop(stream);
    tokio::time::sleep(FILES * 2).await;
    let counts = running.seen.counts();
    assert!(counts.0 >= 2 && counts.1 >= 2, "{counts:?}");
    tokio::time::sleep(hour).await;
    assert_eq!(running.seen.counts(), counts);
}

#[tokio::test(start_paused = true)]
async fn those_who_ask_at_the_same_time_share_what_is_read() {
    let running = Running::start();
    let (one, two, three) = tokio::join!(
        running.get(What::Page),
        running.get(What::State),
        running.get(What::Page)
    );
    assert_eq!(one, "one runs a-1");
    assert_eq!((two.as_str(), &three), ("one runs", &one));
    assert_eq!(running.seen.counts(), (1, 1));
    tokio::time::sleep(FRESH * 2).await;
    running.seen.write("two");
    assert_eq!(running.get(What::Page).await, "two runs a-2");
    assert_eq!(running.seen.counts(), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn whoever_asks_for_the_nodes_alone_costs_haproxy_nothing() {
    let running = Running::start();
    assert_eq!(running.get(What::Agreement).await, "nodes");
    assert_eq!(running.seen.counts(), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn the_other_balancers_are_asked_for_those_who_are_shown_them() {
    let running = Running::start();
    let peers = || running.seen.peers.load(Ordering::SeqCst);
    running.get(What::Agreement).await;
    let _ = running.ask(What::Metrics).await;
    assert_eq!(peers(), 0);
    running.get(What::Page).await;
    running.get(What::State).await;
    assert_eq!(peers(), 1);
    let _stream = running.watch();
    tokio::time::sleep(PEERS * 5).await;
    assert!((5..=7).contains(&peers()), "{}", peers());
}

#[tokio::test(start_paused = true)]
async fn whoever_comes_later_gets_what_the_files_say_by_then() {
    let running = Running::start();
    running.get(What::State).await;
    running.seen.write("two");
    assert_eq!(running.get(What::State).await, "two runs");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_made_is_said_to_whoever_asked_and_to_nobody_else() {
    let running = Running::start();
    let why = running.ask(What::Metrics).await.unwrap_err();
    assert_eq!(why.to_string(), "no metrics");
    assert_eq!(running.get(What::State).await, "one runs");
}

#[tokio::test(start_paused = true)]
async fn streams_see_a_change_of_files_at_once_and_share_what_is_read() {
    let running = Running::start();
    let mut streams = [running.watch(), running.watch(), running.watch()];
    for (body, _) in &mut streams {
        event(body, "one runs").await;
    }
    let start = Instant::now();
    running.seen.write("two");
    for (body, _) in &mut streams {
        event(body, "two runs").await;
    }
    assert!(start.elapsed() <= FILES * 2, "{:?}", start.elapsed());
    let before = running.seen.counts();
    tokio::time::sleep(Duration::from_secs(10)).await;
    let after = running.seen.counts();
    // Four answers of HAProxy a second, one second without news, and no more for three.
    let most = 10 * 5 + 2;
    assert!(
        after.0 - before.0 <= most && after.1 - before.1 <= most,
        "{before:?} {after:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn streams_hear_something_every_second() {
    let running = Running::start();
    let mut stream = running.watch();
    event(&mut stream.0, "beat").await;
    for _ in 0..5 {
        let start = Instant::now();
        let beat = event(&mut stream.0, "beat").await;
        assert_eq!(beat, "event: beat\ndata: 14:00:00\n\n");
        assert!(start.elapsed() <= SECOND + FILES, "{:?}", start.elapsed());
    }
}

#[tokio::test]
async fn a_silent_haproxy_keeps_nobody_waiting() {
    let running = Running::start();
    let silence = running.seen.silence();
    assert_eq!(running.get(What::State).await, "one silent");
    running.seen.write("two");
    assert_eq!(running.get(What::State).await, "two silent");
    let mut stream = running.watch();
    running.seen.write("three");
    event(&mut stream.0, "three silent").await;
    event(&mut stream.0, "beat").await;
    drop(silence);
    event(&mut stream.0, "three runs").await;
}
