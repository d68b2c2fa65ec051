//! Headless Chromium, driven through its debugging pipe: no port, no driver, no crate.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

/// Something is asked for so often, with a pause between, before it counts as never.
const PATIENCE: usize = 3_000;
const PAUSE: Duration = Duration::from_millis(20);

/// Writes a line that the test harness does not swallow.
pub(super) fn tell_skipped(test: &str) {
    let line = format!("SKIPPED {test}: no Chromium is installed\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// A browser with one page.
pub(super) struct Browser {
    process: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    asked: u64,
    session: Option<String>,
    events: Vec<Value>,
    _profile: TempDir,
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Browser {
    /// The program, if it is installed.
    pub(super) fn program() -> Option<String> {
        let named = std::env::var("CHROMIUM").ok();
        let usual = ["chromium", "chromium-browser", "google-chrome"].map(str::to_owned);
        let runs = |program: &String| {
            let out = Command::new(program).arg("--version").stdin(Stdio::null()).output();
            out.is_ok_and(|out| out.status.success())
        };
        named.into_iter().chain(usual).find(runs)
    }

    /// Starts it with a fresh profile.
    pub(super) fn open(program: &str) -> Browser {
        let profile = TempDir::new().expect("a folder for the profile");
        let flags = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--force-prefers-reduced-motion",
            "--window-size=1400,1000",
            "--remote-debugging-pipe",
        ];
        // The pipe is expected on the descriptors 3 and 4.
        let line = format!(
            "exec {program} {} --user-data-dir='{}' about:blank 3<&0 4>&1 >/dev/null 2>&1 </dev/null",
            flags.join(" "),
            profile.path().display()
        );
        let mut process = Command::new("sh")
            .args(["-c", &line])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the browser starts");
        let to = process.stdin.take().expect("a pipe");
        let from = BufReader::new(process.stdout.take().expect("a pipe"));
        let mut browser = Browser {
            process,
            to,
            from,
            asked: 0,
            session: None,
            events: Vec::new(),
            _profile: profile,
        };
        let target = browser.call("Target.createTarget", &json!({"url": "about:blank"}));
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let session = browser.call("Target.attachToTarget", &attach);
        browser.session = session["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), &json!({}));
        }
        browser
    }

    fn read(&mut self) -> Value {
        let mut bytes = Vec::new();
        self.from.read_until(0, &mut bytes).expect("the browser speaks");
        bytes.pop();
        serde_json::from_slice(&bytes).expect("the browser speaks JSON")
    }

    pub(super) fn call(&mut self, method: &str, params: &Value) -> Value {
        self.asked += 1;
        let id = self.asked;
        let mut message = json!({"id": id, "method": method, "params": params});
        if let Some(session) = &self.session {
            message["sessionId"] = session.as_str().into();
        }
        write!(self.to, "{message}\0").expect("the browser listens");
        self.to.flush().expect("the browser listens");
        loop {
            let mut answer = self.read();
            if answer["id"] == id {
                assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
                return answer["result"].take();
            }
            self.events.push(answer);
        }
    }

    /// The size of the window.
    pub(super) fn size(&mut self, width: u32, height: u32) {
        let params =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": true});
        self.call("Emulation.setDeviceMetricsOverride", &params);
    }

    /// Opens an address anew and waits until the page says that it is ready.
    pub(super) fn go(&mut self, address: &str) {
        self.call("Page.navigate", &json!({"url": "about:blank"}));
        self.call("Page.navigate", &json!({"url": address}));
        self.wait_for("document.documentElement?.dataset.ready === 'true'");
    }

    /// What a script gives.
    pub(super) fn ask(&mut self, script: &str) -> Value {
        let params = json!({"expression": script, "awaitPromise": true, "returnByValue": true});
        let mut answer = self.call("Runtime.evaluate", &params);
        assert!(answer["exceptionDetails"].is_null(), "{script}: {}", answer["exceptionDetails"]);
        answer["result"]["value"].take()
    }

    /// Waits until a script gives true.
    pub(super) fn wait_for(&mut self, script: &str) {
        for _ in 0..PATIENCE {
            if self.ask(script) == true {
                return;
            }
            std::thread::sleep(PAUSE);
        }
        panic!("it never comes to be that {script}");
    }

    /// Waits until what was asked for is drawn.
    pub(super) fn frame(&mut self) {
        self.ask("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))");
    }

    /// Presses a key, as a keyboard does.
    pub(super) fn press(&mut self, key: &str) {
        for kind in ["keyDown", "keyUp"] {
            let mut params = json!({"type": kind, "key": key});
            if key.chars().count() == 1 {
                params["text"] = key.into();
            }
            self.call("Input.dispatchKeyEvent", &params);
        }
    }

    /// Errors and warnings of the page.
    pub(super) fn complaints(&mut self) -> Vec<Value> {
        let is_one = |event: &&Value| match event["method"].as_str() {
            Some("Runtime.exceptionThrown" | "Log.entryAdded") => true,
            Some("Runtime.consoleAPICalled") => {
                event["params"]["type"] == "error" || event["params"]["type"] == "warning"
            }
            _ => false,
        };
        self.events.iter().filter(is_one).cloned().collect()
    }

    /// What was asked for over any network.
    pub(super) fn requests(&mut self) -> Vec<String> {
        let asked = self.events.iter().filter(|e| e["method"] == "Network.requestWillBeSent");
        asked.filter_map(|e| e["params"]["request"]["url"].as_str().map(str::to_owned)).collect()
    }
}
