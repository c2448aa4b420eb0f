//! The line on a terminal that shows how far a command is.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A line that counts bytes, whose number at the end nobody knows. `what` says what becomes of them, as in `written`. Shown
/// on a terminal only.
pub(crate) fn bytes_line(what: &str) -> ProgressBar {
    let template = format!("{{elapsed_precise}} {{spinner}} {{bytes}} {what}, {{bytes_per_sec}}");
    let style = ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_spinner());
    let line = ProgressBar::new_spinner().with_style(style);
    line.enable_steady_tick(Duration::from_millis(200));
    line
}

/// A line that tells what a command does and for how long it has, where its steps have no number. Shown on a terminal only.
pub(crate) fn waiting_line(what: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("{elapsed_precise} {spinner} {msg}");
    let line = ProgressBar::new_spinner().with_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    line.set_message(what.to_owned());
    line.enable_steady_tick(Duration::from_millis(200));
    line
}
