#![expect(
    clippy::disallowed_methods,
    reason = "fixtures need no atomic replacement"
)]

use super::*;
use std::path::PathBuf;

struct Image {
    dir: harness::Scratch,
}

impl Image {
    fn with(files: &[(&str, &str)]) -> Image {
        let image = Image {
            dir: harness::scratch(),
        };
        fs::create_dir(image.from()).unwrap();
        for (path, content) in files {
            let path = image.from().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        image
    }

    fn from(&self) -> PathBuf {
        self.dir.path().join("services.d")
    }

    fn to(&self, path: &str) -> PathBuf {
        self.dir.path().join("run/services").join(path)
    }

    fn copy(&self) -> Vec<String> {
        copy_services(&self.from(), &self.to("")).unwrap()
    }

    fn mode(&self, path: &str) -> u32 {
        fs::metadata(self.to(path)).unwrap().permissions().mode() & 0o7777
    }
}

#[test]
fn services_are_copied_with_content_and_modes() {
    let image = Image::with(&[
        ("web/run", "#!/bin/sh\n"),
        ("web/data/secret", "x"),
        ("api/run", ""),
    ]);
    fs::set_permissions(
        image.from().join("web/data/secret"),
        Permissions::from_mode(0o600),
    )
    .unwrap();
    fs::set_permissions(image.from().join("web/data"), Permissions::from_mode(0o700)).unwrap();
    assert_eq!(image.copy(), ["api", "web"]);
    assert_eq!(
        fs::read_to_string(image.to("web/run")).unwrap(),
        "#!/bin/sh\n"
    );
    assert_eq!(
        (image.mode("web/data"), image.mode("web/data/secret")),
        (0o700, 0o600)
    );
}

#[test]
fn run_and_finish_become_executable_and_nothing_else() {
    let image = Image::with(&[
        ("web/run", ""),
        ("web/finish", ""),
        ("web/log/run", ""),
        ("web/type", "longrun"),
    ]);
    image.copy();
    assert_eq!(
        ["web/run", "web/finish", "web/log/run"].map(|path| image.mode(path) & 0o755),
        [0o755; 3]
    );
    assert_eq!(image.mode("web/type") & 0o111, 0);
}

#[test]
fn links_are_copied_as_links() {
    let image = Image::with(&[("web/data", "x")]);
    symlink("/usr/bin/web", image.from().join("web/run")).unwrap();
    image.copy();
    assert_eq!(
        fs::read_link(image.to("web/run")).unwrap(),
        Path::new("/usr/bin/web")
    );
}

#[test]
fn a_service_that_is_a_link_is_copied_as_a_directory() {
    let image = Image::with(&[]);
    let elsewhere = image.dir.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::write(elsewhere.join("run"), "").unwrap();
    symlink(&elsewhere, image.from().join("web")).unwrap();
    assert_eq!(image.copy(), ["web"]);
    assert!(!fs::symlink_metadata(image.to("web")).unwrap().is_symlink());
}

#[test]
fn fifos_files_beside_services_and_hidden_directories_are_left_out() {
    let image = Image::with(&[("web/run", ""), (".hidden/run", ""), ("README", "")]);
    nix::unistd::mkfifo(
        &image.from().join("web/fifo"),
        nix::sys::stat::Mode::S_IRWXU,
    )
    .unwrap();
    assert_eq!(image.copy(), ["web"]);
    assert!(!image.to("web/fifo").exists());
    assert!(!image.to(".hidden").exists());
}

#[test]
fn of_an_earlier_life_only_the_supervisors_own_stays() {
    let image = Image::with(&[
        ("web/run", "new"),
        ("web/supervise/status", "the image's"),
        ("web/log/run", "new"),
    ]);
    for stale in [
        "web/supervise/control",
        "web/event/x",
        "web/down",
        "web/data/old",
        "web/log/down",
        "web/log/event/x",
    ] {
        fs::create_dir_all(image.to(stale).parent().unwrap()).unwrap();
        fs::write(image.to(stale), "old").unwrap();
    }
    symlink("/nonexistent", image.to("web/finish")).unwrap();
    image.copy();
    let there = |path: &str| fs::symlink_metadata(image.to(path)).is_ok();
    assert!(
        ["web/supervise/control", "web/event/x", "web/log/event/x"]
            .iter()
            .all(|path| there(path))
    );
    let gone = [
        "web/down",
        "web/data",
        "web/finish",
        "web/log/down",
        "web/supervise/status",
    ];
    assert!(
        gone.iter().all(|path| !there(path)),
        "{:?}",
        gone.map(there)
    );
    assert_eq!(fs::read_to_string(image.to("web/run")).unwrap(), "new");
}

#[test]
fn a_service_put_straight_into_the_scan_directory_stays() {
    let image = Image::with(&[("web/run", "")]);
    fs::create_dir_all(image.to("other")).unwrap();
    image.copy();
    assert!(image.to("other").exists());
}

#[test]
fn no_services_at_all_is_no_error() {
    let dir = harness::scratch();
    let copied = copy_services(&dir.path().join("none"), &dir.path().join("run/services")).unwrap();
    assert!(copied.is_empty());
    assert!(dir.path().join("run/services").is_dir());
}

#[test]
fn what_cannot_be_copied_is_named() {
    let image = Image::with(&[("web/run", "")]);
    fs::write(
        image.dir.path().join("run"),
        "a file where the directory should be",
    )
    .unwrap();
    let error = copy_services(&image.from(), &image.to("")).unwrap_err();
    assert!(format!("{error:#}").starts_with("create /"), "{error:#}");
}

#[test]
fn the_alias_leads_to_the_services_and_replaces_a_link_of_yesterday() {
    let image = Image::with(&[("web/run", "")]);
    image.copy();
    let link = image.dir.path().join("alias/services");
    fs::create_dir_all(link.parent().unwrap()).unwrap();
    symlink("/nonexistent", &link).unwrap();
    for _again in 0..2 {
        alias(&image.to(""), &link).unwrap();
        assert!(link.join("web/run").exists());
    }
}

#[test]
fn an_alias_that_is_the_same_directory_already_is_left_alone() {
    let image = Image::with(&[]);
    image.copy();
    alias(&image.to(""), &image.to("")).unwrap();
    assert!(!fs::symlink_metadata(image.to("")).unwrap().is_symlink());
}

#[test]
fn an_alias_never_replaces_a_directory() {
    let image = Image::with(&[]);
    image.copy();
    let error = alias(&image.to(""), image.dir.path()).unwrap_err();
    assert!(
        error.to_string().ends_with("something else is there"),
        "{error}"
    );
}
