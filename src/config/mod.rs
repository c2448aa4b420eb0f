//! The configuration: read whole and checked whole before anything starts.
//!
//! A file is read section by section, in one module each, and the place of every key is kept. A mistake does not end
//! the reading: all mistakes are found at once, each with its line, what was found there, and what is accepted. Only a
//! file without mistakes becomes a [`Config`], so every `Config` can be relied on.
//!
//! Only the composition root and the command line know this module: each part has settings of its own.

pub mod backoff;
pub mod bytes;
pub mod conditions;
pub mod connect;
pub mod group;
pub mod http;
pub mod limits;
pub mod listen;
pub mod log;
pub mod metrics;
pub mod models;
pub mod mqtt;
pub mod publish;
pub mod schedule;
mod schedule_advice;
pub mod scoring;
pub mod socket;
pub mod stop;
pub mod store;
pub mod supervision;
pub mod window;

mod features;
mod filter;
mod hash;
#[cfg(test)]
mod mentioned_keys_tests;
mod mistake;
mod origin;
mod path;
mod reader;
mod rings;
mod route;
mod rules;
mod sensitivity;
mod source;
mod template;
#[cfg(test)]
mod tests;
mod without_effect;

pub use mistake::{ConfigError, Mistake, Problem};
pub use origin::Origin;
pub use reader::Places;
pub use rings::Rings;
pub use rules::Warning;

use std::io::Read;
use std::path::Path;

use toml::de::DeTable;

use crate::features::FeatureSettings;
use crate::group::{ByGroup, Group, GroupName, Groups};
use crate::ingest::filter::FilterSettings;
use crate::interval::Cut;
use crate::sensitivity::SensitivitySettings;
use crate::sensor_pattern::SensorPattern;
use crate::time::Span;
use group::GroupSettings;
use reader::{Notes, Section};

/// Everything that can be configured, checked. Paths are absolute.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Which clock the daemon goes by.
    pub clock: ClockSource,
    /// `[store]`.
    pub store: store::StoreSettings,
    /// `[mqtt]`.
    pub mqtt: mqtt::MqttSettings,
    /// Each `[[filter]]`, in the order of the file.
    pub filters: Vec<FilterSettings>,
    /// Each `[[features]]`, in the order of the file.
    pub features: Vec<FeatureSettings>,
    /// Each `[[sensitivity]]`, in the order of the file.
    pub sensitivities: Vec<SensitivitySettings>,
    /// `[limits]`.
    pub limits: limits::LimitSettings,
    /// `[window]`.
    pub window: window::WindowSettings,
    /// `[schedule]`.
    pub schedule: schedule::ScheduleSettings,
    /// `[models]`.
    pub models: models::ModelSettings,
    /// `[scoring]`.
    pub scoring: scoring::ScoringSettings,
    /// `[supervision]`.
    pub supervision: supervision::SupervisionSettings,
    /// `[conditions]`.
    pub conditions: conditions::ConditionSettings,
    /// Each `[[group]]`, in the order of the file.
    pub groups: Vec<GroupSettings>,
    /// `[publish]`.
    pub publish: publish::PublishSettings,
    /// `[metrics]`; `None` when no metrics are written.
    pub metrics: Option<metrics::MetricsSettings>,
    /// `[http]`.
    pub http: http::HttpSettings,
    /// `[socket]`.
    pub socket: socket::SocketSettings,
    /// `[stop]`.
    pub stop: stop::StopSettings,
    /// `[log]`.
    pub log: log::LogSettings,
    /// Where all this comes from.
    pub origin: Origin,
}

/// Which clock the daemon goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockSource {
    /// The system's.
    Wall,
    /// The time of the latest reading.
    Event,
}

impl Config {
    /// The largest file that is read, in bytes.
    pub const MAX_FILE_BYTES: u64 = 1 << 20;

    /// Reads a file.
    ///
    /// # Errors
    /// When the file cannot be read, is too large, or has mistakes; the error holds all of these.
    pub fn read(file: &Path) -> Result<Self, ConfigError> {
        Self::read_with_places(file).map(|(config, _)| config)
    }

