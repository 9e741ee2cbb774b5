//! From the first connection to the last answer.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::access::Access;
use crate::app::{self, App};
use crate::identity::Identity;
use crate::leaving::Leaving;
use crate::listener::{self, Listener, Local};
use crate::{Args, PROGRAM};

struct Signals {
    term: Signal,
    int: Signal,
    usr1: Signal,
}

pub(crate) async fn serve_until_told(args: Args) -> anyhow::Result<()> {
    // This comes before we listen, since whoever finds the port open may send a signal.
    let mut signals = Signals::new()?;
    let identity = Identity::new(args.fixed_ip(), args.name, args.tag)?;
    let app = Arc::new(App::new(identity, Access::open(args.log.as_deref())?));
    let tcp = TcpListener::bind(args.listen)
        .await
        .with_context(|| format!("listen on {}", args.listen))?;
    let address = tcp
        .local_addr()
        .context("ask for the address that we listen on")?;
    exit::say(PROGRAM, format_args!("listens on {address}"));
    if let Some(descriptor) = args.ready_fd {
        announce(descriptor)?;
    }

    let (tell, stop) = watch::channel(false);
    let (drained, is_drained) = watch::channel(false);
    let service = app::router(Arc::clone(&app)).into_make_service_with_connect_info::<Local>();
    let server = axum::serve(Listener { tcp, stop, drained }, service)
        .with_graceful_shutdown(listener::told(is_drained))
        .into_future();
    let mut server = pin!(server);
    tokio::select! {
        result = &mut server => return result.context("serve"),
        () = signals.end(&app.leaving) => tell.send_replace(true),
    };
    finish(server, args.grace).await
}

async fn finish(
    server: impl Future<Output = std::io::Result<()>>,
    grace: Duration,
) -> anyhow::Result<()> {
    if let Ok(result) = tokio::time::timeout(grace, server).await {
        return result.context("serve");
    }
    let grace = humantime::format_duration(grace);
    exit::say(
        PROGRAM,
        format_args!("cuts requests that took longer than {grace}"),
    );
    Ok(())
}

impl Signals {
    fn new() -> anyhow::Result<Signals> {
        let watch = |kind| signal(kind).context("watch for signals");
        Ok(Signals {
            term: watch(SignalKind::terminate())?,
            int: watch(SignalKind::interrupt())?,
            usr1: watch(SignalKind::user_defined1())?,
        })
    }

    /// Returns when a signal to end comes. Until then it notes signals to leave.
    async fn end(&mut self, leaving: &Leaving) {
        loop {
            tokio::select! {
                _ = self.term.recv() => return,
                _ = self.int.recv() => return,
                _ = self.usr1.recv() => leaving.begin(Instant::now()),
            }
        }
    }
}

/// Writes to the descriptor by its name under /dev/fd, since the standard library takes a
/// descriptor by its number only in unsafe code.
fn announce(descriptor: u32) -> anyhow::Result<()> {
    let path = format!("/dev/fd/{descriptor}");
    OpenOptions::new()
        .append(true)
        .open(&path)
        .and_then(|mut file| file.write_all(b"\n"))
        .with_context(|| format!("announce readiness on {path}"))
}
