//! `--help` as people read it: in a terminal of the usual width, and in a wide one.

use std::process::Command;

fn help(program: &str, columns: &str) -> String {
    let output = Command::new(program)
        .arg("--help")
        .env("COLUMNS", columns)
        .output()
        .unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_page_fits_eighty_columns_as_it_is_written() {
    for program in [
        env!("CARGO_BIN_EXE_init"),
        env!("CARGO_BIN_EXE_with-contenv"),
        env!("CARGO_BIN_EXE_from-s6-rc"),
    ] {
        let narrow = help(program, "80");
        let wide = help(program, "200");
        let page = |text: &str| text.split_once("\nOptions:").unwrap().0.to_string();
        assert_eq!(page(&narrow), page(&wide), "{program}");
        assert!(
            wide.lines().all(|line| line.chars().count() <= 80),
            "{wide}"
        );
    }
}

#[test]
fn the_usage_names_what_there_is() {
    let init = help(env!("CARGO_BIN_EXE_init"), "80");
    assert!(
        init.contains("Usage: init [--services DIR] [--scandir DIR] [COMMAND [ARGUMENT...]]\n"),
        "{init}"
    );
    let with = help(env!("CARGO_BIN_EXE_with-contenv"), "80");
    assert!(
        with.contains("Usage: with-contenv PROGRAM [ARGUMENT...]\n"),
        "{with}"
    );
    let from = help(env!("CARGO_BIN_EXE_from-s6-rc"), "80");
    assert!(
        from.contains("Usage: from-s6-rc [--bundles DIR] SOURCE DESTINATION\n"),
        "{from}"
    );
}
