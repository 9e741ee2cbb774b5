//! Parses `show stat`, finding each server's counters by the column names in the first
//! line.

use std::collections::BTreeMap;

use anyhow::{Context, ensure};

/// The status and counters of a server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stat {
    /// Such as `UP`, `DOWN 1/2`, `MAINT` or `no check`.
    pub status: String,
    /// Seconds since the status changed.
    pub since: u64,
    /// The result of the last health check, such as `L7OK 200`.
    pub check: String,
    /// How many requests or connections it has now (`scur`).
    pub sessions: u64,
    /// How often it was chosen (`stot`): once a request with `mode http`, once a
    /// connection otherwise.
    pub requests: u64,
    /// Failed connections and failed responses together.
    pub errors: u64,
}

/// The rows by `BACKEND/SERVER`. The rows of frontends and of whole backends are there
/// too, as `NAME/FRONTEND` and `NAME/BACKEND`.
pub fn parse(answer: &str) -> anyhow::Result<BTreeMap<String, Stat>> {
    let mut lines = answer.lines();
    let header = lines.next().and_then(|line| line.strip_prefix("# "));
    let header = header.context("read show stat: it has no heading")?;
    let columns: Vec<&str> = header.split(',').collect();
    ensure!(
        columns.starts_with(&["pxname", "svname"]),
        "read show stat: an unknown heading"
    );
    let rows = lines.filter_map(|line| row(&columns, &fields(line)));
    Ok(rows.collect())
}

fn row(columns: &[&str], fields: &[String]) -> Option<(String, Stat)> {
    let text = |name: &str| {
        let at = columns.iter().position(|column| *column == name)?;
        fields.get(at).map(String::as_str)
    };
    let number = |name| {
        text(name)
            .and_then(|text| text.parse::<u64>().ok())
            .unwrap_or(0)
    };
    let check = [text("check_status"), text("check_code")];
    let check: Vec<&str> = check
        .into_iter()
        .flatten()
        .filter(|text| !text.is_empty())
        .collect();
    let stat = Stat {
        status: text("status")?.to_owned(),
        since: number("lastchg"),
        check: check.join(" "),
        sessions: number("scur"),
        requests: number("stot"),
        errors: number("econ").saturating_add(number("eresp")),
    };
    Some((format!("{}/{}", text("pxname")?, text("svname")?), stat))
}

/// Splits a line at the commas that are not between quotes, and drops the quotes.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match (c, fields.last_mut()) {
            ('"', _) => quoted = !quoted,
            (',', _) if !quoted => fields.push(String::new()),
            (c, Some(field)) => field.push(c),
            (_, None) => {}
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = "# pxname,svname,scur,stot,econ,eresp,status,lastchg,check_status,\
        check_code,last_chk,\n\
        web,FRONTEND,1,10,,,OPEN,,,,,\n\
        nodes,s1,1,8,1,2,UP,12,L7OK,200,\"fine, really\",\n\
        nodes,s2,0,0,0,0,DOWN 1/2,3,* L4CON,,,\n\n";

    #[test]
    fn servers_are_found_by_name_with_their_counters() {
        let stats = parse(ANSWER).unwrap();
        let expected = Stat {
            status: "UP".to_owned(),
            since: 12,
            check: "L7OK 200".to_owned(),
            sessions: 1,
            requests: 8,
            errors: 3,
        };
        assert_eq!(stats["nodes/s1"], expected);
        assert_eq!(stats["nodes/s2"].check, "* L4CON");
    }

    #[test]
    fn a_comma_between_quotes_separates_nothing() {
        assert_eq!(fields("a,\"b,c\",\"\",d"), ["a", "b,c", "", "d"]);
    }

    #[test]
    fn something_else_is_an_error() {
        assert!(parse("").is_err());
        assert!(parse("Unknown command").is_err());
        assert!(parse("# a,b\n").is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_answer_makes_it_panic(text in "(?s).*", length in 0..ANSWER.len()) {
            let _ = parse(&text);
            let _ = parse(&format!("# pxname,svname,status\n{text}"));
            let _ = parse(&ANSWER[..length]);
        }
    }
}
