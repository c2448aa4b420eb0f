//! The lists, and the action that each has.

use serde_json::json;

use crate::browser::Browser;
use crate::watched_plant::WatchedPlant;

/// Types into the filter of a view, which `/` leads to.
fn type_filter(browser: &Browser, text: &str) {
    browser.run("document.body.focus()", Vec::new());
    browser.press_character('/');
    text.chars().for_each(|character| browser.press_character(character));
}

#[test]
fn sensors_are_filtered_as_one_types_and_the_address_keeps_the_filter() {
    let Some(browser) = Browser::start() else { return };
    let plant = WatchedPlant::start();
    browser.open(&plant.view("sensors"));
    browser.wait_for("all sensors", "return document.querySelectorAll('tbody tr').length === 15");
    type_filter(&browser, "flow");
    browser.wait_for(
        "those with flow",
        "return document.querySelectorAll('tbody tr').length === 3 && location.hash === '#/sensors?pattern=flow'",
    );
    browser.open(&plant.view("sensors?pattern=press-1%2F*"));
    let shown = browser.wait_for(
        "one device",
        "const r = [...document.querySelectorAll('tbody a')]; return r.length === 5 && r.map((e) => e.textContent)",
    );
    assert_eq!(shown[0], json!("press-1/current"));
    assert_eq!(browser.console(), Vec::<String>::new());
}

#[test]
fn runs_lead_to_their_outcomes_and_these_to_the_sensor_in_that_window() {
    let Some(browser) = Browser::start() else { return };
    let plant = WatchedPlant::start();
    browser.open(&plant.view("runs"));
    browser.wait_for("the runs", "return document.querySelectorAll('tbody tr').length > 30");
    browser.run("document.querySelector('tbody a').click()", Vec::new());
    browser.wait_for("the outcomes", "return document.querySelectorAll('tbody tr').length === 15");
    type_filter(&browser, "vibration");
    browser.wait_for("those of vibration", "return document.querySelectorAll('tbody tr').length === 3");
    browser.run("document.querySelector('tbody a').click()", Vec::new());
    browser.wait_for(
        "the sensor in the run's window",
        "return /^#\\/sensors\\/[^/]+\\/vibration\\?since=/.test(location.hash)",
    );
    assert_eq!(browser.console(), Vec::<String>::new());
}

#[test]
fn a_viewer_sees_why_an_action_is_not_for_viewers() {
    let Some(browser) = Browser::start() else { return };
    let plant = WatchedPlant::start();
    browser.open(&plant.view("models"));
    browser.wait_for("the models", "return document.querySelectorAll('tbody tr').length === 15");
    let script = "const button = document.querySelector('.operator-action button');
        return button.disabled && button.nextElementSibling.checkVisibility() && button.nextElementSibling.textContent";
    assert_eq!(browser.wait_for("the reason", script), json!("needs the role operator"));
    assert_eq!(browser.console(), Vec::<String>::new());
}

#[test]
fn a_message_is_tested_without_being_taken_in() {
    let Some(browser) = Browser::start() else { return };
    let plant = WatchedPlant::start();
    browser.open(&plant.view("rejects"));
    browser.wait_for_element(".route-tester summary");
    browser.run("document.querySelector('.route-tester').open = true", Vec::new());
    let script = "const [topic, payload] = document.querySelectorAll('.route-form .code');
        topic.value = 'nowhere/at/all'; payload.value = '1'; document.querySelector('.route-form .primary').click()";
    browser.run(script, Vec::new());
    let words = browser.wait_for_element(".route-test");
    assert!(words.contains("nowhere/at/all") && words.contains("none takes it"), "{words}");
    assert_eq!(browser.console(), Vec::<String>::new());
}

#[test]
fn the_configuration_in_force_is_searched_and_every_checksum_of_the_store_looked_at() {
    let Some(browser) = Browser::start() else { return };
    let plant = WatchedPlant::start();
    browser.open(&plant.view("configuration"));
    let state = browser.wait_for_element(".server-state");
    assert_eq!(state.trim(), "The file is in force.");
    type_filter(&browser, "cron");
    browser.wait_for(
        "the line below its section",
        "return /^\\[schedule\\]\\n.*cron/.test(document.querySelector('.configuration-text').innerText)",
    );
    browser.open(&plant.view("store"));
    browser.wait_for("the tables", "return document.querySelectorAll('tbody tr').length > 5");
    browser.run(
        "[...document.querySelectorAll('button')].find((b) => b.textContent.includes('checksum')).click()",
        Vec::new(),
    );
    let words = browser.wait_for_element(".note.done");
    assert!(words.starts_with("All ") && words.ends_with(" are sound."), "{words}");
    assert_eq!(browser.console(), Vec::<String>::new());
}
