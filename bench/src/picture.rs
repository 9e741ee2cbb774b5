//! Pictures, as SVG that can be read in light and in dark.

use std::fmt::Write;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 30.0;
const TOP: f64 = 50.0;
const BOTTOM: f64 = 90.0;
/// How wide a letter of the style's font is, on average.
const LETTER: f64 = 6.3;

/// Colours that differ from both backgrounds, and from each other by lightness too.
const STYLE: &str = "\
text { font: 13px sans-serif; fill: #1f2328 }
.title { font-size: 16px; font-weight: bold }
.tick { text-anchor: middle }
.paper { fill: #ffffff }
.grid { stroke: #d1d9e0; stroke-width: 1 }
.mark { stroke: #59636e; stroke-width: 1; stroke-dasharray: 4 3 }
polyline { fill: none; stroke-width: 2.5 }
.other { stroke: #bc4c00; fill: #bc4c00 }
.ours { stroke: #0969da; fill: #0969da }
.limit { stroke: #1a7f37; fill: #1a7f37 }
polyline.limit { stroke-dasharray: 7 4 }
polyline.other, polyline.ours, polyline.limit { fill: none }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc }
  .paper { fill: #0d1117 }
  .grid { stroke: #3d444d }
  .mark { stroke: #9198a1 }
  .other { stroke: #ffa657; fill: #ffa657 }
  .ours { stroke: #79c0ff; fill: #79c0ff }
  .limit { stroke: #56d364; fill: #56d364 }
  polyline.other, polyline.ours, polyline.limit { fill: none }
}";

/// One axis of a picture.
#[derive(Clone, Debug)]
pub(crate) struct Axis {
    label: String,
    low: f64,
    high: f64,
    log: bool,
}

impl Axis {
    pub(crate) fn log(label: &str, low: f64, high: f64) -> Self {
        Self {
            label: label.to_string(),
            low,
            high,
            log: true,
        }
    }

    pub(crate) fn linear(label: &str, low: f64, high: f64) -> Self {
        Self {
            log: false,
            ..Self::log(label, low, high)
        }
    }

    /// Where `value` lies, from 0 to 1.
    fn share(&self, value: f64) -> f64 {
        let value = value.clamp(self.low, self.high);
        if self.log {
            (value / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        }
    }

    /// The marks of an axis: powers of ten, or fifths of its length.
    fn ticks(&self) -> Vec<f64> {
        if !self.log {
            let step = (self.high - self.low) / 5.0;
            return (0..=5)
                .map(|tick| self.low + step * f64::from(tick))
                .collect();
        }
        let mut ticks = vec![self.low];
        while let Some(next) = ticks.last().map(|tick| tick * 10.0) {
            if next > self.high * 1.001 {
                break;
            }
            ticks.push(next);
        }
        ticks
    }
}

/// One line of a picture.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    name: String,
    /// `ours`, `other` or `limit`.
    class: &'static str,
    points: Vec<(f64, f64)>,
    dots: bool,
}

impl Line {
    pub(crate) fn new(name: &str, class: &'static str, points: Vec<(f64, f64)>) -> Self {
        Self {
            name: name.to_string(),
            class,
            dots: points.len() < 20,
            points,
        }
    }
}

/// A picture of several lines.
#[derive(Clone, Debug)]
pub(crate) struct Picture {
    pub(crate) title: String,
    pub(crate) across: Axis,
    pub(crate) up: Axis,
    pub(crate) lines: Vec<Line>,
    /// Events, each with its place on the horizontal axis.
    pub(crate) marks: Vec<(f64, String)>,
}

impl Picture {
    pub(crate) fn svg(&self) -> String {
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">\n<style>\n{STYLE}\n</style>\n<rect class=\"paper\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/>\n",
            escaped(&self.title)
        );
        text(&mut svg, LEFT, 26.0, "title", &self.title);
        self.grid(&mut svg);
        self.draw_marks(&mut svg);
        let mut x = LEFT;
        for line in &self.lines {
            self.draw(&mut svg, line);
            x = legend(&mut svg, x, line);
        }
        svg.push_str("</svg>\n");
        svg
    }

    fn x(&self, value: f64) -> f64 {
        LEFT + self.across.share(value) * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        HEIGHT - BOTTOM - self.up.share(value) * (HEIGHT - TOP - BOTTOM)
    }

    fn grid(&self, svg: &mut String) {
        for tick in self.across.ticks() {
            let x = self.x(tick);
            rule(svg, "grid", (x, TOP), (x, HEIGHT - BOTTOM));
            text(svg, x, HEIGHT - BOTTOM + 18.0, "tick", &label(tick));
        }
        for tick in self.up.ticks() {
            let y = self.y(tick);
            rule(svg, "grid", (LEFT, y), (WIDTH - RIGHT, y));
            text(svg, 14.0, y + 4.0, "", &label(tick));
        }
        text(svg, 14.0, TOP - 10.0, "", &self.up.label);
        text(
            svg,
            WIDTH - RIGHT - 60.0,
            HEIGHT - BOTTOM + 36.0,
            "",
            &self.across.label,
        );
    }

    fn draw_marks(&self, svg: &mut String) {
        for (at, what) in &self.marks {
            let x = self.x(*at);
            rule(svg, "mark", (x, TOP), (x, HEIGHT - BOTTOM));
            text(svg, x + 4.0, TOP + 14.0, "", what);
        }
    }

    fn draw(&self, svg: &mut String, line: &Line) {
        let place = |&(x, y): &(f64, f64)| (self.x(x), self.y(y));
        let points: Vec<String> = line
            .points
            .iter()
            .map(place)
            .map(|(x, y)| format!("{x:.1},{y:.1}"))
            .collect();
        let class = line.class;
        let _ = writeln!(
            svg,
            "<polyline class=\"{class}\" points=\"{}\"/>",
            points.join(" ")
        );
        if line.dots {
            for (x, y) in line.points.iter().map(place) {
                let _ = writeln!(
                    svg,
                    "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\"/>"
                );
            }
        }
    }
}

/// Writes whose line it is, and returns where the next name has room.
fn legend(svg: &mut String, x: f64, line: &Line) -> f64 {
    let y = HEIGHT - 22.0;
    let _ = writeln!(
        svg,
        "<polyline class=\"{}\" points=\"{x:.1},{y:.1} {:.1},{y:.1}\"/>",
        line.class,
        x + 26.0
    );
    text(svg, x + 32.0, y + 4.0, "", &line.name);
    let letters = f64::from(u32::try_from(line.name.chars().count()).unwrap_or(0));
    x + 32.0 + letters * LETTER + 18.0
}

fn rule(svg: &mut String, class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
    let _ = writeln!(
        svg,
        "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"
    );
}

fn text(svg: &mut String, x: f64, y: f64, class: &str, what: &str) {
    let _ = writeln!(
        svg,
        "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>",
        escaped(what)
    );
}

fn label(value: f64) -> String {
    if value < 1.0 && value > 0.0 {
        format!("{value}")
    } else {
        crate::sample::number(value)
            .trim_end_matches(".00")
            .trim_end_matches(".0")
            .to_string()
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture() -> Picture {
        Picture {
            title: "cost & <more>".to_string(),
            across: Axis::log("nodes", 1.0, 10_000.0),
            up: Axis::linear("ms", 0.0, 50.0),
            lines: vec![Line::new(
                "ours",
                "ours",
                vec![(1.0, 0.0), (100.0, 25.0), (10_000.0, 50.0)],
            )],
            marks: vec![(100.0, "join".to_string())],
        }
    }

    #[test]
    fn points_lie_where_their_axes_say() {
        let svg = picture().svg();
        assert!(
            svg.contains("points=\"70.0,330.0 400.0,190.0 730.0,50.0\""),
            "{svg}"
        );
        assert!(svg.contains("<circle class=\"ours\" cx=\"400.0\" cy=\"190.0\""));
    }

    #[test]
    fn a_title_cannot_break_the_file() {
        assert!(picture().svg().contains("cost &amp; &lt;more>"));
    }

    #[test]
    fn a_log_axis_has_its_powers_of_ten() {
        let ticks: Vec<_> = Axis::log("", 0.1, 1_000.0)
            .ticks()
            .into_iter()
            .map(label)
            .collect();
        assert_eq!(ticks, ["0.1", "1", "10", "100", "1,000"]);
        let ticks: Vec<_> = Axis::linear("", 0.0, 20.0)
            .ticks()
            .into_iter()
            .map(label)
            .collect();
        assert_eq!(ticks, ["0", "4", "8", "12", "16", "20"]);
    }

    #[test]
    fn what_lies_outside_is_drawn_at_the_edge() {
        let axis = Axis::log("", 1.0, 100.0);
        assert_eq!((axis.share(0.5), axis.share(1_000.0)), (0.0, 1.0));
    }

    #[test]
    fn it_has_colours_for_a_dark_page() {
        assert!(picture().svg().contains("prefers-color-scheme: dark"));
    }
}
