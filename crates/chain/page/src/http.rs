//! What is served, and to whom.

mod app;
mod change;
mod connection;
#[cfg(any(test, fuzzing))]
#[path = "../../../../fuzz/targets/page.rs"]
mod fuzz;
mod host;
mod live;
mod peers;
mod poll;
mod site;
mod source;
mod stop;

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

use crate::PROGRAM;
use app::App;
use connection::Listener;
use host::Hosts;
use live::Hub;
use poll::Poller;
use source::Source;
use stop::{GRACE, Signals};

pub(crate) use site::Site;

/// Where it is served.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) listen: SocketAddr,
    /// Names by which it may be asked for besides addresses and localhost.
    pub(crate) hosts: Vec<String>,
    /// Where to say that it listens.
    pub(crate) ready_fd: Option<u32>,
}

/// Serves what `site` reads until a signal comes.
pub(crate) fn serve(place: &Place, site: Site) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start the runtime")?;
    let done = runtime.block_on(serve_until_told(place, site));
    // What reads may be waiting for a HAProxy that does not answer.
    runtime.shutdown_background();
    done
}

async fn serve_until_told(place: &Place, source: impl Source) -> anyhow::Result<()> {
    // This comes before we listen, since whoever finds the port open may send a signal.
    let mut signals = Signals::new()?;
    let tcp = TcpListener::bind(place.listen)
        .await
        .with_context(|| format!("listen on {}", place.listen))?;
    let address = tcp.local_addr();
    let address = address.context("ask for the address that we listen on")?;
    exit::say(PROGRAM, format_args!("listens on {address}"));
    if let Some(descriptor) = place.ready_fd {
        stop::announce(descriptor)?;
    }

    let hub = Arc::new(Hub::new(start()));
    let (asks, asked) = mpsc::channel(1);
    let poller = Poller::new(source, Arc::clone(&hub), asked, address.port());
    let (tell, stop) = watch::channel(false);
    let app = App {
        hosts: Hosts::new(&place.hosts),
        hub,
        asks,
        stop: stop.clone(),
    };
    let server = axum::serve(Listener::new(tcp), app::router(Arc::new(app)))
        .with_graceful_shutdown(stop::told(stop))
        .into_future();
    let (mut server, mut poller) = (pin!(server), pin!(poller.run()));
    tokio::select! {
        result = &mut server => return result.context("serve"),
        result = &mut poller => return result,
        () = signals.end() => tell.send_replace(true),
    };
    let rest = async {
        tokio::select! {
            result = server => result.context("serve"),
            result = poller => result,
        }
    };
    tokio::time::timeout(GRACE, rest).await.unwrap_or(Ok(()))
}

/// Tells this process from the one before it.
fn start() -> String {
    format!("{:016x}", RandomState::new().build_hasher().finish())
}
