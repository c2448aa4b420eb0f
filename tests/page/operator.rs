//! What an operator does on the page: each action has its button, asks before it changes something, and says what came of it.

use std::fs;

use serde_json::json;

use crate::browser::Browser;
use crate::support::device::{CONNECT, Device};
use crate::support::http::make_token;
use crate::support::plant;
use crate::support::settings::Settings;
use crate::support::site::{Site, free_port};

const PAYLOAD: &[u8] = br#"{"ts":"2026-03-02T06:00:00Z","value":1}"#;

/// Clicks the button that has these words.
fn click(browser: &Browser, words: &str) {
    browser.wait_for(
        words,
        &format!(
            "const button = [...document.querySelectorAll('button')].find((b) => b.textContent === {words:?} && !b.disabled
                 && b.checkVisibility());
             button?.click(); return Boolean(button)"
        ),
    );
}

/// Says yes to a question.
fn agree(browser: &Browser) {
    browser.wait_for("a question", "return Boolean(document.querySelector('dialog[open]'))");
    browser.run("document.querySelector('dialog[open] .primary').click()", Vec::new());
}

/// A site whose daemon has rejected a message that its configuration takes from now on.
fn mended_site(settings: &Settings) -> Site {
    let site = Site::new(&plant::settings());
    let daemon = site.start();
    Device::connect(site.port(), CONNECT).publish("Plant/press-9/flow", PAYLOAD);
    daemon.stop();
    site.configure(settings);
    site
}

#[test]
fn an_operator_logs_in_has_the_models_read_again_and_takes_a_reject_in_after_all() {
    let Some(browser) = Browser::start() else { return };
    let port = free_port();
    let settings = plant::settings()
        .with("mqtt.route", "[{ topic = \"Plant/{device}/{sensor}\" }]")
        .with("http.listen", &format!("\"127.0.0.1:{port}\""))
        .with("http.token_file", "\"tokens\"");
    let site = mended_site(&settings);
    let (token, line) = make_token("otto", "operator");
    fs::write(site.path("tokens"), line).unwrap();
    let mut daemon = site.start();
    let view = |name: &str| format!("http://127.0.0.1:{port}/#/{name}");

    browser.open(&view("models"));
    browser.wait_for_element("#token");
    browser.run(
        "document.querySelector('#token').value = arguments[0]; document.querySelector('#login').requestSubmit()",
        vec![json!(token)],
    );
    browser.wait_for("the models", "return document.querySelectorAll('tbody tr').length === 15");
    click(&browser, "Reload");
    agree(&browser);
    assert!(browser.wait_for_element(".note.done").starts_with("The models are being read again."));

    browser.open(&view("rejects"));
    browser.wait_for("the reject", "return document.querySelectorAll('tbody tr').length === 1");
    browser.run("document.querySelector('tbody a').click()", Vec::new());
    click(&browser, "Test again");
    let words = browser.wait_for_element(".route-test");
    assert!(words.contains("press-9/flow"), "{words}");
    click(&browser, "Replay");
    agree(&browser);
    let words = browser.wait_for_element(".note.done");
    assert!(words.starts_with("It was replayed."), "{words}");
    browser.open(&view("sensors?pattern=press-9%2Fflow"));
    browser.wait_for("its sensor", "return document.querySelectorAll('tbody tr').length === 1");

    assert_eq!(browser.console(), Vec::<String>::new());
    assert!(daemon.text().contains("otto"), "who logs in is in the log");
    daemon.kill();
}

#[test]
fn an_operator_has_windows_scored_again_and_reads_the_log_of_a_run() {
    let Some(browser) = Browser::start() else { return };
    let port = free_port();
    let settings =
        plant::settings().with("http.listen", &format!("\"127.0.0.1:{port}\"")).with("http.token_file", "\"tokens\"");
    let site = Site::new(&settings);
    let (token, line) = make_token("otto", "operator");
    fs::write(site.path("tokens"), line).unwrap();
    let mut daemon = site.start();
    plant::publish_all(site.port(), &plant::readings(7)[..3 * 60 * 15]);
    daemon.wait_until_published("files", "2026-03-02T06:10:00Z");
    let view = |name: &str| format!("http://127.0.0.1:{port}/#/{name}");

    browser.open(&view("runs"));
    browser.wait_for_element("#token");
    browser.run(
        "document.querySelector('#token').value = arguments[0]; document.querySelector('#login').requestSubmit()",
        vec![json!(token)],
    );
    browser.wait_for("the runs", "return document.querySelectorAll('tbody tr').length >= 2");
    browser.run("document.querySelector('section[aria-label=\"Run now\"] summary').click()", Vec::new());
    assert_eq!(browser.accessibility_problems(), Vec::<String>::new());
    click(&browser, "Score again");
    let words = browser.wait_for(
        "the order is finished",
        "const one = document.querySelector('.run-orders li'); return one?.textContent.includes('finished') && one.textContent",
    );
    let words = words.as_str().unwrap();
    assert!(words.contains("otto, a client at 127.0.0.1") && words.contains("0 new, 0 gone"), "{words}");

    browser.run("document.querySelector('tbody a').click()", Vec::new());
    browser.wait_for("the outcomes", "return document.querySelectorAll('tbody tr').length >= 15");
    browser.run("document.querySelector('section[aria-label=\"Log\"] summary').click()", Vec::new());
    browser.wait_for(
        "the log",
        "return document.querySelector('section[aria-label=\"Log\"] tbody').textContent.includes('run begins')",
    );
    assert_eq!(browser.accessibility_problems(), Vec::<String>::new());

    // A name counts as it was typed, and what is stored is confirmed with it.
    browser.open(&view("runs"));
    browser.wait_for_element("section[aria-label='Run now'] summary");
    browser.run(
        "document.querySelector('section[aria-label=\"Run now\"] details').open = true; \
         const form = document.querySelector('section[aria-label=\"Run now\"] form'); \
         form.querySelector('input[placeholder^=\"all, or\"]').value = 'press-1/flow'; \
         form.querySelector('input[type=checkbox]').checked = false",
        Vec::new(),
    );
    click(&browser, "Score again");
    let asked = browser.wait_for("the confirmation", "return document.querySelector('dialog[open]')?.textContent");
    assert!(asked.as_str().unwrap().contains("the sensors that fit press-1/flow again"), "{asked}");
    browser.run("document.querySelector('dialog[open] button[value=yes]').click()", Vec::new());
    browser.wait_for(
        "the order of one sensor",
        "return document.querySelector('.run-orders li')?.textContent.includes(' press-1/flow from ')",
    );
    assert_eq!(browser.console(), Vec::<String>::new());
    daemon.stop();
}
