//! The files that a template consists of: itself, and those beside it that it includes or
//! extends.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use exit::{escape, misuse};
use files::{Links, open_regular};

use crate::pairs::{self, STDIN};
use crate::tags::tags;

/// The largest file of a template that is read, in bytes: a person writes far less.
const MAX_FILE: u64 = 1 << 20;
/// How many files a template may consist of.
const MAX_FILES: usize = 100;
/// How long stdin may take to end.
const LONGEST_STDIN: Duration = Duration::from_secs(30);

/// The files of a template. Each has the path that messages show.
#[derive(Debug)]
pub(crate) struct Sources {
    /// Where the others are looked up: the folder of the template as its path names it, or
    /// the working directory for a template from stdin.
    pub(crate) folder: PathBuf,
    pub(crate) main: Source,
    pub(crate) others: Vec<Source>,
}

/// One file.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

impl Sources {
    /// Reads the template at `path`, or from stdin if that is `-`, and all that it includes.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        if path == Path::new(STDIN) {
            let bytes = limit::read_to_end(io::stdin(), MAX_FILE + 1, LONGEST_STDIN);
            let bytes = bytes.context("read the template from stdin")?;
            return Self::of(PathBuf::new(), Source::new(pairs::shown(path), bytes)?);
        }
        let bytes = files::read(path, MAX_FILE)?.with_context(|| {
            let path = path.display();
            format!("read {path}: there is no such file: name the template with --template")
        })?;
        let folder = path.parent().unwrap_or(Path::new("")).to_path_buf();
        Self::of(folder, Source::new(path, bytes)?)
    }

    /// A template of this one text, with what it includes from `folder`.
    fn of(folder: PathBuf, main: Source) -> anyhow::Result<Self> {
        let mut seen = HashSet::from([main.path.clone()]);
        let mut others: Vec<Source> = Vec::new();
        let mut wanted = names(&main.text);
        while let Some(name) = wanted.pop() {
            if !seen.insert(folder.join(&name)) {
                continue;
            }
            // What is not there is told by Tera, with the place that names it.
            let Some(source) = beside(&main.path, &folder, &name)? else {
                continue;
            };
            if others.len() + 1 == MAX_FILES {
                let path = main.path.display();
                bail!(misuse(format_args!(
                    "read {path}: it includes more than {MAX_FILES} files"
                )));
            }
            wanted.extend(names(&source.text));
            others.push(source);
        }
        Ok(Self {
            folder,
            main,
            others,
        })
    }

    /// A template of one text alone.
    #[cfg(test)]
    pub(crate) fn alone(path: &Path, text: &str) -> Self {
        Self {
            folder: PathBuf::new(),
            main: Source::new(path, text.as_bytes().to_vec()).unwrap(),
            others: Vec::new(),
        }
    }

    /// Refuses a template whose last line has no end, as HAProxy refuses such a file: it may
    /// have been cut off. HAProxy would take much of what one makes that was read while it was
    /// saved, as if there were no frontends or no nodes.
    pub(crate) fn refuse_cut_off(&self) -> anyhow::Result<()> {
        let Source { path, text } = &self.main;
        if text.ends_with('\n') {
            return Ok(());
        }
        let path = path.display();
        Err(misuse(format_args!(
            "read {path}: its last line has no end, so it may have been cut off: end it with a \
             line feed"
        )))
    }

    /// Where the others are looked up, as a path that can be opened.
    pub(crate) fn folder(&self) -> &Path {
        shown(&self.folder)
    }

    /// All files.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Source> {
        std::iter::once(&self.main).chain(&self.others)
    }
}

impl Source {
    /// Drops carriage returns and a byte order mark, which some editors add: HAProxy's
    /// complaint about them would be hard to understand.
    fn new(path: &Path, bytes: Vec<u8>) -> anyhow::Result<Self> {
        if bytes.len() as u64 > MAX_FILE {
            let path = path.display();
            bail!("read {path}: it is larger than {MAX_FILE} bytes");
        }
        let text = String::from_utf8(bytes)
            .map_err(|error| misuse(not_utf8(path, error.as_bytes(), &error.utf8_error())))?;
        Ok(Self {
            path: path.to_path_buf(),
            text: text.trim_start_matches('\u{feff}').replace("\r\n", "\n"),
        })
    }
}

