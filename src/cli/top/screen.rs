//! Draws what is shown.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Cell, Clear, Paragraph, Row, Sparkline, SparklineBar, Table, TableState, Wrap};

use super::dashboard::{Dashboard, View};
use super::feed::ShownSensor;
use crate::answers::{Run, Sensor, Series, Severity, SinkState, Status};
use crate::cli::sensors::{minute, said, state_word};
use crate::cli::size::size;
use crate::cli::status::{second, window};
use crate::cli::table::Tint;
use crate::printable::Printable;
use crate::time::Timestamp;
use crate::verdict::significant;

/// The lines at the top below the sentence.
const FACTS: u16 = 4;
/// The most lines of the sentence.
const SENTENCE: u16 = 2;
/// From this width on there is room for whole times.
const WIDE: u16 = 100;
/// The lines of what happened, on a screen that is high enough for them.
const HAPPENED: u16 = 6;
/// From this height on there is room for what happened.
const HIGH: u16 = 20;

/// Whether the terminal is asked for colours: NO_COLOR says no (<https://no-color.org>).
fn style(tint: Tint) -> Style {
    let is_refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    match tint {
        Tint::Faint => Style::new().add_modifier(Modifier::DIM),
        Tint::Bad if is_refused => Style::new().add_modifier(Modifier::BOLD),
        _ if is_refused => Style::new(),
        Tint::Good => Style::new().fg(Color::Green),
        Tint::Warning => Style::new().fg(Color::Yellow),
        Tint::Bad => Style::new().fg(Color::Red).add_modifier(Modifier::BOLD),
        Tint::None => Style::new(),
    }
}

/// Draws the screen.
pub(super) fn draw(frame: &mut Frame<'_>, dashboard: &mut Dashboard) {
    let has_happened = !dashboard.happened.is_empty();
    let happened = if has_happened && frame.area().height >= HIGH { HAPPENED } else { 0 };
    let head = head_lines(dashboard, frame.area().width);
    let rows = [Constraint::Length(head), Constraint::Min(3), Constraint::Length(happened), Constraint::Length(1)];
    let [head, body, below, foot] = Layout::vertical(rows).areas(frame.area());
    draw_head(frame, dashboard, head);
    if dashboard.view == View::Sensor {
        draw_sensor(frame, dashboard, body);
    } else {
        draw_list(frame, dashboard, body);
    }
    draw_happened(frame, dashboard, below);
    draw_foot(frame, dashboard, foot);
    if dashboard.view == View::Help {
        draw_help(frame);
    }
}

/// How many lines the top takes: a long sentence takes two.
fn head_lines(dashboard: &Dashboard, width: u16) -> u16 {
    let sentence =
        dashboard.status.as_ref().map_or(0, |status| status.health.sentence.chars().count() + "warning  ".len());
    FACTS + if sentence > usize::from(width) { SENTENCE } else { 1 }
}

fn draw_head(frame: &mut Frame<'_>, dashboard: &Dashboard, area: Rect) {
    let Some(status) = &dashboard.status else {
        return frame.render_widget(Paragraph::new("asking the daemon …"), area);
    };
    let (word, tint) = match status.health.severity {
        Severity::Ok => ("ok", Tint::Good),
        Severity::Warning => ("warning", Tint::Warning),
        Severity::Error => ("error", Tint::Bad),
    };
    let sentence = Printable(&status.health.sentence).to_string();
    let sentence = Line::from(vec![Span::styled(word, style(tint)), Span::raw("  "), Span::raw(sentence)]);
    let lines = facts(status).map(|(label, text)| {
        Line::from(vec![
            Span::styled(format!("{label:<10}"), style(Tint::Faint)),
            Span::raw(Printable(text).to_string()),
        ])
    });
    let [above, below] = Layout::vertical([Constraint::Fill(1), Constraint::Length(FACTS)]).areas(area);
    frame.render_widget(Paragraph::new(sentence).wrap(Wrap { trim: true }), above);
    frame.render_widget(Paragraph::new(lines.to_vec()), below);
}

