use std::fs;
use std::path::Path;

use files::Durability;

use super::*;
use samples::all;

#[test]
fn the_templates_are_read() {
    let page = Renderer::new()
        .unwrap()
        .page(&View::default(), "1-1")
        .unwrap();
    assert!(
        page.contains(r#"<meta name="version" content="1-1">"#),
        "{page}"
    );
}

/// `cargo test -p page looks -- --ignored` makes pages to look at.
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
        let page = page.replace("=\"/", "=\"");
        put(&format!("{name}.html"), &page);
    }
}
