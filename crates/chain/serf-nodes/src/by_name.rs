//! A sorted list of names and values. It is made once and then walked through in name
//! order, for which it takes less time and memory than a map.

use nodes::Name;

/// A value for each of some names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ByName<T>(Vec<(Name, T)>);

impl<T> ByName<T> {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Name, &T)> {
        self.0.iter().map(|(name, value)| (name, value))
    }

    /// The name with this number in the order, and its value.
    pub(crate) fn at(&self, number: usize) -> (&Name, &T) {
        let (name, value) = &self.0[number];
        (name, value)
    }

    pub(crate) fn value_mut(&mut self, number: usize) -> &mut T {
        &mut self.0[number].1
    }

    pub(crate) fn get(&self, name: &Name) -> Option<&T> {
        let place = self.0.binary_search_by(|(other, _)| other.cmp(name)).ok()?;
        Some(&self.0[place].1)
    }

    pub(crate) fn contains(&self, name: &Name) -> bool {
        self.get(name).is_some()
    }

    /// The last name in the order, and its value.
    pub(crate) fn last_mut(&mut self) -> Option<(&Name, &mut T)> {
        self.0.last_mut().map(|(name, value)| (&*name, value))
    }

    /// Adds a name, which must come after all others in the order.
    pub(crate) fn push(&mut self, name: Name, value: T) {
        debug_assert!(self.0.last().is_none_or(|(last, _)| *last < name));
        self.0.push((name, value));
    }
}

impl<T> Default for ByName<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// The names may come in any order, but none may come twice.
impl<T> FromIterator<(Name, T)> for ByName<T> {
    fn from_iter<I: IntoIterator<Item = (Name, T)>>(values: I) -> Self {
        let mut values: Vec<_> = values.into_iter().collect();
        values.sort_by(|(one, _), (other, _)| one.cmp(other));
        Self(values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    #[test]
    fn what_comes_in_any_order_is_found_and_walked_through_by_name() {
        let mut values: ByName<usize> =
            ["s2", "s10", "s1"].map(name).into_iter().zip(0..).collect();
        values.push(name("s3"), 3);
        let seen: Vec<_> = values
            .iter()
            .map(|(name, value)| (name.as_str(), *value))
            .collect();
        assert_eq!(seen, [("s1", 2), ("s10", 1), ("s2", 0), ("s3", 3)]);
        assert_eq!(values.get(&name("s10")), Some(&1));
        *values.value_mut(1) = 9;
        assert_eq!(values.at(1), (&name("s10"), &9));
        assert!(values.contains(&name("s3")) && !values.contains(&name("s")));
        assert_eq!(values.last_mut().map(|(name, _)| name.as_str()), Some("s3"));
        assert_eq!(values.len(), 4);
    }
}