/// The lines below the sentence.
fn facts(status: &Status) -> [(&'static str, String); 4] {
    let next = status.next_run.as_ref().map_or_else(
        || "when the readings say so".to_owned(),
        |next| format!("{}, of {}", second(next.at), window(next.window.start, next.window.end)),
    );
    let (label, run) = match (&status.running, &status.last_run) {
        (Some(run), _) => ("running", run_in_short(run)),
        (None, Some(run)) => ("last run", run_in_short(run)),
        (None, None) => ("last run", "none yet".to_owned()),
    };
    let disk = &status.disk;
    let free = disk.free_bytes.map_or_else(String::new, |free| format!(", {} free", size(free as f64)));
    let sinks = status.sinks.iter().map(|sink| match sink.state {
        SinkState::UpToDate => format!("; {} up to date", sink.name),
        SinkState::Behind => format!("; {} {} runs behind", sink.name, sink.runs_behind),
    });
    let sinks: String = sinks.collect();
    [
        (
            "readings",
            format!(
                "{:.1} a second, {} in all, {} rejected; at {}",
                status.readings_per_second,
                status.readings,
                status.rejects,
                status.now.format("%F %T UTC")
            ),
        ),
        (label, run),
        ("next run", next),
        ("store", format!("{} of {}{free}{sinks}", size(disk.store_bytes as f64), size(disk.store_max_bytes as f64))),
    ]
}

/// A run, in less than a line.
fn run_in_short(run: &Run) -> String {
    let of = format!("run {} of {}", run.id, window(run.window.start, run.window.end));
    match &run.tally {
        Some(tally) => {
            let failed = tally.not_scored();
            format!("{of}: {} scored, {failed} failed, {} anomalies", tally.scored, tally.anomalies)
        }
        None => of,
    }
}

fn draw_list(frame: &mut Frame<'_>, dashboard: &mut Dashboard, area: Rect) {
    dashboard.page = usize::from(area.height.saturating_sub(2));
    let listed = dashboard.listed();
    let known = dashboard.status.as_ref().map_or(0, |status| status.sensors.known);
    let title = format!(" {} of {known} sensors, {} ", listed.len(), dashboard.order.words());
    let place = dashboard.place();
    // Only the rows around the selection are made.
    let first = place.saturating_sub(dashboard.page);
    let drawn: Vec<_> = listed.iter().skip(first).take(2 * dashboard.page + 1).copied().collect();
    let times = if area.width < WIDE { Times::Short } else { Times::Whole };
    let longest = drawn.iter().map(|sensor| sensor.name.chars().count()).max().unwrap_or(0);
    let name = u16::try_from(longest).unwrap_or(u16::MAX).min(area.width * 2 / 5);
    let widths = [
        Constraint::Length(name),
        Constraint::Length(9),
        Constraint::Length(times.width()),
        Constraint::Length(8),
        Constraint::Length(5),
        Constraint::Fill(1),
    ];
    let rows = drawn.into_iter().map(|sensor| row(sensor, times));
    let head = Row::new(["sensor", "state", times.heading(), "value", "score", "last verdict"]);
    let table = Table::new(rows, widths)
        .header(head.style(style(Tint::Faint)))
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED))
        .block(Block::new().borders(ratatui::widgets::Borders::TOP).title(title));
    let mut state = TableState::new().with_selected((!listed.is_empty()).then_some(place - first));
    frame.render_stateful_widget(table, area, &mut state);
}

/// How a time is written in the list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Times {
    /// Without the year.
    Short,
    /// With it.
    Whole,
}

impl Times {
    fn heading(self) -> &'static str {
        match self {
            Self::Short => "seen (UTC)",
            Self::Whole => "last seen (UTC)",
        }
    }

    fn width(self) -> u16 {
        match self {
            Self::Short => 11,
            Self::Whole => 16,
        }
    }

    fn write(self, time: Timestamp) -> String {
        match self {
            Self::Short => time.format("%m-%d %H:%M"),
            Self::Whole => minute(time),
        }
    }
}

