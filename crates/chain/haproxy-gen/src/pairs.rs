//! Which template makes which file.

use std::path::{Path, PathBuf};

use exit::misuse;

use crate::paths;

/// How the names of HAProxy's configuration files end, by which it knows them in a folder
/// (management.txt, `-f`).
const CONFIGURATION: &str = "cfg";
/// The output that stands for stdout.
pub(crate) const STDOUT: &str = "-";
/// The template that stands for stdin.
pub(crate) const STDIN: &str = "-";

/// A template and the file that it makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) template: PathBuf,
    pub(crate) output: PathBuf,
    pub(crate) kind: Kind,
}

impl Pair {
    /// The template's path as messages show it.
    pub(crate) fn shown_template(&self) -> &Path {
        shown(&self.template)
    }
}

/// The path of a template as messages show it.
pub(crate) fn shown(template: &Path) -> &Path {
    if template == Path::new(STDIN) {
        Path::new("/dev/stdin")
    } else {
        template
    }
}

/// What a file is to HAProxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A configuration. All of a run are checked and fingerprinted as one, in their order.
    Configuration,
    /// Any other file, as a map that a configuration names.
    Other,
}

/// The pairs of these templates and outputs, in their order. A single output is a
/// configuration whatever its name; `is_foreign` says that none is.
pub(crate) fn pairs(
    templates: &[PathBuf],
    outputs: &[PathBuf],
    is_foreign: bool,
) -> anyhow::Result<Vec<Pair>> {
    if templates.len() != outputs.len() {
        return Err(misuse(format_args!(
            "--template is there {} and --output {}: they go in pairs",
            times(templates.len()),
            times(outputs.len())
        )));
    }
    let whole: Vec<PathBuf> = outputs.iter().map(|output| paths::whole(output)).collect();
    for (at, output) in outputs.iter().enumerate() {
        if whole[..at].contains(&whole[at]) {
            let output = output.display();
            return Err(misuse(format_args!("two templates make {output}")));
        }
    }
    if outputs.len() > 1 && outputs.iter().any(|output| output == Path::new(STDOUT)) {
        return Err(misuse("--output - prints one file: name one template"));
    }
    if templates
        .iter()
        .filter(|it| *it == Path::new(STDIN))
        .count()
        > 1
    {
        return Err(misuse("--template - can be there once"));
    }
    let kind = |output: &Path| {
        let is_named = output.extension().is_some_and(|it| it == CONFIGURATION);
        if !is_foreign && (is_named || outputs.len() == 1) {
            Kind::Configuration
        } else {
            Kind::Other
        }
    };
    let pairs: Vec<Pair> = std::iter::zip(templates, outputs)
        .map(|(template, output)| Pair {
            template: template.clone(),
            output: output.clone(),
            kind: kind(output),
        })
        .collect();
    if !is_foreign && pairs.iter().all(|pair| pair.kind == Kind::Other) {
        return Err(misuse(
            "the name of no --output ends in .cfg, by which HAProxy's own files are known: for \
             other files name their check with --check",
        ));
    }
    Ok(pairs)
}

fn times(count: usize) -> String {
    match count {
        1 => "once".to_owned(),
        count => format!("{count} times"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(names: &[&str]) -> Vec<PathBuf> {
        names.iter().map(PathBuf::from).collect()
    }

    fn kinds(outputs: &[&str], is_foreign: bool) -> Vec<Kind> {
        let templates = vec![PathBuf::from("t"); outputs.len()];
        let pairs = pairs(&templates, &paths(outputs), is_foreign).unwrap();
        pairs.into_iter().map(|pair| pair.kind).collect()
    }

    fn refusal(templates: &[&str], outputs: &[&str]) -> String {
        let error = pairs(&paths(templates), &paths(outputs), false).unwrap_err();
        error.to_string()
    }

    #[test]
    fn haproxys_own_files_are_known_by_their_names() {
        use Kind::{Configuration, Other};
        assert_eq!(
            kinds(&["a.map", "b.cfg", "c.cfg", "d"], false),
            [Other, Configuration, Configuration, Other]
        );
        assert_eq!(kinds(&["haproxy.conf"], false), [Configuration]);
        assert_eq!(kinds(&["nginx.conf", "a.cfg"], true), [Other, Other]);
    }

    #[test]
    fn what_does_not_go_in_pairs_is_refused() {
        for (templates, outputs, why) in [
            (
                &["a", "b"][..],
                &["c.cfg"][..],
                "--template is there 2 times and --output once",
            ),
            (&["a", "b"], &["c.cfg", "c.cfg"], "two templates make c.cfg"),
            (
                &["a", "b"],
                &["c.cfg", "./c.cfg"],
                "two templates make ./c.cfg",
            ),
            (&["a", "b"], &["c.cfg", "-"], "--output - prints one file"),
            (
                &["-", "-"],
                &["c.cfg", "d"],
                "--template - can be there once",
            ),
            (&["a", "b"], &["c.map", "d.map"], "ends in .cfg"),
        ] {
            assert!(refusal(templates, outputs).contains(why), "{why}");
        }
    }
}
