//! Parses `show servers state`.

use std::collections::BTreeSet;

use anyhow::Context;
use haproxy_socket::is_name;

/// `srv_op_state` of a server that is DOWN.
const STOPPED: &str = "0";

/// The bits of `srv_admin_state` that a person or the configuration sets for drain. All
/// others are for maintenance.
const DRAIN: u32 = 0x08 | 0x10;

/// The servers, as `BACKEND/SERVER`, that are DOWN by their health check. One in
/// maintenance is not: who put it there waits for its last requests.
pub(crate) fn down(answer: &str) -> anyhow::Result<BTreeSet<String>> {
    let header = answer.lines().find_map(|line| line.strip_prefix("# "));
    let columns: Vec<&str> = header
        .context("read show servers state: it has no heading")?
        .split(' ')
        .collect();
    let at = |name: &str| {
        let place = columns.iter().position(|column| *column == name);
        place.with_context(|| format!("read show servers state: it has no column {name}"))
    };
    let (backend, server) = (at("be_name")?, at("srv_name")?);
    let (state, admin) = (at("srv_op_state")?, at("srv_admin_state")?);
    let is_down = |words: &[&str]| {
        let admin = words.get(admin).and_then(|word| word.parse::<u32>().ok());
        words.get(state) == Some(&STOPPED) && admin.is_some_and(|bits| bits & !DRAIN == 0)
    };
    let rows = answer.lines().map(|line| line.split(' ').collect());
    Ok(rows
        .filter(|words: &Vec<&str>| is_down(words))
        .filter_map(|words| Some((*words.get(backend)?, *words.get(server)?)))
        .filter(|(backend, server)| is_name(backend) && is_name(server))
        .map(|(backend, server)| format!("{backend}/{server}"))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state \
        srv_admin_state srv_uweight\n";

    fn found(rows: &str) -> Vec<String> {
        down(&format!("{HEAD}{rows}\n"))
            .unwrap()
            .into_iter()
            .collect()
    }

    #[test]
    fn only_who_is_down_and_not_in_maintenance_is_found() {
        let rows = "3 nodes 1 s1 10.0.0.1 2 0 100\n3 nodes 2 s2 10.0.0.2 0 0 100\n\
                    3 nodes 3 s3 10.0.0.3 0 1 100\n3 nodes 4 s4 10.0.0.4 0 32 100\n\
                    3 nodes 5 s5 10.0.0.5 0 8 100\n4 api 1 s1 10.0.0.1 0 0 100\n";
        assert_eq!(found(rows), ["api/s1", "nodes/s2", "nodes/s5"]);
    }

    #[test]
    fn what_could_be_another_command_is_no_name() {
        assert_eq!(found("3 nodes 1 s1;help - 0 0 100\n"), [""; 0]);
    }

    #[test]
    fn an_answer_without_the_columns_is_an_error() {
        for answer in [
            "",
            "Unknown command",
            "1\n# be_id be_name srv_id srv_name\n",
        ] {
            assert!(down(answer).is_err(), "{answer}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_answer_makes_it_panic(text in "(?s).*") {
            let _ = down(&text);
            let _ = down(&format!("{HEAD}{text}"));
        }
    }
}
