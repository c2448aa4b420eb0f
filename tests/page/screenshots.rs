//! Pictures of every view, for the documentation: `cargo test --test page pictures -- --ignored`.

use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::browser::Browser;
use crate::views::VIEWS;
use crate::watched_plant::WatchedPlant;

#[test]
#[ignore = "it writes into docs/screenshots"]
fn pictures_of_every_view() {
    let Some(browser) = Browser::start() else { return };
    let plant = WatchedPlant::start_in_trouble();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/screenshots");
    let photograph = |view: &str, filled: &str, file: &str, width, scheme| {
        browser.see_as(width, 830, scheme);
        browser.open(&plant.view(view));
        browser.wait_for_element(filled);
        // Charts are drawn when their answers have come, one after the other.
        thread::sleep(Duration::from_secs(2));
        browser.photograph(&folder.join(format!("{file}.png")));
    };
    for (name, filled) in VIEWS {
        let file = match name.split_once('/') {
            None => name.to_owned(),
            Some((kind, _)) => kind.trim_end_matches('s').to_owned(),
        };
        photograph(name, filled, &file, 1180, "light");
    }
    let (now, filled) = VIEWS[0];
    photograph(now, filled, "now-dark", 1180, "dark");
    photograph(now, filled, "now-phone", 360, "light");
}
