//! The output of a service, where each line gets a label, the time, or both, or goes to the
//! log.

use std::io::PipeReader;
use std::time::Instant;

use super::Service;
use crate::output::{self, Lines, Stream};
use crate::process::spawn::Nursery;

impl Service {
    /// The pipes whose lines can be passed on now, by their index.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &PipeReader)> {
        let all = self.lines.iter().enumerate();
        all.filter(|(_, lines)| output::has_room(lines.stream()))
            .map(|(index, lines)| (index, lines.reader()))
    }

    pub(crate) fn pass_on(&mut self, index: usize) {
        if let Some(lines) = self.lines.get_mut(index) {
            lines.read();
        }
    }

    /// When there is something to tell of lines that were left out.
    pub(super) fn tells_at(&self) -> Option<Instant> {
        self.lines.iter().filter_map(Lines::tells_at).min()
    }

    pub(super) fn tell_left_out(&mut self, now: Instant) {
        for lines in &mut self.lines {
            for told in lines.tell(now) {
                output::say(format_args!("{}: {told}", self.name));
            }
        }
    }

    pub(super) fn open_lines(&mut self, nursery: &Nursery) {
        let (label, has_time) =
            self.ask(|settings| (settings.output_prefix(), settings.has_output_time()));
        let label = label.or_else(|| nursery.label_all.then(String::new));
        let label = label.map(|label| {
            if label.is_empty() {
                self.name.clone()
            } else {
                label
            }
        });
        let is_timed = has_time || output::is_timed();
        if !self.lines.is_empty() || (label.is_none() && !is_timed && !output::has_log()) {
            return;
        }
        let mut streams = vec![Stream::Err];
        if self.plumbing.stdout.is_none() {
            streams.push(Stream::Out);
        }
        // What a logger writes is what it is there for.
        let rate = output::rate().filter(|_| !self.is_logger());
        for stream in streams {
            match Lines::new(label.as_deref(), is_timed, stream) {
                Ok(lines) => self.lines.push(match rate {
                    Some(rate) => lines.limited(rate),
                    None => lines,
                }),
                Err(error) => output::say(format_args!("{}: read its output: {error}", self.name)),
            }
        }
    }

    pub(super) fn end_lines(&mut self) {
        for lines in &mut self.lines {
            lines.end();
            for told in lines.tell_all() {
                output::say(format_args!("{}: {told}", self.name));
            }
        }
    }
}
