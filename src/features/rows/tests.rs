use std::collections::BTreeMap;
use std::convert::Infallible;

use proptest::prelude::*;

use super::super::{Back, Bounds, Feature, FeatureSet, MissingPolicy, Plan, When};
use super::*;
use crate::time::Span;
use crate::window::BlockBuilder;

const INTERVALS: u32 = 6;

fn cut() -> Cut {
    Cut::new(Span::from_secs(60), Span::from_secs(60 * INTERVALS)).unwrap()
}

fn row_cut() -> RowCut {
    RowCut { interval: cut().interval(), base: cut() }
}

/// The window that is scored. Earlier windows are 6 minutes long as well.
fn window() -> Window {
    cut().window_of(Timestamp::parse("2018-08-28T06:00:00Z").unwrap())
}

/// When a minute begins, counted from the start of the window.
fn minute(place: i64) -> Timestamp {
    Timestamp::from_nanos(window().start().nanos() + place * 60_000_000_000)
}

/// Readings of some sensors by minute: their values.
type Readings<'a> = BTreeMap<&'a str, BTreeMap<i64, Vec<f64>>>;

fn interval(place: i64, values: &[f64]) -> Interval {
    Interval::aggregate(minute(place), values.iter().copied()).unwrap()
}

/// Stores the readings, and reads the windows that the plan needs. The own sensor is called `own`.
fn blocks(plan: &Plan, readings: &Readings<'_>) -> Blocks {
    let read = |sensor: Option<&str>, window: Window| {
        let Some(minutes) = readings.get(sensor.unwrap_or("own")) else { return Ok::<_, Infallible>(None) };
        let mut block = BlockBuilder::new(window);
        let mut held = false;
        for (place, values) in minutes.iter().filter(|(place, _)| cut().window_of(minute(**place)) == window) {
            block.push(&interval(*place, values), cut());
            held = true;
        }
        Ok(held.then(|| block.finish()))
    };
    let Ok(blocks) = Blocks::read(plan, window(), row_cut(), read);
    blocks
}

fn plan(columns: &[&str], missing: &str) -> Plan {
    let features = FeatureSet::parse(columns, MissingPolicy::parse(missing).unwrap()).unwrap();
    Plan::new(features.into(), "own", Bounds { cut: cut(), windows_back: 3 }).unwrap()
}

/// The rows as the place of their minute and their values.
fn rows(columns: &[&str], missing: &str, readings: &Readings<'_>) -> Vec<(i64, Vec<f64>)> {
    let plan = plan(columns, missing);
    let rows = plan.rows(window(), &blocks(&plan, readings), row_cut()).unwrap();
    let place = |start: &Timestamp| start.since(window().start()).divide(cut().interval()).0;
    rows.starts.iter().map(place).zip(rows.values.outer_iter().map(|row| row.to_vec())).collect()
}

