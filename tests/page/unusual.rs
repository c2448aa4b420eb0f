//! The view Most unusual.

use fantoccini::key::Key;

use crate::browser::Browser;
use crate::watched_plant::WatchedPlant;

#[test]
fn a_range_that_is_marked_ranks_its_sensors_with_the_reason_for_each() {
    let Some(browser) = Browser::start() else { return };
    let plant = WatchedPlant::start();
    browser.open(&plant.view("unusual"));
    let first = browser.wait_for_element(".ranked li");
    assert!(first.contains('/') && first.contains("usually"), "a sensor, and why: {first}");

    browser.drag(".bars", 0.55, 0.95);
    let marked =
        browser.wait_for("the range in the address", "return location.hash.includes('since=') && location.hash");
    browser.run("document.querySelector('.end').focus()", Vec::new());
    browser.press(Key::Left);
    browser.wait_for("the range that the key moved", &format!("return location.hash !== {marked}"));
    // The same address shows the same range again.
    let words = browser.wait_for_element(".range-words");
    let address = browser.run("return location.href", Vec::new());
    browser.open(address.as_str().unwrap());
    browser.wait_for_element(".ranked li");
    assert_eq!(browser.wait_for_element(".range-words"), words);
    assert_eq!(browser.console(), Vec::<String>::new());
}
