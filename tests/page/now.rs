//! The view Now.

use fantoccini::key::Key;
use serde_json::json;

use crate::browser::Browser;
use crate::watched_plant::WatchedPlant;

#[test]
fn now_says_in_words_how_the_plant_is_and_leads_to_what_is_wrong() {
    let Some(browser) = Browser::start() else { return };
    let mut plant = WatchedPlant::start();
    browser.open(&plant.view("now"));

    let sentence = browser.wait_for(
        "the banner",
        "const e = document.querySelector('.sentence'); return /sensors/.test(e?.textContent) && e.textContent",
    );
    assert!(sentence.as_str().unwrap().contains("15 sensors"), "{sentence}");
    let tiles = browser.wait_for("a tile a device", "const t = [...document.querySelectorAll('.tile .name')]; return t.length === 3 && t.map((e) => e.textContent).sort()");
    assert_eq!(tiles, json!(["oven-3", "press-1", "pump-2"]));

    // The most unusual sensor has its reason, and Enter on it goes there.
    let reason = browser.wait_for_element(".highlights .explanation");
    assert!(reason.contains("usually"), "{reason}");
    browser.run("document.querySelector('.highlights .ranked a').focus()", Vec::new());
    let place = browser.run("return document.activeElement.hash", Vec::new());
    browser.press(Key::Enter);
    browser.wait_for("the sensor's view", &format!("return location.hash === {place}"));
    browser.wait_for_element("main h1");
    assert_eq!(browser.console(), Vec::<String>::new());

    // Whoever looks at a page without a daemon is told.
    browser.open(&plant.view("now"));
    browser.wait_for_element(".tile .name");
    plant.kill();
    let words = browser.wait_for_element(".banner .stale");
    assert!(words.starts_with("Not updated since"), "{words}");
}

#[test]
fn the_timeline_opens_a_device_and_leads_to_the_sensor_and_its_hour() {
    let Some(browser) = Browser::start() else { return };
    let plant = WatchedPlant::start();
    browser.open(&plant.view("now"));
    browser.wait_for("three rows", "return document.querySelectorAll('.timeline-row .shape').length === 3");

    // By the keyboard alone: from the filter to the rows, down to press-1, and open it.
    browser.run("document.querySelector('.strip[tabindex=\"0\"]').focus()", Vec::new());
    browser.press(Key::Down);
    browser.press_character(' ');
    let rows = browser.wait_for("the sensors of press-1", "const r = [...document.querySelectorAll('.timeline-row')]; return r.length === 8 && r.map((e) => e.innerText.trim())");
    assert_eq!(rows, json!(["oven-3", "press-1", "current", "flow", "pressure", "temperature", "vibration", "pump-2"]));

    // The cell that has the focus is told in words, and Enter goes to the sensor with the hour around it.
    browser.press(Key::Down);
    browser.press(Key::Left);
    let words = browser.wait_for_element(".readout");
    assert!(words.starts_with("press-1/current") && words.contains("UTC") && words.contains("score"), "{words}");
    browser.press(Key::Enter);
    browser.wait_for("the sensor at that time", "return location.hash.startsWith('#/sensors/press-1/current?since=')");
    assert_eq!(browser.console(), Vec::<String>::new());
}
