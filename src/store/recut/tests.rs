//! Windows that were put together of shorter intervals against windows that were made of the readings.

use proptest::prelude::*;

use super::*;
use crate::reading::Reading;
use crate::time::Span;
use crate::window::{OpenWindows, WindowSettings};

fn cut(interval: u32, window: u32) -> Cut {
    Cut::new(Span::from_secs(interval), Span::from_secs(window)).unwrap()
}

/// The windows that readings make.
fn windows(readings: &[(u32, f64)], cut: Cut) -> Vec<(Window, Vec<Interval>)> {
    let settings = WindowSettings {
        cut,
        lateness: Span::from_secs(1_000_000),
        kept_per_interval: 100_000,
        max_open_readings: 1_000_000,
    };
    let mut open = OpenWindows::new(settings, Timestamp::MIN, []);
    let mut over = Vec::new();
    for (second, value) in readings {
        let time = Timestamp::from_nanos(i64::from(*second) * 1_000_000_000);
        open.admit(Reading { sensor: SensorId(0), time, value: *value }, || None, &mut over);
    }
    open.close_until(Timestamp::from_nanos(1_000_000_000_000_000), &mut over);
    over.into_iter().map(|closed| (closed.window, closed.block.intervals(cut).unwrap())).collect()
}

fn is_near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * (1.0 + a.abs().max(b.abs()))
}

proptest! {
    #[test]
    fn longer_intervals_are_what_the_readings_would_have_made(
        readings in proptest::collection::vec((0..7_200_u32, -1e4..1e4_f64), 1..300),
        (interval, window) in prop_oneof![Just((60, 600)), Just((300, 600)), Just((300, 3_600)), Just((600, 1_800))],
    ) {
        let (old, new) = (cut(60, 600), cut(interval, window));
        let intervals: Vec<_> = windows(&readings, old).into_iter().flat_map(|(_, intervals)| intervals).collect();
        let made = regrouped(&intervals, old, new);
        let wanted = windows(&readings, new);
        prop_assert_eq!(made.len(), wanted.len());
        for ((window, block), (wanted_window, wanted)) in made.into_iter().zip(wanted) {
            prop_assert_eq!(window, wanted_window);
            let made = block.intervals(new).unwrap();
            prop_assert_eq!(made.len(), wanted.len());
            for (made, wanted) in made.into_iter().zip(wanted) {
                let exact = |interval: &Interval| {
                    let Interval { start, count, min, max, first, last, .. } = *interval;
                    (start, count, [min, max, first, last].map(f64::to_bits))
                };
                prop_assert_eq!(exact(&made), exact(&wanted));
                prop_assert!(is_near(made.mean, wanted.mean), "{:?} {:?}", made, wanted);
                prop_assert!(is_near(made.standard_deviation, wanted.standard_deviation), "{:?} {:?}", made, wanted);
            }
        }
    }
}

#[test]
fn what_cannot_be_cut_otherwise_is_told() {
    let settings =
        |interval, window| StoredSettings { cut: cut(interval, window), windows: 9, runs: 9, verdict_runs: 9 };
    let plan = |stored, configured| RecutPlan { stored, configured };
    for (new, windows, key) in [
        ((60, 600), WindowsPlan::Kept, "store.keep_verdicts"),
        ((120, 600), WindowsPlan::Regrouped, "window.interval"),
        ((60, 3_600), WindowsPlan::Regrouped, "window.length"),
        ((90, 900), WindowsPlan::Left, "window.interval"),
        ((30, 600), WindowsPlan::Left, "window.interval"),
        ((1_200, 3_600), WindowsPlan::Left, "window.interval"),
    ] {
        let plan = plan(settings(60, 600), StoredSettings { verdict_runs: 8, ..settings(new.0, new.1) });
        assert_eq!((plan.windows(), plan.key()), (windows, key), "{new:?}");
        assert!(plan.to_string().contains("the old store is kept"), "{plan}");
    }
}
