//! `with-contenv`, and what services see without it.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::world::{Container, Service, World, ours_alone, write_file};

const REASON: &str = "the container's environment is s6-overlay's, not s6's";

const WITH_CONTENV: &str = env!("CARGO_BIN_EXE_with-contenv");

/// A service that writes its environment to `log`, and a last line behind it.
fn shows_environment(shebang: &str) -> Service {
    let run = format!("#!{shebang}\nenv -0 >>../../env; echo done >>../../log; exec sleep 1000\n");
    Service::new("s", "").raw("run", &run, 0o755)
}

fn environment(world: &World) -> BTreeMap<String, String> {
    world.wait_lines(1);
    let text = std::fs::read_to_string(world.dir.path().join("env")).unwrap();
    let pairs = text.split('\0').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .collect()
}

#[test]
fn with_contenv_loses_nothing() {
    if ours_alone(REASON) {
        return;
    }
    let huge = "x".repeat(100_000);
    let given = [
        ("EMPTY", ""),
        ("HUGE", huge.as_str()),
        ("LINES", "a\nb\n\n"),
        ("QUOTES", "'\"$(x)`\\ "),
    ];
    let container = Container::with(&[shows_environment(&format!("{WITH_CONTENV} sh"))]);
    let world = given
        .iter()
        .fold(container, |container, (name, value)| {
            container.env(name, value)
        })
        .start(&[]);
    let seen = environment(&world);
    for (name, value) in given {
        assert!(
            seen.get(name).map(String::as_str) == Some(value),
            "{name} is {:?}",
            seen.get(name).map(String::len)
        );
    }
}

#[test]
fn two_words_in_a_first_line_are_two_words() {
    if ours_alone(REASON) {
        return;
    }
    let world = Container::with(&[shows_environment(&format!("{WITH_CONTENV} sh -e"))])
        .env("GIVEN", "1")
        .start(&[]);
    assert_eq!(environment(&world)["GIVEN"], "1");
}

#[test]
fn without_it_services_start_with_a_clean_environment() {
    if ours_alone(REASON) {
        return;
    }
    let world = Container::with(&[shows_environment("/bin/sh")])
        .env("GIVEN", "1")
        .start(&[]);
    let seen = environment(&world);
    assert!(
        !seen.contains_key("GIVEN") && seen.contains_key("PATH"),
        "{seen:?}"
    );
}

#[test]
fn services_keep_the_environment_where_that_is_asked_for() {
    if ours_alone(REASON) {
        return;
    }
    for shebang in ["/bin/sh", &format!("{WITH_CONTENV} sh")] {
        let container = Container::with(&[shows_environment(shebang)]);
        let world = container
            .env("GIVEN", "1")
            .env("S6_KEEP_ENV", "1")
            .start(&[]);
        assert_eq!(environment(&world)["GIVEN"], "1", "{shebang}");
    }
}

#[test]
fn a_script_can_add_a_variable_for_those_that_come_later() {
    if ours_alone(REASON) {
        return;
    }
    let container = Container::with(&[shows_environment(&format!("{WITH_CONTENV} sh"))]);
    let file = container.path("container_environment/ADDED");
    let adds = format!("printf %s later >{}", file.display());
    let world = container
        .script("etc/cont-init.d/adds", &adds, 0o755)
        .start(&[]);
    assert_eq!(environment(&world)["ADDED"], "later");
}

#[test]
fn other_users_of_the_machine_see_no_more_of_it_than_in_proc() {
    if ours_alone(REASON) {
        return;
    }
    let container = Container::with(&[shows_environment(&format!("{WITH_CONTENV} sh"))]);
    let folder = container.path("container_environment");
    let world = container.start(&[]);
    environment(&world);
    let mode = std::fs::metadata(folder).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn an_echo_adds_a_variable_without_its_line_feed() {
    if ours_alone(REASON) {
        return;
    }
    let container = Container::with(&[shows_environment(&format!("{WITH_CONTENV} sh"))]);
    let file = container.path("container_environment/ADDED");
    let adds = format!("echo later >{}", file.display());
    let world = container
        .script("etc/cont-init.d/adds", &adds, 0o755)
        .env("ENDS", "with one\n")
        .start(&[]);
    let seen = environment(&world);
    assert_eq!(seen["ADDED"], "later");
    assert_eq!(seen["ENDS"], "with one\n");
}

#[test]
fn its_own_failures_have_their_codes() {
    let dir = harness::scratch();
    let env = dir.path().join("container_environment");
    std::fs::create_dir(&env).unwrap();
    let service = dir.path().join("scan/s");
    std::fs::create_dir_all(&service).unwrap();
    let code = |words: &[&str]| {
        let mut command = Command::new(WITH_CONTENV);
        command
            .args(words)
            .current_dir(&service)
            .process_group(0)
            .output()
            .unwrap()
            .status
            .code()
    };
    assert_eq!(code(&["sh", "-c", "exit 5"]), Some(5));
    assert_eq!(code(&["/no/such/program"]), Some(127));
    assert_eq!(code(&[dir.path().to_str().unwrap()]), Some(126));
    assert_eq!(code(&[]), Some(100));
}

/// The exit code and the message of `with-contenv` in a service directory whose container has this PATH.
fn refused(search: &str, words: &[&str]) -> (Option<i32>, String) {
    let dir = harness::scratch();
    let env = dir.path().join("container_environment");
    write_file(&env.join("PATH"), search, 0o644);
    let service = dir.path().join("scan/s");
    std::fs::create_dir_all(&service).unwrap();
    let output = Command::new(WITH_CONTENV)
        .args(words)
        .current_dir(&service)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    (output.status.code(), said)
}

#[test]
fn a_program_that_cannot_run_is_told_in_words() {
    let dir = harness::scratch();
    let bin = dir.path().to_str().unwrap();
    write_file(&dir.path().join("broken"), "#!/no/such/sh\n", 0o755);
    let missing = "its interpreter /no/such/sh is missing";
    for (name, why) in [
        ("nosuchprogram", "not found on the PATH"),
        ("/no/such/program", "there is no such file"),
        ("broken", missing),
        (&format!("{bin}/broken"), missing),
    ] {
        let said = format!("with-contenv: run {name}: {why}\n");
        assert_eq!(refused(bin, &[name]), (Some(127), said));
    }
}

#[test]
fn an_unknown_option_is_wrong_use_wherever_it_stands_first() {
    // That no environment can be read there must not hide the wrong use.
    let nowhere = Command::new(WITH_CONTENV)
        .arg("--bogus")
        .current_dir("/")
        .output()
        .unwrap();
    assert_eq!(nowhere.status.code(), Some(100));
    let (code, said) = refused("/usr/bin:/bin", &["--bogus", "sh"]);
    assert_eq!(code, Some(100), "{said}");
    assert!(said.contains("unexpected argument '--bogus'"), "{said}");
    let its_own = ["sh", "-c", "exit 6", "--bogus"];
    assert_eq!(refused("/usr/bin:/bin", &its_own).0, Some(6));
    let behind = refused("/usr/bin:/bin", &["--", "--bogus"]);
    assert_eq!(behind.0, Some(127), "{}", behind.1);
}
