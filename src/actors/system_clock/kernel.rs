//! What the kernel says of its clock: whether a time server, or another source of time, keeps it right.
//!
//! Every program that keeps a clock by NTP tells the kernel so: systemd-timesyncd, chrony, ntpd, busybox. The kernel
//! withdraws it when no program has confirmed it for long, or when the clock is set by hand.

use std::path::Path;

use crate::schedule::clock_trust::ClockSync;

/// A file that systemd-timesyncd makes when it has set the clock. It is looked for where the kernel may not be asked.
const TIMESYNCD: &str = "/run/systemd/timesync/synchronized";

/// Whether the system's clock is synchronised.
pub(super) fn clock_sync() -> ClockSync {
    fail::fail_point!("clock::sync", |answer| match answer.as_deref() {
        Some("synchronised") => ClockSync::Synchronised,
        Some("unsynchronised") => ClockSync::Unsynchronised,
        _ => ClockSync::Unknown,
    });
    match kernel_status() {
        Some(status) if status & libc::STA_UNSYNC == 0 => ClockSync::Synchronised,
        Some(_) => ClockSync::Unsynchronised,
        None if Path::new(TIMESYNCD).exists() => ClockSync::Synchronised,
        None => ClockSync::Unknown,
    }
}

/// The kernel's status bits of its clock; `None` when the kernel may not be asked.
#[expect(unsafe_code, reason = "no crate that we build on wraps this call")]
fn kernel_status() -> Option<i32> {
    // SAFETY: the structure holds numbers only, for which all bits zero are valid; with `modes` zero the kernel changes
    // nothing and only fills it in.
    let (state, status) = unsafe {
        let mut timex: libc::timex = std::mem::zeroed();
        (libc::adjtimex(&raw mut timex), timex.status)
    };
    (state >= 0).then_some(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_answers_or_may_not_be_asked() {
        // The answer depends on the machine that the test runs on.
        if let Some(status) = kernel_status() {
            assert_eq!(status & libc::STA_UNSYNC == 0, clock_sync() == ClockSync::Synchronised);
        }
    }
}
