//! Reads HTML as a browser would, as far as ours goes.

/// A tag that opens an element.
#[derive(Debug)]
pub(super) struct Tag {
    pub(super) name: String,
    pub(super) attributes: Vec<(String, String)>,
}

impl Tag {
    pub(super) fn get(&self, attribute: &str) -> Option<&str> {
        let mut all = self.attributes.iter();
        let (_, value) = all.find(|(name, _)| name == attribute)?;
        Some(value)
    }
}

/// All tags that open an element, in their order.
pub(super) fn tags(html: &str) -> Vec<Tag> {
    pieces(html).0
}

/// The text between the tags.
pub(super) fn text(html: &str) -> String {
    pieces(html).1
}

fn pieces(html: &str) -> (Vec<Tag>, String) {
    let (mut tags, mut text) = (Vec::new(), String::new());
    let mut rest = html;
    while let Some((before, after)) = rest.split_once('<') {
        text.push_str(&plain(before));
        let end = end_of_tag(after);
        if !after.starts_with('/') {
            tags.push(tag(&after[..end]));
        }
        rest = &after[end + 1..];
    }
    text.push_str(&plain(rest));
    (tags, text)
}

/// Where the `>` of a tag is, which no quotes hide.
fn end_of_tag(html: &str) -> usize {
    let mut is_quoted = false;
    for (at, byte) in html.bytes().enumerate() {
        match byte {
            b'"' => is_quoted = !is_quoted,
            b'>' if !is_quoted => return at,
            _ => {}
        }
    }
    panic!("a tag has no end: {html}");
}

fn tag(inner: &str) -> Tag {
    let inner = inner.strip_suffix('/').unwrap_or(inner);
    let (name, mut rest) = inner.split_once(' ').unwrap_or((inner, ""));
    let mut attributes = Vec::new();
    while !rest.trim_start().is_empty() {
        rest = rest.trim_start();
        let end = rest.find(['=', ' ']).unwrap_or(rest.len());
        let name = rest[..end].to_owned();
        rest = &rest[end..];
        let mut value = String::new();
        if let Some(quoted) = rest.strip_prefix("=\"") {
            let (inside, after) = quoted.split_once('"').expect("the quotes end");
            value = plain(inside);
            rest = after;
        }
        attributes.push((name, value));
    }
    Tag {
        name: name.to_lowercase(),
        attributes,
    }
}

fn plain(escaped: &str) -> String {
    assert!(!escaped.contains('<'), "{escaped}");
    escaped
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&amp;", "&")
}
