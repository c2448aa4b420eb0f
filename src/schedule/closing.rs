//! Decides whether windows may be closed now: pure, takes the time and what is known of the sources.
//!
//! A window that was closed takes no more readings. So a window is closed only when its readings have come: its source
//! is connected and was heard of since the window's end, and has had some time, after the start and after it came back,
//! in which brokers and devices send what they kept. `hold` is the bound: a window never stays open for longer than
//! `hold` beyond the time at which it would be closed, nor beyond the time at which its source went away.

use std::time::{Duration, Instant};

use crate::interval::Cut;
use crate::run::Closing;
use crate::schedule::clock_trust::ClockReading;
use crate::time::{Span, Timestamp};

/// When windows are closed.
#[derive(Clone, Copy, Debug)]
pub struct ClosingSettings {
    /// The lengths of windows.
    pub cut: Cut,
    /// How long after its end a window is closed.
    pub lateness: Span,
    /// How long windows stay open for messages that are sent again, after the start and after a source came back.
    pub settle: Duration,
    /// How long a window stays open at most because a source is away, or sends what it kept; and how long settling takes
    /// at most.
    pub hold: Duration,
}

impl ClosingSettings {
    /// Settings with `hold` bounded: at most what can be caught up on, so that all windows that were held are scored
    /// afterwards; at least as long as settling takes.
    pub fn bounded(self, caught_up: Span) -> Self {
        let caught_up = caught_up.to_std();
        let hold = self.hold.min(caught_up.saturating_sub(Duration::from_nanos(1))).max(self.settle);
        Self { hold, ..self }
    }
}

/// What is known of a source that can be away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SourceSight {
    /// It is not connected.
    Away,
    /// It is connected.
    Connected {
        /// Since when.
        since: Instant,
        /// When something last came from it.
        heard: Instant,
    },
}

/// What to do with the windows that are over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClosingDecision {
    /// There are no such windows.
    Nothing,
    /// Close every window that ends at `until` or before.
    Close {
        /// The end of the last of these windows.
        until: Timestamp,
        /// Whether they were held open.
        closing: Closing,
    },
    /// Leave the windows open.
    Hold {
        /// Why.
        reason: HoldReason,
        /// When the first of them is closed at the latest.
        at_most: Instant,
    },
}

/// Why windows that are over stay open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HoldReason {
    /// The daemon has just started, and devices send again the messages that were not acknowledged.
    Started,
    /// A source is away.
    SourceAway,
    /// A source has come back, and sends the messages that were kept for us.
    SourceReturned,
    /// A source is connected and was not heard of since the window's end.
    SourceSilent,
}

/// Decides when windows are closed.
#[derive(Debug)]
pub struct ClosingGate {
    settings: ClosingSettings,
    began: Instant,
    /// The latest moment up to which all sources have sent everything; `None` before they have settled.
    complete: Option<Instant>,
    state: SourcesState,
    /// How many readings had come for windows that are over, at the last look.
    behind: u64,
    /// The time since which windows that are over stay open; `None` when there are none.
    holding: Option<Instant>,
}

/// Whether the sources have sent what they kept for us.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum SourcesState {
    Away,
    /// They tell it, until then or as long as more comes. A device whose clock is behind never stops sending what looks
    /// like it, so this has an end.
    Settling {
        connected: Option<Instant>,
        since: Instant,
        until: Instant,
    },
    Settled {
        connected: Option<Instant>,
        end: SettlingEnd,
    },
}

/// Why settling ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum SettlingEnd {
    /// No more came; or all windows are closed that were held for it.
    Quiet,
    /// More came, and `hold` had passed.
    AtBound,
}

impl ClosingGate {
    /// A gate for a daemon that starts now.
    pub fn new(settings: ClosingSettings, now: Instant) -> Self {
        let state = SourcesState::Settling { connected: None, since: now, until: now + settings.settle };
        Self { settings, began: now, complete: None, state, behind: 0, holding: None }
    }

