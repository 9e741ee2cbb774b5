//! The lab's report, docs/lab.md, held against the assignment and the repository.

use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use harness::root;

/// The numbers of the assignment's questions and deliverables, by chapter.
const NUMBERS: [(&str, Range<u8>); 8] = [
    ("M", 1..7),
    ("0.", 1..3),
    ("1.", 1..3),
    ("2.", 1..4),
    ("3.", 1..3),
    ("4.", 1..5),
    ("5.", 1..5),
    ("6.", 1..4),
];

fn read(path: &str) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The lines of a page that are its own words: without what stands in code blocks.
fn prose(page: &str) -> Vec<&str> {
    let mut in_code = false;
    let is_prose = |line: &&str| {
        let is_fence = line.trim_start().starts_with("```");
        in_code ^= is_fence;
        !in_code && !is_fence
    };
    page.lines().filter(is_prose).collect()
}

fn headings(page: &str) -> Vec<&str> {
    let heading = |line: &&str| line.starts_with('#');
    prose(page)
        .into_iter()
        .filter(heading)
        .map(|line| line.trim_start_matches('#').trim())
        .collect()
}

/// As GitHub makes an anchor of a heading.
fn anchor(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || " -_".contains(*c);
    let name: String = heading.to_lowercase().chars().filter(kept).collect();
    name.replace(' ', "-")
}

/// Where the links of a page lead to.
fn targets(page: &str) -> Vec<String> {
    let mut targets = Vec::new();
    for line in prose(page) {
        let links = line.split("](").skip(1);
        let ends = links.filter_map(|rest| rest.split_once(')'));
        targets.extend(ends.map(|(target, _)| target.to_owned()));
    }
    targets
}

/// The files that a page in `folder` links to, and the headings in them.
fn links(page: &str, folder: &str) -> Vec<(PathBuf, Option<String>)> {
    let is_file = |target: &String| !target.contains("://") && !target.starts_with('#');
    let link = |target: String| {
        let mut parts = target.split('#').map(str::to_owned);
        let path = parts.next().unwrap_or_default();
        (plain(&Path::new(folder).join(path)), parts.next())
    };
    targets(page)
        .into_iter()
        .filter(is_file)
        .map(link)
        .collect()
}

fn linked_files(page: &str, folder: &str) -> BTreeSet<PathBuf> {
    links(page, folder)
        .into_iter()
        .map(|(file, _)| file)
        .collect()
}

/// A path without its `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part.as_os_str().to_str() {
            Some("..") => assert!(plain.pop(), "{} leaves the repository", path.display()),
            Some(".") => {}
            _ => plain.push(part),
        }
    }
    plain
}

/// The numbers in brackets: `[7]` or `[7, section 2]`, and not the text of a link.
fn citations(page: &str) -> BTreeSet<u32> {
    let mut cited = BTreeSet::new();
    for line in prose(page) {
        // What stands between two backquotes is code.
        let words: String = line.split('`').step_by(2).collect();
        for rest in words.split('[').skip(1) {
            let brackets = rest
                .split_once(']')
                .filter(|(_, next)| !next.starts_with('('));
            let number = brackets.and_then(|(inside, _)| inside.split(',').next());
            cited.extend(number.and_then(|number| number.parse::<u32>().ok()));
        }
    }
    cited
}

/// The sources by number, each with its lines.
fn sources(page: &str) -> Vec<(u32, String)> {
    let mut sources: Vec<(u32, String)> = Vec::new();
    let mut lines = prose(page).into_iter();
    assert!(lines.any(|line| line == "## Sources"), "no sources");
    for line in lines {
        let number = line
            .split_once(". ")
            .and_then(|(number, _)| number.parse().ok());
        if let Some(number) = number {
            sources.push((number, line.to_owned()));
        } else if let Some((_, source)) = sources.last_mut() {
            source.push_str(line);
        }
    }
    sources
}

fn evidence() -> BTreeSet<PathBuf> {
    let list = |folder: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(root().join(folder))
            .unwrap()
            .map(Result::unwrap);
        entries
            .map(|entry| folder.join(entry.file_name()))
            .collect()
    };
    let folders = list(Path::new("logs")).into_iter();
    let folders = folders.filter(|path| root().join(path).is_dir());
    let files: BTreeSet<PathBuf> = folders.flat_map(|folder| list(&folder)).collect();
    assert!(files.len() > 40, "{files:?}");
    files
}

