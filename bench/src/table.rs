//! Answers as tables, readable on a terminal and in Markdown.

use std::fmt::{self, Write};

use crate::ratio::Ratio;

/// The answer to one question.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) title: String,
    pub(crate) parts: Vec<Part>,
    /// The ratios by which a quick answer is judged.
    pub(crate) ratios: Vec<Ratio>,
}

/// A piece of an answer.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    Text(String),
    Table(Table),
}

impl Answer {
    pub(crate) fn new(title: &str) -> Self {
        Self {
            title: title.to_string(),
            parts: Vec::new(),
            ratios: Vec::new(),
        }
    }

    pub(crate) fn text(mut self, text: &str) -> Self {
        self.parts.push(Part::Text(text.to_string()));
        self
    }

    pub(crate) fn table(mut self, table: Table) -> Self {
        self.parts.push(Part::Table(table));
        self
    }

    pub(crate) fn ratios(mut self, ratios: Vec<Ratio>) -> Self {
        self.ratios = ratios;
        self
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "## {}\n", self.title)?;
        for part in &self.parts {
            match part {
                Part::Text(text) => writeln!(f, "{text}\n")?,
                Part::Table(table) => writeln!(f, "{table}")?,
            }
        }
        Ok(())
    }
}

/// Rows under a head, all of the same length.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(head: &[&str]) -> Self {
        let head = head.iter().map(ToString::to_string).collect();
        Self { rows: vec![head] }
    }

    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    fn widths(&self) -> Vec<usize> {
        let columns = self.rows.first().map_or(0, Vec::len);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        (0..columns).map(width).collect()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths = self.widths();
        for (number, row) in self.rows.iter().enumerate() {
            let mut line = String::from("|");
            for (cell, width) in row.iter().zip(&widths) {
                write!(line, " {cell:width$} |")?;
            }
            writeln!(f, "{line}")?;
            if number == 0 {
                let rules: Vec<_> = widths.iter().map(|width| "-".repeat(width + 2)).collect();
                writeln!(f, "|{}|", rules.join("|"))?;
            }
        }
        Ok(())
    }
}

/// How a figure compares with its goal.
pub(crate) fn at_most(value: f64, goal: f64) -> String {
    let verdict = if value <= goal { "met" } else { "**missed**" };
    format!("<= {}: {verdict}", crate::sample::number(goal))
}

/// How a figure compares with its goal when more is better.
pub(crate) fn at_least(value: f64, goal: f64) -> String {
    let verdict = if value >= goal { "met" } else { "**missed**" };
    format!(">= {}: {verdict}", crate::sample::number(goal))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_lines_up_its_columns() {
        let mut table = Table::new(&["nodes", "ms"]);
        table.row(vec!["10".into(), "5.00 [4.00..6.00]".into()]);
        let expected = "\
| nodes | ms                |
|-------|-------------------|
| 10    | 5.00 [4.00..6.00] |
";
        assert_eq!(table.to_string(), expected);
    }

    #[test]
    fn an_answer_is_a_section() {
        let answer = Answer::new("size").text("Bytes.");
        assert_eq!(answer.to_string(), "## size\n\nBytes.\n\n");
    }

    #[test]
    fn goals_say_whether_they_are_met() {
        assert_eq!(at_most(11.0, 12.0), "<= 12.0: met");
        assert_eq!(at_most(13.0, 12.0), "<= 12.0: **missed**");
        assert_eq!(at_least(13.0, 50.0), ">= 50.0: **missed**");
        assert_eq!(at_most(f64::NAN, 1.0), "<= 1.00: **missed**");
    }
}
