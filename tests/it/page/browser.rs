//! A browser without a screen: Chromium, driven through chromedriver.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use harness::http::{Connection, Request};
use harness::{Owned, Scratch, require, wait_for};
use serde_json::{Value, json};

/// Far above what a busy machine needs to start a browser, or to draw a page.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// Nothing but addresses of this machine can be reached, no disk and no memory of others is
/// used, and nobody is asked for anything.
const OPTIONS: [&str; 10] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.*",
];

/// What sees to it that the page's own account of itself is kept from its first moment on.
const RECORDER: &str = include_str!("recorder.js");

/// A browser, which ends with the value.
pub(super) struct Browser {
    driver: SocketAddr,
    session: String,
    // Before its folder, which takes with it whatever has left the family.
    _chromedriver: Owned,
    folder: Scratch,
}

/// How a page is looked at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) dark: bool,
}

impl Look {
    /// A wide window by day.
    pub(super) const WIDE: Self = Self {
        width: 1240,
        height: 900,
        dark: false,
    };

    /// By day and by night, on a desk and on a telephone.
    pub(super) const ALL: [Self; 4] = [
        Self::WIDE,
        Self {
            dark: true,
            ..Self::WIDE
        },
        Self::narrow(false),
        Self::narrow(true),
    ];

    const fn narrow(dark: bool) -> Self {
        Self {
            width: 390,
            height: 844,
            dark,
        }
    }

    /// What a picture is called after.
    pub(super) fn name(self) -> String {
        let light = if self.dark { "dark" } else { "light" };
        format!("{}-{light}", self.width)
    }
}

impl Browser {
    /// Starts one, whose windows are as `look` says.
    pub(super) fn open(look: Look) -> Self {
        let folder = harness::scratch();
        let (chromedriver, driver) = start(folder.path());
        let mut options = OPTIONS.map(str::to_owned).to_vec();
        options.push(format!(
            "--user-data-dir={}",
            folder.path().join("profile").display()
        ));
        let session = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": { "binary": require("chromium"), "args": options },
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
        } } });
        let begun = ask(driver, "POST", "/session", &session);
        let browser = Self {
            driver,
            session: begun["sessionId"].as_str().unwrap().to_owned(),
            _chromedriver: chromedriver,
            folder,
        };
        browser.look(look);
        browser.devtools(
            "Page.addScriptToEvaluateOnNewDocument",
            &json!({ "source": RECORDER }),
        );
        browser
    }

    fn tell(&self, method: &str, path: &str, what: &Value) -> Value {
        ask(
            self.driver,
            method,
            &format!("/session/{}/{path}", self.session),
            what,
        )
    }

    /// A command of the browser's own tools.
    pub(super) fn devtools(&self, command: &str, parameters: &Value) -> Value {
        let what = json!({ "cmd": command, "params": parameters });
        self.tell("POST", "goog/cdp/execute", &what)
    }

    /// From now on the window is as `look` says.
    pub(super) fn look(&self, look: Look) {
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            &json!({ "width": look.width, "height": look.height, "deviceScaleFactor": 1, "mobile": false }),
        );
        let light = if look.dark { "dark" } else { "light" };
        self.prefer(&[("prefers-color-scheme", light)]);
    }

    /// What the person prefers, as style sheets are told it.
    pub(super) fn prefer(&self, features: &[(&str, &str)]) {
        let features = features
            .iter()
            .map(|(name, value)| json!({ "name": name, "value": value }));
        let features: Vec<Value> = features.collect();
        self.devtools(
            "Emulation.setEmulatedMedia",
            &json!({ "features": features }),
        );
    }

    /// Whether pages may run scripts. It counts from the next page on.
    pub(super) fn allow_scripts(&self, allowed: bool) {
        self.devtools(
            "Emulation.setScriptExecutionDisabled",
            &json!({ "value": !allowed }),
        );
    }

    /// Opens a page, and returns at its load event.
    pub(super) fn go(&self, address: &str) {
        self.tell("POST", "url", &json!({ "url": address }));
    }

    /// What a script returns in the page.
    pub(super) fn run(&self, script: &str) -> Value {
        self.tell(
            "POST",
            "execute/sync",
            &json!({ "script": script, "args": [] }),
        )
    }

    /// What an expression is in the page, as text; empty where it is nothing.
    pub(super) fn text(&self, expression: &str) -> String {
        let value = self.run(&format!("return {expression}"));
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    }

    /// Waits until an expression is true in the page.
    #[track_caller]
    pub(super) fn wait_until(&self, what: &str, deadline: Duration, expression: &str) {
        let script = format!("return Boolean({expression})");
        wait_for(what, deadline, || (self.run(&script) == true).then_some(()));
    }

    /// The lines of a log, `browser` or `performance`, since the last call.
    pub(super) fn log(&self, which: &str) -> Vec<Value> {
        let lines = self.tell("POST", "se/log", &json!({ "type": which }));
        lines.as_array().cloned().unwrap_or_default()
    }

    /// What was asked for over the network since the last call.
    pub(super) fn asked(&self) -> Vec<String> {
        let lines = self.log("performance");
        let asked = lines.iter().filter_map(|line| {
            let line: Value = serde_json::from_str(line["message"].as_str()?).ok()?;
            let message = &line["message"];
            let is_asked = message["method"] == "Network.requestWillBeSent";
            let url = message["params"]["request"]["url"].as_str()?;
            // The empty page of a new tab is the browser's own.
            let is_own = ["chrome:", "data:", "about:"]
                .iter()
                .any(|own| url.starts_with(own));
            (is_asked && !is_own).then(|| url.to_owned())
        });
        asked.collect()
    }

    /// The tab in which it is.
    pub(super) fn handle(&self) -> String {
        let handle = self.tell("GET", "window", &Value::Null);
        handle.as_str().unwrap().to_owned()
    }

    /// Opens another tab and goes on in it.
    pub(super) fn tab(&self) -> String {
        let opened = self.tell("POST", "window/new", &json!({ "type": "tab" }));
        let handle = opened["handle"].as_str().unwrap().to_owned();
        self.go_on_in(&handle);
        handle
    }

    /// Goes on in that tab, which is shown: the others are hidden.
    pub(super) fn go_on_in(&self, handle: &str) {
        self.tell("POST", "window", &json!({ "handle": handle }));
    }

    /// Takes a picture of the whole page, and says where it is.
    pub(super) fn picture(&self, name: &str) -> PathBuf {
        self.picture_down_to(name, "html")
    }

    /// Takes a picture of the page from its top to the lower edge of that part.
    pub(super) fn picture_down_to(&self, name: &str, part: &str) -> PathBuf {
        let whole = self.run(&format!(
            "const low = document.querySelector('{part}').getBoundingClientRect().bottom + scrollY;
             return [document.documentElement.clientWidth, Math.min(Math.ceil(low), 8000)]"
        ));
        let taken = self.devtools(
            "Page.captureScreenshot",
            &json!({ "captureBeyondViewport": true, "clip":
                { "x": 0, "y": 0, "width": whole[0], "height": whole[1], "scale": 1 } }),
        );
        let kept = std::env::var_os("MUSTER_PICTURES").map(PathBuf::from);
        let folder = kept.unwrap_or_else(|| self.folder.path().to_owned());
        let path = folder.join(format!("{name}.png"));
        let bytes = decoded(taken["data"].as_str().unwrap());
        files::replace(&path, &bytes, files::Durability::Unsynced).unwrap();
        path
    }
}

