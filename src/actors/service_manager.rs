//! Tells the service manager (systemd) the daemon's status in one line, and feeds its watchdog.
//!
//! The watchdog is fed only as long as [`Liveness`] finds that the committer and the actors answer. This task runs on
//! the main thread, so that a stuck main loop does not feed the watchdog either. The threads on which models are scored
//! are not asked: a scoring without an end is a failure of its sensor, and the other sensors go on (`supervisor.rs`).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use actix::prelude::*;
use sd_notify::NotifyState;

use crate::actors::committer::Commands;
use crate::actors::liveness::{Answers, Liveness, ProbedPart};
use crate::actors::scoring::recorder::Recorder;
use crate::actors::scoring::scheduler::Scheduler;
use crate::actors::scoring::supervisor::SensorSupervisor;
use crate::run::{Run, RunState};
use crate::schedule::agenda::GroupPlan;
use crate::store::Reader;
use crate::telemetry::metrics;
use crate::time::{Clock, Timestamp};

/// Asks an actor whether it comes to its messages. The actor has answered when it has handled this message.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Probe;

impl Handler<Probe> for Scheduler {
    type Result = ();

    fn handle(&mut self, _: Probe, _: &mut Context<Self>) {}
}

impl Handler<Probe> for Recorder {
    type Result = ();

    fn handle(&mut self, _: Probe, _: &mut Context<Self>) {}
}

impl Handler<Probe> for SensorSupervisor {
    type Result = ();

    fn handle(&mut self, _: Probe, _: &mut Context<Self>) {}
}

/// The parts that are asked.
pub struct Probed {
    /// The way to the committer.
    pub commands: Commands,
    /// The actor that begins runs.
    pub scheduler: Addr<Scheduler>,
    /// The actor that gathers the outcomes of runs.
    pub recorder: Addr<Recorder>,
    /// The actor that starts and restarts the sensors' actors.
    pub supervisor: Addr<SensorSupervisor>,
}

/// What the status line is made from.
pub struct Course {
    /// Where runs are found.
    pub reader: Reader,
    /// When the runs of each group are due.
    pub plans: Vec<GroupPlan>,
    /// By which clock.
    pub clock: Clock,
}

/// How many runs are looked at, at most, for the last one that has ended.
const RUNS_LOOKED_AT: u64 = 4;
/// How often the status is told.
const STATUS_EVERY: Duration = Duration::from_secs(10);
/// How often the parts are asked within the watchdog's time.
const LOOKS: u32 = 8;

/// Whether there is a service manager to be told.
pub fn is_there() -> bool {
    std::env::var_os("NOTIFY_SOCKET").is_some()
}