    /// Decides. `source` is the source that can be away, if there is one. `behind` counts the readings that came for
    /// windows that were over. Windows before `closed` are closed.
    pub fn decide(
        &mut self,
        now: &ClockReading,
        source: Option<SourceSight>,
        behind: u64,
        closed: Timestamp,
    ) -> ClosingDecision {
        let reason = self.look_at_sources(now.instant, source, behind);
        let ClosingSettings { cut, lateness, hold, .. } = self.settings;
        let over = |time: Timestamp| cut.window_of(time - lateness).start();
        if over(now.believed) <= closed {
            self.end_holding();
            return ClosingDecision::Nothing;
        }
        let since = |then: Instant| Span::from(now.instant.saturating_duration_since(then));
        // A source that was heard of after a window's end has sent all of that window.
        let complete = self.complete.map(|complete| (now.believed - since(complete) + lateness).min(now.believed));
        let free = complete.map_or(Timestamp::MIN, over);
        let hold_from = self.complete.unwrap_or(self.began);
        let held_out = now.instant.saturating_duration_since(hold_from) >= hold;
        let forced = if held_out { over(now.believed - Span::from(hold)) } else { Timestamp::MIN };
        let until = free.max(forced);
        if until <= closed {
            self.holding.get_or_insert(now.instant);
            let beyond_bound = (closed + cut.window() + lateness + Span::from(hold)).since(now.believed).to_std();
            return ClosingDecision::Hold { reason, at_most: (hold_from + hold).max(now.instant + beyond_bound) };
        }
        let held = self.holding.map(|holding| since(holding).min(now.believed.since(until + lateness)));
        let held = held.unwrap_or_default().whole_millis();
        let is_cut_short = matches!(self.state, SourcesState::Settled { end: SettlingEnd::AtBound, .. });
        let closing = match held {
            held if forced > free => Closing::AtBound(held),
            Span::ZERO => Closing::OnTime,
            held if is_cut_short => Closing::AtBound(held),
            held => Closing::Held(held),
        };
        if until == over(now.believed) {
            self.end_holding();
        }
        ClosingDecision::Close { until, closing }
    }

    /// No window that is over is open any more.
    fn end_holding(&mut self) {
        self.holding = None;
        if let SourcesState::Settled { end, .. } = &mut self.state {
            *end = SettlingEnd::Quiet;
        }
    }

    /// Takes note of the sources. Gives the reason for which windows would be held now.
    fn look_at_sources(&mut self, now: Instant, source: Option<SourceSight>, behind: u64) -> HoldReason {
        let (connected, heard) = match source {
            None => (None, now),
            Some(SourceSight::Away) => {
                self.state = SourcesState::Away;
                return HoldReason::SourceAway;
            }
            Some(SourceSight::Connected { since, heard }) => (Some(since), heard),
        };
        let more_came = std::mem::replace(&mut self.behind, behind) != behind;
        let ClosingSettings { settle, hold, .. } = self.settings;
        self.state = match self.state {
            SourcesState::Settled { connected: before, end } if before == connected => {
                SourcesState::Settled { connected, end }
            }
            SourcesState::Settling { connected: before, since, until } if before == connected => {
                SourcesState::Settling { connected, since, until: if more_came { now + settle } else { until } }
            }
            // Also at the first connection after the start: settling begins again.
            _ => {
                let since = connected.unwrap_or(now).max(self.began);
                SourcesState::Settling { connected, since, until: since + settle }
            }
        };
        if let SourcesState::Settling { since, until, .. } = self.state {
            let end = match (now >= until, now >= since + hold) {
                (true, _) => SettlingEnd::Quiet,
                (false, true) => SettlingEnd::AtBound,
                (false, false) if connected.is_some() => return HoldReason::SourceReturned,
                (false, false) => return HoldReason::Started,
            };
            self.state = SourcesState::Settled { connected, end };
        }
        self.complete = self.complete.max(Some(heard.min(now)));
        HoldReason::SourceSilent
    }
}

#[cfg(test)]
mod tests;
