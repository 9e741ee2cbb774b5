//! Why a system call failed, in words.

use std::io;

/// The system's own words, without the `(os error 2)` that the standard library adds:
/// the number says nothing more to people.
#[must_use]
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let end = text.find(" (os error").unwrap_or(text.len());
    text[..end].to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::libc::ENOENT;

    #[test]
    fn an_error_is_said_without_its_number() {
        let missing = io::Error::from_raw_os_error(ENOENT);
        assert_eq!(reason(&missing), "No such file or directory");
        assert_eq!(reason(&io::Error::other("a reason")), "a reason");
    }
}
