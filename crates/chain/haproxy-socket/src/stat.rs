//! Parses `show stat`, finding each server's counters by the column names in the first
//! line.

use std::borrow::Cow;
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
    /// How often it was chosen in the last second (`rate`).
    pub rate: u64,
    /// Its weight at present; `None` where the answer has none.
    pub weight: Option<u64>,
    /// How many milliseconds the last health check took; `None` where there was none.
    pub check_ms: Option<u64>,
    /// The last health check in words, such as `Layer4 connection problem: Connection refused`.
    /// They may be the server's own.
    pub check_words: String,
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
    let columns = Columns::of(&columns);
    let rows = lines.filter_map(|line| columns.row(&fields(line)));
    Ok(rows.collect())
}

/// Where in a row each of these stands.
struct Columns {
    status: Option<usize>,
    since: Option<usize>,
    check: [Option<usize>; 2],
    sessions: Option<usize>,
    requests: Option<usize>,
    errors: [Option<usize>; 2],
    rate: Option<usize>,
    weight: Option<usize>,
    check_ms: Option<usize>,
    check_words: [Option<usize>; 2],
}

impl Columns {
    fn of(columns: &[&str]) -> Self {
        let at = |name| columns.iter().position(|column| *column == name);
        Self {
            status: at("status"),
            since: at("lastchg"),
            check: [at("check_status"), at("check_code")],
            sessions: at("scur"),
            requests: at("stot"),
            errors: [at("econ"), at("eresp")],
            rate: at("rate"),
            weight: at("weight"),
            check_ms: at("check_duration"),
            check_words: [at("check_desc"), at("last_chk")],
        }
    }

    fn row(&self, fields: &[Cow<'_, str>]) -> Option<(String, Stat)> {
        let text = |at: Option<usize>| fields.get(at?).map(AsRef::as_ref);
        let some = |at| text(at).and_then(|text: &str| text.parse::<u64>().ok());
        let number = |at| some(at).unwrap_or(0);
        let texts = |at: [Option<usize>; 2], between: &str| {
            let texts = at.into_iter().filter_map(text);
            let texts: Vec<&str> = texts.filter(|text| !text.is_empty()).collect();
            texts.join(between)
        };
        let stat = Stat {
            status: text(self.status)?.to_owned(),
            since: number(self.since),
            check: texts(self.check, " "),
            sessions: number(self.sessions),
            requests: number(self.requests),
            errors: number(self.errors[0]).saturating_add(number(self.errors[1])),
            rate: number(self.rate),
            weight: some(self.weight),
            check_ms: some(self.check_ms),
            check_words: texts(self.check_words, ": "),
        };
        let name = format!("{}/{}", text(Some(0))?, text(Some(1))?);
        Some((name, stat))
    }
}

/// Splits a line at the commas that are not between quotes, and drops the quotes.
fn fields(line: &str) -> Vec<Cow<'_, str>> {
    let mut quoted = false;
    let is_end = |c| {
        quoted ^= c == '"';
        c == ',' && !quoted
    };
    let unquoted = |field: &'_ str| field.contains('"').then(|| field.replace('"', ""));
    let fields = line.split(is_end);
    let fields = fields.map(|field| unquoted(field).map_or(Cow::Borrowed(field), Cow::Owned));
    fields.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = "# pxname,svname,scur,stot,econ,eresp,status,lastchg,check_status,\
        check_code,last_chk,rate,weight,check_duration,check_desc,\n\
        web,FRONTEND,1,10,,,OPEN,,,,,4,,,,\n\
        nodes,s1,1,8,1,2,UP,12,L7OK,200,\"fine, really\",4,100,2,Layer7 check passed,\n\
        nodes,s2,0,0,0,0,DOWN 1/2,3,* L4CON,,,,,,,\n\n";

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
            rate: 4,
            weight: Some(100),
            check_ms: Some(2),
            check_words: "Layer7 check passed: fine, really".to_owned(),
        };
        assert_eq!(stats["nodes/s1"], expected);
        let second = &stats["nodes/s2"];
        assert_eq!(second.check, "* L4CON");
        assert_eq!((second.weight, second.check_ms), (None, None));
        assert_eq!(second.check_words, "");
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
