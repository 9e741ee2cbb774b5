use super::*;

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