    /// Reads a file, and notes where each key stands.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_with_places(file: &Path) -> Result<(Self, Places), ConfigError> {
        let text = Self::read_text(file)?;
        Self::parse_with_places(&text, file)
    }

    fn read_text(file: &Path) -> Result<String, ConfigError> {
        let unreadable = |source| ConfigError::Unreadable { file: file.to_owned(), source };
        let mut bytes = Vec::new();
        let opened = std::fs::File::open(file).map_err(unreadable)?;
        opened.take(Self::MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > Self::MAX_FILE_BYTES {
            return Err(ConfigError::TooLarge { file: file.to_owned(), max: Self::MAX_FILE_BYTES });
        }
        // A file of UTF-16 begins with a mark, or with a character of which one byte is zero: `#`, `[` or the first of
        // a key.
        let is_utf16 = matches!(bytes[..], [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, _, ..] | [_, 0, ..]);
        let not_text = |found| ConfigError::NotText { file: file.to_owned(), found };
        if is_utf16 {
            return Err(not_text("text in UTF-16, as editors on Windows may write it"));
        }
        let text = String::from_utf8(bytes).map_err(|_| not_text("no text in UTF-8"))?;
        // Editors that write UTF-16 also put a mark before UTF-8; it is no part of the text.
        Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
    }

    /// Reads the text of a file. `file` is used in messages, and relative paths begin at its folder.
    ///
    /// # Errors
    /// When the text is too large or has mistakes; the error holds all of these.
    pub fn parse(text: &str, file: &Path) -> Result<Self, ConfigError> {
        Self::parse_with_places(text, file).map(|(config, _)| config)
    }

    /// Reads the parts of a file that have no mistakes, so that `check` can go on to look at what they name. A key with
    /// a mistake gets its default, and [`ConfigError::is_about`] tells which keys these are.
    ///
    /// # Errors
    /// When no part of the file can be read.
    pub fn read_in_part(file: &Path) -> Result<(Self, Places, Option<ConfigError>), ConfigError> {
        let text = Self::read_text(file)?;
        match Self::parse_in_part(&text, file) {
            (Some(config), places, mistakes) => Ok((config, places, mistakes)),
            (None, _, Some(mistakes)) => Err(mistakes),
            (None, _, None) => Err(ConfigError::Mistakes { file: file.to_owned(), mistakes: Vec::new() }),
        }
    }

    fn parse_with_places(text: &str, file: &Path) -> Result<(Self, Places), ConfigError> {
        match Self::parse_in_part(text, file) {
            (Some(config), places, None) => Ok((config, places)),
            (_, _, Some(mistakes)) => Err(mistakes),
            (None, _, None) => Err(ConfigError::Mistakes { file: file.to_owned(), mistakes: Vec::new() }),
        }
    }

    fn parse_in_part(text: &str, file: &Path) -> (Option<Self>, Places, Option<ConfigError>) {
        let (root, errors) = DeTable::parse_recoverable(text);
        // Made absolute, so that paths are the same from whichever folder the file is named.
        let absolute = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
        let mut notes = Notes::new(text, absolute.parent().unwrap_or(Path::new("")));
        let config = if errors.is_empty() {
            let config = notes.read(root.get_ref(), sections);
            if let Some(config) = &config {
                rules::check(config, &mut notes);
            }
            config.map(|config| Config { origin: Origin::new(&absolute, text), ..config })
        } else {
            errors.iter().for_each(|error| notes.syntax(error));
            None
        };
        let places = notes.places(file);
        let mistakes = notes.into_mistakes();
        let mistakes = (!mistakes.is_empty()).then(|| ConfigError::Mistakes { file: file.to_owned(), mistakes });
        (config, places, mistakes)
    }

    /// Settings that are accepted and probably not meant.
    pub fn warnings(&self) -> Vec<Warning> {
        rules::warnings(self)
    }

    /// The rules of the group of all sensors that no `[[group]]` takes: those at the top level.
    pub fn default_group(&self) -> GroupSettings {
        GroupSettings {
            name: GroupName::default(),
            sensors: SensorPattern::all(),
            grid: self.window.grid,
            schedule: self.schedule.clone(),
            scoring: self.scoring,
            supervision: self.supervision,
        }
    }

    /// The rules of all groups, in the order in which these take sensors; the default group is the last.
    pub fn all_groups(&self) -> Vec<GroupSettings> {
        self.groups.iter().cloned().chain([self.default_group()]).collect()
    }

    /// The rules of all groups, by group.
    pub fn rules_by_group(&self) -> ByGroup<GroupSettings> {
        let mut rules = self.groups.iter().cloned();
        ByGroup::new(self.sensor_groups(), |_| rules.next().unwrap_or_else(|| self.default_group()))
    }

    /// Which sensor is in which group.
    pub fn sensor_groups(&self) -> Groups {
        let group = |GroupSettings { name, sensors, grid, .. }: &GroupSettings| Group {
            name: name.clone(),
            sensors: sensors.clone(),
            grid: *grid,
        };
        Groups::new(self.groups.iter().map(group).collect(), self.window.grid)
    }

    /// How the store cuts time, so that the windows of all groups can be put together.
    pub fn base_cut(&self) -> Cut {
        // The rules have seen to it that there is one.
        self.sensor_groups().base_cut().unwrap_or(self.window.grid.cut())
    }

    /// How many windows of a group before a scored one the store is sure to have: the size of its ring less those that are
    /// early, open or caught up on.
    pub fn windows_back(&self, group: &GroupSettings) -> u32 {
        rings::windows_back(self, group)
    }

    /// For how long before what is closed the windows of each group can be scored again: as long as the store is sure to have
    /// them, less what models look back to.
    pub fn kept_for_scoring_again(&self) -> ByGroup<Span> {
        self.rules_by_group().map(|group| rings::kept_for_scoring_again(self, group))
    }

    /// The sizes of the store's rings.
    pub fn rings(&self) -> Rings {
        Rings::of(self)
    }

    /// The hash of the settings that verdicts depend on, which every run names.
    ///
    /// Two configurations with the same hash give the same verdicts for the same messages and models: the hash covers
    /// what `docs/configuration.md` lists under "What verdicts depend on". It is the first eight bytes of a SHA-256
    /// over these settings in a form that depends neither on machine or compiler nor on how the file spells them. The
    /// rules of other groups are not among them.
    pub fn settings_hash(&self, group: &GroupSettings) -> u64 {
        hash::settings_hash(self, group)
    }
}

