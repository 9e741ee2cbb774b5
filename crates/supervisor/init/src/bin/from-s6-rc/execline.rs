//! Execline command lines, as `up` and `down` of a oneshot are: read, and made a script.

use std::path::Path;

/// The programs of execline, which read blocks and variables: a shell has none of them.
const PROGRAMS: [&str; 56] = [
    "background",
    "backtick",
    "case",
    "define",
    "dollarat",
    "elgetopt",
    "elgetpositionals",
    "elglob",
    "eltest",
    "emptyenv",
    "envfile",
    "exec",
    "execline-cd",
    "execline-umask",
    "execlineb",
    "exit",
    "export",
    "export-array",
    "fdblock",
    "fdclose",
    "fdmove",
    "fdreserve",
    "fdswap",
    "forbacktickx",
    "foreground",
    "forstdin",
    "forx",
    "getcwd",
    "getpid",
    "heredoc",
    "homeof",
    "if",
    "ifelse",
    "ifte",
    "ifthenelse",
    "import",
    "importas",
    "loopwhilex",
    "multidefine",
    "multisubstitute",
    "pipeline",
    "piperw",
    "posix-cd",
    "posix-umask",
    "redirfd",
    "runblock",
    "shift",
    "trap",
    "tryexec",
    "umask",
    "unexport",
    "wait",
    "withstdinas",
    "cd",
    "forbacktick",
    "loopwhile",
];

/// What a command line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// No word, at most comments.
    Nothing,
    /// One command with its arguments.
    Command(Vec<Vec<u8>>),
    /// What only execline can run.
    Execline,
}

/// What is read of a command line.
enum Token {
    Word(Vec<u8>),
    Open,
    Close,
}

/// Reads a command line; the error says what is wrong with its syntax.
pub(crate) fn parse(text: &[u8]) -> Result<Line, &'static str> {
    let mut reader = Reader {
        rest: text,
        is_plain: true,
    };
    let mut words = Vec::new();
    let mut depth = 0_usize;
    while let Some(token) = reader.token()? {
        match token {
            Token::Word(word) => words.push(word),
            Token::Open => depth += 1,
            Token::Close => depth = depth.checked_sub(1).ok_or("a } closes no block")?,
        }
        reader.is_plain &= depth == 0;
    }
    if depth > 0 {
        return Err("a { is not closed");
    }
    Ok(if words.is_empty() && reader.is_plain {
        Line::Nothing
    } else if reader.is_plain && !is_of_execline(&words) {
        Line::Command(words)
    } else {
        Line::Execline
    })
}

/// The first word may be `with-contenv`, which runs the next one.
fn is_of_execline(words: &[Vec<u8>]) -> bool {
    let name = |word: &[u8]| {
        let base = word.rsplit(|byte| *byte == b'/').next().unwrap_or(word);
        String::from_utf8_lossy(base).into_owned()
    };
    let mut names = words.iter().map(|word| name(word));
    let first = names.find(|name| name != "with-contenv");
    first.is_some_and(|name| PROGRAMS.contains(&&*name))
}

struct Reader<'a> {
    rest: &'a [u8],
    /// Nothing has come yet that is more than words.
    is_plain: bool,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn token(&mut self) -> Result<Option<Token>, &'static str> {
        loop {
            match self.rest {
                [] => return Ok(None),
                [b'#', ..] => self.skip_comment(),
                [b'\\', b'\n', rest @ ..] => self.rest = rest,
                [b'\\'] => self.rest = &[],
                [0, ..] => return Err("it has a NUL byte"),
                [byte, rest @ ..] if is_blank(*byte) => self.rest = rest,
                [brace @ (b'{' | b'}'), rest @ ..] if ends(rest) => {
                    self.rest = rest;
                    let is_open = *brace == b'{';
                    return Ok(Some(if is_open { Token::Open } else { Token::Close }));
                }
                _ => return self.word().map(|word| Some(Token::Word(word))),
            }
        }
    }

    fn skip_comment(&mut self) {
        let end = self.rest.iter().position(|byte| *byte == b'\n');
        self.rest = &self.rest[end.unwrap_or(self.rest.len())..];
    }

    /// Parts with quotes and without them, up to a blank.
    fn word(&mut self) -> Result<Vec<u8>, &'static str> {
        let mut word = Vec::new();
        while !ends(self.rest) {
            match self.next() {
                Some(b'"') => self.quoted(&mut word)?,
                Some(b'\\') => word.push(self.next().ok_or("a \\ is its last character")?),
                Some(0) => return Err("it has a NUL byte"),
                byte => word.extend(byte),
            }
        }
        Ok(word)
    }

    fn quoted(&mut self, word: &mut Vec<u8>) -> Result<(), &'static str> {
        const UNCLOSED: &str = "a \" is not closed";
        loop {
            match self.next().ok_or(UNCLOSED)? {
                b'"' => return Ok(()),
                b'\\' => match self.next().ok_or(UNCLOSED)? {
                    b'\n' => {}
                    // The number of a character, which is left to execline.
                    b'0'..=b'9' => self.is_plain = false,
                    byte => word.push(escaped(byte)),
                },
                0 => return Err("it has a NUL byte"),
                byte => word.push(byte),
            }
        }
    }
}

fn escaped(byte: u8) -> u8 {
    match byte {
        b'a' => 7,
        b'b' => 8,
        b't' => b'\t',
        b'n' => b'\n',
        b'v' => 11,
        b'f' => 12,
        b'r' => b'\r',
        byte => byte,
    }
}

