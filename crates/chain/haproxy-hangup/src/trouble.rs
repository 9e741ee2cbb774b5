//! Decides what is told of looks that fail.

/// The looks that have failed, one after another.
#[derive(Default)]
pub(crate) struct Trouble {
    looks: u32,
    told: String,
}

impl Trouble {
    /// Whether this failure is to be told. The first one is not: a HAProxy that is just being
    /// started has no socket yet. Nor is what was told last.
    pub(crate) fn is_news(&mut self, text: &str) -> bool {
        self.looks = self.looks.saturating_add(1);
        if self.looks < 2 || self.told == text {
            return false;
        }
        text.clone_into(&mut self.told);
        true
    }

    /// A look has succeeded.
    pub(crate) fn is_over(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lasts_is_told_and_that_once() {
        let mut trouble = Trouble::default();
        let news = ["a", "a", "a", "b", "b"].map(|text| trouble.is_news(text));
        assert_eq!(news, [false, true, false, true, false]);
        trouble.is_over();
        assert_eq!(["a", "a"].map(|text| trouble.is_news(text)), [false, true]);
    }
}