/// Always `Some`: a mistake is noted, and the default is used in its place.
fn sections(root: &mut Section<'_, '_>) -> Option<Config> {
    let clock = root.choice("clock", [("wall", ClockSource::Wall), ("event", ClockSource::Event)]);
    let window = root.section("window", window::read)?;
    let schedule = root.section("schedule", schedule::read)?;
    let scoring = root.section("scoring", scoring::read);
    let supervision = root.section("supervision", supervision::read);
    let above = GroupSettings {
        name: GroupName::default(),
        sensors: SensorPattern::all(),
        grid: window.grid,
        schedule: schedule.clone(),
        scoring,
        supervision,
    };
    Some(Config {
        clock,
        store: root.section("store", store::read),
        mqtt: root.section("mqtt", mqtt::read),
        filters: root.tables("filter", filter::read),
        features: root.tables("features", features::read),
        sensitivities: root.tables("sensitivity", sensitivity::read),
        limits: root.section("limits", |section| limits::read(section, clock)),
        window,
        schedule,
        models: root.section("models", models::read),
        scoring,
        supervision,
        groups: root.tables("group", |section| group::read(section, &above)),
        conditions: root.section("conditions", conditions::read),
        publish: root.section("publish", publish::read),
        metrics: root.optional_section("metrics", metrics::read),
        http: root.section("http", http::read),
        socket: root.section("socket", socket::read),
        stop: root.section("stop", stop::read),
        log: root.section("log", log::read),
        origin: Origin::default(),
    })
}
