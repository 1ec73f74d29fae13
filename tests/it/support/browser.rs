//! A real browser without a window: Chromium over the Chrome DevTools Protocol, on a pair of pipes.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;
use tempfile::TempDir;

/// Names of the program in distributions.
const PROGRAMS: [&str; 2] = ["chromium", "google-chrome"];

/// How long the browser may take for one answer.
const TIMEOUT: Duration = Duration::from_secs(120);

/// It reads commands from descriptor 3 and writes to descriptor 4, each message ending in NUL (`--remote-debugging-pipe`).
const START: &str = r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null 2>&1"#;

/// Its sandbox needs rights that CI machines lack, and the pages are the test's own. It looks up no name.
const OPTIONS: [&str; 12] = [
    "--headless",
    "--remote-debugging-pipe",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--force-color-profile=srgb",
    "--host-resolver-rules=MAP * ~NOTFOUND",
];

/// A browser with one page. It ends when it is dropped.
pub struct Browser {
    child: Child,
    commands: Option<ChildStdin>,
    messages: Receiver<Value>,
    last_id: u64,
    session: String,
    complaints: Vec<String>,
    _profile: TempDir,
}

impl Browser {
    pub fn start() -> Self {
        let profile = TempDir::with_prefix("oomlab-browser-").expect("a folder");
        let program = PROGRAMS.into_iter().find(|program| is_on_path(program));
        let program = program.expect("no chromium: `make test` installs it, or `apt install chromium`");
        let mut child = Command::new("sh")
            .args(["-c", START, program])
            .args(OPTIONS)
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .env("HOME", profile.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .expect("a shell");
        let (commands, output) = (child.stdin.take(), child.stdout.take().expect("a pipe"));
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            for message in BufReader::new(output).split(0).map_while(Result::ok) {
                let message = serde_json::from_slice(&message).expect("JSON of the browser");
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        let mut browser = Self {
            child,
            commands,
            messages,
            last_id: 0,
            session: String::new(),
            complaints: Vec::new(),
            _profile: profile,
        };
        let target = browser.call("Target.createTarget", json!({"url": "about:blank"}));
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let attached = browser.call("Target.attachToTarget", attach);
        browser.session = attached["sessionId"].as_str().expect("a session").to_owned();
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        browser.resize(1280, 900);
        browser
    }

    /// Opens a file; `suffix` follows its URL.
    pub fn open(&mut self, file: &Path, suffix: &str) {
        // Two URLs that differ in the fragment alone are one document.
        for url in ["about:blank".to_owned(), format!("file://{}{suffix}", file.display())] {
            self.call("Page.navigate", json!({"url": url}));
            self.wait_for("Page.loadEventFired");
        }
    }

    /// The value of an expression, a promise' when it has one.
    pub fn eval(&mut self, expression: &str) -> Value {
        let params = json!({
            "expression": expression, "returnByValue": true, "awaitPromise": true, "userGesture": true,
        });
        let mut answer = self.call("Runtime.evaluate", params);
        assert_eq!(answer.get("exceptionDetails"), None, "{expression}");
        answer["result"]["value"].take()
    }

    /// Presses a key and releases it.
    pub fn press(&mut self, key: &str) {
        let text = if key.chars().count() == 1 { key } else { "" };
        self.call("Input.dispatchKeyEvent", json!({"type": "keyDown", "key": key, "text": text}));
        self.call("Input.dispatchKeyEvent", json!({"type": "keyUp", "key": key}));
    }

    pub fn resize(&mut self, width: u32, height: u32) {
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", metrics);
    }

    /// `media` is `screen` or `print`, `scheme` is `light` or `dark`.
    pub fn media(&mut self, media: &str, scheme: &str) {
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.call("Emulation.setEmulatedMedia", json!({"media": media, "features": features}));
    }

    /// Writes a picture of the whole page as PNG.
    pub fn screenshot(&mut self, file: &Path) {
        use base64ct::{Base64, Encoding};
        // What is outside of the window may not be laid out.
        let size = self.eval("[innerWidth, document.documentElement.scrollHeight]");
        let [width, height] = [0, 1].map(|index| size[index].as_u64().and_then(|px| u32::try_from(px).ok()));
        self.resize(width.expect("a width"), height.expect("a height"));
        let shot = self.call("Page.captureScreenshot", json!({}));
        let png = Base64::decode_vec(shot["data"].as_str().expect("a picture")).expect("base64");
        std::fs::write(file, png).expect("a file");
    }

    /// Violations of the page's policy, exceptions, messages of scripts, dialogs, and loads of anything but the page.
    pub fn complaints(&mut self) -> Vec<String> {
        // What happened before this answer has been reported before it.
        self.eval("0");
        std::mem::take(&mut self.complaints)
    }

    fn call(&mut self, method: &str, params: Value) -> Value {
        self.last_id += 1;
        let mut message = json!({"id": self.last_id, "method": method, "params": params});
        if !self.session.is_empty() {
            message["sessionId"] = self.session.as_str().into();
        }
        let pipe = self.commands.as_mut().expect("a pipe");
        pipe.write_all(format!("{message}\0").as_bytes()).expect("the browser reads");
        loop {
            let mut message = self.receive(method);
            if message["id"] == self.last_id {
                assert_eq!(message.get("error"), None, "{method}");
                return message["result"].take();
            }
        }
    }

    fn wait_for(&mut self, event: &str) {
        while self.receive(event)["method"] != event {}
    }

    fn receive(&mut self, what_for: &str) -> Value {
        let message = self.messages.recv_timeout(TIMEOUT).unwrap_or_else(|error| panic!("{what_for}: {error}"));
        self.note(&message);
        message
    }

    fn note(&mut self, message: &Value) {
        let params = &message["params"];
        let is_load = |url: &str| url.starts_with("file:") || url == "about:blank";
        match message["method"].as_str() {
            Some("Log.entryAdded") => self.complaints.push(params["entry"]["text"].to_string()),
            Some("Runtime.exceptionThrown") => self.complaints.push(params["exceptionDetails"].to_string()),
            Some("Runtime.consoleAPICalled") => self.complaints.push(params["args"].to_string()),
            Some("Page.javascriptDialogOpening") => self.complaints.push(params["message"].to_string()),
            Some("Network.requestWillBeSent")
                if params["type"] != "Document" || !params["request"]["url"].as_str().is_some_and(is_load) =>
            {
                self.complaints.push(params["request"]["url"].to_string());
            }
            _ => {}
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        drop(self.commands.take());
        // It has processes of its own; those that have ended already are no failure.
        if let Some(group) = rustix::process::Pid::from_raw(self.child.id().cast_signed()) {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

fn is_on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
