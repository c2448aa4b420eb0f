//! Which readings of a batch count: each is admitted, held until the clock is sure, or refused with a reason.

use crate::ingest::batch::{AheadReading, AheadSuspect, Batch};
use crate::ingest::batch_account::BatchOutcome;
use crate::pipeline::held::HeldJudgement;
use crate::pipeline::{BatchProgress, Pace, Pipeline};
use crate::reading::{Reading, Reject, RejectReason, RejectScope, RejectedReading};
use crate::telemetry::metrics;
use crate::time::{Clock, Timestamp};
use crate::window::Admission;
use crate::zone::Zone;

impl Pipeline {
    /// Takes in a batch from the reading at `from` on, and fills in its account.
    pub fn take(&mut self, batch: &mut Batch, from: usize) -> BatchProgress {
        let Some(account) = batch.account.clone() else {
            let before = self.rejects.kept().len();
            let progress = self.take_in(batch, from);
            self.note_clocks(before);
            return progress;
        };
        self.settings.live.clocks.note_import(&batch.readings);
        let before = self.counted();
        let progress = self.take_in(batch, from);
        account.add(&self.counted().since(&before));
        progress
    }

    /// Notes how far the rejects from this place on were off in time.
    fn note_clocks(&self, from: usize) {
        let rejects = self.rejects.kept().get(from..).unwrap_or_default();
        self.settings.live.clocks.note_rejects(rejects, &self.directory);
    }

    /// What became of the readings since the last commit.
    fn counted(&self) -> BatchOutcome {
        BatchOutcome {
            accepted: self.accepted.len() as u64,
            held: self.held.len() as u64,
            rejected: self.rejects.counts().collect(),
        }
    }

    fn take_in(&mut self, batch: &mut Batch, from: usize) -> BatchProgress {
        self.rejects.append(std::mem::take(&mut batch.rejects));
        self.told_rejects.count_passed_over(&std::mem::take(&mut batch.members_passed_over));
        metrics::MESSAGES_PASSED_OVER.add(std::mem::take(&mut batch.messages_passed_over));
        if let Some(reject) = batch.replayed.take() {
            self.writer.put_replayed(reject);
        }
        let believed = self.believed_until();
        let mut ahead = std::mem::take(&mut batch.ahead).into_iter().peekable();
        let mut is_arrival = batch.arrivals.in_order();
        for (place, reading) in batch.readings.iter().enumerate().skip(from) {
            while let Some(ahead) = ahead.next_if(|ahead| ahead.behind <= place) {
                self.take_ahead(ahead);
            }
            let mut reading = *reading;
            let is_arrival = is_arrival(place);
            if is_arrival {
                reading.time = self.windows.arrival(reading.sensor, self.clock.believed_at(reading.time));
            } else {
                self.witness.hear(reading.time);
            }
            if let Clock::Event(_) = self.settings.clock {
                self.follow(reading.time);
                if self.event_clock.pace() == Pace::Held {
                    batch.ahead = ahead.collect();
                    return BatchProgress::UpTo(place);
                }
            }
            if reading.time > believed && !is_arrival {
                let Reading { time, .. } = reading;
                let why = RejectReason::ImplausibleTime { time, earliest: Timestamp::MIN, latest: believed };
                self.hold(reading, &why);
            } else {
                self.admit(reading, batch.zones.of(place));
            }
        }
        ahead.for_each(|ahead| self.take_ahead(ahead));
        BatchProgress::Whole
    }

    /// While a jump of the clock is in doubt: the latest time that is not ahead of the time believed. A device may have
    /// its time from the doubtful clock, and what it sends is no reason to close its sensor's intervals.
    pub(super) fn believed_until(&self) -> Timestamp {
        if self.clock.is_in_doubt() { self.held.latest(&self.clock) } else { Timestamp::MAX }
    }

    /// Refuses a reading that is too far ahead of a clock that is right, and holds it otherwise. It counts if the clock
    /// was set right since it came.
    fn take_ahead(&mut self, AheadReading { reading, reason, suspect, .. }: AheadReading) {
        let is_zone = suspect == AheadSuspect::ZoneOrClock && self.witness.is_borne_out();
        if reading.time <= self.held.latest(&self.clock) {
            self.admit(reading, None);
        } else if self.clock.is_certain() || is_zone {
            self.reject(reading, reason);
        } else {
            self.hold(reading, &reason);
        }
    }

