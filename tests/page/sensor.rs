//! The view of one sensor.

use fantoccini::key::Key;
use serde_json::{Value, json};

use crate::browser::Browser;
use crate::watched_plant::WatchedPlant;

/// Opens the sensor of the newest verdict with anomalies, and waits until its chart is drawn.
fn open_anomalous(browser: &Browser, plant: &WatchedPlant) -> String {
    browser.open(&plant.view("store"));
    let script = "fetch('api/v1/verdicts?anomalous=true&since=2026-03-02T00:00:00Z&limit=1')
        .then((answer) => answer.json()).then(({ items }) => { window.anomalous = items[0].sensor; })";
    browser.run(script, Vec::new());
    let sensor = browser.wait_for("a sensor with anomalies", "return window.anomalous").as_str().unwrap().to_owned();
    browser.open(&plant.view(&format!("sensors/{sensor}")));
    browser.wait_for(
        "the series",
        "return document.querySelector('.range-said')?.textContent && document.querySelectorAll('.uplot').length > 1",
    );
    sensor
}

/// The range that the address names, in seconds.
fn range(browser: &Browser) -> Value {
    let script = "const query = new URLSearchParams(location.hash.split('?')[1]);
        return query.has('since') && [Date.parse(query.get('since')) / 1000, Date.parse(query.get('until')) / 1000]";
    browser.wait_for("a range in the address", script)
}

fn length(range: &Value) -> f64 {
    range[1].as_f64().unwrap() - range[0].as_f64().unwrap()
}

#[test]
fn a_sensor_says_why_it_is_unusual_and_shows_series_score_verdicts_neighbours_and_a_table_of_the_same() {
    let Some(browser) = Browser::start() else { return };
    let plant = WatchedPlant::start();
    let sensor = open_anomalous(&browser, &plant);
    let (device, own) = sensor.split_once('/').unwrap();

    // Beside it there may be what is wrong with the sensor itself.
    let is_said = format!(
        "return [...document.querySelectorAll('.reason')].map((e) => e.textContent).some((why) => why.includes('{own}') && \
         why.includes('usually'))"
    );
    browser.wait_for("why it is unusual", &is_said);
    browser.wait_for(
        "a verdict with the same words",
        "return document.querySelector('.verdicts .anomalous .explanation')",
    );
    let neighbours =
        browser.run("return [...document.querySelectorAll('.neighbour')].map((e) => e.dataset.sensor)", Vec::new());
    assert_eq!(neighbours.as_array().unwrap().len(), 4, "{neighbours}");
    assert!(neighbours[0].as_str().unwrap().starts_with(&format!("{device}/")));

    // What is painted: an anomaly's colour in the ribbon.
    let script = "const canvas = document.querySelector('.ribbon canvas'); if (!canvas?.width) return false;
        const row = new OffscreenCanvas(canvas.width, 1).getContext('2d', { willReadFrequently: true });
        row.drawImage(canvas, 0, -canvas.height / 2);
        const { data } = row.getImageData(0, 0, canvas.width, 1);
        for (let i = 0; i < data.length; i += 4) if (data[i] > 100 && data[i + 2] < 80) return true;
        return false";
    browser.wait_for("an anomaly in the ribbon", script);

    browser.run("document.body.focus()", Vec::new());
    browser.press_character('t');
    browser.wait_for("the table", "return document.querySelectorAll('.series-table tbody tr').length > 100");
    browser.wait_for(
        "an anomaly in it",
        "return document.querySelector('.series-table tr.anomalous')?.textContent.includes('anomaly')",
    );
    assert_eq!(browser.console(), Vec::<String>::new());
}

#[test]
fn a_range_is_chosen_by_the_mouse_and_by_keys_for_all_charts_at_once() {
    let Some(browser) = Browser::start() else { return };
    let plant = WatchedPlant::start();
    open_anomalous(&browser, &plant);

    browser.drag(".u-over", 0.25, 0.75);
    let dragged = range(&browser);
    browser.run("document.body.focus()", Vec::new());
    browser.press_character('+');
    let nearer = range(&browser);
    assert!((length(&nearer) - length(&dragged) / 2.0).abs() < 2.0, "{dragged} {nearer}");
    browser.press(Key::Left);
    let earlier = range(&browser);
    assert!(
        earlier[0].as_f64() < nearer[0].as_f64() && (length(&earlier) - length(&nearer)).abs() < 2.0,
        "{nearer} {earlier}"
    );

    // The newest anomaly, from its verdict; the cursor then stands in all charts at one time.
    browser.press_character('0');
    browser.wait_for("the last day", "return location.hash.includes('range=24h')");
    browser.press_character(',');
    browser.wait_for(
        "the anomaly",
        "return location.hash.includes('since=') && document.querySelectorAll('.uplot').length > 1",
    );
    let script = "document.body.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowLeft', shiftKey: true, bubbles: true }));
        return document.querySelectorAll('.plot-readout b').length > 1";
    browser.wait_for("a value below the cursor in two charts", script);
    assert_eq!(browser.console(), Vec::<String>::new());
}

#[test]
fn the_series_comes_as_csv() {
    let Some(browser) = Browser::start() else { return };
    let plant = WatchedPlant::start();
    let sensor = open_anomalous(&browser, &plant);
    let script = "const link = document.querySelector('a[download]'); if (!link.href.includes('/api/')) return false;
        fetch(link.href).then((answer) => answer.text()).then((text) => { window.csv = text; }); return link.download";
    let name = browser.wait_for("the link", script);
    assert_eq!(name, json!(format!("{}.csv", sensor.replace('/', "-"))));
    let csv = browser.wait_for("the file", "return window.csv");
    let lines: Vec<_> = csv.as_str().unwrap().lines().collect();
    assert!(lines.len() > 100 && lines[0].contains("mean"), "{:?}", &lines[..2]);
}

#[test]
fn a_gap_stays_a_gap_neighbouring_anomalies_are_one_span_and_a_pixel_shows_its_highest_score() {
    let Some(browser) = Browser::start() else { return };
    let plant = WatchedPlant::start();
    browser.open(&plant.view("store"));
    browser.wait_for_element("main h1");
    let script = "Promise.all(['chart', 'sensor_plot', 'score_ribbon'].map((name) => import(`./page/${name}.js`)))
        .then(([{ columns }, { joined }, { ribbonColumns }]) => {
            const series = { step_seconds: 60, time: [0, 60, 300], mean: [1, 2, 3], min: [0, 1, 2], max: [2, 3, 4] };
            const scores = { interval_seconds: 60, time: [0, 60, 120], score: [0.2, 0.9, null], anomaly: [false, true, false] };
            window.drawn = { columns: columns({ series }), spans: joined([60, 120, 300], 60), ribbon: ribbonColumns(scores, [0, 240], 2) };
        })";
    browser.run(script, Vec::new());
    let drawn = browser.wait_for("what is drawn", "return window.drawn");
    assert_eq!(drawn["columns"][0], json!([30, 90, 150, 330]), "the middle of each point, and one of the gap");
    assert_eq!(drawn["columns"][3], json!([1, 2, null, 3]));
    assert_eq!(drawn["spans"], json!([[60, 180], [300, 360]]));
    let ribbon = json!([
        { "left": 0, "width": 1, "score": 0.9, "isAnomaly": true },
        { "left": 1, "width": 1, "score": null, "isAnomaly": false },
    ]);
    assert_eq!(drawn["ribbon"], ribbon);
}