/// The file that the template at `main` calls `name`; `None` if there is none. What is not
/// beneath `folder` is refused, and so is a link that leads out of it: who may name a file
/// in a template may not therefore read all files of the machine.
fn beside(main: &Path, folder: &Path, name: &str) -> anyhow::Result<Option<Source>> {
    let refuse = |why: &str| {
        let main = main.display();
        let name = escape(name.as_bytes());
        misuse(format_args!("read '{name}', which {main} includes: {why}"))
    };
    let home = shown(folder);
    let outside = |why: &str| refuse(&format!("{why} the template's folder {}", home.display()));
    let parts: PathBuf = Path::new(name).components().collect();
    let is_normal = |part| matches!(part, Component::Normal(_));
    if name.is_empty() || Path::new(name).is_absolute() || name.split('/').any(|it| it == "..") {
        return Err(outside("it is not in"));
    }
    // Tera knows a file by the text of its name.
    if !parts.components().all(is_normal) || parts.as_os_str() != name {
        return Err(refuse("write it without '.' and '//'"));
    }
    let path = folder.join(name);
    let what = || format!("read {}", path.display());
    let (file, _) = match open_regular(&path, Links::Follow) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.with_context(what)?,
    };
    // Asked of what is open, so that no link can be exchanged in between.
    let opened = fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).with_context(what)?;
    if !opened.starts_with(home.canonicalize().with_context(what)?) {
        return Err(outside("a link leads out of"));
    }
    let mut bytes = Vec::new();
    let read = file.take(MAX_FILE + 1).read_to_end(&mut bytes);
    read.with_context(what)?;
    Source::new(&path, bytes).map(Some)
}

/// The folder as a path that can be opened: the working directory has an empty one.
fn shown(folder: &Path) -> &Path {
    if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    }
}

fn not_utf8(path: &Path, bytes: &[u8], error: &std::str::Utf8Error) -> String {
    let (good, rest) = bytes.split_at(error.valid_up_to());
    let good = String::from_utf8_lossy(good);
    let line = good.split('\n').count();
    let column = good.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    let byte = rest.first().copied().unwrap_or_default();
    let path = path.display();
    format!(
        "read {path}: it is not UTF-8: line {line}, column {column} has the byte 0x{byte:02x}; \
         `iconv -f latin1 -t utf-8` makes UTF-8 of the most usual other encoding"
    )
}

/// The names in the `include` and `extends` tags of a template.
fn names(text: &str) -> Vec<String> {
    let others = tags(text).into_iter();
    let others = others.filter(|tag| matches!(tag.word, "include" | "extends"));
    let names = others.filter_map(|tag| quoted(tag.rest));
    names.map(str::to_owned).collect()
}

