//! Remembers the last message, so that a lasting problem is logged once and not every second.

#[derive(Default)]
pub(crate) struct Told {
    last: Option<String>,
}

impl Told {
    /// Whether the message differs from the last one, which it then replaces.
    fn is_news(&mut self, message: &str) -> bool {
        if self.last.as_deref() == Some(message) {
            return false;
        }
        self.last = Some(message.to_owned());
        true
    }

    pub(crate) fn say(&mut self, message: &str) {
        if self.is_news(message) {
            exit::say(crate::PROGRAM, message);
        }
    }

    /// Logs that a problem is over, if one was logged before.
    pub(crate) fn over(&mut self, message: &str) {
        if self.last.take().is_some() {
            exit::say(crate::PROGRAM, message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_change_is_news() {
        let mut told = Told::default();
        let news: Vec<_> = ["a", "a", "b", "b", "a"]
            .map(|text| told.is_news(text))
            .into();
        assert_eq!(news, [true, false, true, false, true]);
    }

    #[test]
    fn after_its_end_the_same_trouble_is_news_again() {
        let mut told = Told::default();
        told.is_news("a");
        told.over("no more");
        assert!(told.is_news("a"));
    }
}