fn row(sensor: &Sensor, times: Times) -> Row<'static> {
    let (word, tint) = state_word(sensor.state);
    let verdict = sensor.verdict.as_ref();
    Row::new([
        Cell::new(Printable(&sensor.name).to_string()),
        Cell::new(word).style(style(tint)),
        Cell::new(sensor.last_seen.map_or_else(String::new, |seen| times.write(seen))),
        Cell::new(sensor.last_value.map_or_else(String::new, significant)),
        Cell::new(verdict.and_then(|verdict| verdict.score).map_or_else(String::new, |score| format!("{score:.2}"))),
        Cell::new(verdict.map_or_else(String::new, |verdict| Printable(said(verdict)).to_string())),
    ])
}

fn draw_sensor(frame: &mut Frame<'_>, dashboard: &Dashboard, area: Rect) {
    let name = Printable(dashboard.selected().unwrap_or_default()).to_string();
    let block = Block::new().borders(ratatui::widgets::Borders::TOP).title(format!(" {name} "));
    let inside = block.inner(area);
    frame.render_widget(block, area);
    let Some(ShownSensor { detail, series }) = &dashboard.shown else {
        return frame.render_widget(Paragraph::new("asking the daemon …"), inside);
    };
    let sensor = &detail.sensor;
    let (word, tint) = state_word(sensor.state);
    let since = sensor.since.map_or_else(String::new, |since| format!(" since {} UTC", minute(since)));
    let seen = match (sensor.last_seen, sensor.last_value) {
        (Some(seen), Some(value)) => format!("{} at {}", significant(value), second(seen)),
        (Some(seen), None) => second(seen),
        (None, _) => "none known".to_owned(),
    };
    let mut lines = vec![
        Line::from(vec![label("state"), Span::styled(word, style(tint)), Span::raw(since)]),
        Line::from(vec![label("last seen"), Span::raw(seen)]),
    ];
    if let Some(verdict) = &sensor.verdict {
        let score = verdict.score.map_or_else(String::new, |score| format!("score {score:.2}, "));
        let words = Printable(said(verdict)).to_string();
        lines.push(Line::from(vec![label("verdict"), Span::raw(score), Span::styled(words, style(tint))]));
        let window = window(verdict.window.start, verdict.window.end);
        let count = format!("{} of {} intervals anomalous, {window}", verdict.anomalies, verdict.intervals);
        lines.push(Line::from(vec![label(""), Span::raw(count)]));
    }
    if let Some(model) = &detail.model {
        let proven = if model.is_proven == Some(true) { "proven" } else { "not proven" };
        let detector = model.detector.clone().unwrap_or_else(|| "none at work".to_owned());
        lines.push(Line::from(vec![label("model"), Span::raw(format!("{detector}, {proven}"))]));
        for words in model.problem.iter().chain(&model.warnings) {
            let words = Printable(words).to_string();
            lines.push(Line::from(vec![label(""), Span::styled(words, style(Tint::Warning))]));
        }
    }
    // Long lines are wrapped.
    let width = usize::from(inside.width.max(1));
    let height: usize = lines.iter().map(|line| line.width().div_ceil(width).max(1)).sum();
    let text = Constraint::Length(u16::try_from(height).unwrap_or(u16::MAX).min(inside.height));
    let [text, range, below] = Layout::vertical([text, Constraint::Length(2), Constraint::Fill(1)]).areas(inside);
    let line = Rect { height: below.height.min(CHART), ..below };
    frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }), text);
    draw_series(frame, series, range, line);
}

