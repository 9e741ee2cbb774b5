//! Renders a template, which may have been written so that this has no end.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use exit::escape;
use haproxy_config::MAX_FILE;
use tera::{Context, Tera};

/// How much is shown of the last line of an unfinished result, in bytes.
const MAX_SHOWN: usize = 80;

/// Why there is no result.
pub(crate) enum Failure {
    /// The template is wrong.
    Refused(tera::Error),
    /// It makes too much.
    Endless(String),
    /// The system has failed.
    System(io::Error),
}

/// Renders the template of this name. `late` ends the program, with the reason, where that
/// takes more than `limit` of processor time.
pub(crate) fn render(
    tera: &Tera,
    name: &str,
    context: &Context,
    limit: Duration,
    late: impl FnOnce(String) + Send + 'static,
) -> Result<String, Failure> {
    let mut output = Output::default();
    let so_far = output.clone();
    let late = move |error| late(format!("{error}: {}", so_far.place()));
    let work = || tera.render_to(name, context, &mut output);
    let rendered = limit::work(limit, work, late).map_err(Failure::System)?;
    let mut output = output.made();
    if output.is_full {
        let why = format!("what it makes is larger than {MAX_FILE} bytes");
        return Err(Failure::Endless(why));
    }
    rendered.map_err(Failure::Refused)?;
    String::from_utf8(std::mem::take(&mut output.bytes))
        .map_err(|error| Failure::System(io::Error::new(io::ErrorKind::InvalidData, error)))
}

/// What was rendered so far. Who watches sees it too.
#[derive(Clone, Default)]
struct Output(Arc<Mutex<Rendered>>);

/// What was rendered, up to the size that a configuration may have.
#[derive(Default)]
struct Rendered {
    bytes: Vec<u8>,
    is_full: bool,
}

impl Output {
    fn made(&self) -> std::sync::MutexGuard<'_, Rendered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How far it has come.
    fn place(&self) -> String {
        let made = self.made();
        let text = made.bytes.trim_ascii_end();
        let lines = text.split(|byte| *byte == b'\n').count();
        let Some(last) = text.rsplit(|byte| *byte == b'\n').next() else {
            return String::new();
        };
        if text.is_empty() {
            return "it has made nothing yet, so look for a loop at its beginning; a longer time \
                    is --limit"
                .to_owned();
        }
        let shown = escape(last.get(..MAX_SHOWN).unwrap_or(last));
        format!(
            "the last that it has made is line {lines}, `{shown}`, so look for a loop behind that; \
             a longer time is --limit"
        )
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut made = self.made();
        if (made.bytes.len() + bytes.len()) as u64 > MAX_FILE {
            made.is_full = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        made.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_far_it_has_come_is_told_by_the_last_line() {
        let mut output = Output::default();
        assert!(output.place().starts_with("it has made nothing yet"));
        output.write_all(b"global\n  daemon\x1b\n\n").unwrap();
        let place = output.place();
        assert!(place.contains("line 2, `  daemon\\x1b`"), "{place}");
        output.write_all(&[b'x'; 1000]).unwrap();
        let place = output.place();
        assert!(
            place.contains(&format!("line 4, `{}`", "x".repeat(80))),
            "{place}"
        );
    }
}
