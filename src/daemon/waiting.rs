//! A process that ends soon after its start again and again waits before the next one: it would take the processor and the
//! flash from what else runs on the gateway, and its log would say the same for ever. The local socket answers meanwhile.

use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;

use super::DaemonError;
use super::settings::Settings;
use crate::actors::service_manager;
use crate::http;
use crate::store::ShortLives;
use crate::time::Span;

/// A process that lives for longer has not ended soon.
const LONG_ENOUGH: Duration = Duration::from_secs(120);

/// Waits if the lives before this one were short, and tells why. Then this life begins.
pub(super) async fn begin(lives: &ShortLives, settings: &Settings) {
    if let Some(pause) = lives.pause(settings.short_lives) {
        wait(lives, pause, settings).await;
    }
    lives.begin();
}

async fn wait(lives: &ShortLives, pause: Duration, settings: &Settings) {
    let words = words(lives, pause);
    tracing::error!("{words}");
    service_manager::tell(&[NotifyState::Status(&words)]);
    let answers = http::answer_while_waiting(settings.socket.clone(), &settings.store.directory, words);
    tokio::select! {
        () = answers => {}
        () = tokio::time::sleep(pause) => {}
    }
}

fn words(lives: &ShortLives, pause: Duration) -> String {
    let reason =
        lives.reason.as_deref().unwrap_or("it told no reason, so it was killed or crashed: see the log of the system");
    format!(
        "the daemon has ended {} times in a row within two minutes of its start; it waits {} before it starts now \
         (supervision.short_lives). The last end: {reason}",
        lives.count,
        Span::from(pause)
    )
}

/// Counts this life as a long one when it is.
pub(super) async fn count_as_long(lives: Arc<ShortLives>) {
    tokio::time::sleep(LONG_ENOUGH).await;
    lives.is_sound();
    std::future::pending::<()>().await;
}

/// Notes why this life ends. A mistake in the configuration is not a crash: it is not tried again by itself.
pub(super) fn note_end(lives: &ShortLives, error: &DaemonError) {
    if error.is_lasting() { lives.is_sound() } else { lives.ends(&error.to_string()) }
}