fn label(text: &'static str) -> Span<'static> {
    Span::styled(format!("{text:<10}"), style(Tint::Faint))
}

/// Draws the line of a sensor's means, each column as high as the mean of its time; no readings leave a gap.
fn draw_series(frame: &mut Frame<'_>, series: &Series, range: Rect, area: Rect) {
    let finite = || series.mean.iter().copied().filter(|mean| mean.is_finite());
    let (low, high) = (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
    if low > high {
        return frame.render_widget(Paragraph::new("\nno readings in these hours"), range);
    }
    let words = format!(
        "\nmeans from {} to {}, {} to {} UTC",
        significant(low),
        significant(high),
        minute(series.since),
        minute(series.until)
    );
    frame.render_widget(Paragraph::new(words).style(style(Tint::Faint)), range);
    let columns = usize::from(area.width);
    let mut sums = vec![(0.0, 0_u32); columns];
    let seconds = |time: Timestamp| time.nanos() as f64 / 1e9;
    let (begin, end) = (seconds(series.since), seconds(series.until));
    for (time, mean) in series.time.iter().zip(&series.mean).filter(|(_, mean)| mean.is_finite()) {
        let share = (time - begin).max(0.0) / (end - begin).max(f64::MIN_POSITIVE);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "bounded by the columns")]
        let column = (share * columns as f64) as usize;
        if let Some((sum, count)) = sums.get_mut(column.min(columns.saturating_sub(1))) {
            // Relative to the range, so that no sum overflows.
            *sum += (mean / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0).max(f64::MIN_POSITIVE);
            *count += 1;
        }
    }
    // The lowest mean has a mark too: without one, it would look like a gap.
    let lowest = HEIGHTS / (8 * u64::from(area.height.max(1))) + 1;
    let bars = sums.into_iter().map(|(sum, count)| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of the height, from 0 to 1"
        )]
        let height = |mean: f64| (mean.clamp(0.0, 1.0) * (HEIGHTS - lowest) as f64) as u64 + lowest;
        SparklineBar::from((count > 0).then(|| height(sum / f64::from(count.max(1)))))
    });
    frame.render_widget(Sparkline::default().data(bars).max(HEIGHTS).style(style(Tint::Good)), area);
}

/// The most lines of a sensor's chart.
const CHART: u16 = 10;
/// How finely heights are told apart.
const HEIGHTS: u64 = 1_000;

fn draw_happened(frame: &mut Frame<'_>, dashboard: &Dashboard, area: Rect) {
    let lines = dashboard.happened.iter().take(usize::from(area.height)).map(|(time, words)| {
        Line::from(vec![Span::styled(time.format("%H:%M:%S  "), style(Tint::Faint)), Span::raw(words.clone())])
    });
    let block = Block::new().borders(ratatui::widgets::Borders::TOP).title(" what happened (UTC) ");
    frame.render_widget(Paragraph::new(lines.collect::<Vec<_>>()).block(block), area);
}

fn draw_foot(frame: &mut Frame<'_>, dashboard: &Dashboard, area: Rect) {
    let filter = Printable(&dashboard.filter).to_string();
    let line = match (&dashboard.trouble, dashboard.view) {
        (Some(trouble), _) => Line::styled(trouble.clone(), style(Tint::Bad)),
        (None, View::Filter) => Line::raw(format!("filter: {filter}▏  Enter keeps it, Esc clears it")),
        (None, View::Sensor) => Line::styled("q quit  Esc back  ↑↓ the next sensor", style(Tint::Faint)),
        (None, _) if !filter.is_empty() => Line::raw(format!("only names with \"{filter}\"; Esc shows all")),
        (None, _) => Line::styled("q quit  ↑↓ move  Enter show  / filter  s sort  ? help", style(Tint::Faint)),
    };
    frame.render_widget(Paragraph::new(line), area);
}

const HELP: [(&str, &str); 8] = [
    ("q, Ctrl-C", "quit"),
    ("↑ ↓, k j", "move"),
    ("PgUp PgDn", "move by a screen"),
    ("g G", "to the first, to the last"),
    ("Enter", "show a sensor; Esc goes back"),
    ("/", "filter by name; Esc clears it"),
    ("s", "sort: unusual, by name, by last seen"),
    ("?", "this help; any key closes it"),
];

