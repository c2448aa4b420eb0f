//! How long a commit waits for company. Pure: takes times and sizes, and says until when to wait.
//!
//! Flash wears by the page that is written, and every commit writes its last page whole, however little is in it. So the
//! fewer commits the same readings take, the less is written; an acknowledgement that waits for company stays as durable
//! as one that does not.
//!
//! There is a delay that the configuration asks for, and one that stretches by itself: a budget of bytes a day is spread
//! over the day, and what an hour of it did not need is saved up, so that bursts go without waiting. When the savings run
//! low, the delay grows, up to a second, as far as it has to for the commits to fit in the budget. It shrinks again as
//! savings come back. What the readings themselves take cannot be saved by waiting: beyond the budget, the delay goes
//! only so far that the commits' own pages are a quarter of that.
//!
//! A wait ends early when enough has come, and when nobody else is expected: after eight usual gaps between messages
//! without any. Otherwise those who send nothing more before their acknowledgement, like a broker with few messages in
//! flight, would be slowed down for the sake of a company that cannot come.

use std::time::{Duration, Instant};

/// When acknowledgements may wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PaceSettings {
    /// How long every commit may wait for company.
    pub delay: Duration,
    /// How many bytes commits may write a day before the delay stretches by itself.
    pub daily_budget: u64,
}

/// The longest delay that comes by itself.
pub const MAX_STRETCH: Duration = Duration::from_secs(1);

/// What a commit writes beside its content: the page in which it ends is written whole, and again by the next.
const PAGE_BYTES: f64 = 4096.0;

/// A commit with so many bytes of readings in memory waits no longer: its own page is small beside it.
const FULL_BYTES: usize = 32 << 10;

const DAY_SECONDS: f64 = 86_400.0;
/// How much of a day's budget can be saved up.
const SAVED_SECONDS: f64 = 3_600.0;
/// The delay grows from here on down to no savings at all.
const LOW_SAVINGS: f64 = 0.125;
/// Over so many seconds the rate of writing is averaged.
const RATE_SECONDS: f64 = 2.0;
/// So much does a message count in the usual gap between messages.
const GAP_WEIGHT: f64 = 1.0 / 16.0;
/// After so many usual gaps without a message, nobody else is expected.
const GAPS_OF_PATIENCE: f64 = 8.0;

/// What has come for the next commit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gathered {
    /// When the first of it came.
    pub(super) since: Instant,
    /// The readings' size in memory.
    pub(super) bytes: usize,
}

/// News for the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum PaceNews {
    /// The budget is used up, and commits begin to wait.
    Stretches,
}

/// Decides how long commits wait.
#[derive(Debug)]
pub(super) struct CommitPace {
    settings: PaceSettings,
    now: Instant,
    /// Bytes of the budget that were saved up; negative when more was written.
    savings: f64,
    /// Bytes a second that commits write beside a page each.
    content_rate: f64,
    /// Seconds between two messages, usually.
    gap: f64,
    last_message: Instant,
    /// Whether the log knows that the delay stretches.
    is_told: bool,
}

impl CommitPace {
    /// At a start nothing is used up: devices that were kept waiting come all at once.
    pub(super) fn new(settings: PaceSettings, now: Instant) -> Self {
        let mut pace =
            Self { settings, now, savings: 0.0, content_rate: 0.0, gap: 0.0, last_message: now, is_told: false };
        pace.savings = pace.most_savings();
        pace
    }

    /// Notes that so many messages came since this was told last.
    pub(super) fn heard(&mut self, messages: u64, now: Instant) {
        if messages > 0 {
            let gap = now.saturating_duration_since(self.last_message).as_secs_f64() / messages as f64;
            let weight = 1.0 - (1.0 - GAP_WEIGHT).powi(i32::try_from(messages).unwrap_or(i32::MAX));
            self.gap += weight * (gap - self.gap);
            self.last_message = self.last_message.max(now);
        }
    }

    /// Until when the next commit waits for company; none if it does not wait (any longer).
    pub(super) fn wait_until(&self, gathered: Gathered, now: Instant) -> Option<Instant> {
        let delay = self.delay();
        if delay.is_zero() || gathered.bytes >= FULL_BYTES {
            return None;
        }
        let patience = Duration::try_from_secs_f64(GAPS_OF_PATIENCE * self.gap).unwrap_or(Duration::MAX);
        let alone = self.last_message.checked_add(patience).unwrap_or(gathered.since + delay);
        let until = alone.min(gathered.since + delay);
        (until > now).then_some(until)
    }

