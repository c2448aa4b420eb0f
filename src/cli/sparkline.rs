//! A series in one line of text.

use crate::answers::Series;

/// The heights of a mark.
const MARKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// A mark for each step of a series, as high as its mean among all; a space where there are no readings. At most `width`
/// marks, the last of them.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "places and heights are small numbers, none below zero"
)]
pub(crate) fn sparkline(series: &Series, width: usize) -> String {
    let since = series.since.nanos() as f64 / 1e9;
    let finite = |fold: fn(f64, f64) -> f64, from: f64| series.mean.iter().copied().fold(from, fold);
    let (low, high) = (finite(f64::min, f64::INFINITY), finite(f64::max, f64::NEG_INFINITY));
    let mut marks = Vec::new();
    for (time, mean) in series.time.iter().zip(&series.mean) {
        // The first step may begin before the series, by less than a step.
        let place = ((time - since) / series.step_seconds).ceil().max(0.0) as usize;
        if place >= MOST_STEPS {
            break;
        }
        marks.resize(place.max(marks.len()), ' ');
        // Halves, because the difference of two finite numbers may overflow.
        let height = (mean / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0);
        let mark = if height.is_finite() { (height * (MARKS.len() - 1) as f64).round() as usize } else { 0 };
        marks.push(MARKS[mark.min(MARKS.len() - 1)]);
    }
    marks[marks.len().saturating_sub(width)..].iter().collect()
}

/// More steps than any answer has.
const MOST_STEPS: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{Span, Timestamp};

    fn line(points: &[(u32, f64)], width: usize) -> String {
        let since = Timestamp::parse("2018-08-28 13:00").unwrap();
        let series = Series {
            sensor: "press/flow".to_owned(),
            since,
            until: since + Span::from_secs(3600),
            step_seconds: 60.0,
            time: points.iter().map(|(minute, _)| since.nanos() as f64 / 1e9 + 60.0 * f64::from(*minute)).collect(),
            count: vec![1; points.len()],
            mean: points.iter().map(|(_, mean)| *mean).collect(),
            min: Vec::new(),
            max: Vec::new(),
            forgotten: Vec::new(),
        };
        sparkline(&series, width)
    }

    #[test]
    fn marks_are_as_high_as_the_means_and_gaps_are_gaps() {
        assert_eq!(line(&[(0, 1.0), (1, 8.0), (4, 4.5)], 40), "▁█  ▅");
        assert_eq!(line(&[(2, 1.0), (3, 8.0)], 40), "  ▁█");
        assert_eq!(line(&[(0, 1.0), (1, 8.0), (4, 4.5)], 3), "  ▅");
    }

    #[test]
    fn odd_series_have_a_line_too() {
        assert_eq!(line(&[], 40), "");
        assert_eq!(line(&[(0, 5.0), (1, 5.0)], 40), "▁▁");
        assert_eq!(line(&[(0, f64::MAX), (1, f64::MIN)], 40), "█▁");
        assert_eq!(line(&[(0, 1.0), (u32::MAX, 2.0)], 40), "▁");
    }
}
