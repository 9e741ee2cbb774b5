//! Whether the colours of the style sheet can be told apart, as WCAG 2 counts it.

use std::collections::BTreeMap;

use crate::render::CSS;

/// Those of light, and those of dark: the first two rules for `:root`.
fn themes() -> [BTreeMap<&'static str, &'static str>; 2] {
    let rules: Vec<_> = CSS.split(":root {").skip(1).take(2).collect();
    let theme = |rule: &'static str| {
        let lines = rule.split('}').next().unwrap().lines();
        let colours = lines.filter_map(|line| {
            let (name, value) = line.trim().strip_prefix("--")?.split_once(": ")?;
            let value = value.strip_prefix('#')?.strip_suffix(';')?;
            Some((name, value))
        });
        colours.collect()
    };
    [theme(rules[0]), theme(rules[1])]
}

fn luminance(colour: &str) -> f64 {
    let part = |at: usize| {
        let part = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
        if part <= 0.04045 {
            part / 12.92
        } else {
            ((part + 0.055) / 1.055).powf(2.4)
        }
    };
    0.2126 * part(0) + 0.7152 * part(2) + 0.0722 * part(4)
}

fn contrast(one: &str, other: &str) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[test]
fn all_that_is_written_can_be_read() {
    for theme in themes() {
        let grounds = theme.keys().filter(|name| name.ends_with("-tint"));
        let grounds: Vec<_> = grounds.copied().chain(["paper", "card"]).collect();
        assert_eq!(grounds.len(), 6);
        for ground in &grounds {
            for ink in ["ink", "soft", "well", "warn", "bad", "quiet"] {
                let contrast = contrast(theme[ink], theme[ground]);
                assert!(contrast >= 4.5, "{ink} on {ground}: {contrast:.2}");
            }
            let contrast = contrast(theme["focus"], theme[ground]);
            assert!(contrast >= 3.0, "focus on {ground}: {contrast:.2}");
        }
        // A square is no text, and neither is a field's border.
        assert!(contrast(theme["square"], theme["paper"]) >= 3.0);
    }
}

#[test]
fn both_themes_have_all_colours() {
    let [light, dark] = themes();
    assert!(light.len() > 12, "{light:?}");
    assert!(light.keys().eq(dark.keys()));
}