    /// Notes a commit that wrote so many bytes, in whole pages.
    pub(super) fn committed(&mut self, bytes: u64, now: Instant) -> Option<PaceNews> {
        let passed = now.saturating_duration_since(self.now).as_secs_f64();
        self.now = self.now.max(now);
        self.savings = (self.savings + passed * self.rate()).min(self.most_savings());
        self.content_rate *= (-passed / RATE_SECONDS).exp();
        if bytes > 0 {
            // What is owed is bounded as well, so that it does not take days to forget a busy one.
            self.savings = (self.savings - bytes as f64).max(-self.most_savings() * LOW_SAVINGS);
            self.content_rate += (bytes as f64 - PAGE_BYTES).max(0.0) / RATE_SECONDS;
        }
        if self.savings >= self.most_savings() / 2.0 {
            self.is_told = false;
        } else if !self.is_told && self.stretch() > self.settings.delay {
            self.is_told = true;
            return Some(PaceNews::Stretches);
        }
        None
    }

    /// How long a commit may wait now.
    pub(super) fn delay(&self) -> Duration {
        self.settings.delay.max(self.stretch())
    }

    /// The delay that the budget asks for.
    fn stretch(&self) -> Duration {
        let low = self.most_savings() * LOW_SAVINGS;
        let share = (1.0 - self.savings / low).clamp(0.0, 1.0);
        let for_pages = (self.rate() - self.content_rate).max(self.content_rate / 4.0);
        // A budget of nothing gives no number here, and the longest delay.
        let seconds = (PAGE_BYTES / for_pages).min(MAX_STRETCH.as_secs_f64());
        Duration::try_from_secs_f64(seconds * share).unwrap_or(MAX_STRETCH)
    }

    /// The budget in bytes a second.
    fn rate(&self) -> f64 {
        self.settings.daily_budget as f64 / DAY_SECONDS
    }

