//! One run: reads, renders, has it checked, and puts it into place.

use std::fs::File;
use std::path::{Path, PathBuf};

use exit::Exit;
use files::Staged;
use haproxy_config::{Surroundings, files_of};

use crate::candidate::Candidate;
use crate::check::{Checker, Subject};
use crate::draft::Draft;
use crate::pairs::{Kind, Pair};
use crate::surroundings::surroundings;
use crate::target::Target;
use crate::template::Given;
use crate::{Args, PROGRAM, paths};

/// What a run is to make.
pub(crate) struct Run<'a> {
    args: &'a Args,
    pairs: Vec<Pair>,
    /// The outputs of the pairs.
    targets: Vec<Target>,
    given: Given,
}

/// The contents of the files that are there, in the order of the pairs.
type Old = Vec<Option<Vec<u8>>>;

impl<'a> Run<'a> {
    pub(crate) fn new(args: &'a Args, pairs: Vec<Pair>) -> Self {
        Self {
            args,
            targets: pairs.iter().map(|pair| Target::new(&pair.output)).collect(),
            pairs,
            given: Given {
                variables: args.variables.clone(),
                limit: args.limit,
                ..Given::default()
            },
        }
    }

    /// Prints what is made, without a check.
    pub(crate) fn print(&self) -> anyhow::Result<Exit> {
        if self.args.diff {
            return Err(exit::misuse(
                "--diff compares with a file: name one with --output",
            ));
        }
        exit::print(&self.candidate(&[None])?.text())?;
        Ok(Exit::Changed)
    }

    /// Shows what would change, and what is said of it.
    pub(crate) fn diff(&self) -> anyhow::Result<Exit> {
        let old = self.read()?;
        let candidate = self.candidate(&old)?;
        let new = candidate.texts();
        let all = std::iter::zip(&self.targets, std::iter::zip(&old, new));
        let differences =
            all.filter_map(|(target, (old, new))| target.difference(old.as_deref(), new));
        let differences = differences.collect::<String>();
        if differences.is_empty() {
            return Ok(Exit::Unchanged);
        }
        exit::print(&differences)?;
        self.check(&candidate, &old, || {
            // Without the lock a run beside this one could find this one's file in its place.
            let locks = self.in_order().into_iter().map(Target::lock_that_is_there);
            Ok(locks.collect::<Result<Vec<_>, _>>().ok())
        })?;
        Ok(Exit::Changed)
    }

    /// Makes the files, and adds the paths of those that are replaced to `wrote`.
    pub(crate) fn generate(&self, wrote: &mut Vec<String>) -> anyhow::Result<Exit> {
        let _locks = self.lock()?;
        for pair in &self.pairs {
            Draft::remove_leftover(&pair.output);
        }
        let old = self.read()?;
        let candidate = self.candidate(&old)?;
        let mark = self.check(&candidate, &old, || Ok(Some(Vec::new())))?;
        self.tell_unnamed(&candidate, &old);
        self.tell_forgotten(&candidate, &old);
        self.replace(&candidate, &old, wrote)?;
        if let Some((target, mark)) = self.configuration().zip(mark) {
            remember(target, &mark);
        }
        Ok(if wrote.is_empty() {
            Exit::Unchanged
        } else {
            Exit::Changed
        })
    }

    /// The first target that is a configuration, which the mark of a check stands beside.
    fn configuration(&self) -> Option<&Target> {
        let place = self
            .pairs
            .iter()
            .position(|it| it.kind == Kind::Configuration);
        self.targets.get(place?)
    }

    fn lock(&self) -> anyhow::Result<Vec<File>> {
        self.in_order().into_iter().map(Target::lock).collect()
    }

    /// The targets in the order in which every run locks them, so that no two wait for each
    /// other.
    fn in_order(&self) -> Vec<&Target> {
        let mut targets: Vec<&Target> = self.targets.iter().collect();
        targets.sort_by_cached_key(|target| paths::whole(target.path()));
        targets
    }

    fn read(&self) -> anyhow::Result<Old> {
        self.targets.iter().map(Target::read).collect()
    }

    fn candidate(&self, old: &[Option<Vec<u8>>]) -> anyhow::Result<Candidate> {
        Candidate::make(&self.args.nodes, &self.pairs, &self.given, old)
    }

    /// Has the candidate checked unless that is known to be unnecessary. Returns what to
    /// remember of the check, if it was made and can be skipped next time.
    fn check(
        &self,
        candidate: &Candidate,
        old: &Old,
        locks: impl FnOnce() -> anyhow::Result<Option<Vec<Option<File>>>>,
    ) -> anyhow::Result<Option<String>> {
        if self.args.no_check {
            return Ok(None);
        }
        if let Some(command) = &self.args.check {
            let is_old =
                |(old, new): (&Option<Vec<u8>>, &String)| old.as_deref() == Some(new.as_bytes());
            if !std::iter::zip(old, candidate.texts()).all(is_old) {
                let locks = locks()?;
                let subjects = self.subjects(candidate, &[], locks.is_some())?;
                Checker::Command(command).run(&subjects)?;
            }
            return Ok(None);
        }
        let around = surroundings(&self.args.master);
        let mark = candidate.check_hash().map(|hash| {
            let around = around.hash(&candidate.text());
            format!("{hash} {around}")
        });
        if self
            .configuration()
            .is_some_and(|it| it.was_checked(mark.as_deref()))
        {
            return Ok(None);
        }
        let locks = locks()?;
        let folders = self.folders(&around);
        let subjects = self.subjects(candidate, &folders, locks.is_some())?;
        Checker::Haproxy(&self.args.haproxy, &around).run(&subjects)?;
        Ok(mark)
    }

