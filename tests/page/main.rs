//! The page in a real browser: headless Chromium, driven over WebDriver, on a real daemon with the history of the demo's plant.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test says what is wrong by failing"
)]

mod browser;
mod lists;
mod now;
mod operator;
mod screenshots;
mod sensor;
mod unusual;
mod views;
mod watched_plant;

#[path = "../support/mod.rs"]
mod support;