#[test]
fn each_number_of_the_assignment_has_a_heading() {
    let page = read("docs/lab.md");
    let first_words: BTreeSet<&str> = headings(&page)
        .into_iter()
        .filter_map(|heading| heading.split([' ', ':']).next())
        .collect();
    for (chapter, range) in NUMBERS {
        for number in range.map(|number| format!("{chapter}{number}")) {
            assert!(
                first_words.contains(number.as_str()),
                "no heading for {number}"
            );
        }
    }
}

#[test]
fn the_report_has_the_chapters_that_the_assignment_wants() {
    let page = read("docs/lab.md");
    let headings = headings(&page);
    let wanted = ["Contents", "Introduction", "Difficulties", "Conclusion"];
    let tasks = (0..7).map(|number| format!("Task {number}"));
    for wanted in wanted.map(str::to_owned).into_iter().chain(tasks) {
        let is_it = |heading: &&str| heading.starts_with(&wanted);
        assert!(headings.iter().any(is_it), "no chapter {wanted}");
    }
}

#[test]
fn what_the_report_links_to_is_there() {
    let files = linked_files(&read("docs/lab.md"), "docs");
    assert!(!files.is_empty());
    let missing = files.iter().filter(|file| !root().join(file).exists());
    let missing: Vec<&PathBuf> = missing.collect();
    assert!(missing.is_empty(), "not there: {missing:?}");
}

#[test]
fn each_link_within_the_report_leads_to_a_heading() {
    let page = read("docs/lab.md");
    let anchors: Vec<String> = headings(&page).into_iter().map(anchor).collect();
    let distinct: BTreeSet<&String> = anchors.iter().collect();
    assert_eq!(distinct.len(), anchors.len(), "two headings are alike");
    let targets = targets(&page);
    let within = targets.iter().filter_map(|target| target.strip_prefix('#'));
    let lost = within.filter(|target| !anchors.iter().any(|anchor| anchor == target));
    assert_eq!(lost.collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn each_link_to_a_heading_of_another_page_finds_it() {
    let links = links(&read("docs/lab.md"), "docs");
    let with_heading = links
        .iter()
        .filter_map(|(file, it)| Some((file, it.as_ref()?)));
    for (file, wanted) in with_heading {
        let page = read(&file.display().to_string());
        let is_there = headings(&page).into_iter().any(|it| anchor(it) == *wanted);
        assert!(is_there, "{} has no {wanted}", file.display());
    }
}

/// Who follows the steps of M2 by hand needs what `scripts/task 0` does, to the letter.
#[test]
fn the_report_shows_the_pieces_that_task_0_adds_by_hand() {
    let page = read("docs/lab.md");
    for name in [
        "variables.env",
        "service.yml",
        "server.cfg",
        "environment.yml",
    ] {
        let piece = read(&format!("scripts/tasks/s3/{name}"));
        assert!(
            page.contains(piece.trim_end()),
            "{name} is another one:\n{piece}"
        );
    }
}

#[test]
fn each_file_of_the_evidence_is_linked() {
    let mut linked = linked_files(&read("docs/lab.md"), "docs");
    linked.extend(linked_files(&read("logs/README.md"), "logs"));
    let unlinked: Vec<PathBuf> = evidence().difference(&linked).cloned().collect();
    assert!(unlinked.is_empty(), "not linked: {unlinked:?}");
}

#[test]
fn each_citation_has_a_source_and_each_source_is_cited() {
    let page = read("docs/lab.md");
    let (text, _) = page.split_once("\n## Sources\n").expect("sources");
    let sources = sources(&page);
    for ((number, source), expected) in sources.iter().zip(1..) {
        assert_eq!(*number, expected, "the numbers of the sources: {source}");
        assert!(source.contains("https://"), "no address: {source}");
    }
    let numbers: BTreeSet<u32> = sources.into_iter().map(|(number, _)| number).collect();
    assert_eq!(citations(text), numbers);
}

#[test]
fn a_citation_is_told_from_a_link_and_from_code() {
    let page = "see [3] and [12], [4](x.md), `a[5]`\n```\n[6]\n```\nand [x] [7, `a`]";
    assert_eq!(citations(page), BTreeSet::from([3, 7, 12]));
    assert_eq!(targets(page), ["x.md"]);
}
