//! The files of the page, in the binary: compressed once, and served with a tag each.
//!
//! A new file is put into `page/`, and gets a line in [`FILES`].

use std::sync::LazyLock;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use sha2::{Digest, Sha256};

use super::representation::{accepts_gzip, compressed, is_match};
use super::tokens::hex;

macro_rules! file {
    ($name:literal) => {
        ($name, include_bytes!(concat!("page/", $name)).as_slice())
    };
}

/// Every file: `now.js` is served as `/page/now.js`.
const FILES: &[(&str, &[u8])] = &[
    file!("api.js"),
    file!("banner.js"),
    file!("chart.js"),
    file!("chart_times.js"),
    file!("condition_badges.js"),
    file!("conditions.js"),
    file!("configuration.js"),
    file!("connections.js"),
    file!("elements.js"),
    file!("explanation.js"),
    file!("fact_list.js"),
    file!("facts.js"),
    file!("format.js"),
    file!("group_bar.js"),
    file!("highlights.js"),
    file!("icon.svg"),
    file!("index.html"),
    file!("lists.css"),
    file!("login.css"),
    file!("login.html"),
    file!("login.js"),
    file!("main.js"),
    file!("model_facts.js"),
    file!("models.js"),
    file!("now.css"),
    file!("now.js"),
    file!("operator.js"),
    file!("paged_list.js"),
    file!("range_bar.js"),
    file!("range_strip.js"),
    file!("ranked_sensors.js"),
    file!("reject.js"),
    file!("rejects.js"),
    file!("route_test.js"),
    file!("router.js"),
    file!("run.js"),
    file!("run_facts.js"),
    file!("run_log.js"),
    file!("run_orders.js"),
    file!("runs.js"),
    file!("score_ribbon.js"),
    file!("sensor.css"),
    file!("sensor.js"),
    file!("sensor_filter.js"),
    file!("sensor_plot.js"),
    file!("sensors.js"),
    file!("series_range.js"),
    file!("series_table.js"),
    file!("shortcuts.js"),
    file!("states.js"),
    file!("store.js"),
    file!("strip.js"),
    file!("style.css"),
    file!("theme.js"),
    file!("tiles.js"),
    file!("time.js"),
    file!("timeline.js"),
    file!("timeline_rows.js"),
    file!("unusual.css"),
    file!("unusual.js"),
    file!("vendor/README.md"),
    file!("vendor/uplot.LICENSE"),
    file!("vendor/uplot.css"),
    file!("vendor/uplot.js"),
    file!("virtual_rows.js"),
];

/// The page for those who have a role.
pub(super) const INDEX: &str = "index.html";
/// The page for those who have none.
pub(super) const LOGIN: &str = "login.html";

/// A file of the page, as it is sent.
struct PageFile {
    name: &'static str,
    content_type: &'static str,
    plain: &'static [u8],
    compressed: Bytes,
    tag: String,
}

static SERVED: LazyLock<Vec<PageFile>> =
    LazyLock::new(|| FILES.iter().map(|(name, bytes)| served(name, bytes)).collect());

fn served(name: &'static str, plain: &'static [u8]) -> PageFile {
    PageFile {
        name,
        content_type: content_type(name),
        plain,
        compressed: compressed(plain, Compression::best()).into(),
        tag: format!("W/\"{}\"", &hex(&Sha256::digest(plain))[..32]),
    }
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("json") => "application/json",
        _ => "text/plain; charset=utf-8",
    }
}

/// A file, as the client takes it; `None` when there is no such file.
pub(super) fn answer(name: &str, request: &HeaderMap) -> Option<Response> {
    let file = SERVED.iter().find(|file| file.name == name)?;
    let tag = HeaderValue::from_str(&file.tag).ok()?;
    let headers = [(header::ETAG, tag), (header::VARY, HeaderValue::from_static("Accept-Encoding, Cookie"))];
    if is_match(request.get(header::IF_NONE_MATCH), &file.tag) {
        return Some((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    let content_type = [(header::CONTENT_TYPE, file.content_type)];
    Some(match accepts_gzip(request) {
        true => {
            let encoding = [(header::CONTENT_ENCODING, "gzip")];
            (headers, content_type, encoding, Body::from(file.compressed.clone())).into_response()
        }
        false => (headers, content_type, file.plain).into_response(),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;

    const MAX_COMPRESSED_BYTES: usize = 150 << 10;

    fn files_below(folder: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
    }

    #[test]
    fn every_file_of_the_folder_is_served_and_all_together_are_small() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/page");
        let mut there: Vec<String> = files_below(&folder)
            .iter()
            .map(|path| path.strip_prefix(&folder).unwrap().to_str().unwrap().to_owned())
            .collect();
        let mut served: Vec<String> = FILES.iter().map(|(name, _)| (*name).to_owned()).collect();
        there.sort();
        served.sort();
        assert_eq!(served, there, "each file of src/http/page needs a line in FILES");
        let bytes: usize = SERVED.iter().map(|file| file.compressed.len()).sum();
        assert!(bytes < MAX_COMPRESSED_BYTES, "the page has {bytes} bytes, compressed");
    }

    #[test]
    fn no_file_needs_an_exception_from_the_policy_or_asks_another_host() {
        for (name, bytes) in FILES {
            let text = std::str::from_utf8(bytes).unwrap();
            if name.ends_with(".html") {
                let text = text.to_lowercase();
                for (what, has_it) in [
                    (
                        "an inline script",
                        text.split("<script").skip(1).any(|tag| !tag.split('>').next().unwrap().contains("src=")),
                    ),
                    ("an inline style", text.contains("<style") || text.contains(" style=")),
                    (
                        "an inline handler",
                        [" onclick=", " onload=", " onsubmit=", " oninput=", " onchange="]
                            .iter()
                            .any(|handler| text.contains(handler)),
                    ),
                ] {
                    assert!(!has_it, "{name} has {what}");
                }
            }
            if name.ends_with(".html") || name.ends_with(".css") {
                assert!(
                    !text.contains("url(http") && !text.contains("=\"http") && !text.contains("data:"),
                    "{name} asks another host"
                );
            }
            if name.ends_with(".js") {
                assert!(!text.contains("eval(") && !text.contains("new Function("), "{name} makes code from text");
            }
        }
    }

    #[test]
    fn a_client_that_has_a_file_does_not_get_it_again() {
        let first = answer(INDEX, &HeaderMap::new()).unwrap();
        let tag = first.headers()[header::ETAG].clone();
        let again = answer(INDEX, &[(header::IF_NONE_MATCH, tag)].into_iter().collect()).unwrap();
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        assert!(answer("../mod.rs", &HeaderMap::new()).is_none());
    }
}
