//! What a template derives from the number of nodes seldom changes.

use crate::fixture::{Fixture, TEMPLATE, write};

#[test]
fn only_a_template_that_names_it_keeps_it() {
    let fixture = Fixture::with_nodes(TEMPLATE, &["s1 10.0.0.1"]);
    fixture.run(&["--no-check"]);
    assert!(!fixture.config().contains("capacity"));
    fixture.template(&TEMPLATE.replace("stats timeout 30s", "maxconn {{ capacity * 10 }}"));
    assert_eq!(fixture.run(&[]).code, Some(0));
    let begin = fixture.config().lines().nth(2).unwrap().to_string();
    assert_eq!(begin, "    # capacity 16");
    assert!(fixture.config().contains("maxconn 160\n"));
    assert_eq!(fixture.run(&[]).code, Some(1));
}

#[test]
fn a_difference_is_shown_with_the_capacity_of_the_file() {
    let template = TEMPLATE.replace("stats timeout 30s", "maxconn {{ capacity * 10 }}");
    let fixture = Fixture::with_nodes(&template, &["s1 10.0.0.1"]);
    fixture.run(&["--no-check"]);
    let larger = fixture.config().replace("# capacity 16", "# capacity 2");
    write(&fixture.output(), &larger);
    let run = fixture.run(&["--diff"]);
    assert!(
        run.stdout.contains("+    # capacity 16\n"),
        "{}",
        run.stdout
    );
    for number in 2..=10 {
        fixture.node(&format!("s{number} 10.0.0.{number}"));
    }
    write(
        &fixture.output(),
        larger.replace("# capacity 2", "# capacity 32"),
    );
    let run = fixture.run(&["--diff"]);
    assert!(run.stdout.contains("+    maxconn 320\n"), "{}", run.stdout);
}
