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

/// A `ConfigMap` as the kubelet mounts it: what people see are links to a hidden directory, which is exchanged whole.
fn mount(at: &Path, files: &[(&str, &str)]) {
    const HIDDEN: &str = "..2026_11_29_18_00_00.123456789";
    fs::create_dir_all(at.join(HIDDEN)).unwrap();
    symlink(HIDDEN, at.join("..data")).unwrap();
    for (path, content) in files {
        let file = at.join(HIDDEN).join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, content).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        let seen = Path::new(path).iter().next().unwrap();
        if fs::symlink_metadata(at.join(seen)).is_err() {
            symlink(Path::new("..data").join(seen), at.join(seen)).unwrap();
        }
    }
}

const RUN: &str = "#!/bin/sh\nexec sleep 1000\n";

#[test]
fn a_service_that_is_mounted_as_a_configmap_can_be_executed() {
    let image = Image::with(&[]);
    let service = image.from().join("web");
    let files = [("run", RUN), ("finish", ""), ("notification-fd", "3")];
    mount(&service, &files);
    image.copy();
    assert_eq!(image.mode("web/run"), 0o755);
    assert_eq!(image.mode("web/finish"), 0o755);
    assert_eq!(image.mode("web/notification-fd"), 0o644);
    assert_eq!(fs::read_to_string(image.to("web/run")).unwrap(), RUN);
    let source = fs::metadata(service.join("run")).unwrap();
    assert_eq!(source.permissions().mode() & 0o111, 0, "it is not ours");
    assert_eq!(image.copy(), ["web"], "again, as after a restart");
}

#[test]
fn services_that_are_mounted_together_as_one_configmap_are_copied() {
    let image = Image::with(&[]);
    let files = [
        ("web/run", RUN),
        ("web/log/run", RUN),
        ("web/dependencies.d/db", ""),
        ("db/run", RUN),
    ];
    mount(&image.from(), &files);
    assert_eq!(image.copy(), ["db", "web"]);
    for program in ["web/run", "web/log/run", "db/run"] {
        assert_eq!(image.mode(program), 0o755, "{program}");
    }
    assert!(image.to("web/dependencies.d/db").is_file());
}

#[test]
fn a_link_out_of_the_service_leads_to_the_same_file_as_before() {
    let image = Image::with(&[("web/data/x", ""), ("web/finish", ""), ("db/run", RUN)]);
    let common = image.dir.path().join("common");
    fs::create_dir(&common).unwrap();
    fs::write(common.join("conf"), "here").unwrap();
    fs::write(common.join("run"), RUN).unwrap();
    let links = [
        ("../../common/conf", "web/conf"),
        ("../../common/run", "web/run"),
        ("../../../common", "web/data/all"),
        ("../db/run", "web/other"),
        ("/nonexistent", "web/nowhere"),
    ];
    for (target, link) in links {
        symlink(target, image.from().join(link)).unwrap();
    }
    image.copy();
    assert_eq!(fs::read_to_string(image.to("web/conf")).unwrap(), "here");
    assert_eq!(
        fs::read_link(image.to("web/conf")).unwrap(),
        common.join("conf")
    );
    assert!(image.to("web/data/all/conf").exists());
    assert_eq!(image.mode("web/run"), 0o755);
    assert_eq!(
        fs::read_link(image.to("web/other")).unwrap(),
        Path::new("../db/run")
    );
    assert_eq!(
        fs::read_link(image.to("web/nowhere")).unwrap(),
        Path::new("/nonexistent")
    );
}

#[test]
fn a_program_that_can_be_executed_stays_a_link() {
    let image = Image::with(&[("web/program", RUN), ("web/finish", "")]);
    fs::set_permissions(
        image.from().join("web/program"),
        Permissions::from_mode(0o755),
    )
    .unwrap();
    symlink("program", image.from().join("web/run")).unwrap();
    image.copy();
    assert_eq!(
        fs::read_link(image.to("web/run")).unwrap(),
        Path::new("program")
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