/// Sends a state to the service manager, if there is one.
pub fn tell(state: &[NotifyState<'_>]) {
    let _ = sd_notify::notify(state);
}

/// Sends the status line, and feeds the watchdog if there is one, until the daemon stops.
pub async fn keep_informed(probed: Probed, course: Course) {
    let watchdog = sd_notify::watchdog_enabled();
    // The patience is half of the watchdog's time. A part that is stuck is reported after that half; the daemon is
    // killed when the watchdog's time has passed from then on.
    let mut liveness = watchdog.map(|watchdog| Liveness::new(Instant::now(), watchdog / 2));
    let every = watchdog.map_or(STATUS_EVERY, |watchdog| STATUS_EVERY.min(watchdog / LOOKS));
    let mut looks = tokio::time::interval(every.max(Duration::from_millis(1)));
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let answers = Arc::new(ProbedPart::ALL.map(|_| AtomicU64::new(0)));
    let mut status = StatusLine::new(Instant::now(), metrics::READINGS_ACCEPTED.get());
    let mut was_silent = None;
    loop {
        looks.tick().await;
        let now = Instant::now();
        if let Some(liveness) = &mut liveness {
            let counted: Answers = std::array::from_fn(|part| answers[part].load(Ordering::Relaxed));
            let look = liveness.look(now, counted);
            look.probe.into_iter().for_each(|part| probed.ask(part, Arc::clone(&answers)));
            match look.silent {
                None => tell(&[NotifyState::Watchdog]),
                Some((part, silence)) if was_silent != Some(part) => {
                    let (part, secs) = (part.name(), silence.as_secs());
                    tracing::error!(
                        "the {part} has not answered for {secs} s: the watchdog is not told any more, and ends \
                        the daemon unless it answers; nothing that was acknowledged is lost"
                    );
                    tell(&[NotifyState::Status(&format!("the {part} has not answered for {secs} s"))]);
                }
                Some(_) => {}
            }
            was_silent = look.silent.map(|(part, _)| part);
        }
        if was_silent.is_none() && status.is_due(now) {
            let line =
                status.next(now, metrics::READINGS_ACCEPTED.get(), &course.last_run(&probed.commands), course.next());
            tell(&[NotifyState::Status(&line)]);
        }
    }
}

impl Probed {
    /// Asks a part, and counts its answer when it comes.
    fn ask(&self, part: ProbedPart, answers: Arc<[AtomicU64; ProbedPart::ALL.len()]>) {
        let Self { commands, scheduler, recorder, supervisor } = self;
        let (commands, scheduler, recorder, supervisor) =
            (commands.clone(), scheduler.clone(), recorder.clone(), supervisor.clone());
        actix_rt::spawn(async move {
            let has_answered = match part {
                ProbedPart::Committer => commands.probe().await.is_ok(),
                ProbedPart::Scheduler => scheduler.send(Probe).await.is_ok(),
                ProbedPart::Recorder => recorder.send(Probe).await.is_ok(),
                ProbedPart::Supervisor => supervisor.send(Probe).await.is_ok(),
            };
            // A part that is dead never answers; the daemon ends because of it.
            if has_answered {
                answers[part as usize].fetch_add(1, Ordering::Relaxed);
            }
        });
    }
}

impl Course {
    /// The last run that has ended, in words.
    fn last_run(&self, commands: &Commands) -> String {
        let next = commands.position().borrow().runs;
        for id in (1..=RUNS_LOOKED_AT).map(|back| next.earlier(back)).take_while(|id| *id < next) {
            match self.reader.run(id) {
                Ok(Some(Run { state: RunState::Finished(tally), group, window, .. })) => {
                    let of_group = if group.is_default() { String::new() } else { format!(" of {group}") };
                    return format!(
                        "last run{of_group} {} to {}: {} scored, {} failed, {} anomalies",
                        window.start(),
                        window.end(),
                        tally.scored,
                        tally.not_scored(),
                        tally.anomalies
                    );
                }
                Ok(_) => {}
                Err(error) => return format!("the last run cannot be read: {error}"),
            }
        }
        "no run yet".to_owned()
    }

    /// When something may be due next; `None` when the clock does not tell.
    fn next(&self) -> Option<Timestamp> {
        match self.clock {
            Clock::Wall => {
                let now = self.clock.now();
                self.plans.iter().filter_map(|plan| plan.schedule.next_wake(now)).min()
            }
            Clock::Event(_) => None,
        }
    }
}

/// What `systemctl status` shows of the daemon in one line.
#[derive(Debug)]
struct StatusLine {
    counted_at: Instant,
    readings: u64,
    is_first: bool,
}

impl StatusLine {
    fn new(now: Instant, readings: u64) -> Self {
        Self { counted_at: now, readings, is_first: true }
    }

    fn is_due(&self, now: Instant) -> bool {
        self.is_first || now.saturating_duration_since(self.counted_at) >= STATUS_EVERY
    }

    /// The line, with the rate of readings since the line before.
    fn next(&mut self, now: Instant, readings: u64, last_run: &str, next_run: Option<Timestamp>) -> String {
        let span = now.saturating_duration_since(self.counted_at).max(Duration::from_secs(1));
        let tenths = u128::from(readings.saturating_sub(self.readings)) * 10_000 / span.as_millis();
        *self = Self { counted_at: now, readings, is_first: false };
        let next_run = next_run.map_or_else(String::new, |time| format!("; next run {time}"));
        format!("{}.{} readings/s; {last_run}{next_run}", tenths / 10, tenths % 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_tells_the_rate_since_the_one_before_and_what_is_next() {
        let start = Instant::now();
        let mut status = StatusLine::new(start, 100);
        assert!(status.is_due(start));
        assert_eq!(status.next(start, 100, "no run yet", None), "0.0 readings/s; no run yet");
        assert!(!status.is_due(start + Duration::from_secs(9)));
        let later = start + Duration::from_secs(10);
        assert!(status.is_due(later));
        let next = Timestamp::parse("2026-11-28T19:00:30Z");
        assert_eq!(
            status.next(later, 125, "last run", next),
            "2.5 readings/s; last run; next run 2026-11-28T19:00:30Z"
        );
        let later = later + Duration::from_secs(20);
        assert_eq!(status.next(later, 125, "last run", None), "0.0 readings/s; last run");
    }
}
