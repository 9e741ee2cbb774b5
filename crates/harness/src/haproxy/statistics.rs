//! What HAProxy counts: comma-separated values below a line with their names.

use std::collections::BTreeMap;

/// The answer to `show stat`, or the page `/;csv`, which is the same.
#[derive(Clone, Debug, Default)]
pub struct Statistics(String);

impl From<String> for Statistics {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl Statistics {
    /// What stands in `column` for a server, of the first backend that has one of that name.
    pub fn value(&self, server: &str, column: &str) -> Option<&str> {
        let column = self.column(column)?;
        let row = self.rows().find(|row| row.get(1) == Some(&server))?;
        row.get(column).copied()
    }

    /// The servers in use and the state of each, such as `UP` or `DOWN 1/2`. Those in
    /// maintenance are left out: HAProxy keeps a server that has left for a while (2.6 until
    /// a reload). So is our template's `repeated`, which stands for HAProxy itself.
    pub fn states(&self) -> BTreeMap<String, String> {
        let Some(status) = self.column("status") else {
            return BTreeMap::new();
        };
        self.rows()
            .filter(|row| row.len() > status && !matches!(row[1], "FRONTEND" | "BACKEND"))
            .filter(|row| row[0] != "repeated")
            .filter(|row| !row[status].starts_with("MAINT"))
            .map(|row| (row[1].to_owned(), row[status].to_owned()))
            .collect()
    }

    fn column(&self, name: &str) -> Option<usize> {
        self.0
            .lines()
            .next()?
            .split(',')
            .position(|column| column == name)
    }

    fn rows(&self) -> impl Iterator<Item = Vec<&str>> {
        self.0.lines().skip(1).map(|line| line.split(',').collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_found_by_the_name_of_the_server() {
        let table = "# pxname,svname,qcur,stot,\nnodes,s1,0,7,\nnodes,s12,0,9,\n\n";
        let table = Statistics::from(table.to_owned());
        assert_eq!(table.value("s12", "stot"), Some("9"));
        assert_eq!(table.value("s", "stot"), None);
        assert_eq!(Statistics::default().value("s1", "stot"), None);
    }

    #[test]
    fn servers_that_left_are_no_servers() {
        let table = "# pxname,svname,status,\nweb,FRONTEND,OPEN,\nnodes,s1,UP,\n\
            nodes,s2,MAINT,\nnodes,s3,DOWN 1/2,\nnodes,BACKEND,UP,\n\n";
        let states = Statistics::from(table.to_owned()).states();
        let states: Vec<_> = states
            .iter()
            .map(|(name, state)| (&**name, &**state))
            .collect();
        assert_eq!(states, [("s1", "UP"), ("s3", "DOWN 1/2")]);
    }
}
