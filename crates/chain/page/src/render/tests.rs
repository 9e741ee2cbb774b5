use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use files::Durability;

use super::*;
use samples::{HOSTILE, all, hostile, node, nodes, thousand, view};

mod colours;
mod html;

use html::{Tag, tags, text};

fn page(view: &View) -> String {
    Renderer::new().unwrap().page(view, "7").unwrap()
}

/// All the pages there are, and their names.
fn pages() -> impl Iterator<Item = (&'static str, String)> {
    let renderer = Renderer::new().unwrap();
    let page = move |(name, view)| (name, renderer.page(&view, "7").unwrap());
    all().into_iter().map(page)
}

#[test]
fn the_page_says_which_version_it_shows() {
    assert!(page(&View::default()).contains(r#"<meta name="version" content="7">"#));
}

#[test]
fn each_part_stands_in_the_page_as_it_is_sent() {
    let renderer = Renderer::new().unwrap();
    for (name, view) in all() {
        let page = renderer.page(&view, "7").unwrap();
        let fragments = renderer.fragments(&view).unwrap();
        let ids: BTreeSet<&String> = fragments.parts.iter().map(|(id, _)| id).collect();
        assert_eq!(ids.len(), fragments.parts.len(), "{name}");
        for (id, html) in &fragments.parts {
            assert!(page.contains(html), "{name}: {html}");
            assert_eq!(tags(html)[0].get("id"), Some(id.as_str()), "{name}: {html}");
        }
        for (list, children) in &fragments.lists {
            let mut rest = page.split_once(&format!(r#" id="{list}""#)).unwrap().1;
            for child in children {
                let at = format!(r#"<li id="{child}""#);
                rest = rest.split_once(&at).expect("they are in this order").1;
            }
        }
    }
}

#[test]
fn an_element_is_no_other_one() {
    for (name, page) in pages() {
        let mut ids = BTreeSet::new();
        for tag in tags(&page) {
            if let Some(id) = tag.get("id") {
                let is_safe = |c: char| c.is_ascii_alphanumeric() || ".:_-".contains(c);
                assert!(id.chars().all(is_safe), "{name}: {id}");
                assert!(ids.insert(id.to_owned()), "{name}: twice {id}");
            }
        }
    }
}

#[test]
fn no_two_names_share_an_id() {
    assert_eq!(element("node", "s1.a_B-2"), "node-s1.a_B-2");
    assert_eq!(element("node", "a b"), "node-a:20b");
    assert_eq!(element("node", "a:20b"), "node-a:3a20b");
    assert_eq!(element("node", "ä"), "node-:c3:a4");
}

#[test]
fn a_name_is_text_wherever_it_stands() {
    let view = hostile();
    let page = page(&view);
    let all = text(&page);
    for name in HOSTILE {
        let times = all.matches(name).count();
        assert!(times >= 8, "{name} stands {times} times in {all}");
        let is_its = |tag: &Tag| tag.name == "li" && tag.get("data-name") == Some(name);
        assert_eq!(tags(&page).into_iter().filter(is_its).count(), 1, "{name}");
    }
    let scripts = tags(&page).into_iter().filter(|tag| tag.name == "script");
    assert_eq!(scripts.count(), 1);
}

#[test]
fn the_squares_hold_no_more_than_text_either() {
    let mut view = hostile();
    view.squares = true;
    let page = page(&view);
    for name in HOSTILE {
        let title = format!("{name}: {name}, {name}");
        let is_its = |tag: &Tag| tag.get("title") == Some(title.as_str());
        assert_eq!(tags(&page).into_iter().filter(is_its).count(), 1, "{name}");
    }
}

#[test]
fn nothing_runs_or_comes_from_elsewhere() {
    let known = [
        "a", "b", "body", "code", "div", "footer", "h1", "h2", "h3", "head", "header", "html",
        "img", "input", "label", "li", "link", "main", "meta", "ol", "p", "path", "polyline",
        "script", "section", "small", "span", "svg", "symbol", "time", "title", "ul", "use",
        "!doctype",
    ];
    for (name, page) in pages() {
        for tag in tags(&page) {
            assert!(known.contains(&tag.name.as_str()), "{name}: {tag:?}");
            for (attribute, value) in &tag.attributes {
                assert!(!attribute.starts_with("on"), "{name}: {tag:?}");
                assert_ne!(attribute, "style", "{name}: {tag:?}");
                if ["href", "src", "action"].contains(&attribute.as_str()) {
                    let is_own = value.starts_with('#')
                        || (value.starts_with('/') && !value.starts_with("//"));
                    assert!(is_own, "{name}: {tag:?}");
                }
            }
        }
        assert!(page.contains(r#"<script src="/page.js" defer></script>"#));
    }
    for asset in [CSS, JS] {
        for word in ["http", "//", "url(", "@import", "eval", "Function("] {
            let lines = asset
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"));
            let lines = lines.map(|line| line.split(" // ").next().unwrap_or_default());
            for line in lines {
                assert!(!line.contains(word), "{word} in {line}");
            }
        }
    }
    assert_eq!(JS.matches("innerHTML").count(), 1);
    assert_eq!(ICON.matches("http").count(), 1, "the name of SVG alone");
}

#[test]
fn it_can_be_heard_as_well_as_seen() {
    for (name, page) in pages() {
        let tags = tags(&page);
        let ids: BTreeSet<&str> = tags.iter().filter_map(|tag| tag.get("id")).collect();
        let many = |element: &str| tags.iter().filter(|tag| tag.name == element).count();
        for element in ["h1", "main", "header", "footer"] {
            assert_eq!(many(element), 1, "{name}: {element}");
        }
        for tag in &tags {
            let is_there = |attribute| tag.get(attribute).is_some_and(|id| ids.contains(id));
            let is_named = match tag.name.as_str() {
                "section" => is_there("aria-labelledby"),
                "label" => is_there("for"),
                "svg" if tag.get("role") == Some("img") => tag.get("aria-label").is_some(),
                "svg" => tag.get("aria-hidden") == Some("true"),
                "img" => tag.get("alt").is_some(),
                "use" => tag.get("href").is_some_and(|id| ids.contains(&id[1..])),
                _ => true,
            };
            assert!(is_named, "{name}: {tag:?}");
        }
        let live = tags.iter().filter(|tag| tag.get("aria-live").is_some());
        assert_eq!(live.count(), 1, "{name}");
    }
}

#[test]
fn the_state_stands_in_words() {
    for (name, view) in all() {
        let page = page(&view);
        let text = text(&page);
        assert!(text.contains(&view.sentence.text), "{name}");
        for node in &view.nodes {
            let tile = format!(r#"<li id="{}""#, element("node", &node.name));
            let tile = page.split_once(&tile).unwrap().1;
            let tile = html::text(tile.split("</li>").next().unwrap());
            assert!(tile.contains(&node.words), "{name}: {tile}");
            assert!(tile.contains(&node.name), "{name}: {tile}");
        }
    }
}

#[test]
fn the_worst_of_many_have_tiles_above_the_squares() {
    let fragments = Renderer::new().unwrap().fragments(&thousand()).unwrap();
    let list = |id: &str| {
        let mut lists = fragments.lists.iter();
        lists.find(|(list, _)| list == id).unwrap().1.clone()
    };
    let worst = [
        "worst-s102",
        "worst-s518",
        "worst-s731",
        "worst-s34",
        "worst-s802",
    ];
    assert_eq!(list("worst"), worst);
    assert_eq!(list("nodes").len(), 1000);

    let few = view((Level::Well, "60 of 60 nodes serve"), nodes(60));
    let page = page(&few);
    assert!(
        page.contains(r#"<ul id="worst" role="list" data-list data-layout="tiles" hidden></ul>"#)
    );
    assert!(page.contains(r#"<ul id="nodes" role="list" data-list data-layout="tiles">"#));
}

#[test]
fn the_other_balancers_are_hidden_where_there_is_none() {
    assert!(
        page(&View::default()).contains(r#"<ul id="balancers" role="list" data-list hidden></ul>"#)
    );
    assert!(page(&hostile()).contains(r#"<ul id="balancers" role="list" data-list><li"#));
}

#[test]
fn a_page_is_small() {
    let three = page(&view((Level::Well, "3 of 3 nodes serve"), nodes(3)));
    assert!(three.len() < 30_000, "{}", three.len());
    let thousand = page(&thousand());
    assert!(thousand.len() < 250_000, "{}", thousand.len());
}

#[test]
fn what_did_not_change_is_the_same_text() {
    let renderer = Renderer::new().unwrap();
    let before = renderer.fragments(&all().remove(0).1).unwrap();
    let mut view = all().remove(0).1;
    view.as_of = "14:04:52".to_owned();
    assert_eq!(renderer.fragments(&view).unwrap(), before);
    view.nodes[1].words = "does not answer".to_owned();
    let after = renderer.fragments(&view).unwrap();
    let pairs = before.parts.iter().zip(&after.parts);
    let other: Vec<_> = pairs.filter(|(before, after)| before != after).collect();
    assert_eq!(other.len(), 1, "{other:?}");
    assert_eq!(other[0].1.0, "node-s2");
}

#[test]
fn the_numbers_of_a_minute_are_points_of_one_scale() {
    let mut few = vec![node("a", 1), node("b", 2)];
    few[0].rates = vec![0, 5, 10];
    few[1].rates = vec![40];
    few[1].checks = (0..70).collect();
    let html = page(&view((Level::Well, ""), few));
    // 50 is the height of 20, and the last number is at the right end.
    assert!(
        html.contains(r#"points="57,24 57,20 58,18 59,16 60,24""#),
        "{html}"
    );
    assert!(html.contains(r#"points="59,24 59,4 60,24""#), "{html}");
    // Only the last 60 of 70 are shown, of which the first is 10 of 100.
    assert!(html.contains(r#"points="-1,24 0,18 1,18 "#), "{html}");
    assert!(html.contains("in the last minute: 10 to 69"), "{html}");
}

/// `cargo test -p page looks -- --ignored` makes pages to look at, in target/looks.
#[test]
#[ignore = "it is for a person to look at"]
fn looks() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../target/looks");
    fs::create_dir_all(&folder).unwrap();
    let put = |name: &str, text: &str| {
        files::replace(&folder.join(name), text.as_bytes(), Durability::Unsynced).unwrap();
    };
    put("page.css", CSS);
    put("page.js", JS);
    put("icon.svg", ICON);
    let renderer = Renderer::new().unwrap();
    for (name, view) in all() {
        let page = renderer.page(&view, "1").unwrap();
        // The files stand side by side.
        put(&format!("{name}.html"), &page.replace("=\"/", "=\""));
        let fragments = renderer.fragments(&view).unwrap();
        let parts = serde_json::json!({"parts": fragments.parts, "lists": fragments.lists});
        put(&format!("{name}.json"), &parts.to_string());
    }
}
