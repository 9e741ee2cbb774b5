//! What is answered to each request.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::{Deserialize, Serialize};

use crate::PROGRAM;
use crate::access::Access;
use crate::identity::Identity;
use crate::leaving::Leaving;
use crate::listener::Local;
use crate::session::{self, Sessions};
use crate::slow::{Asker, MOST_OF_CLIENT, Refusal, Slow};

const COOKIE: &str = "NODESESSID";
const BACKEND_IP: HeaderName = HeaderName::from_static("x-backend-ip");

const LARGEST_BODY: usize = 16 * 1024;

pub(crate) struct App {
    pub(crate) identity: Identity,
    pub(crate) leaving: Leaving,
    access: Access,
    slow: Arc<Slow>,
    sessions: Mutex<Sessions>,
}

/// The page of the lab, whose fields are in the same order.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Page<'a> {
    hello: &'a str,
    ip: IpAddr,
    host: &'a str,
    tag: &'a str,
    session_views: u64,
    id: &'a str,
}

#[derive(Serialize)]
struct Message {
    message: String,
}

#[derive(Deserialize)]
struct Delay {
    delay: u32,
}

#[derive(Default)]
struct Visit {
    id: String,
    views: u64,
    is_new: bool,
}

pub(crate) fn router(app: Arc<App>) -> Router {
    Router::new()
        .route("/", get(root).post(root))
        .route("/delay", post(delay))
        .method_not_allowed_fallback(not_found)
        .fallback(not_found)
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), note))
        .with_state(app)
}

async fn note(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    app.access.note(&request);
    next.run(request).await
}

impl App {
    pub(crate) fn new(identity: Identity, access: Access) -> App {
        App {
            identity,
            access,
            leaving: Leaving::default(),
            slow: Arc::default(),
            sessions: Mutex::default(),
        }
    }

    /// A health check must leave nothing behind, so HEAD sees a session but never starts one.
    fn visit(&self, method: &Method, headers: &HeaderMap) -> anyhow::Result<Visit> {
        let now = Instant::now();
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        for id in cookies(headers) {
            let views = match *method {
                Method::HEAD => sessions.peek(id, now),
                _ => sessions.view(id, now),
            };
            if let Some(views) = views {
                return Ok(Visit {
                    id: id.to_owned(),
                    views,
                    is_new: false,
                });
            }
        }
        if method == Method::HEAD {
            return Ok(Visit::default());
        }
        let id = session::new_id()?;
        sessions.start(&id, now);
        Ok(Visit {
            id,
            views: 1,
            is_new: true,
        })
    }
}

async fn root(
    State(app): State<Arc<App>>,
    ConnectInfo(Local(local)): ConnectInfo<Local>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    if method == Method::HEAD && app.leaving.is_on(Instant::now()) {
        return message(StatusCode::SERVICE_UNAVAILABLE, "This node is leaving.");
    }
    // A health check asks whether the node lives, and a slow one does.
    if method != Method::HEAD
        && let Err(why) = wait(&app, &headers).await
    {
        return refuse(why);
    }
    match app.visit(&method, &headers) {
        Ok(visit) => page(&app.identity, app.identity.ip.unwrap_or(local), &visit),
        Err(error) => {
            exit::say(PROGRAM, format_args!("start a session: {error:#}"));
            message(
                StatusCode::INTERNAL_SERVER_ERROR,
                "No session can be started.",
            )
        }
    }
}

/// Waits as long as it was set for whoever asks; its place is free again when it does not wait
/// for the answer.
async fn wait(app: &App, headers: &HeaderMap) -> Result<(), Refusal> {
    if let Some(held) = app.slow.hold(Asker::of(headers), Instant::now())? {
        tokio::time::sleep(held.delay).await;
    }
    Ok(())
}

