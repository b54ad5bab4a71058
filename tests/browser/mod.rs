//! A browser to look at pages with: headless Chromium, driven through `chromedriver` by the
//! WebDriver protocol over plain HTTP on the loopback.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

/// Keys that have no character of their own (WebDriver, 17.4.2).
pub(crate) mod key {
    pub(crate) const ESCAPE: &str = "\u{e00c}";
    pub(crate) const ENTER: &str = "\u{e007}";
    pub(crate) const TAB: &str = "\u{e004}";
    pub(crate) const END: &str = "\u{e010}";
    pub(crate) const HOME: &str = "\u{e011}";
    pub(crate) const LEFT: &str = "\u{e012}";
    pub(crate) const UP: &str = "\u{e013}";
    pub(crate) const RIGHT: &str = "\u{e014}";
    pub(crate) const DOWN: &str = "\u{e015}";
}

/// How Chromium starts: without a screen, a profile of the past, or any word to the network.
const FLAGS: [&str; 9] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,800",
];

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A browser with one window. Ends with its value.
pub(crate) struct Browser {
    driver: Child,
    port: u16,
    session: String,
    _profile: TempDir,
}

impl Browser {
    /// Starts it.
    ///
    /// # Errors
    /// Why there is none: `chromedriver` or Chromium are not installed, or do not start.
    pub(crate) fn start() -> Result<Browser, String> {
        let profile = tempfile::tempdir().map_err(|e| e.to_string())?;
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| format!("chromedriver does not start: {e}"))?;
        let port = port(&mut driver);
        let mut browser =
            Browser { driver, port: port.unwrap_or_default(), session: String::new(), _profile: profile };
        port.ok_or("chromedriver does not tell its port")?;
        let mut args: Vec<String> = FLAGS.map(String::from).to_vec();
        args.push(format!("--user-data-dir={}", browser._profile.path().display()));
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": { "args": args },
            "goog:loggingPrefs": { "browser": "ALL" },
        } } });
        let session = browser.ask("POST", "/session", &wanted)?;
        browser.session = session["sessionId"].as_str().ok_or("no session")?.to_owned();
        Ok(browser)
    }

    /// Loads a file.
    pub(crate) fn open(&self, page: &Path) {
        self.post("/url", &json!({ "url": format!("file://{}", page.display()) }));
    }
    /// What a function body returns.
    pub(crate) fn run(&self, script: &str) -> Value {
        self.post("/execute/sync", &json!({ "script": script, "args": [] }))
    }
    /// Presses and lets go a key; `held` is down meanwhile.
    pub(crate) fn press(&self, key: &str) {
        self.act(&json!([{ "type": "key", "id": "keys", "actions": [
            { "type": "keyDown", "value": key }, { "type": "keyUp", "value": key },
        ] }]));
    }
    /// Types text, a key after the other.
    pub(crate) fn type_text(&self, text: &str) {
        text.chars().for_each(|c| self.press(&c.to_string()));
    }
    /// Moves the mouse over the first element that the selector finds.
    pub(crate) fn point(&self, selector: &str) {
        self.mouse(selector, &[]);
    }
    /// Clicks it.
    pub(crate) fn click(&self, selector: &str) {
        self.mouse(
            selector,
            &[json!({ "type": "pointerDown", "button": 0 }), json!({ "type": "pointerUp", "button": 0 })],
        );
    }
    fn mouse(&self, selector: &str, then: &[Value]) {
        let element = self.post("/element", &json!({ "using": "css selector", "value": selector }));
        let mut actions = vec![json!({ "type": "pointerMove", "origin": element, "x": 0, "y": 0 })];
        actions.extend_from_slice(then);
        self.act(&json!([{ "type": "pointer", "id": "mouse", "actions": actions }]));
    }
    fn act(&self, actions: &Value) {
        self.post("/actions", &json!({ "actions": actions }));
    }
    /// Prefers a scheme of colours: `light` or `dark`.
    pub(crate) fn prefer(&self, scheme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.devtools("Emulation.setEmulatedMedia", &json!({ "features": features }));
    }
    /// Gives the page a size.
    pub(crate) fn resize(&self, width: u32, height: u32) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", &size);
    }
    /// What the page wrote to its console, errors of all kinds included.
    pub(crate) fn console(&self) -> Vec<String> {
        let log = self.post("/se/log", &json!({ "type": "browser" }));
        log.as_array().into_iter().flatten().map(Value::to_string).collect()
    }
    fn devtools(&self, command: &str, params: &Value) {
        self.post("/goog/cdp/execute", &json!({ "cmd": command, "params": params }));
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.ask("POST", &format!("/session/{}{path}", self.session), body)
            .unwrap_or_else(|e| panic!("{path}: {e}"))
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        let (status, body) = self.exchange(method, path, &body.to_string()).map_err(|e| e.to_string())?;
        let answer: Value = serde_json::from_str(&body).map_err(|e| format!("{e}: {body}"))?;
        match status {
            200 => Ok(answer["value"].clone()),
            _ => Err(answer["value"]["message"].as_str().unwrap_or(&body).to_owned()),
        }
    }

    /// One question and its answer, a connection each.
    fn exchange(&self, method: &str, path: &str, body: &str) -> std::io::Result<(u16, String)> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.port,
            body.len(),
        )?;
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or_default();
        let mut length = 0;
        loop {
            line.clear();
            if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().unwrap_or_default();
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() {
            // ends Chromium; chromedriver is ended by hand
            let _ = self.ask("DELETE", &format!("/session/{}", self.session), &json!({}));
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// The port that `chromedriver` has chosen, from what it prints.
fn port(driver: &mut Child) -> Option<u16> {
    let (started, mut lines) = (Instant::now(), BufReader::new(driver.stdout.take()?).lines());
    while started.elapsed() < PATIENCE {
        let line = lines.next()?.ok()?;
        if let Some((_, port)) = line.split_once("started successfully on port ") {
            // what it prints later must find a reader
            std::thread::spawn(move || lines.for_each(drop));
            return port.trim_end_matches('.').parse().ok();
        }
    }
    None
}
