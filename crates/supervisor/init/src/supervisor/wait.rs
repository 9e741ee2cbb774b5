//! Where the loop sleeps.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;

use super::Supervisor;
use super::happening::Source;
use crate::output::{self, Stream, Target};

impl Supervisor {
    /// Sleeps until something happens or the next deadline comes.
    pub(super) fn wait(&self) -> Vec<Source> {
        let outputs = [Stream::Out, Stream::Err].map(output::to_poll);
        let (mut descriptors, sources) = self.descriptors(&outputs);
        match ppoll(&mut descriptors, self.timeout(), None) {
            Ok(count) if count > 0 => {
                let all = descriptors.iter().zip(sources);
                all.filter(|(descriptor, _)| descriptor.any().unwrap_or(true))
                    .map(|(_, source)| source)
                    .collect()
            }
            _ => Vec::new(),
        }
    }

    fn descriptors<'a>(&'a self, outputs: &'a [Option<Target>]) -> (Vec<PollFd<'a>>, Vec<Source>) {
        let mut list = List::default();
        list.add(self.signals.descriptor(), Source::Signals);
        if let Some(scandir) = &self.scandir {
            list.add(scandir.control(), Source::Scandir);
        }
        for (index, service) in self.services.iter().enumerate() {
            if let Some(control) = service.control() {
                list.add(control, Source::Control(index));
            }
            if let Some(notification) = service.notification() {
                list.add(notification, Source::Notification(index));
            }
            for (which, reader) in service.lines() {
                list.add(reader, Source::Lines(index, which));
            }
        }
        for file in outputs.iter().flatten() {
            let descriptor = PollFd::new(file.as_fd(), PollFlags::POLLOUT);
            list.descriptors.push(descriptor);
            list.sources.push(Source::Output);
        }
        (list.descriptors, list.sources)
    }

    /// How long to sleep at most; without a deadline for ever.
    fn timeout(&self) -> Option<TimeSpec> {
        if self.more_to_reap {
            return Some(Duration::ZERO.into());
        }
        let left = self.deadline()?.saturating_duration_since(Instant::now());
        Some(left.into())
    }
}

/// Descriptors to poll, and what each of them is.
#[derive(Default)]
struct List<'a> {
    descriptors: Vec<PollFd<'a>>,
    sources: Vec<Source>,
}

impl<'a> List<'a> {
    fn add(&mut self, file: &'a impl AsFd, source: Source) {
        self.descriptors
            .push(PollFd::new(file.as_fd(), PollFlags::POLLIN));
        self.sources.push(source);
    }
}