/// Starts chromedriver, and asks it where it listens.
fn start(folder: &Path) -> (Owned, SocketAddr) {
    let said = folder.join("chromedriver");
    let output = fs::File::create(&said).unwrap();
    let mut command = Command::new(require("chromedriver"));
    // All that it starts is known by the folder, and ends with it.
    command
        .arg("--port=0")
        .current_dir(folder)
        .envs([("HOME", folder), ("TMPDIR", folder)])
        .stderr(Stdio::null())
        .stdout(output);
    let owned = Owned::start(&mut command).unwrap();
    let port = wait_for("chromedriver to say where it listens", PATIENCE, || {
        let said = fs::read_to_string(&said).ok()?;
        let (_, port) = said.split_once("successfully on port ")?;
        let (port, _) = port.split_once('.')?;
        port.parse::<u16>().ok()
    });
    (owned, (Ipv4Addr::LOCALHOST, port).into())
}

/// Asks chromedriver, and returns the value of its answer.
#[track_caller]
fn ask(driver: SocketAddr, method: &str, path: &str, what: &Value) -> Value {
    let deadline = Instant::now() + PATIENCE;
    let body = if what.is_null() {
        String::new()
    } else {
        what.to_string()
    };
    let request = Request {
        method,
        path,
        headers: "Content-Type: application/json\r\nConnection: close\r\n",
        body: &body,
    };
    let answer = Connection::open(driver, deadline)
        .and_then(|mut connection| connection.ask(&request, deadline))
        .unwrap_or_else(|failure| panic!("{method} {path}: {failure}"));
    let mut value: Value = serde_json::from_slice(&answer.body).unwrap();
    let told = &value["value"]["message"];
    assert_eq!(answer.status, 200, "{method} {path} {body}: {told}");
    value["value"].take()
}

/// The bytes that base64 stands for.
fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut held) = (0_u32, 0);
    for letter in text.bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => break,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held).unwrap());
            bits &= (1 << held) - 1;
        }
    }
    bytes
}
