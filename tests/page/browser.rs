//! Headless Chromium behind a chromedriver of its own. Both end when the browser is dropped.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use std::{fs, io, thread};

use axum::http::Method;
use fantoccini::actions::{InputSource, KeyAction, KeyActions, MouseActions, PointerAction};
use fantoccini::key::Key;
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use url::{ParseError, Url};

use crate::support::PATIENCE;

/// A browser with one tab.
pub(crate) struct Browser {
    runtime: Runtime,
    client: Option<Client>,
    driver: Child,
}

/// A command that chromedriver adds to those of WebDriver: the path below the session, and the body.
#[derive(Debug)]
struct ChromeCommand(&'static str, Value);

impl WebDriverCompatibleCommand for ChromeCommand {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap(), self.0))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.1.to_string()))
    }
}

impl Browser {
    /// Starts a browser; `None`, and a line that says so, when Chromium or its driver is not installed.
    pub(crate) fn start() -> Option<Self> {
        static IS_SAID: AtomicBool = AtomicBool::new(false);
        let spawned = Command::new("chromedriver").arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut driver = match spawned {
            Ok(driver) => driver,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if !IS_SAID.swap(true, Ordering::Relaxed) {
                    println!("skipped: chromedriver is not installed (Debian's packages chromium and chromium-driver)");
                }
                return None;
            }
            Err(error) => panic!("chromedriver does not start: {error}"),
        };
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = lines
            .find_map(|line| {
                line.ok()?.rsplit_once("successfully on port ")?.1.trim_end_matches('.').parse::<u16>().ok()
            })
            .expect("chromedriver says on which port it listens");
        // It would wait for ever if nobody read what else it says.
        thread::spawn(move || lines.for_each(drop));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let wanted = json!({
            "goog:chromeOptions": { "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] },
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let connecting = async {
            let connector = hyper_util::client::legacy::connect::HttpConnector::new();
            ClientBuilder::new(connector)
                .capabilities(wanted.as_object().unwrap().clone())
                .connect(&format!("http://127.0.0.1:{port}"))
                .await
        };
        let client = Some(runtime.block_on(connecting).expect("Chromium starts"));
        let browser = Self { runtime, client, driver };
        browser.see_as(1400, 900, "light");
        Some(browser)
    }

    fn client(&self) -> &Client {
        self.client.as_ref().unwrap()
    }

    fn devtools(&self, command: &str, parameters: &Value) -> Value {
        let body = json!({ "cmd": command, "params": parameters });
        self.runtime.block_on(self.client().issue_cmd(ChromeCommand("goog/cdp/execute", body))).unwrap()
    }

    /// Sets the size of the page's view, the system's choice of `light` or `dark`, and a zone in which it is not UTC.
    pub(crate) fn see_as(&self, width: u32, height: u32, scheme: &str) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500 });
        self.devtools("Emulation.setDeviceMetricsOverride", &size);
        let scheme = json!({ "features": [
            { "name": "prefers-color-scheme", "value": scheme }, { "name": "prefers-reduced-motion", "value": "reduce" },
        ] });
        self.devtools("Emulation.setEmulatedMedia", &scheme);
        // Set once; a second time is refused.
        let zone = json!({ "cmd": "Emulation.setTimezoneOverride", "params": { "timezoneId": "Europe/Berlin" } });
        let _ = self.runtime.block_on(self.client().issue_cmd(ChromeCommand("goog/cdp/execute", zone)));
    }

    /// Opens an address from the beginning: an address that differs in its hash alone would keep the page.
    pub(crate) fn open(&self, address: &str) {
        self.runtime.block_on(async {
            self.client().goto("about:blank").await.unwrap();
            self.client().goto(address).await.unwrap();
        });
    }

    /// What a script returns. It has `arguments`.
    pub(crate) fn run(&self, script: &str, arguments: Vec<Value>) -> Value {
        self.runtime.block_on(self.client().execute(script, arguments)).unwrap()
    }

    /// Waits until a script returns something true, and gives it.
    pub(crate) fn wait_for(&self, what: &str, script: &str) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            let value = self.run(script, Vec::new());
            if !matches!(value, Value::Null | Value::Bool(false)) && value != json!(0) && value != json!("") {
                return value;
            }
            if Instant::now() > end {
                let text = self.run("return document.body.innerText", Vec::new());
                panic!("waited in vain for: {what}; the page says {:#}; the console {:?}", text, self.console());
            }
            thread::sleep(Duration::from_millis(30));
        }
    }

    /// Waits for an element that is shown, and gives its text.
    pub(crate) fn wait_for_element(&self, selector: &str) -> String {
        let script = format!(
            "const e = document.querySelector({selector:?}); return e && e.checkVisibility() ? '.' + e.innerText : ''"
        );
        self.wait_for(selector, &script).as_str().unwrap()[1..].to_owned()
    }

    /// Presses and releases a key.
    pub(crate) fn press(&self, key: Key) {
        self.press_character(key.into());
    }

    /// The same for a key with a character on it.
    pub(crate) fn press_character(&self, value: char) {
        let stroke =
            KeyActions::new("keyboard".to_owned()).then(KeyAction::Down { value }).then(KeyAction::Up { value });
        self.runtime.block_on(self.client().perform_actions(stroke)).unwrap();
    }

    /// Presses the mouse at one place of an element, moves it to another, and releases it there. Places are parts of the
    /// element's width, in the middle of its height.
    pub(crate) fn drag(&self, selector: &str, from: f64, to: f64) {
        let place = |part: f64| {
            let script = "const box = document.querySelector(arguments[0]).getBoundingClientRect();
                return [Math.round(box.left + box.width * arguments[1]), Math.round(box.top + box.height / 2)]";
            let place = self.run(script, vec![json!(selector), json!(part)]);
            (place[0].as_f64().unwrap(), place[1].as_f64().unwrap())
        };
        let ((x, y), (then_x, then_y)) = (place(from), place(to));
        let to_place = |x, y| PointerAction::MoveTo { duration: None, x, y };
        let moves = MouseActions::new("mouse".to_owned())
            .then(to_place(x, y))
            .then(PointerAction::Down { button: 0 })
            .then(to_place(then_x, then_y))
            .then(PointerAction::Up { button: 0 });
        self.runtime.block_on(self.client().perform_actions(moves)).unwrap();
    }

    /// What the console says of errors since it was asked last: failed requests and breaches of the content policy too.
    pub(crate) fn console(&self) -> Vec<String> {
        let log = self.runtime.block_on(self.client().issue_cmd(ChromeCommand("se/log", json!({ "type": "browser" }))));
        let lines = log.unwrap();
        let severe = lines.as_array().unwrap().iter().filter(|line| line["level"] == "SEVERE");
        severe.map(|line| line["message"].as_str().unwrap().to_owned()).collect()
    }

    /// What axe finds wrong with what is shown: the rule, and the elements.
    pub(crate) fn accessibility_problems(&self) -> Vec<String> {
        const AXE: &str = include_str!("vendor/axe.min.js");
        self.run(&format!("{AXE}; window.axe = window.axe ?? axe;"), Vec::new());
        let script = "const done = arguments[arguments.length - 1];
            axe.run().then(({ violations }) => done(violations.map(({ id, help, nodes }) =>
                `${id}: ${help}: ${nodes.slice(0, 3).map((node) => node.html.slice(0, 160)).join(' | ')}`)));";
        let found = self.runtime.block_on(self.client().execute_async(script, Vec::new())).unwrap();
        found.as_array().unwrap().iter().map(|problem| problem.as_str().unwrap().to_owned()).collect()
    }

    /// By how many pixels the page is wider than its view.
    pub(crate) fn overflow(&self) -> i64 {
        self.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth", Vec::new())
            .as_i64()
            .unwrap()
    }

    /// Goes through the page by Tab, and gives what can be used by the mouse and was not reached. What the arrow keys reach
    /// from an element in reach says so by `tabindex="-1"`.
    pub(crate) fn unreached_by_tab(&self) -> Vec<String> {
        const NAMES: &str = "const name = (e) => `${e.tagName} ${e.getAttribute('href') ?? ''} \
            ${(e.getAttribute('aria-label') ?? e.textContent).trim().slice(0, 60)}`;";
        self.run("window.reached = new Set(); document.activeElement?.blur(); scrollTo(0, 0)", Vec::new());
        for _ in 0..400 {
            self.press(Key::Tab);
            let script = format!(
                "{NAMES} const e = document.activeElement; if (!e || e === document.body) return true;
                 const isNew = !reached.has(name(e)); reached.add(name(e)); window.again = isNew ? 0 : (window.again ?? 0) + 1;
                 return again > 20"
            );
            if self.run(&script, Vec::new()) == json!(true) {
                break;
            }
        }
        let script = format!(
            "{NAMES} return [...document.querySelectorAll('a[href], button, input, select, textarea, [tabindex]')]
                .filter((e) => e.tabIndex >= 0 && e.checkVisibility() && !e.disabled && !reached.has(name(e))).map(name)"
        );
        let missing = self.run(&script, Vec::new());
        missing.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
    }

    /// Writes what is shown into a file, as PNG.
    pub(crate) fn photograph(&self, file: &std::path::Path) {
        let png = self.runtime.block_on(self.client().screenshot()).unwrap();
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, png).unwrap();
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            let _ = self.runtime.block_on(client.close());
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
