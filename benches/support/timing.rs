//! How long a call takes.

use std::time::Instant;

use serde::Deserialize;

use crate::Size;

/// Short rounds, so that many of them are not interrupted.
pub(crate) fn rounds(size: Size) -> usize {
    size.of(301, 3)
}

const ROUND_SECONDS: f64 = 0.000_4;

/// What a call takes; in JSON the two numbers one after the other.
#[derive(Clone, Copy, Deserialize)]
#[serde(from = "[f64; 2]")]
pub(crate) struct Seconds {
    pub(crate) best: f64,
    pub(crate) median: f64,
}

impl From<[f64; 2]> for Seconds {
    fn from([best, median]: [f64; 2]) -> Self {
        Self { best, median }
    }
}

pub(crate) fn timed(size: Size, mut call: impl FnMut()) -> Seconds {
    let mut seconds = |calls: u32| {
        let began = Instant::now();
        for _ in 0..calls {
            call();
        }
        began.elapsed().as_secs_f64() / f64::from(calls)
    };
    let once = seconds(10).max(1e-9);
    let calls = (1..1000).take_while(|calls| f64::from(*calls) * once < ROUND_SECONDS).last().unwrap_or(1);
    let mut rounds: Vec<f64> = (0..rounds(size)).map(|_| seconds(calls)).collect();
    rounds.sort_by(f64::total_cmp);
    Seconds { best: rounds[0], median: rounds[rounds.len() / 2] }
}