    fn most_savings(&self) -> f64 {
        self.rate() * SAVED_SECONDS
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GIB: u64 = 1 << 30;
    const READING_BYTES: usize = 24;
    /// What a commit of so many readings writes, roughly.
    fn written(messages: u64) -> u64 {
        (60 + 12 * messages) / 4_096 * 4_096 + 4_096
    }

    /// What a simulated time came to.
    #[derive(Debug, PartialEq)]
    struct Outcome {
        commits: u64,
        /// Bytes that commits wrote, with their own pages.
        bytes: f64,
        longest_wait: Duration,
        news: usize,
        messages: u64,
    }

    /// A sync takes so long.
    const SYNC: Duration = Duration::from_millis(1);

    /// Messages that come at these times, whatever the commits do. Does what the committer does.
    fn simulate(settings: PaceSettings, times: impl IntoIterator<Item = Duration>) -> Outcome {
        let start = Instant::now();
        let mut pace = CommitPace::new(settings, start);
        let mut outcome = Outcome { commits: 0, bytes: 0.0, longest_wait: Duration::ZERO, news: 0, messages: 0 };
        let mut times = times.into_iter().map(|time| start + time).peekable();
        let mut now = start;
        while let Some(first) = times.next() {
            now = now.max(first);
            pace.heard(1, now);
            let (mut messages, mut gathered) = (1, Gathered { since: now, bytes: READING_BYTES });
            loop {
                while times.next_if(|time| *time <= now).is_some() {
                    pace.heard(1, now);
                    messages += 1;
                    gathered.bytes += READING_BYTES;
                }
                let Some(until) = pace.wait_until(gathered, now) else { break };
                assert!(until > now);
                now = times.peek().map_or(until, |next| until.min(*next));
            }
            outcome.longest_wait = outcome.longest_wait.max(now - gathered.since);
            now += SYNC;
            let bytes = written(messages);
            outcome.news += usize::from(pace.committed(bytes, now).is_some());
            outcome.commits += 1;
            outcome.bytes += bytes as f64;
            outcome.messages += messages;
        }
        outcome
    }

    fn evenly(rate: f64, seconds: f64) -> impl Iterator<Item = Duration> {
        (0..)
            .map(move |place| Duration::from_secs_f64(f64::from(place) / rate))
            .take_while(move |time| time.as_secs_f64() < seconds)
    }

    const DEFAULT: PaceSettings = PaceSettings { delay: Duration::ZERO, daily_budget: GIB };

    #[test]
    fn nothing_waits_while_commits_stay_under_the_budget() {
        // Fifteen sensors, a reading a minute each: for a day.
        let outcome = simulate(DEFAULT, evenly(0.25, 86_400.0));
        assert_eq!((outcome.commits, outcome.longest_wait, outcome.news), (outcome.messages, Duration::ZERO, 0));
    }

    #[test]
    fn a_burst_goes_without_waiting_and_a_lasting_load_comes_down_to_the_budget() {
        let minute = simulate(DEFAULT, evenly(100.0, 60.0));
        assert_eq!((minute.commits, minute.longest_wait, minute.news), (6_000, Duration::ZERO, 0));
        // Fifteen sensors, a reading a second each: without waiting, 5 GiB a day.
        let day = simulate(DEFAULT, evenly(15.0, 86_400.0));
        assert!(day.bytes < 1.1 * GIB as f64 && day.bytes > 0.8 * GIB as f64, "{day:?}");
        assert!(day.longest_wait <= MAX_STRETCH, "{day:?}");
        assert_eq!(day.news, 1, "the log says it once");
    }

    #[test]
    fn the_delay_shrinks_when_less_comes() {
        let busy = evenly(50.0, 7_200.0);
        let quiet = evenly(0.5, 40_000.0).map(|time| time + Duration::from_secs(7_300));
        let start = Instant::now();
        let mut pace = CommitPace::new(DEFAULT, start);
        for time in busy {
            pace.committed(written(1), start + time);
        }
        assert!(pace.delay() > Duration::from_millis(100), "{:?}", pace.delay());
        for time in quiet {
            pace.committed(written(1), start + time);
        }
        assert_eq!(pace.delay(), Duration::ZERO);
    }

    #[test]
    fn a_delay_that_was_asked_for_makes_one_commit_of_what_comes_in_it() {
        let settings = PaceSettings { delay: Duration::from_secs(1), ..DEFAULT };
        let outcome = simulate(settings, evenly(15.0, 100.0));
        assert!(outcome.commits <= 100 && outcome.commits > 90, "{outcome:?}");
    }

    #[test]
    fn a_budget_of_nothing_makes_commits_wait_for_a_second_and_no_longer() {
        let settings = PaceSettings { delay: Duration::ZERO, daily_budget: 0 };
        let outcome = simulate(settings, evenly(15.0, 100.0));
        assert_eq!(outcome.longest_wait, MAX_STRETCH);
        assert!(outcome.commits < 110, "{outcome:?}");
    }

    #[test]
    fn a_full_commit_waits_for_nobody() {
        let now = Instant::now();
        let pace = CommitPace::new(PaceSettings { delay: Duration::from_secs(10), ..DEFAULT }, now);
        let soon = now + Duration::from_millis(1);
        assert_eq!(pace.wait_until(Gathered { since: now, bytes: FULL_BYTES }, soon), None);
    }

    /// A broker that has so many messages in flight sends no more before its acknowledgements.
    #[test]
    fn a_broker_with_twenty_messages_in_flight_is_not_held_to_twenty_a_delay() {
        let settings = PaceSettings { delay: Duration::from_secs(1), ..DEFAULT };
        let start = Instant::now();
        let mut pace = CommitPace::new(settings, start);
        let mut now = start;
        let mut commits = 0;
        while now - start < Duration::from_secs(60) {
            pace.heard(20, now);
            let gathered = Gathered { since: now, bytes: 20 * READING_BYTES };
            while let Some(until) = pace.wait_until(gathered, now) {
                now = until;
            }
            now += SYNC;
            pace.committed(written(20), now);
            commits += 1;
        }
        assert!(commits > 10_000, "{commits} commits in a minute");
    }

    proptest! {
        /// Whatever comes, whenever: no wait is longer than the delay, and every message is committed.
        #[test]
        fn no_acknowledgement_waits_for_longer_than_the_delay(
            gaps in prop::collection::vec(prop_oneof![0..2_000_u64, 0..3_000_000_u64], 1..300),
            delay_millis in 0..2_000_u64,
            daily_budget in prop_oneof![Just(0), Just(1 << 20), Just(GIB), Just(u64::MAX)],
        ) {
            let settings = PaceSettings { delay: Duration::from_millis(delay_millis), daily_budget };
            let times: Vec<_> = gaps.iter().scan(0, |time, gap| { *time += gap; Some(Duration::from_micros(*time)) }).collect();
            let outcome = simulate(settings, times);
            prop_assert!(outcome.longest_wait <= settings.delay.max(MAX_STRETCH));
            prop_assert_eq!(outcome.messages, gaps.len() as u64);
            if daily_budget == u64::MAX {
                prop_assert!(outcome.longest_wait <= settings.delay);
                prop_assert_eq!(outcome.news, 0);
            }
        }
    }
}
