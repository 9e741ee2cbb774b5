//! The access log: one line for each request, when it comes.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use axum::extract::Request;
use axum::http::HeaderMap;

use crate::PROGRAM;

/// What a person or a test may call a request, so that a repetition can be told from another one.
const NAME: &str = "x-request-id";
const LONGEST_NAME: usize = 64;

pub(crate) struct Access(Option<File>);

impl Access {
    /// Appends to `path`; without one, nothing is kept.
    pub(crate) fn open(path: Option<&Path>) -> anyhow::Result<Access> {
        let open = |path: &Path| {
            let file = OpenOptions::new().create(true).append(true).open(path);
            file.with_context(|| format!("open the log {}", path.display()))
        };
        path.map(open).transpose().map(Access)
    }

    pub(crate) fn note(&self, request: &Request) {
        let Some(mut file) = self.0.as_ref() else {
            return;
        };
        let path = exit::escape(request.uri().path().as_bytes());
        let line = format!(
            "{} {path} {}\n",
            request.method(),
            name(request.headers()).unwrap_or("-")
        );
        // One call writes the whole line, so that it is never mixed with another one.
        if let Err(error) = file.write_all(line.as_bytes()) {
            exit::say(PROGRAM, format_args!("write the log: {error}"));
        }
    }
}

/// The request's name; none if it could be taken for another column or another line.
fn name(headers: &HeaderMap) -> Option<&str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let name = headers.get(NAME)?.to_str().ok()?;
    let fits = !name.is_empty() && name.len() <= LONGEST_NAME && name.bytes().all(is_plain);
    fits.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn named(value: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(NAME, HeaderValue::from_str(value).unwrap());
        name(&headers).map(ToOwned::to_owned)
    }

    #[test]
    fn only_a_plain_name_is_kept() {
        assert_eq!(named("r-17").as_deref(), Some("r-17"));
        for other in ["", "a b", "a\tb", "a/b", &"x".repeat(65)] {
            assert_eq!(named(other), None, "{other}");
        }
        assert_eq!(name(&HeaderMap::new()), None);
    }
}