fn quoted(text: &str) -> Option<&str> {
    let text = text.trim_start();
    let quote = text
        .chars()
        .next()
        .filter(|c| matches!(c, '"' | '\'' | '`'))?;
    text[1..].split_once(quote).map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use files::{Durability, replace};

    use super::*;

    fn write(path: &Path, text: &[u8]) {
        replace(path, text, Durability::Unsynced).unwrap();
    }

    fn error_of(path: &Path) -> String {
        format!("{:#}", Sources::read(path).unwrap_err())
    }

    #[test]
    fn only_tags_name_other_files() {
        let text = "{% include \"a\" %}{%- include 'b' -%}{%\n extends `c/d.tera`%}\
            {# {% include \"comment\" %} #}{% raw %}{% include \"raw\" %}{% endraw %}\
            {% includes \"word\" %}{{ include }}{% include name %}{% include \"e\" %}";
        assert_eq!(names(text), ["a", "b", "c/d.tera", "e"]);
        for text in [
            "",
            "{",
            "{%",
            "{% include",
            "{% include \"",
            "{#",
            "{% raw %}",
        ] {
            assert!(names(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn what_is_included_is_read_once_and_so_is_what_that_includes() {
        let scratch = harness::scratch();
        let path = |name: &str| scratch.path().join(name);
        std::fs::create_dir(path("parts")).unwrap();
        write(
            &path("t.tera"),
            b"{% include 'parts/a' %}{% include 'parts/a' %}{% include 'no' %}",
        );
        write(
            &path("parts/a"),
            b"a{% include 'b' %}{% include 't.tera' %}",
        );
        write(&path("b"), b"\xef\xbb\xbfb\r\n");
        let sources = Sources::read(&path("t.tera")).unwrap();
        let others: Vec<&Path> = sources.others.iter().map(|it| it.path.as_path()).collect();
        assert_eq!(others, [path("parts/a"), path("b")]);
        assert_eq!(sources.others[1].text, "b\n");
    }

    #[test]
    fn nothing_outside_of_the_folder_is_read() {
        let scratch = harness::scratch();
        let path = |name: &str| scratch.path().join(name);
        for folder in ["in", "in/real", "out"] {
            std::fs::create_dir(path(folder)).unwrap();
        }
        write(&path("out/secret"), b"secret");
        write(&path("in/real/part"), b"part");
        symlink(path("out/secret"), path("in/link")).unwrap();
        symlink("../out", path("in/folder")).unwrap();
        symlink("real/part", path("in/part")).unwrap();
        let absolute = path("in/part").display().to_string();
        for (name, why) in [
            ("../out/secret", "it is not in the template's folder"),
            (
                "real/../../out/secret",
                "it is not in the template's folder",
            ),
            (&absolute, "it is not in the template's folder"),
            ("", "it is not in the template's folder"),
            ("link", "a link leads out of the template's folder"),
            ("folder/secret", "a link leads out of the template's folder"),
            ("./part", "write it without '.' and '//'"),
            ("real//part", "write it without '.' and '//'"),
        ] {
            write(
                &path("in/t"),
                format!("{{% include '{name}' %}}").as_bytes(),
            );
            let error = error_of(&path("in/t"));
            assert!(
                error.contains(why) && !error.contains("secret'\n"),
                "{name}: {error}"
            );
        }
        write(&path("in/t"), b"{% include 'part' %}");
        let sources = Sources::read(&path("in/t")).unwrap();
        assert_eq!(sources.others[0].text, "part");
    }

    #[test]
    fn what_is_no_regular_file_is_no_part_of_a_template() {
        let scratch = harness::scratch();
        let path = |name: &str| scratch.path().join(name);
        nix::unistd::mkfifo(&path("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        std::fs::create_dir(path("folder")).unwrap();
        for name in ["fifo", "folder"] {
            write(&path("t"), format!("{{% include '{name}' %}}").as_bytes());
            assert!(error_of(&path("t")).ends_with(": it is no regular file"));
        }
    }

    #[test]
    fn a_template_has_an_end() {
        let scratch = harness::scratch();
        let path = |name: &str| scratch.path().join(name);
        for number in 0..=MAX_FILES {
            let text = format!("{{% include '{}' %}}", number + 1);
            write(&path(&number.to_string()), text.as_bytes());
        }
        assert!(error_of(&path("0")).ends_with("it includes more than 100 files"));
    }

    #[test]
    fn what_is_not_utf_8_is_told_with_line_and_column() {
        let scratch = harness::scratch();
        let path = scratch.path().join("t");
        for (bytes, place) in [
            (&b"\xff"[..], "line 1, column 1 has the byte 0xff"),
            (
                "a\nbü".as_bytes().get(..4).unwrap(),
                "line 2, column 2 has the byte 0xc3",
            ),
            (b"# caf\xe9\n", "line 1, column 6 has the byte 0xe9"),
            (
                "é\né\u{20ac}x\n\n".as_bytes().get(..6).unwrap(),
                "line 2, column 2 has the byte 0xe2",
            ),
        ] {
            write(&path, bytes);
            let error = error_of(&path);
            assert!(
                error.contains(&format!("it is not UTF-8: {place}; ")),
                "{error}"
            );
        }
    }
}
