//! What a balancer believes, and whether it is right everywhere.

/// The nodes by name, as each place has them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct View {
    /// The living members that are nodes, as its agent knows them.
    pub(super) members: Vec<String>,
    /// Those that have a file in `/nodes`.
    pub(super) files: Vec<String>,
    /// Those on server lines of `haproxy.cfg`.
    pub(super) configured: Vec<String>,
    /// Those that are UP in HAProxy.
    pub(super) up: Vec<String>,
    /// What `haproxy-reload --status` has against them, if anything.
    pub(super) status: Option<String>,
}

/// What is not as it should be, where exactly `there` should be served.
pub(super) fn disagreement(there: &[String], view: &View) -> Option<String> {
    let places = [
        ("members", &view.members),
        ("/nodes", &view.files),
        ("haproxy.cfg", &view.configured),
        ("HAProxy", &view.up),
    ];
    let wrong = places
        .into_iter()
        .filter(|(_, names)| names.as_slice() != there);
    let mut told: Vec<String> = wrong
        .map(|(place, names)| format!("{place} has {}", names.join(" ")))
        .collect();
    told.extend(view.status.clone());
    (!told.is_empty()).then(|| format!("{} are there, but {}", there.join(" "), told.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_balancer_is_right_when_all_places_have_the_same_nodes_and_the_status_says_so() {
        let names = vec!["n1".to_owned(), "n2".to_owned()];
        let right = View {
            members: names.clone(),
            files: names.clone(),
            configured: names.clone(),
            up: names.clone(),
            status: None,
        };
        assert_eq!(disagreement(&names, &right), None);
        let mut wrong = right.clone();
        wrong.up.pop();
        let told = disagreement(&names, &wrong).unwrap();
        assert_eq!(told, "n1 n2 are there, but HAProxy has n1");
        let mut differs = right;
        differs.status = Some("--status ends with 1".to_owned());
        let told = disagreement(&names, &differs).unwrap();
        assert_eq!(told, "n1 n2 are there, but --status ends with 1");
    }
}
