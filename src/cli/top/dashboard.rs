//! What is shown, and what each key does. Pure: news and keys come in, and it says what is to be asked.

use std::cmp::Reverse;
use std::collections::VecDeque;

use super::feed::{News, ShownSensor};
use crate::answers::{Sensor, Status};
use crate::time::Timestamp;

/// What is shown.
#[derive(Debug, Default)]
pub(super) struct Dashboard {
    /// How daemon and plant are; `None` before the first answer.
    pub(super) status: Option<Status>,
    /// Why the last question got no answer.
    pub(super) trouble: Option<String>,
    sensors: Vec<Sensor>,
    /// What happened, the newest first.
    pub(super) happened: VecDeque<(Timestamp, String)>,
    pub(super) view: View,
    pub(super) order: Order,
    /// Only sensors whose names hold this are shown.
    pub(super) filter: String,
    /// The name of the selected sensor; the first one when there is none of that name.
    selected: Option<String>,
    /// The sensor of the view of one, once the daemon has told of it.
    pub(super) shown: Option<ShownSensor>,
    /// How many sensors fit on the screen, as drawn last.
    pub(super) page: usize,
}

/// What the screen shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum View {
    /// The list of sensors.
    #[default]
    List,
    /// The same, while a filter is typed.
    Filter,
    /// One sensor.
    Sensor,
    /// The keys.
    Help,
}

/// In which order the sensors stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Order {
    /// The worst state first, and within it the highest score.
    #[default]
    Unusual,
    /// By name.
    Name,
    /// The one that was heard of last first.
    LastSeen,
}

/// A key that means something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Key {
    /// A character.
    Character(char),
    Up,
    Down,
    PageUp,
    PageDown,
    Home,
    End,
    Enter,
    Escape,
    Backspace,
    /// Ctrl-C: quits whatever is shown.
    Interrupt,
}

/// What a key asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Effect {
    None,
    /// The daemon is to be asked for this sensor, again and again; for none when it is `None`.
    Show(Option<String>),
    Quit,
}

/// How many of the events are kept.
const HAPPENED: usize = 100;
/// The longest filter, in characters.
const LONGEST_FILTER: usize = 64;

impl Order {
    fn next(self) -> Self {
        match self {
            Self::Unusual => Self::Name,
            Self::Name => Self::LastSeen,
            Self::LastSeen => Self::Unusual,
        }
    }

    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Unusual => "the most unusual first",
            Self::Name => "by name",
            Self::LastSeen => "the last heard of first",
        }
    }
}

impl Dashboard {
    /// Takes news in.
    pub(super) fn take(&mut self, news: News) {
        match news {
            News::State { status, sensors } => {
                self.trouble = None;
                self.status = Some(status);
                self.sensors = sensors;
                self.sort();
            }
            News::Sensor(shown) => self.shown = Some(shown),
            News::Happened(time, words) => {
                self.happened.push_front((time, words));
                self.happened.truncate(HAPPENED);
            }
            News::Trouble(words) => self.trouble = Some(words),
        }
    }

    fn sort(&mut self) {
        let score = |sensor: &Sensor| sensor.verdict.as_ref().and_then(|verdict| verdict.score).unwrap_or(0.0);
        self.sensors.sort_by(|a, b| a.name.cmp(&b.name));
        match self.order {
            Order::Unusual => {
                self.sensors.sort_by(|a, b| a.state.cmp(&b.state).then_with(|| score(b).total_cmp(&score(a))));
            }
            Order::Name => {}
            Order::LastSeen => self.sensors.sort_by_key(|sensor| Reverse(sensor.last_seen)),
        }
    }

    /// The sensors that are listed, in their order.
    pub(super) fn listed(&self) -> Vec<&Sensor> {
        let filter = self.filter.to_lowercase();
        self.sensors.iter().filter(|sensor| sensor.name.to_lowercase().contains(&filter)).collect()
    }

    /// The place of the selected sensor among the listed ones.
    pub(super) fn place(&self) -> usize {
        let selected = self.selected.as_ref();
        self.listed().iter().position(|sensor| Some(&sensor.name) == selected).unwrap_or(0)
    }

