//! A file of `/nodes`: its name in the first line of the input, its content behind that.

use nodes::{Name, Node};

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| holds(bytes));

fn holds(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (name, content) = text.split_once('\n').unwrap_or((&text, ""));
    let name = match Name::parse(name) {
        Ok(name) => name,
        Err(why) => return assert_one_line(&why),
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    assert!(name.as_str().bytes().all(plain) && name.as_str().len() < 64);
    assert!(
        name.as_str()
            .starts_with(|c: char| c.is_ascii_alphanumeric())
    );
    match Node::parse(&name, content) {
        Ok(node) => {
            let line = node.line();
            assert_one_line(line.strip_suffix('\n').expect("a line has an end"));
            assert_eq!(Node::parse(&name, &line), Ok(node));
        }
        Err(why) => assert_one_line(&why),
    }
}

/// A log or a terminal takes it for one line, and nothing in it for a command.
fn assert_one_line(text: &str) {
    assert!(!text.chars().any(char::is_control), "{text:?}");
}

#[cfg(test)]
#[test]
fn every_file_of_the_corpus_holds() {
    harness::corpus("nodes", holds);
}
