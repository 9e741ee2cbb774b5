//! What the scripts of an image use and the machine has not.

use super::{Image, said};

#[test]
fn each_tool_that_is_not_there_is_told_once() {
    let image = Image::new()
        .longrun("app", &[])
        .file("app/run", "#!/bin/sh\nexec printcontenv PATH\n")
        .longrun("other", &[])
        .file("other/run", "#!/bin/sh\nprintcontenv HOME\n")
        .longrun("nobody", &[])
        .file("nobody/run", "#!/bin/sh\ns6-rc-db\n")
        .user(&["app", "other"])
        .at("etc/cont-init.d/10", "#!/bin/sh\njustc-envdir /x y\n")
        .at("etc/fix-attrs.d/10", "/x true root 0644 0755\n")
        .at("services/old/run", "#!/bin/sh\nexec logutil-service /x\n");
    let output = image.command().output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let said = said(&output);
    let etc = image.path("etc");
    let etc = etc.display();
    for words in [
        format!(
            "{etc}/s6-overlay/s6-rc.d/app/run uses printcontenv, which is not there: use with-"
        ),
        format!("{etc}/cont-init.d/10 uses justc-envdir, which is not there: "),
        format!(
            "{}/old/run uses logutil-service, ",
            image.destination().display()
        ),
        format!("{etc}/fix-attrs.d: it is not read: "),
    ] {
        assert_eq!(said.matches(&words).count(), 1, "{words}\n{said}");
    }
    assert!(!said.contains("nobody"), "{said}");
    assert_eq!(said.matches("printcontenv,").count(), 1, "{said}");
}

#[test]
fn a_bundle_that_starts_nothing_is_told_where_something_could_be_started() {
    let empty = Image::new().file("user/type", "bundle\n");
    let output = empty.command().output().unwrap();
    assert_eq!(said(&output), "");
    let image = Image::new().longrun("app", &[]);
    let output = image.command().output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(said(&output).contains("the bundle user reaches nothing"));
}
