//! Variables that the caller gives the template, with `--set NAME=VALUE`.

use std::str::FromStr;

use exit::escape;
use tera::{Context, Value};

/// One variable. Its value is text, or a list or map that was given as JSON.
#[derive(Debug, Clone)]
pub(crate) struct Variable {
    name: String,
    value: serde_json::Value,
}

impl FromStr for Variable {
    type Err = String;

    fn from_str(assignment: &str) -> Result<Self, String> {
        let (name, text) = assignment
            .split_once('=')
            .ok_or("it has no '=': write NAME=VALUE")?;
        let is_name = |name: &str| {
            let letters = |c: char| c.is_ascii_alphanumeric() || c == '_';
            name.chars().all(letters) && name.starts_with(|c: char| !c.is_ascii_digit())
        };
        if !is_name(name) {
            let name = escape(name.as_bytes());
            return Err(format!("the name '{name}' is not of letters, digits and _"));
        }
        let value = if text.starts_with(['[', '{']) {
            serde_json::from_str(text).map_err(|why| format!("its value is no JSON: {why}"))?
        } else {
            serde_json::Value::from(text)
        };
        if !is_one_line(&value) {
            return Err("its value has control characters, as a line end is one".to_string());
        }
        Ok(Self {
            name: name.to_string(),
            value,
        })
    }
}

/// Whether no text in it could begin another line of the configuration. The value may
/// come from a Serf event, so from whoever has the key of the cluster.
fn is_one_line(value: &serde_json::Value) -> bool {
    let plain = |text: &str| !text.contains(char::is_control);
    match value {
        serde_json::Value::String(text) => plain(text),
        serde_json::Value::Array(list) => list.iter().all(is_one_line),
        serde_json::Value::Object(map) => map
            .iter()
            .all(|(key, value)| plain(key) && is_one_line(value)),
        _ => true,
    }
}

/// Adds the variables; one of the name of a list of nodes takes its place.
pub(crate) fn insert(variables: &[Variable], context: &mut Context) {
    for variable in variables {
        let value = Value::from_serializable(&variable.value);
        context.insert_value(variable.name.clone(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(assignment: &str) -> serde_json::Value {
        assignment.parse::<Variable>().unwrap().value
    }

    fn refusal(assignment: &str) -> String {
        assignment.parse::<Variable>().unwrap_err()
    }

    #[test]
    fn what_stands_behind_the_first_equals_sign_is_text() {
        for text in ["", "s1", "10.0.0.1", "a=b", "true", "\"quoted\""] {
            assert_eq!(value(&format!("x={text}")), text);
        }
    }

    #[test]
    fn a_bracket_begins_json() {
        assert_eq!(
            value(r#"addresses=[{"host":"s1","ip":"10.0.0.1"}]"#),
            serde_json::json!([{"host": "s1", "ip": "10.0.0.1"}])
        );
        assert_eq!(
            value(r#"x={"a":[1,true]}"#),
            serde_json::json!({"a": [1, true]})
        );
        assert!(refusal("x=[1").starts_with("its value is no JSON: "));
    }

    #[test]
    fn a_name_is_one_that_a_template_can_say() {
        for name in ["", "1a", "a-b", "a.b", "ä", "a\nb"] {
            let why = refusal(&format!("{name}=x"));
            assert!(why.contains("is not of letters, digits and _"), "{why}");
            assert!(!why.contains('\n'), "{why}");
        }
        assert_eq!(refusal("name"), "it has no '=': write NAME=VALUE");
    }

    #[test]
    fn no_value_begins_another_line() {
        for assignment in [
            "x=a\nb",
            "x=a\rb",
            r#"x=["a\nb"]"#,
            r#"x={"a":{"b":"\u001b"}}"#,
            r#"x={"a\n":1}"#,
        ] {
            assert!(refusal(assignment).contains("control characters"));
        }
    }
}