    /// Holds a reading that is ahead of a clock that may be wrong; `why` is the reason for the log.
    fn hold(&mut self, reading: Reading, why: &RejectReason) {
        if let Err(reason) = self.held.hold(reading, &self.clock) {
            return self.reject(reading, reason);
        }
        metrics::READINGS_HELD_EVER.add(1);
        if let Some(suppressed) = self.held_logs.admit(self.clock.instant) {
            let sensor = self.directory.name(reading.sensor).map_or_else(String::new, |name| name.to_string());
            tracing::warn!(
                sensor,
                now = %self.clock.wall,
                suppressed,
                "a reading is ahead of the system's clock, which is not synchronised: the reading is held until the clock is \
                 synchronised or has come up to it, or until limits.held_for has passed: {why}"
            );
        }
    }

    /// Judges the held readings that can be judged now.
    pub(super) fn judge_held(&mut self) {
        let before = self.rejects.kept().len();
        let HeldJudgement { due, refused } = self.held.judge(&self.clock);
        due.into_iter().for_each(|reading| self.admit(reading, None));
        refused.into_iter().for_each(|(reading, reason)| self.reject(reading, reason));
        self.note_clocks(before);
    }

    /// Judges a reading. Without a zone of its own its time is taken as one of `zone`.
    fn admit(&mut self, reading: Reading, zone: Option<Zone>) {
        let Reading { sensor, time, value } = reading;
        let deadbands = &self.settings.deadbands;
        match self.windows.admit(reading, || deadbands(sensor), &mut self.over) {
            Admission::Accepted => {
                self.behind += u64::from(time < self.over_by_clock);
                self.accepted.push(reading);
            }
            Admission::Repeated => metrics::READINGS_REPEATED.add(1),
            Admission::Suppressed => metrics::READINGS_SUPPRESSED.add(1),
            refused => {
                if let Some(reason) = self.refusal(refused, time, value, zone) {
                    self.reject(reading, reason);
                }
            }
        }
    }

    /// Why a reading does not count that was judged so; `None` when it is no reject.
    pub(super) fn refusal(
        &self,
        admission: Admission,
        time: Timestamp,
        value: f64,
        zone: Option<Zone>,
    ) -> Option<RejectReason> {
        Some(match admission {
            Admission::Accepted | Admission::Repeated | Admission::Suppressed => return None,
            Admission::Conflict { stored } => RejectReason::Conflict { time, value, stored },
            Admission::Late { watermark } => {
                let late = RejectReason::Late { time, watermark };
                match (zone, &self.settings.clock) {
                    (None, _) => late,
                    (Some(zone), Clock::Wall) => late.noted(zone.note(time, self.clock.wall)),
                    (Some(zone), Clock::Event(_)) => late.noted(zone.assumed()),
                }
            }
            Admission::Indistinct { until } => RejectReason::IntervalFull { time, until },
            Admission::MemoryFull => RejectReason::MemoryFull { max: self.settings.windows.max_open_readings },
        })
    }

    fn reject(&mut self, reading: Reading, reason: RejectReason) {
        let Reading { sensor, time, value } = reading;
        let (directory, received) = (&self.directory, self.clock.wall);
        self.rejects.push(reason.kind(), || {
            let name = directory.name(sensor);
            Reject {
                received,
                origin: name.as_ref().map_or_else(String::new, ToString::to_string),
                excerpt: value.to_string(),
                reason,
                message: None,
                scope: RejectScope::Reading,
                reading: name.map(|sensor| RejectedReading { sensor, time, value }),
            }
        });
    }

    /// Moves the event clock on, and closes what it passes.
    fn follow(&mut self, time: Timestamp) {
        if !self.event_clock.advance(time) {
            return;
        }
        if self.event_clock.is_to_look() {
            self.update_pace();
        }
        let over = self.settings.windows.cut.window_of(time - self.settings.windows.lateness).start();
        self.close(over);
    }
}
