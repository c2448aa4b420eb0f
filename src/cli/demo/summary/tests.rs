use super::*;
use crate::cli::demo::daemon_process::RunFigures;
use crate::cli::demo::findings::{Judgement, MINUTE, Minute};
use crate::cli::demo::simulation::Simulation;
use crate::cli::publish::Progress;

const SENT: u64 = 33_300;

/// A run in which everything went well: each model flagged its sensor's fault and nothing else.
fn good() -> Summary {
    let mut board = Board::new(&Simulation::new(42));
    let (scoring, total) = (Duration::from_millis(3), Duration::from_millis(6));
    for hour in &mut board.hours {
        hour.figures = Some(RunFigures { window: hour.start, scored: 15, rows: 900, scoring, total });
    }
    let start = board.hours[0].start;
    for row in &mut board.rows {
        row.cells.fill(crate::cli::demo::board::Cell::Healthy);
        let faults = board.faults.clone();
        let minutes = (0..360).map(|minute| {
            let start = start + MINUTE.times(minute);
            let ill = faults.iter().any(|fault| fault.sensor == row.sensor && fault.touches(start, MINUTE));
            Minute { start, judgement: if ill { Judgement::Flagged } else { Judgement::Normal } }
        });
        board.verdicts.insert(row.sensor.clone(), minutes.collect());
    }
    let progress = Progress { sent: SENT, acknowledged: SENT, resent: 0, reconnects: 0 };
    Summary {
        board,
        published: publish::Summary { progress, failure: None },
        daemon: DaemonEnd::Stopped { accepted: SENT, rejected: 0 },
        predictions: "/tmp/demo/predictions".into(),
        took: Duration::from_secs(20),
    }
}

/// Changes the verdict on a sensor's minutes.
fn judge(summary: &mut Summary, sensor: usize, judgement: Judgement) {
    let sensor = summary.board.rows[sensor].sensor.clone();
    for minute in summary.board.verdicts.get_mut(&sensor).unwrap() {
        minute.judgement = judgement;
    }
}

#[test]
fn a_good_run_says_so_in_its_own_numbers() {
    let summary = good();
    assert_eq!(summary.failures(), Vec::<String>::new());
    let text = summary.to_string();
    for expected in [
        "Faults: 4 injected, 4 found (on the plant's clock, 2026-03-02)",
        "False alarms: 0 of ",
        "Readings: 33,300 published, 33,300 acknowledged, 33,300 accepted, 0 rejected",
        "Verdicts: 90 (15 sensors x 6 hours), on 5,400 minutes",
        "Scoring: 18.0 ms in all, 200 µs a sensor; 36.0 ms until safe on the disk",
        "90 s for these verdicts, 2,500 times as long.",
        "Verdict files: /tmp/demo/predictions\n",
        "The demo did its job in 20 s.",
    ] {
        assert!(text.contains(expected), "{expected:?} is missing in\n{text}");
    }
}

#[test]
fn the_summary_fits_80_columns() {
    for line in good().to_string().lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn missed_faults_and_false_alarms_are_told_and_do_not_fail_the_demo() {
    let mut summary = good();
    let ill = summary.board.faults[0].sensor.clone();
    let index = |name| summary.board.rows.iter().position(|row| row.sensor == name).unwrap();
    let missed = index(ill);
    let healthy =
        (0..15).find(|row| summary.board.faults.iter().all(|fault| fault.sensor != summary.board.rows[*row].sensor));
    let alarming = healthy.unwrap();
    judge(&mut summary, missed, Judgement::Normal);
    judge(&mut summary, alarming, Judgement::Flagged);
    let text = summary.to_string();
    assert!(text.contains("4 injected, 3 found") && text.contains(" MISSED ") && text.contains(" 0 of "), "{text}");
    assert!(text.contains(&format!("  {} 360\n", summary.board.rows[alarming].sensor)), "{text}");
    assert!(summary.failures().is_empty());
}

#[test]
fn a_run_that_finds_nothing_has_failed() {
    let mut summary = good();
    (0..15).for_each(|sensor| judge(&mut summary, sensor, Judgement::Normal));
    assert_eq!(summary.failures(), ["none of the injected faults was found"]);
    assert!(summary.to_string().contains("THE DEMO FAILED after 20 s:\n  none of the injected"));
}

#[test]
fn an_unacknowledged_reading_fails_the_demo() {
    let mut summary = good();
    summary.published.progress.acknowledged -= 1;
    summary.published.failure = Some("the server closed the connection".to_owned());
    assert_eq!(summary.failures(), ["1 reading of 33,300 not acknowledged: the server closed the connection"]);
}

#[test]
fn a_reading_that_was_not_accepted_fails_the_demo() {
    let summary = Summary { daemon: DaemonEnd::Stopped { accepted: SENT - 1, rejected: 1 }, ..good() };
    assert_eq!(summary.failures(), ["33,300 readings were sent, and 33,299 accepted"]);
}

#[test]
fn a_missing_run_or_a_sensor_that_was_not_scored_fails_the_demo() {
    let mut summary = good();
    summary.board.hours[2].figures = None;
    if let Some(figures) = &mut summary.board.hours[3].figures {
        figures.scored = 14;
    }
    let expected = ["the hour from 08:00 was not scored", "in the hour from 09:00, 14 of 15 sensors were scored"];
    assert_eq!(summary.failures(), expected);
}

#[test]
fn a_daemon_that_ended_badly_fails_the_demo() {
    let summary = Summary { daemon: DaemonEnd::Badly("the daemon did not stop".to_owned()), ..good() };
    assert_eq!(summary.failures(), ["the daemon did not stop"]);
}

#[test]
fn a_delay_is_told_in_seconds_and_then_in_minutes() {
    let delays = [0, 59, 60, 61].map(|secs| after(Span::from_secs(secs)));
    assert_eq!(delays, ["at once", "59 s", "1 min", "2 min"]);
}
