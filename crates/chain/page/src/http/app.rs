//! What is answered to each request.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::sync::{mpsc, oneshot, watch};

use super::host::Hosts;
use super::live::Hub;
use super::source::{Ask, What};
use crate::PROGRAM;
use crate::metrics::CONTENT_TYPE;
use crate::render::{CSS, ICON, JS};

/// How long an answer may take. Only a file system that does not answer takes this long.
const PATIENCE: Duration = Duration::from_secs(5);

/// The longest name of a state that is looked at, in bytes.
const LONGEST_VERSION: usize = 64;

/// Nothing comes from elsewhere, and nothing stands in the page that could run.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What goes with every answer.
const HEADERS: [(HeaderName, &str); 4] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";

pub(crate) struct App {
    pub(crate) hosts: Hosts,
    pub(crate) hub: Arc<Hub>,
    pub(crate) asks: mpsc::Sender<Ask>,
    pub(crate) stop: watch::Receiver<bool>,
}

type Shared = State<Arc<App>>;

pub(crate) fn router(app: Arc<App>) -> Router {
    let css = || async { asset("text/css; charset=utf-8", CSS) };
    let js = || async { asset("text/javascript; charset=utf-8", JS) };
    let icon = || async { asset("image/svg+xml", ICON) };
    Router::new()
        .route("/", get(|State(app): Shared| app.made(What::Page, HTML)))
        .route("/live", get(live))
        .route(
            "/state.json",
            get(|State(app): Shared| app.made(What::State, JSON)),
        )
        .route(
            "/agreement.json",
            get(|State(app): Shared| app.made(What::Agreement, JSON)),
        )
        .route(
            "/metrics",
            get(|State(app): Shared| app.made(What::Metrics, CONTENT_TYPE)),
        )
        .route("/page.css", get(css))
        .route("/page.js", get(js))
        .route("/icon.svg", get(icon))
        .method_not_allowed_fallback(|| async {
            text(StatusCode::METHOD_NOT_ALLOWED, "There are GET and HEAD.\n")
        })
        .fallback(|| async { text(StatusCode::NOT_FOUND, "There is nothing here.\n") })
        .layer(middleware::from_fn_with_state(Arc::clone(&app), guard))
        .with_state(app)
}

/// Refuses a host that is not ours, and puts the headers to each answer.
async fn guard(State(app): Shared, request: Request, next: Next) -> Response {
    let mut response = if app.hosts.allow(&request) {
        next.run(request).await
    } else {
        let why = "This page is not known by that name: use an address, or start it with --host.\n";
        text(StatusCode::MISDIRECTED_REQUEST, why)
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

impl App {
    /// What the poller makes.
    async fn made(self: Arc<Self>, what: What, kind: &'static str) -> Response {
        let (reply, made) = oneshot::channel();
        let question = async {
            self.asks.send(Ask { what, reply }).await.ok()?;
            made.await.ok()
        };
        match tokio::time::timeout(PATIENCE, question).await {
            Ok(Some(Ok(bytes))) => answer(StatusCode::OK, kind, bytes),
            Ok(Some(Err(error))) => {
                exit::say(PROGRAM, format_args!("{error:#}"));
                let why = "This could not be made; the log says why.\n";
                text(StatusCode::INTERNAL_SERVER_ERROR, why)
            }
            Ok(None) => text(StatusCode::SERVICE_UNAVAILABLE, "This page ends.\n"),
            Err(_) => {
                let why = "The files of the cluster could not be read in time.\n";
                text(StatusCode::SERVICE_UNAVAILABLE, why)
            }
        }
    }
}

async fn live(State(app): Shared, method: Method, uri: Uri) -> Response {
    const STREAM: &str = "text/event-stream";
    if method == Method::HEAD {
        return answer(StatusCode::OK, STREAM, Body::empty());
    }
    if let Some(stream) = app.hub.open(version(&uri), app.stop.clone()) {
        return answer(StatusCode::OK, STREAM, stream);
    }
    let why = "Too many look at this page: close it in some other place.\n";
    text(StatusCode::SERVICE_UNAVAILABLE, why)
}

/// The state that a page has which asks for what comes after it.
fn version(uri: &Uri) -> &str {
    let mut parts = uri.query().unwrap_or_default().split('&');
    let version = parts.find_map(|part| part.strip_prefix("from="));
    let version = version.filter(|version| version.len() <= LONGEST_VERSION);
    version.unwrap_or_default()
}

/// What is built in, and is another one after an upgrade.
fn asset(kind: &'static str, content: &'static str) -> Response {
    let mut response = answer(StatusCode::OK, kind, Bytes::from_static(content.as_bytes()));
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

fn text(status: StatusCode, words: &'static str) -> Response {
    answer(status, TEXT, Bytes::from_static(words.as_bytes()))
}

fn answer(status: StatusCode, kind: &'static str, body: impl Into<Body>) -> Response {
    (status, [(header::CONTENT_TYPE, kind)], body.into()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_state_is_taken_from_what_follows_the_path() {
        let version = |uri: &str| version(&uri.parse().unwrap()).to_owned();
        assert_eq!(version("/live?from=a-7"), "a-7");
        assert_eq!(version("/live?x=1&from=a-7&from=b"), "a-7");
        assert_eq!(version("/live"), "");
        assert_eq!(version(&format!("/live?from={}", "a".repeat(65))), "");
    }
}
