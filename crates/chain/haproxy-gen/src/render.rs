//! Renders a template, which may have been written so that this has no end.

use std::io::{self, Write};
use std::time::Duration;

use haproxy_config::MAX_FILE;
use tera::{Context, Tera};

/// How much processor time a rendering may take. Ten thousand nodes take a fiftieth of
/// it.
const LONGEST: Duration = Duration::from_secs(5);

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
/// takes too long.
pub(crate) fn render(
    tera: &Tera,
    name: &str,
    context: &Context,
    late: impl FnOnce(io::Error) + Send + 'static,
) -> Result<String, Failure> {
    let mut output = Output::default();
    let work = || tera.render_to(name, context, &mut output);
    let rendered = limit::work(LONGEST, work, late).map_err(Failure::System)?;
    if output.is_full {
        let why = format!("what it makes is larger than {MAX_FILE} bytes");
        return Err(Failure::Endless(why));
    }
    rendered.map_err(Failure::Refused)?;
    String::from_utf8(output.bytes)
        .map_err(|error| Failure::System(io::Error::new(io::ErrorKind::InvalidData, error)))
}

/// What was rendered, up to the size that a configuration may have.
#[derive(Default)]
struct Output {
    bytes: Vec<u8>,
    is_full: bool,
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if (self.bytes.len() + bytes.len()) as u64 > MAX_FILE {
            self.is_full = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