/// The values of the minutes in which a sensor has some.
type Minutes<'m> = &'m [(i64, &'m [f64])];

fn readings<'a>(of: &[(&'a str, Minutes<'_>)]) -> Readings<'a> {
    let minutes = |minutes: &[(i64, &[f64])]| minutes.iter().map(|(place, values)| (*place, values.to_vec())).collect();
    of.iter().map(|(sensor, of)| (*sensor, minutes(of))).collect()
}

#[test]
fn a_row_holds_what_its_columns_say_in_their_order() {
    let held = readings(&[("own", &[(1, &[2.0, 4.0]), (2, &[5.0])]), ("a", &[(1, &[1.0]), (2, &[-1.0, -3.0])])]);
    let columns = ["mean", "min", "max", "std", "first", "last", "count", "a.mean", "own.max"];
    let expected = [
        (1, vec![3.0, 2.0, 4.0, 1.0, 2.0, 4.0, 2.0, 1.0, 4.0]),
        (2, vec![5.0, 5.0, 5.0, 0.0, 5.0, 5.0, 1.0, -2.0, 5.0]),
    ];
    assert_eq!(rows(&columns, "skip", &held), expected);
}

#[test]
fn what_is_missing_leaves_the_row_out_or_is_carried_on_or_is_nan() {
    let held = readings(&[
        ("own", &[(0, &[1.0]), (1, &[2.0]), (2, &[3.0]), (3, &[4.0]), (5, &[6.0])]),
        ("a", &[(-1, &[9.0]), (2, &[7.0])]),
    ]);
    let columns = ["mean", "a.mean"];
    assert_eq!(rows(&columns, "skip", &held), [(2, vec![3.0, 7.0])]);
    let carried = [(0, vec![1.0, 9.0]), (2, vec![3.0, 7.0]), (3, vec![4.0, 7.0])];
    assert_eq!(rows(&columns, "last 1", &held), carried);
    let places: Vec<_> = rows(&columns, "last 3", &held).into_iter().map(|(place, _)| place).collect();
    assert_eq!(places, [0, 1, 2, 3, 5]);
    let with_nan = rows(&columns, "nan", &held);
    assert_eq!(with_nan.len(), 5);
    assert!(with_nan[0].1[1].is_nan() && with_nan[0].1[0] == 1.0);
    assert_eq!(with_nan[2], (2, vec![3.0, 7.0]));
}

#[test]
fn lags_and_differences_reach_into_earlier_windows() {
    let held = readings(&[("own", &[(-7, &[1.0]), (-1, &[2.0]), (0, &[3.0]), (1, &[5.0, 7.0])])]);
    assert_eq!(rows(&["mean", "mean lag 1"], "skip", &held), [(0, vec![3.0, 2.0]), (1, vec![6.0, 3.0])]);
    assert_eq!(rows(&["mean diff 1"], "skip", &held), [(0, vec![1.0]), (1, vec![3.0])]);
    assert_eq!(rows(&["mean lag 7", "max lag 1"], "skip", &held), [(0, vec![1.0, 2.0])]);
    assert_eq!(rows(&["mean lag 2"], "last 1", &held), [(1, vec![2.0])]);
}

#[test]
fn rows_of_other_sensors_alone_stand_for_the_intervals_of_any_of_them() {
    let held =
        readings(&[("own", &[(0, &[1.0])]), ("a", &[(1, &[2.0]), (2, &[3.0])]), ("b", &[(2, &[4.0]), (4, &[5.0])])]);
    let plan = plan(&["a.mean", "b.mean"], "nan");
    let made = plan.rows(window(), &blocks(&plan, &held), row_cut()).unwrap();
    assert_eq!((made.intervals, made.starts), (3, vec![minute(1), minute(2), minute(4)]));
    assert_eq!(rows(&["a.mean", "b.mean"], "skip", &held), [(2, vec![3.0, 4.0])]);
}

#[test]
fn intervals_are_counted_whether_or_not_a_row_can_be_made() {
    let held = readings(&[("own", &[(-1, &[1.0]), (0, &[1.0]), (3, &[2.0])])]);
    let plan = plan(&["mean", "never.mean"], "skip");
    let made = plan.rows(window(), &blocks(&plan, &held), row_cut()).unwrap();
    assert_eq!((made.intervals, made.starts.len(), made.values.dim()), (2, 0, (0, 2)));
}

#[test]
fn the_hour_of_the_day_goes_round_once_in_utc() {
    let held = readings(&[("own", &[(0, &[1.0]), (1, &[1.0])])]);
    let [(_, six), (_, later)] = &rows(&["hour sin", "hour cos"], "skip", &held)[..] else { panic!() };
    assert!((six[0] - 1.0).abs() < 1e-15 && six[1].abs() < 1e-15, "{six:?}: it is six in the morning");
    let angle = std::f64::consts::TAU * (6.0 * 3600.0 + 60.0) / 86_400.0;
    assert_eq!(later[..], [angle.sin(), angle.cos()]);
}

#[test]
fn a_damaged_block_is_an_error() {
    let plan = plan(&["mean"], "skip");
    let read = |_: Option<&str>, _| Ok::<_, Infallible>(Some(WindowBlock::from_bytes(vec![1, 0, 0, 200])));
    let Ok(blocks) = Blocks::read(&plan, window(), row_cut(), read);
    assert_eq!(plan.rows(window(), &blocks, row_cut()), Err(Corrupt));
}

/// The value of a column, computed from its definition without a plan.
fn by_definition(feature: &Feature, missing: MissingPolicy, place: i64, readings: &Readings<'_>) -> Option<f64> {
    let Feature::Sensor { sensor, aggregate, when } = feature else { panic!("not a sensor's") };
    let at = |place: i64| {
        let minutes = readings.get(sensor.as_deref().unwrap_or("own"))?;
        let lasts = if let MissingPolicy::Last(back) = missing { back.intervals() } else { 0 };
        let found = (place - lasts..=place).rev().find_map(|place| Some((place, minutes.get(&place)?)));
        found.map(|(place, values)| aggregate.of(&interval(place, values)))
    };
    let found = match when {
        When::Now => at(place),
        When::Lag(back) => at(place - back.intervals()),
        When::Diff(back) => at(place).zip(at(place - back.intervals())).map(|(now, then)| now - then),
    };
    found.or((missing == MissingPolicy::Nan).then_some(f64::NAN))
}

fn any_readings() -> impl Strategy<Value = Readings<'static>> {
    let values = prop::collection::vec(-1e3..1e3_f64, 1..4);
    let minutes = prop::collection::btree_map(-18_i64..6, values, 0..24);
    prop::collection::btree_map(prop::sample::select(vec!["own", "a", "b"]), minutes, 0..=3)
}

fn any_columns() -> impl Strategy<Value = Vec<String>> {
    let aggregate = prop::sample::select(vec!["mean", "min", "max", "std", "first", "last", "count"]);
    let sensor = prop::sample::select(vec!["", "own.", "a.", "b.", "never."]);
    let when = prop_oneof![
        Just(String::new()),
        (1..=6_i64).prop_map(|n| format!(" lag {n}")),
        (1..=6_i64).prop_map(|n| format!(" diff {n}"))
    ];
    prop::collection::vec((sensor, aggregate, when).prop_map(|(s, a, w)| format!("{s}{a}{w}")), 1..5)
}

proptest! {
    #[test]
    fn the_mean_alone_gives_the_means_of_the_window_bit_for_bit(readings in any_readings()) {
        let expected: Vec<_> = readings
            .get("own")
            .into_iter()
            .flat_map(|minutes| minutes.range(0..))
            .map(|(place, values)| (*place, vec![interval(*place, values).mean.to_bits()]))
            .collect();
        let found = rows(&["mean"], "skip", &readings);
        let bits = |(place, row): &(i64, Vec<f64>)| (*place, row.iter().map(|value| value.to_bits()).collect::<Vec<_>>());
        prop_assert_eq!(found.iter().map(bits).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn rows_are_what_the_definition_of_their_columns_says(
        readings in any_readings(),
        columns in any_columns(),
        missing in prop::sample::select(vec!["skip", "nan", "last 1", "last 4"]),
    ) {
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        let features: Vec<_> = columns.iter().map(|column| Feature::parse(column).unwrap()).collect();
        let policy = MissingPolicy::parse(missing).unwrap();
        let of = |feature: &Feature| match feature {
            Feature::Sensor { sensor: Some(sensor), .. } => sensor.to_string(),
            _ => "own".to_owned(),
        };
        let named: Vec<String> = features.iter().map(of).collect();
        let base = if named.contains(&"own".to_owned()) { vec!["own".to_owned()] } else { named };
        let expected: Vec<_> = (0..i64::from(INTERVALS))
            .filter(|place| base.iter().any(|name| readings.get(name.as_str()).is_some_and(|of| of.contains_key(place))))
            .filter_map(|place| {
                let row: Option<Vec<f64>> =
                    features.iter().map(|feature| by_definition(feature, policy, place, &readings)).collect();
                Some((place, row?.iter().map(|value| value.to_bits()).collect::<Vec<_>>()))
            })
            .collect();
        let found = rows(&columns, missing, &readings);
        let bits = |(place, row): &(i64, Vec<f64>)| (*place, row.iter().map(|value| value.to_bits()).collect::<Vec<_>>());
        prop_assert_eq!(found.iter().map(bits).collect::<Vec<_>>(), expected);
    }
}

#[test]
fn a_back_of_no_intervals_does_not_exist() {
    assert_eq!((Back::new(0), Back::new(32_769)), (None, None));
    assert_eq!(Back::new(32_768).map(Back::intervals), Some(32_768));
}

/// How the store may cut time below windows of 12 minutes: by how many seconds an interval, by how many a window.
const BASES: [(u32, u32); 6] = [(60, 720), (60, 60), (60, 240), (20, 60), (15, 120), (5, 30)];

/// Readings by second, in the order of time.
type Seconds = BTreeMap<i64, f64>;

/// The window of 12 minutes whose rows are compared.
fn long_window() -> Window {
    Window::new(window().start(), Span::from_secs(720))
}

/// The rows of a window of 12 minutes with intervals of a minute, when the store cuts time so.
fn rows_from(base: Cut, columns: &[&str], missing: &str, readings: &Seconds) -> Rows {
    let cut = RowCut { interval: Span::from_secs(60), base };
    let bounds = Bounds { cut: Cut::new(cut.interval, long_window().length()).unwrap(), windows_back: 1 };
    let features = FeatureSet::parse(columns, MissingPolicy::parse(missing).unwrap()).unwrap();
    let plan = Plan::new(features.into(), "own", bounds).unwrap();
    let time = |second: i64| Timestamp::from_nanos(window().start().nanos() + second * 1_000_000_000);
    let read = |_: Option<&str>, stored: Window| {
        let mut block = BlockBuilder::new(stored);
        let inside = readings.iter().filter(|(second, _)| base.window_of(time(**second)) == stored).collect::<Vec<_>>();
        for of_interval in inside.chunk_by(|(a, _), (b, _)| base.interval_of(time(**a)) == base.interval_of(time(**b)))
        {
            let values = of_interval.iter().map(|(_, value)| **value);
            block.push(&Interval::aggregate(base.interval_of(time(*of_interval[0].0)), values).unwrap(), base);
        }
        Ok::<_, Infallible>((!inside.is_empty()).then(|| block.finish()))
    };
    let Ok(blocks) = Blocks::read(&plan, long_window(), cut, read);
    plan.rows(long_window(), &blocks, cut).unwrap()
}

fn is_near(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits() || (a - b).abs() <= 1e-9 * (1.0 + a.abs().max(b.abs()))
}

proptest! {
    /// A window that is put together from stored windows has the rows of one that was stored whole: bit for bit when
    /// intervals are as long as those of the store, and as far as floating point allows when they are folded.
    #[test]
    fn rows_do_not_depend_on_how_the_store_cuts_time(
        readings in prop::collection::btree_map(-720_i64..800, -1e4..1e4_f64, 0..300),
        columns in any_columns(),
        missing in prop::sample::select(vec!["skip", "nan", "last 2"]),
    ) {
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        let base = |(interval, window)| Cut::new(Span::from_secs(interval), Span::from_secs(window)).unwrap();
        let whole = rows_from(base(BASES[0]), &columns, missing, &readings);
        for (interval, window) in BASES {
            let made = rows_from(base((interval, window)), &columns, missing, &readings);
            prop_assert_eq!((&made.starts, made.intervals), (&whole.starts, whole.intervals));
            for (made, whole) in made.values.iter().zip(&whole.values) {
                let is_same = if interval == 60 { made.to_bits() == whole.to_bits() } else { is_near(*made, *whole) };
                prop_assert!(is_same, "{} and {} with intervals of {interval} s", made, whole);
            }
        }
    }
}