fn draw_help(frame: &mut Frame<'_>) {
    let area = frame.area();
    let (width, height) = (54.min(area.width), 10.min(area.height));
    let place = Rect { x: (area.width - width) / 2, y: (area.height - height) / 2, width, height };
    let lines = HELP.map(|(keys, does)| Line::raw(format!(" {keys:<12}{does}")));
    frame.render_widget(Clear, place);
    frame.render_widget(Paragraph::new(lines.to_vec()).block(Block::bordered().title(" keys ")), place);
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::super::dashboard::Key;
    use super::super::dashboard::tests::{dashboard, sensor};
    use super::super::feed::News;
    use super::*;
    use crate::answers::{SensorDetail, SensorState};

    fn drawn(dashboard: &mut Dashboard, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(frame, dashboard)).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn the_list_shows_the_most_unusual_sensor_first_with_its_reason() {
        let mut dashboard = dashboard();
        dashboard.take(News::Happened(Timestamp::from_nanos(0), "run 1 begins".to_owned()));
        let screen = drawn(&mut dashboard, 120, 24);
        for said in ["2 of 3 sensors are healthy", "12.5 a second", "press-1/vibration", "anomalous", "run 1 begins"] {
            assert!(screen.contains(said), "{said} in\n{screen}");
        }
        assert!(screen.contains("vibration mean 4.1 at 00:07"), "{screen}");
        let place = |name| screen.find(name).unwrap();
        assert!(place("press-1/vibration") < place("oven/heat"), "{screen}");
    }

    #[test]
    fn a_sensor_is_shown_with_its_line_and_its_gaps() {
        let mut dashboard = dashboard();
        dashboard.press(Key::Enter);
        assert!(drawn(&mut dashboard, 80, 24).contains("asking the daemon"));
        let since = Timestamp::from_nanos(0);
        let points = [0.0, 60.0, 180.0];
        let series = Series {
            sensor: "press-1/vibration".to_owned(),
            since,
            until: since + crate::time::Span::from_secs(240),
            step_seconds: 60.0,
            time: points.to_vec(),
            count: vec![1; 3],
            mean: vec![1.0, 8.0, -1e308],
            min: vec![0.0; 3],
            max: vec![0.0; 3],
            forgotten: Vec::new(),
        };
        let detail = SensorDetail {
            sensor: sensor("press-1/vibration", SensorState::Anomalous, Some(0.98)),
            model: None,
            neighbours: Vec::new(),
            interval_seconds: 60.0,
            window_seconds: 3600.0,
            watermark: None,
            oldest: None,
        };
        dashboard.take(News::Sensor(ShownSensor { detail, series }));
        let screen = drawn(&mut dashboard, 80, 24);
        assert!(screen.contains("score 0.98, vibration mean 4.1"), "{screen}");
        assert!(screen.contains('█') && screen.contains("means from"), "{screen}");
    }

    #[test]
    fn every_view_fits_every_size() {
        for (width, height) in [(1, 1), (10, 3), (80, 24), (200, 50), (300, 5)] {
            for view in [View::List, View::Filter, View::Sensor, View::Help] {
                let mut dashboard = dashboard();
                dashboard.view = view;
                drawn(&mut dashboard, width, height);
            }
        }
    }

    #[test]
    fn names_cannot_steer_the_terminal() {
        let mut dashboard = Dashboard::default();
        let sensors = vec![sensor("press/\x1b[2J\u{202e}", SensorState::Healthy, None)];
        let status = super::super::dashboard::tests::status();
        dashboard.take(News::State { status, sensors });
        let screen = drawn(&mut dashboard, 120, 24);
        assert!(screen.contains("press/·[2J·"), "{screen}");
    }
}
