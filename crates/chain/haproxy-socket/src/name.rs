//! The names that HAProxy tells.

/// Whether a name of a backend or of a server can stand in a command as it is. HAProxy's own
/// names always can (`invalid_char` in its tools.c); another one could end the command, and
/// begin one of its own.
#[must_use]
pub fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    !text.is_empty() && text.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_be_another_command_is_no_name() {
        for name in ["s1", "shop_s1.example:80", "-"] {
            assert!(is_name(name), "{name}");
        }
        for other in ["", "s1;help", "s1 state", "a/b", "s1\u{1b}[2J", "sé", "s\\"] {
            assert!(!is_name(other), "{other:?}");
        }
    }
}