    /// What a key does.
    pub(super) fn press(&mut self, key: Key) -> Effect {
        if key == Key::Interrupt {
            return Effect::Quit;
        }
        match self.view {
            View::List => self.press_in_list(key),
            View::Filter => self.press_in_filter(key),
            View::Sensor => match key {
                Key::Character('q') => Effect::Quit,
                Key::Escape | Key::Enter | Key::Backspace => {
                    self.view = View::List;
                    Effect::Show(None)
                }
                Key::Up | Key::Down | Key::Character('j' | 'k') => {
                    self.go(key);
                    self.show()
                }
                _ => Effect::None,
            },
            View::Help => {
                self.view = View::List;
                if key == Key::Character('q') { Effect::Quit } else { Effect::None }
            }
        }
    }

    fn press_in_list(&mut self, key: Key) -> Effect {
        match key {
            Key::Character('q') => return Effect::Quit,
            Key::Character('s') => {
                self.order = self.order.next();
                self.sort();
            }
            Key::Character('/') => self.view = View::Filter,
            Key::Character('?') => self.view = View::Help,
            Key::Enter => return self.show(),
            Key::Escape => self.filter.clear(),
            key => self.go(key),
        }
        Effect::None
    }

    fn press_in_filter(&mut self, key: Key) -> Effect {
        match key {
            Key::Character(character) if self.filter.chars().count() < LONGEST_FILTER => self.filter.push(character),
            Key::Backspace => {
                self.filter.pop();
            }
            Key::Enter => self.view = View::List,
            Key::Escape => {
                self.filter.clear();
                self.view = View::List;
            }
            Key::Up | Key::Down => self.go(key),
            _ => {}
        }
        Effect::None
    }

    /// Moves the selection.
    fn go(&mut self, key: Key) {
        let place = self.place();
        let listed = self.listed();
        let last = listed.len().saturating_sub(1);
        let page = self.page.max(1);
        let place = match key {
            Key::Up | Key::Character('k') => place.saturating_sub(1),
            Key::Down | Key::Character('j') => (place + 1).min(last),
            Key::PageUp => place.saturating_sub(page),
            Key::PageDown => (place + page).min(last),
            Key::Home | Key::Character('g') => 0,
            Key::End | Key::Character('G') => last,
            _ => return,
        };
        self.selected = listed.get(place).map(|sensor| sensor.name.clone());
    }

    /// Shows the selected sensor.
    fn show(&mut self) -> Effect {
        let Some(name) = self.listed().get(self.place()).map(|sensor| sensor.name.clone()) else {
            return Effect::None;
        };
        self.view = View::Sensor;
        self.selected = Some(name.clone());
        if self.shown.as_ref().is_some_and(|shown| shown.detail.sensor.name != name) {
            self.shown = None;
        }
        Effect::Show(Some(name))
    }

