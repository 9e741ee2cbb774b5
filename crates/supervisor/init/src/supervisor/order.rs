//! Which services start before others, and stop after them. No I/O.

/// What the order has to know of a service.
#[derive(Clone, Debug)]
pub(crate) struct Dependent {
    pub(crate) name: String,
    pub(crate) needs: Vec<String>,
}

/// The services that each service needs, all by their indices.
#[derive(Clone, Debug, Default)]
pub(crate) struct Order {
    needs: Vec<Vec<usize>>,
    needed_by: Vec<Vec<usize>>,
}

impl Order {
    /// The order of `dependents`, and in words which of their needs cannot be followed:
    /// those that are not there, and those that close a circle.
    pub(crate) fn new(dependents: &[Dependent]) -> (Self, Vec<String>) {
        let mut order = Self {
            needs: vec![Vec::new(); dependents.len()],
            needed_by: vec![Vec::new(); dependents.len()],
        };
        let mut complaints = Vec::new();
        for (index, node) in dependents.iter().enumerate() {
            for need in &node.needs {
                match order.add(dependents, index, need) {
                    Ok(()) => {}
                    Err(why) => complaints.push(format!("{}: needs {need}, {why}", node.name)),
                }
            }
        }
        (order, complaints)
    }

    fn add(
        &mut self,
        dependents: &[Dependent],
        index: usize,
        need: &str,
    ) -> Result<(), &'static str> {
        let found = dependents.iter().position(|node| node.name == need);
        let needed = found.ok_or("which is not there: not waited for")?;
        if self.reaches(needed, index) {
            return Err("which needs it in turn: not waited for");
        }
        self.needs[index].push(needed);
        self.needed_by[needed].push(index);
        Ok(())
    }

    fn reaches(&self, from: usize, to: usize) -> bool {
        from == to || self.needs[from].iter().any(|next| self.reaches(*next, to))
    }

    /// What `index` needs.
    pub(crate) fn needs(&self, index: usize) -> &[usize] {
        self.needs.get(index).map_or(&[], Vec::as_slice)
    }

    /// Who needs `index`.
    pub(crate) fn needed_by(&self, index: usize) -> &[usize] {
        self.needed_by.get(index).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dependent(name: &str, needs: &[&str]) -> Dependent {
        Dependent {
            name: name.into(),
            needs: needs.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn each_knows_what_it_needs_and_who_needs_it() {
        let dependents = [
            dependent("serf", &["web"]),
            dependent("web", &[]),
            dependent("watch", &["serf", "web"]),
        ];
        let (order, complaints) = Order::new(&dependents);
        assert!(complaints.is_empty());
        assert_eq!(order.needs(0), [1]);
        assert_eq!(order.needs(2), [0, 1]);
        assert_eq!(order.needed_by(1), [0, 2]);
        assert_eq!(order.needs(9), []);
    }

    #[test]
    fn what_is_not_there_is_told_and_not_waited_for() {
        let (order, complaints) = Order::new(&[dependent("web", &["db"])]);
        assert_eq!(
            complaints,
            ["web: needs db, which is not there: not waited for"]
        );
        assert_eq!(order.needs(0), []);
    }

    #[test]
    fn a_circle_is_told_and_broken() {
        let dependents = [
            dependent("a", &["b"]),
            dependent("b", &["c"]),
            dependent("c", &["a"]),
        ];
        let (order, complaints) = Order::new(&dependents);
        assert_eq!(complaints.len(), 1);
        assert!(complaints[0].starts_with("c: needs a, which needs it in turn"));
        assert_eq!(order.needs(2), []);
        let (_, complaints) = Order::new(&[dependent("a", &["a"])]);
        assert_eq!(complaints.len(), 1);
    }
}