fn is_blank(byte: u8) -> bool {
    (1..=b' ').contains(&byte)
}

fn ends(rest: &[u8]) -> bool {
    rest.first().is_none_or(|byte| is_blank(*byte))
}

/// The script that runs the command line `text`; nothing where there is nothing to run.
/// `Err` is a script that says what it would need, and fails.
pub(crate) fn script(
    line: &Line,
    text: &[u8],
    execlineb: Option<&Path>,
    file: &Path,
) -> Option<Result<Vec<u8>, Vec<u8>>> {
    match (line, execlineb) {
        (Line::Nothing, _) => None,
        (_, Some(execlineb)) => {
            let first = format!("#!{} -P\n", execlineb.display());
            Some(Ok([first.as_bytes(), text].concat()))
        }
        (Line::Command(words), None) => {
            let words: Vec<Vec<u8>> = words.iter().map(|word| quote(word)).collect();
            let words = words.join(&b' ');
            Some(Ok([b"#!/bin/sh\nexec ", &*words, b"\n"].concat()))
        }
        (Line::Execline, None) => {
            let words = quote(needs_execline(file).as_bytes());
            Some(Err(
                [b"#!/bin/sh\necho ", &*words, b" >&2\nexit 1\n"].concat()
            ))
        }
    }
}

/// What is said of a command line that cannot be run here.
pub(crate) fn needs_execline(file: &Path) -> String {
    format!(
        "{} needs execline: install the package execline, or write one plain command",
        file.display()
    )
}

/// A word for a shell, which reads nothing into what stands between single quotes.
fn quote(word: &[u8]) -> Vec<u8> {
    let parts: Vec<&[u8]> = word.split(|byte| *byte == b'\'').collect();
    [b"'", &*parts.join(&b"'\\''"[..]), b"'"].concat()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn words(text: &str) -> Vec<String> {
        match parse(text.as_bytes()).unwrap() {
            Line::Command(words) => words
                .into_iter()
                .map(|word| String::from_utf8(word).unwrap())
                .collect(),
            other => panic!("{text:?} is {other:?}"),
        }
    }

    #[test]
    fn a_command_is_its_words() {
        assert_eq!(
            words("/etc/s6-overlay/scripts/a\n"),
            ["/etc/s6-overlay/scripts/a"]
        );
        assert_eq!(words("# why\n\n  a\tb#c \\\n d # last"), ["a", "b#c", "d"]);
        assert_eq!(words("echo \"[init] done.\""), ["echo", "[init] done."]);
        assert_eq!(
            words(r#"a "b\tc\"\q" d\ e \# "" x"y z"{ $HOME ${X}"#),
            ["a", "b\tc\"q", "d e", "#", "", "xy z{", "$HOME", "${X}"]
        );
        assert_eq!(words("a \"b\\\nc\""), ["a", "bc"]);
    }

    #[test]
    fn comments_alone_are_nothing() {
        for text in ["", "\n \t\n", "# a\n#b", "\\\n"] {
            assert_eq!(parse(text.as_bytes()), Ok(Line::Nothing), "{text:?}");
        }
    }

    #[test]
    fn blocks_and_variables_are_for_execline() {
        for text in [
            "foreground { a } b",
            "importas -i A A echo $A",
            "with-contenv importas A A echo $A",
            "/command/with-contenv /command/if { a } b",
            "echo \"\\0x41\"",
            "{ }",
        ] {
            assert_eq!(parse(text.as_bytes()), Ok(Line::Execline), "{text:?}");
        }
        assert_eq!(words("with-contenv s6-setuidgid a b").len(), 4);
    }

    #[test]
    fn wrong_syntax_is_told() {
        for (text, why) in [
            ("a \"b", "a \" is not closed"),
            ("a \"b\\", "a \" is not closed"),
            ("a { b", "a { is not closed"),
            ("a } b", "a } closes no block"),
            ("a\\", "a \\ is its last character"),
            ("a\0b", "it has a NUL byte"),
        ] {
            assert_eq!(parse(text.as_bytes()), Err(why), "{text:?}");
        }
    }

    fn without_execline(text: &str) -> Result<Vec<u8>, Vec<u8>> {
        let line = parse(text.as_bytes()).unwrap();
        script(&line, text.as_bytes(), None, Path::new("/s/a/up")).unwrap()
    }

    #[test]
    fn a_shell_gets_each_word_as_it_is() {
        let script = without_execline("printf \"[%s]\" \"it's\" $HOME \"a  b\" \"\" `x` \"\\n\"");
        let script = String::from_utf8(script.unwrap()).unwrap();
        let output = Command::new("sh").args(["-c", &script]).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(said, "[it's][$HOME][a  b][][`x`][\n]");
    }

    #[test]
    fn what_needs_execline_says_so_and_fails() {
        let script = String::from_utf8(without_execline("if { a } b").unwrap_err()).unwrap();
        let output = Command::new("sh").args(["-c", &script]).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.starts_with("/s/a/up needs execline: "), "{said}");
    }

    #[test]
    fn execline_gets_the_text_itself() {
        let text = b"if { a } b";
        let line = parse(text).unwrap();
        let script = script(
            &line,
            text,
            Some(Path::new("/bin/execlineb")),
            Path::new(""),
        );
        assert_eq!(
            script,
            Some(Ok(b"#!/bin/execlineb -P\nif { a } b".to_vec()))
        );
    }
}