    /// The name of the sensor that is shown, or selected.
    pub(super) fn selected(&self) -> Option<&str> {
        self.selected.as_deref()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::answers::{
        Clock, Disk, Explanation, Health, Outcome, SensorCounts, SensorState, Severity, Span, Verdict,
    };

    pub(in super::super) fn sensor(name: &str, state: SensorState, score: Option<f64>) -> Sensor {
        let at = |minute: i64| Timestamp::from_nanos(minute * 60_000_000_000);
        let (device, sensor) = name.split_once('/').unwrap();
        let explanation = Explanation {
            words: format!("{sensor} mean 4.1 at 00:07, usually 0.2 to 0.9"),
            time: at(7),
            feature: format!("{sensor}.mean"),
            value: Some(4.1),
            usual_low: Some(0.2),
            usual_high: Some(0.9),
        };
        let verdict = score.map(|score| Verdict {
            group: "default".to_owned(),
            sensor: name.to_owned(),
            run: 1,
            revision: 0,
            window: Span { start: at(0), end: at(60) },
            outcome: Outcome::Scored,
            reason: None,
            model: None,
            is_proven: None,
            anomaly_score: None,
            intervals: 60,
            anomalies: 1,
            anomalous: Vec::new(),
            worst: None,
            score: Some(score),
            explanation: Some(explanation),
        });
        Sensor {
            group: "default".to_owned(),
            name: name.to_owned(),
            device: device.to_owned(),
            sensor: sensor.to_owned(),
            state,
            since: Some(at(0)),
            last_seen: Some(at(59)),
            last_value: Some(4.125),
            lag_seconds: None,
            has_model: true,
            verdict,
            conditions: Vec::new(),
        }
    }

    pub(in super::super) fn status() -> Status {
        Status {
            health: Health {
                severity: Severity::Warning,
                sentence: "2 of 3 sensors are healthy; press-1/flow was anomalous".to_owned(),
                problems: Vec::new(),
            },
            version: "0.1.0".to_owned(),
            started: Timestamp::from_nanos(0),
            now: Timestamp::from_nanos(3_600_000_000_000),
            clock: Clock { source: "event".to_owned(), is_trusted: true, held_readings: 0, words: String::new() },
            sensors: SensorCounts { known: 3, with_model: 3, anomalous: 1, healthy: 2, ..SensorCounts::default() },
            conditions: Default::default(),
            readings: 1_000,
            readings_per_second: 12.5,
            last_reading: None,
            rejects: 4,
            running: None,
            last_run: None,
            next_run: None,
            windows_skipped: 0,
            sinks: Vec::new(),
            disk: Disk {
                store_bytes: 1 << 20,
                store_max_bytes: 1 << 30,
                free_bytes: Some(1 << 31),
                total_bytes: Some(1 << 33),
                written_bytes_per_day: None,
                full_at: None,
            },
        }
    }

    pub(in super::super) fn dashboard() -> Dashboard {
        let mut dashboard = Dashboard::default();
        let sensors = vec![
            sensor("press-1/flow", SensorState::Anomalous, Some(0.7)),
            sensor("oven/heat", SensorState::Healthy, Some(0.1)),
            sensor("press-1/vibration", SensorState::Anomalous, Some(0.98)),
            sensor("pump/flow", SensorState::Silent, None),
        ];
        dashboard.take(News::State { status: status(), sensors });
        dashboard
    }

    fn names(dashboard: &Dashboard) -> Vec<&str> {
        dashboard.listed().iter().map(|sensor| &*sensor.name).collect()
    }

    #[test]
    fn the_most_unusual_sensor_is_first_until_another_order_is_chosen() {
        let mut dashboard = dashboard();
        assert_eq!(names(&dashboard), ["press-1/vibration", "press-1/flow", "pump/flow", "oven/heat"]);
        dashboard.press(Key::Character('s'));
        assert_eq!(names(&dashboard), ["oven/heat", "press-1/flow", "press-1/vibration", "pump/flow"]);
    }

    #[test]
    fn the_selection_follows_its_sensor_when_the_order_changes() {
        let mut dashboard = dashboard();
        dashboard.press(Key::Down);
        assert_eq!(dashboard.selected(), Some("press-1/flow"));
        dashboard.press(Key::Character('s'));
        assert_eq!(dashboard.place(), 1);
        dashboard.press(Key::End);
        dashboard.press(Key::Down);
        assert_eq!(dashboard.place(), 3, "not beyond the end");
    }

    #[test]
    fn a_filter_is_typed_and_given_up() {
        let mut dashboard = dashboard();
        dashboard.press(Key::Character('/'));
        "FLOWq".chars().for_each(|character| assert_eq!(dashboard.press(Key::Character(character)), Effect::None));
        assert_eq!(names(&dashboard), [""; 0]);
        dashboard.press(Key::Backspace);
        assert_eq!(names(&dashboard), ["press-1/flow", "pump/flow"]);
        dashboard.press(Key::Enter);
        assert_eq!(dashboard.press(Key::Enter), Effect::Show(Some("press-1/flow".to_owned())));
        assert_eq!(dashboard.press(Key::Escape), Effect::Show(None));
        dashboard.press(Key::Escape);
        assert_eq!(names(&dashboard).len(), 4);
    }

    #[test]
    fn an_empty_list_takes_every_key() {
        for view in [View::List, View::Filter, View::Sensor, View::Help] {
            for key in [Key::Up, Key::Down, Key::PageDown, Key::End, Key::Enter, Key::Escape, Key::Backspace] {
                let mut dashboard = Dashboard { view, ..Dashboard::default() };
                assert_ne!(dashboard.press(key), Effect::Quit);
            }
            assert_eq!(Dashboard { view, ..Dashboard::default() }.press(Key::Interrupt), Effect::Quit);
        }
    }

    #[test]
    fn only_so_much_of_what_happened_is_kept() {
        let mut dashboard = Dashboard::default();
        (0..1_000).for_each(|_| dashboard.take(News::Happened(Timestamp::MIN, String::new())));
        assert_eq!(dashboard.happened.len(), HAPPENED);
    }
}