    /// Where relative paths in a configuration can begin: where HAProxy was started, or, with
    /// `default-path config`, beside the configuration.
    fn folders(&self, surroundings: &Surroundings) -> Vec<PathBuf> {
        let configurations = self
            .pairs
            .iter()
            .filter(|it| it.kind == Kind::Configuration);
        let beside = configurations.filter_map(|pair| pair.output.parent());
        let beside = beside.map(Path::to_path_buf);
        beside.chain(surroundings.directory.clone()).collect()
    }

    /// The contents of the files of this kind with their pairs: what is there, and what is to
    /// be.
    fn of_kind<'c>(
        &'c self,
        kind: Kind,
        old: &'c Old,
        candidate: &'c Candidate,
    ) -> impl Iterator<Item = (&'c Pair, Option<&'c [u8]>, &'c str)> {
        let contents = std::iter::zip(old, candidate.texts());
        let all = std::iter::zip(&self.pairs, contents);
        all.filter(move |(pair, _)| pair.kind == kind)
            .map(|(pair, (old, new))| (pair, old.as_deref(), new.as_str()))
    }

    /// Says which files have changed that no configuration names, so that nobody reads them.
    fn tell_unnamed(&self, candidate: &Candidate, old: &Old) {
        let is_new = |(_, old, new): &(_, Option<&[u8]>, &str)| *old != Some(new.as_bytes());
        let mut others = self
            .of_kind(Kind::Other, old, candidate)
            .filter(is_new)
            .peekable();
        let Some(config) = self.configuration().filter(|_| others.peek().is_some()) else {
            return;
        };
        let folders = self.folders(&surroundings(&self.args.master));
        let text = candidate.text();
        let said = text
            .lines()
            .filter(|line| !line.trim_start().starts_with('#'));
        let said: String = said.flat_map(|line| [line, "\n"]).collect();
        for (pair, ..) in others {
            if paths::places(&said, &pair.output, &folders).is_empty() {
                let (path, config) = (pair.output.display(), config.path().display());
                exit::say(
                    PROGRAM,
                    format_args!("{config} does not name {path}, so HAProxy does not read it"),
                );
            }
        }
    }

    /// Says which files were made together with the configuration before, and are not now.
    fn tell_forgotten(&self, candidate: &Candidate, old: &Old) {
        for (pair, old, _) in self.of_kind(Kind::Configuration, old, candidate) {
            let was = files_of(&String::from_utf8_lossy(old.unwrap_or_default()));
            for path in was {
                let mut is = self
                    .pairs
                    .iter()
                    .map(|pair| paths::as_recorded(&pair.output));
                if !is.any(|is| is == path) {
                    let config = pair.output.display();
                    let path = exit::escape(path.as_bytes());
                    exit::say(
                        PROGRAM,
                        format_args!(
                            "{path} was made together with {config} before, and is not now: \
                             haproxy-reload does not look at it any more"
                        ),
                    );
                }
            }
        }
    }

    /// What is checked, each in a draft: beside its place, or in memory.
    fn subjects<'c>(
        &'c self,
        candidate: &'c Candidate,
        folders: &[PathBuf],
        is_beside: bool,
    ) -> anyhow::Result<Vec<Subject<'c>>> {
        let draft = |text: &str, pair: &Pair| {
            if is_beside {
                Draft::of(text, &pair.output)
            } else {
                Draft::in_memory(text)
            }
        };
        let all = || std::iter::zip(&self.pairs, candidate.texts());
        let mut subjects: Vec<Subject<'c>> = Vec::new();
        for kind in [Kind::Other, Kind::Configuration] {
            for (pair, text) in all().filter(|(pair, _)| pair.kind == kind) {
                let draft = match kind {
                    Kind::Other => draft(text, pair)?,
                    Kind::Configuration => {
                        let text = subjects.iter().filter(|it| it.kind == Kind::Other).fold(
                            text.clone(),
                            |text, other| {
                                let places = paths::places(&text, other.path, folders);
                                let draft = other.draft.path().to_string_lossy();
                                paths::replaced(&text, &places, &draft)
                            },
                        );
                        draft(&text, pair)?
                    }
                };
                subjects.push(Subject {
                    text,
                    path: &pair.output,
                    template: pair.shown_template(),
                    kind,
                    draft,
                });
            }
        }
        Ok(subjects)
    }

    /// Puts what has changed into place: first all are written beside their places, and what
    /// a configuration names is there before it. The path of each that is in its place is
    /// added to `wrote`.
    fn replace(
        &self,
        candidate: &Candidate,
        old: &Old,
        wrote: &mut Vec<String>,
    ) -> anyhow::Result<()> {
        let mut staged: Vec<(Kind, &Target, Staged)> = Vec::new();
        let all = std::iter::zip(&self.pairs, &self.targets);
        let contents = std::iter::zip(old, candidate.texts());
        for ((pair, target), (old, text)) in all.zip(contents) {
            let new = target.stage(old.as_deref(), text)?;
            staged.extend(new.map(|new| (pair.kind, target, new)));
        }
        staged.sort_by_key(|(kind, ..)| *kind == Kind::Configuration);
        for (_, target, staged) in staged {
            staged.put()?;
            wrote.push(target.path().display().to_string());
        }
        Ok(())
    }
}

/// Stores the mark of the checked candidate. If that fails, only the next run has to
/// check again, while the configuration is in place: so it is reported and the
/// program succeeds.
fn remember(target: &Target, mark: &str) {
    if let Err(error) = target.remember_check(mark) {
        exit::say(PROGRAM, format_args!("{error:#}"));
    }
}