fn refuse(why: Refusal) -> Response {
    let (status, text) = match why {
        Refusal::OfClient => (
            StatusCode::TOO_MANY_REQUESTS,
            format!("{MOST_OF_CLIENT} of your requests wait for the delay that you have set."),
        ),
        Refusal::OfAll => (
            StatusCode::SERVICE_UNAVAILABLE,
            "Too many requests wait for a delay.".to_owned(),
        ),
    };
    let mut response = message(status, &text);
    let headers = response.headers_mut();
    headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

fn page(identity: &Identity, ip: IpAddr, visit: &Visit) -> Response {
    let page = Page {
        hello: "world!",
        ip,
        host: &identity.host,
        tag: &identity.tag,
        session_views: visit.views,
        id: &visit.id,
    };
    let mut response = axum::Json(page).into_response();
    let headers = response.headers_mut();
    if let Ok(ip) = HeaderValue::from_str(&ip.to_string()) {
        headers.insert(BACKEND_IP, ip);
    }
    if visit.is_new {
        let cookie = format!("{COOKIE}={}; Path=/; HttpOnly", visit.id);
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            headers.insert(header::SET_COOKIE, cookie);
        }
    }
    response
}

/// The content type is not looked at, since `curl -d` says that its body is a form.
async fn delay(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Response {
    let asker = Asker::of(&headers);
    match serde_json::from_slice::<Delay>(&body) {
        Ok(Delay { delay }) if delay <= asker.longest() => {
            app.slow.set(asker, delay, Instant::now());
            message(
                StatusCode::OK,
                &format!("New timeout of {delay}ms configured."),
            )
        }
        Ok(_) => message(
            StatusCode::BAD_REQUEST,
            &format!("The delay is at most {} milliseconds.", asker.longest()),
        ),
        Err(why) => message(
            StatusCode::BAD_REQUEST,
            &format!("Send {{\"delay\": <milliseconds>}}: {why}."),
        ),
    }
}

async fn not_found() -> Response {
    message(
        StatusCode::NOT_FOUND,
        "There is GET /, POST / and POST /delay.",
    )
}

fn message(status: StatusCode, message: &str) -> Response {
    (
        status,
        axum::Json(Message {
            message: message.to_owned(),
        }),
    )
        .into_response()
}

/// The values of our cookie, which a browser may send several times, for several paths.
fn cookies(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter_map(|(name, value)| (name == COOKIE).then_some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app() -> App {
        App::new(
            Identity::new(None, "s1".into(), String::new()).unwrap(),
            Access::open(None).unwrap(),
        )
    }

    fn with_cookie(value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, HeaderValue::from_str(value).unwrap());
        headers
    }

    #[test]
    fn our_cookie_is_found_among_others() {
        let headers = with_cookie("a=b; NODESESSID=one;NODESESSID=two; XNODESESSID=three; broken");
        assert_eq!(cookies(&headers).collect::<Vec<_>>(), ["one", "two"]);
    }

    #[test]
    fn a_second_request_with_the_cookie_belongs_to_the_session() {
        let app = app();
        let first = app.visit(&Method::GET, &HeaderMap::new()).unwrap();
        assert!(first.is_new);
        let headers = with_cookie(&format!("NODESESSID={}", first.id));
        let second = app.visit(&Method::GET, &headers).unwrap();
        assert_eq!(
            (second.views, second.is_new, &second.id),
            (2, false, &first.id)
        );
    }

    #[test]
    fn a_cookie_of_another_node_starts_a_session_of_its_own() {
        let visit = app()
            .visit(&Method::GET, &with_cookie("NODESESSID=theirs"))
            .unwrap();
        assert!(visit.is_new);
        assert_ne!(visit.id, "theirs");
    }

    #[test]
    fn a_health_check_neither_starts_a_session_nor_counts_a_view() {
        let app = app();
        let probe = app.visit(&Method::HEAD, &HeaderMap::new()).unwrap();
        assert!(probe.id.is_empty() && !probe.is_new);
        let first = app.visit(&Method::GET, &HeaderMap::new()).unwrap();
        let headers = with_cookie(&format!("NODESESSID={}", first.id));
        assert_eq!(app.visit(&Method::HEAD, &headers).unwrap().views, 1);
    }

    #[test]
    fn the_page_has_the_labs_fields_in_the_labs_order() {
        let page = Page {
            hello: "world!",
            ip: "192.168.42.11".parse().unwrap(),
            host: "s1",
            tag: "latest",
            session_views: 1,
            id: "x",
        };
        assert_eq!(
            serde_json::to_string(&page).unwrap(),
            r#"{"hello":"world!","ip":"192.168.42.11","host":"s1","tag":"latest","sessionViews":1,"id":"x"}"#
        );
    }
}
