//! What holds of every view: no error on the console, nothing that axe finds, all in reach of the keyboard, no wider than a
//! phone.

use crate::browser::Browser;
use crate::watched_plant::WatchedPlant;

/// Every view, with what is there when it has been filled.
pub(crate) const VIEWS: [(&str, &str); 12] = [
    ("now", ".timeline-row .shape"),
    ("sensors", "main h1"),
    ("sensors/pump-2/flow", "main h1"),
    ("conditions", "main h1"),
    ("unusual", ".ranked li"),
    ("runs", "main h1"),
    ("runs/1", "main h1"),
    ("models", "main h1"),
    ("rejects", "main h1"),
    ("connections", "main h1"),
    ("store", "main h1"),
    ("configuration", "main h1"),
];

#[test]
fn every_view_is_without_errors_accessible_in_reach_of_the_keyboard_and_fits_a_phone() {
    let Some(browser) = Browser::start() else { return };
    let plant = WatchedPlant::start();
    let mut problems = Vec::new();
    for (name, filled) in VIEWS {
        for (width, scheme) in [(1400, "light"), (360, "dark")] {
            browser.see_as(width, 800, scheme);
            browser.open(&plant.view(name));
            browser.wait_for_element(filled);
            let mut add = |kind: &str, found: Vec<String>| {
                problems
                    .extend(found.into_iter().map(|found| format!("{name}, {width} wide, {scheme}: {kind}: {found}")));
            };
            add("axe", browser.accessibility_problems());
            add("not in reach of Tab", browser.unreached_by_tab());
            add(
                "too wide",
                Some(browser.overflow())
                    .filter(|pixels| *pixels > 0)
                    .map(|pixels| pixels.to_string())
                    .into_iter()
                    .collect(),
            );
            add("console", browser.console());
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
