//! A real browser: headless Chromium, told what to do over its DevTools protocol.
//!
//! A machine that has none says so, and the test passes: `cargo xtask test` installs it where it may.

use photofinish_testkit::{Wheel, wait_for};
use serde_json::{Value, json};
use std::io::Write;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tungstenite::{Message, WebSocket};

const LONG: Duration = Duration::from_secs(60);

/// What judges whether a page can be used by everybody: axe-core, as a wheel brings it.
const AXE: Wheel<'_> = Wheel {
    name: "axe-playwright-python",
    version: "0.1.8",
    sha256: &["fdd263c998388f1a8e67cad02677e612d946248bd44d163be5e8650ea31f95f8"],
};

/// One page in a browser of its own.
pub(crate) struct Browser {
    child: Child,
    socket: WebSocket<TcpStream>,
    session: String,
    last_id: u64,
    events: Vec<Value>,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts one; `None` on a machine without.
    pub(crate) fn start() -> Option<Browser> {
        let program = find()?;
        let profile = tempfile::tempdir().unwrap();
        let child = Command::new(program)
            .args([
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--hide-scrollbars",
                "--remote-debugging-port=0",
            ])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let place = profile.path().join("DevToolsActivePort");
        let (port, path) = wait_for(LONG, "the browser to listen", || {
            let text = std::fs::read_to_string(&place).ok()?;
            let (port, path) = text.split_once('\n')?;
            (!path.is_empty()).then(|| (port.to_owned(), path.trim().to_owned()))
        });
        let stream = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        let url = format!("ws://127.0.0.1:{port}{path}");
        let config = tungstenite::protocol::WebSocketConfig::default();
        let config = config.max_message_size(None).max_frame_size(None);
        let (socket, _) =
            tungstenite::client::client_with_config(url, stream, Some(config)).unwrap();
        let mut browser = Browser {
            child,
            socket,
            session: String::new(),
            last_id: 0,
            events: Vec::new(),
            _profile: profile,
        };
        let target = browser.call("Target.createTarget", json!({"url": "about:blank"}));
        let attached = browser.call(
            "Target.attachToTarget",
            json!({"targetId": target["targetId"], "flatten": true}),
        );
        browser.session = attached["sessionId"].as_str().unwrap().to_owned();
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), json!({}));
        }
        browser.size(1280, 900, false);
        Some(browser)
    }

    /// A window so large, bright or dark.
    pub(crate) fn size(&mut self, width: u32, height: u32, dark: bool) {
        let phone = width < 600;
        self.call(
            "Emulation.setDeviceMetricsOverride",
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone}),
        );
        let scheme = if dark { "dark" } else { "light" };
        self.call(
            "Emulation.setEmulatedMedia",
            json!({"features": [
                {"name": "prefers-color-scheme", "value": scheme},
                {"name": "prefers-reduced-motion", "value": "reduce"},
            ]}),
        );
    }

    /// Opens an address and waits until it is there.
    pub(crate) fn open(&mut self, url: &str) {
        self.call("Page.navigate", json!({"url": url}));
        self.wait_for("document.readyState === 'complete' && location.href !== 'about:blank'");
    }

    /// Forgets all cookies, as when they have run out.
    pub(crate) fn forget_cookies(&mut self) {
        self.call("Network.clearBrowserCookies", json!({}));
    }

    /// What an expression of the page is.
    pub(crate) fn value(&mut self, expression: &str) -> Value {
        let parameters =
            json!({"expression": expression, "returnByValue": true, "awaitPromise": true});
        let result = self.call("Runtime.evaluate", parameters);
        assert!(result.get("exceptionDetails").is_none(), "{expression}: {result}");
        result["result"]["value"].clone()
    }

    pub(crate) fn text(&mut self, selector: &str) -> String {
        let selector = json!(selector);
        let value = self.value(&format!("document.querySelector({selector})?.innerText ?? ''"));
        value.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until an expression is true, across pages.
    pub(crate) fn wait_for(&mut self, expression: &str) {
        let start = Instant::now();
        loop {
            let parameters = json!({"expression": expression, "returnByValue": true});
            // Between two pages there is nothing to ask.
            let result = self.try_call("Runtime.evaluate", &parameters);
            if result.is_ok_and(|result| result["result"]["value"] == json!(true)) {
                return;
            }
            assert!(start.elapsed() < LONG, "waited in vain: {expression}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Does something that leads to another page, and waits for that to be there.
    pub(crate) fn and_arrive(&mut self, what: impl FnOnce(&mut Browser)) {
        self.value("window.wasHere = true");
        what(self);
        self.wait_for("!window.wasHere && document.readyState === 'complete'");
    }

    pub(crate) fn click(&mut self, selector: &str) {
        let selector = json!(selector);
        self.value(&format!("document.querySelector({selector}).click()"));
    }

    /// A key: a letter, or `Tab`, `Enter`, `Escape`.
    pub(crate) fn press(&mut self, key: &str) {
        let (code, text) = match key {
            "Tab" => (9, ""),
            "Enter" => (13, "\r"),
            "Space" => (32, " "),
            letter => (letter.to_ascii_uppercase().bytes().next().map_or(0, i32::from), letter),
        };
        let key = if key == "Space" { " " } else { key };
        for kind in ["keyDown", "keyUp"] {
            let mut event = json!({"type": kind, "key": key, "windowsVirtualKeyCode": code});
            if kind == "keyDown" && !text.is_empty() {
                event["text"] = json!(text);
            }
            self.call("Input.dispatchKeyEvent", event);
        }
    }

    /// Types where the focus is.
    pub(crate) fn type_text(&mut self, text: &str) {
        self.call("Input.insertText", json!({"text": text}));
    }

    /// Goes on with Tab until `expression` holds of the focused element `e`.
    pub(crate) fn tab_to(&mut self, expression: &str) {
        for _ in 0..200 {
            self.press("Tab");
            let found = format!("((e) => Boolean({expression}))(document.activeElement)");
            if self.value(&found) == json!(true) {
                return;
            }
        }
        panic!("no Tab leads to {expression}");
    }

    /// The whole page as a picture, where `PHOTOFINISH_SCREENSHOTS` names a folder for some.
    pub(crate) fn screenshot(&mut self, name: &str) {
        let Some(folder) = std::env::var_os("PHOTOFINISH_SCREENSHOTS") else { return };
        let picture = self.call("Page.captureScreenshot", json!({"captureBeyondViewport": true}));
        let path = Path::new(&folder).join(format!("{name}.b64"));
        std::fs::write(path, picture["data"].as_str().unwrap()).unwrap();
    }

    /// What axe-core has against the page, a line each.
    pub(crate) fn violations(&mut self) -> Vec<String> {
        let script = axe();
        self.value(&format!("{script}; true"));
        let found = self.value(
            "axe.run().then((result) => result.violations.flatMap((violation) =>
                violation.nodes.map((node) =>
                    `${violation.id}: ${node.html} ${node.failureSummary}`)))",
        );
        let lines = found.as_array().unwrap().iter();
        lines.map(|line| line.as_str().unwrap().to_owned()).collect()
    }

    /// What the console says that it should not, and what was loaded from elsewhere.
    pub(crate) fn complaints(&mut self, own: &str) -> Vec<String> {
        self.value("1");
        let mut complaints = Vec::new();
        for event in std::mem::take(&mut self.events) {
            let parameters = &event["params"];
            match event["method"].as_str().unwrap_or_default() {
                "Runtime.exceptionThrown" => complaints.push(parameters.to_string()),
                "Runtime.consoleAPICalled"
                    if matches!(
                        parameters["type"].as_str(),
                        Some("error" | "warning" | "assert")
                    ) =>
                {
                    complaints.push(parameters["args"].to_string());
                }
                "Log.entryAdded" if parameters["entry"]["level"] == "error" => {
                    complaints.push(parameters["entry"].to_string());
                }
                "Network.requestWillBeSent" => {
                    let url = parameters["request"]["url"].as_str().unwrap_or_default();
                    // `data:` is no journey: it is how the browser draws its own controls.
                    if !url.starts_with(own) && !url.starts_with("data:") {
                        complaints.push(format!("asked for {url}"));
                    }
                }
                _ => {}
            }
        }
        complaints
    }

    fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.try_call(method, &parameters)
            .unwrap_or_else(|error| panic!("{method} {parameters}: {error}"))
    }

    fn try_call(&mut self, method: &str, parameters: &Value) -> Result<Value, String> {
        self.last_id += 1;
        let id = self.last_id;
        let mut message = json!({"id": id, "method": method, "params": parameters});
        if !self.session.is_empty() {
            message["sessionId"] = json!(self.session);
        }
        self.socket.send(Message::text(message.to_string())).unwrap();
        loop {
            let Message::Text(text) = self.socket.read().unwrap() else { continue };
            let answer: Value = serde_json::from_str(&text).unwrap();
            if answer["id"] == json!(id) {
                return match answer.get("error") {
                    Some(error) => Err(error.to_string()),
                    None => Ok(answer["result"].clone()),
                };
            }
            self.events.push(answer);
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It ends its own processes when asked; a second way should it not.
        let message = json!({"id": 0, "method": "Browser.close"});
        let _ = self.socket.send(Message::text(message.to_string()));
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(5) {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
    let found = std::env::split_paths(&path)
        .flat_map(|folder| names.map(|name| folder.join(name)))
        .find(|program| program.is_file());
    if found.is_none() {
        let text = "skipped: this machine has no Chromium (on Debian: apt-get install chromium)";
        let _ = writeln!(std::io::stderr(), "{text}");
    }
    found
}

/// The text of axe-core, fetched once.
fn axe() -> String {
    let folder = AXE.kept().unwrap();
    std::fs::read_to_string(folder.join("axe_playwright_python/axe.min.js")).unwrap()
}
