//! The keys under which things are stored.

use std::borrow::Cow;

use crate::interval::Window;
use crate::run::RunId;
use crate::sensor::SensorId;
use crate::store::Progress;

/// The last record of the journal that the database holds, as far as it is told by the database itself.
pub(super) const SETTLED_KEY: &[u8] = b"settled";
pub(super) const LATENESS_KEY: &[u8] = b"lateness";
pub(super) const SUBSCRIPTIONS_KEY: &[u8] = b"subscriptions";
pub(super) const KEPT_PER_INTERVAL_KEY: &[u8] = b"kept_per_interval";
/// The time before which windows were looked at for conditions.
pub(super) const CONDITIONS_KEY: &[u8] = b"conditions";
/// How many numbers were given to sensors. It is stored so that a number whose row is lost stays taken.
pub(super) const NUMBERS_KEY: &[u8] = b"sensors";

/// The id of the next run.
pub(super) const NEXT_RUN_KEY: &[u8] = b"next_run";

/// The id of the next order of an operator.
pub(super) const NEXT_ORDER_KEY: &[u8] = b"next_order";

/// The slot of a run in a ring of `slots`.
pub(super) fn run_slot(run: RunId, slots: u32) -> u32 {
    // The remainder of a division by a u32 fits a u32.
    u32::try_from(run.0 % u64::from(slots.max(1))).unwrap_or_default()
}

/// How the keys of [`cursor_key`] begin.
pub(super) const CURSOR_PREFIX: &[u8] = b"cursor/";

/// How the keys of the notes begin that say which rejects were replayed.
pub(super) const REPLAYED_PREFIX: &[u8] = b"replayed/";

/// The key of the first run that a sink has not taken.
pub(super) fn cursor_key(sink: &str) -> Vec<u8> {
    [CURSOR_PREFIX, sink.as_bytes()].concat()
}

/// The slot of a window in a ring of `slots`. Slots are used again, so that the files do not grow.
pub(super) fn ring_slot(window: Window, slots: u32) -> u32 {
    let slot = window.index().rem_euclid(i64::from(slots.max(1)));
    // The remainder of a division by a u32 fits a u32.
    u32::try_from(slot).unwrap_or_default()
}

/// The windows of a slot are neighbours, so that a closing for all sensors writes one run of entries, whatever lies in
/// the other slots.
pub(super) fn window_key(sensor: SensorId, window: Window, slots: u32) -> [u8; 8] {
    window_key_in_slot(sensor, ring_slot(window, slots))
}

pub(super) fn window_key_in_slot(sensor: SensorId, slot: u32) -> [u8; 8] {
    (u64::from(slot) << 32 | u64::from(sensor.0)).to_be_bytes()
}

pub(super) const SCORED_KEY: &[u8] = b"scored";
/// How the keys begin of what is scored of groups other than the default group.
pub(super) const SCORED_PREFIX: &[u8] = b"scored/";

pub(super) fn progress_key(progress: &Progress) -> Cow<'static, [u8]> {
    match progress {
        Progress::Closed => Cow::Borrowed(b"closed"),
        Progress::Scored(group) if group.is_default() => Cow::Borrowed(SCORED_KEY),
        Progress::Scored(group) => Cow::Owned([SCORED_PREFIX, group.as_str().as_bytes()].concat()),
    }
}
