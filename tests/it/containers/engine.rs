//! The Docker engine, the images (built once a run), and the tests' turns.

use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use harness::root;

/// Seconds. Nothing that is asked of the engine takes longer, not even a build on a slow line.
const LIMIT: &str = "900";

static TURN: Mutex<u32> = Mutex::new(0);
static IMAGES: OnceLock<()> = OnceLock::new();

/// Waits for this test's turn, and for the images.
pub(crate) fn turn() -> MutexGuard<'static, u32> {
    let mut turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    IMAGES.get_or_init(build_images);
    *turn += 1;
    // They are not built for a test that runs alone.
    if *turn == 2 && std::env::var_os("IMAGE_TAG").is_none() {
        std::thread::spawn(build_examples);
    }
    turn
}

fn build_images() {
    told(&mut limited("scripts/containers.sh", &["build"]));
}

/// Builds the images of the documentation. Each takes a minute, and clusters mostly wait
/// meanwhile, so that the tests of these images, which come late, find them built. Those
/// tests also say when a build fails.
fn build_examples() {
    for name in ["nginx", "apache-sshd"] {
        let (tag, folder) = (format!("muster-test/{name}"), format!("docs/{name}"));
        try_docker(&["build", "-q", "-t", &tag, &folder]);
    }
}

/// One of our two images, of the release that is tested.
pub(crate) fn image(name: &str) -> String {
    let tag = std::env::var("IMAGE_TAG").unwrap_or_else(|_| "latest".to_owned());
    format!("muster/{name}:{tag}")
}

/// `program`, in the project's directory, ended when it takes too long.
pub(crate) fn limited(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new("timeout");
    command.arg(LIMIT).arg(program).args(arguments);
    command.current_dir(root());
    command
}

/// What docker prints.
pub(crate) fn docker(arguments: &[&str]) -> String {
    told(&mut limited("docker", arguments))
}

/// What docker prints; `None` when it fails.
pub(crate) fn try_docker(arguments: &[&str]) -> Option<String> {
    let output = run(&mut limited("docker", arguments));
    output.status.success().then(|| text(&output.stdout))
}

/// Everything a container has written so far.
pub(crate) fn container_log(container: &str) -> String {
    let output = run(&mut limited("docker", &["logs", container]));
    text(&output.stdout) + &text(&output.stderr)
}

/// What the command prints. If it fails, the test fails with everything that it said.
pub(crate) fn told(command: &mut Command) -> String {
    let output = run(command);
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        text(&output.stdout),
        text(&output.stderr)
    );
    text(&output.stdout)
}

fn run(command: &mut Command) -> Output {
    command
        .output()
        .unwrap_or_else(|error| panic!("run {command:?}: {error}"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end().to_owned()
}

/// A container outside of any project, which goes with the value.
pub(crate) struct Container(pub(crate) String);

impl Container {
    /// `docker run -d` with these arguments.
    pub(crate) fn run(arguments: &[&str]) -> Container {
        Container::made_by(&["run", "-d"], arguments)
    }

    /// `docker create` with these arguments.
    pub(crate) fn create(arguments: &[&str]) -> Container {
        Container::made_by(&["create"], arguments)
    }

    fn made_by(words: &[&str], arguments: &[&str]) -> Container {
        // By the name of a project it is known that this process has started it.
        let label = format!(
            "--label=com.docker.compose.project=muster-test-alone-{}-0",
            std::process::id()
        );
        Container(docker(&[words, &[&label], arguments].concat()))
    }

    pub(crate) fn exec(&self, arguments: &[&str]) -> Option<String> {
        try_docker(&[&["exec", &self.0], arguments].concat())
    }

    pub(crate) fn log(&self) -> String {
        container_log(&self.0)
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- the container's log\n{}", self.log());
        }
        let _ = run(&mut limited("docker", &["rm", "-f", "-v", &self.0]));
    }
}
