//! `[publish]`: where stored verdicts are published.

use std::path::PathBuf;

use super::reader::Section;
use super::template;
use crate::sink::prediction::Decisions;

/// Where verdicts go. They are in the store in any case.
#[derive(Clone, Debug, PartialEq)]
pub struct PublishSettings {
    /// The prediction files; `None` when none are written.
    pub files: Option<FileSettings>,
    /// The topics, if verdicts are published over the connected broker.
    pub mqtt: Option<TopicSettings>,
}

/// How prediction files are written.
#[derive(Clone, Debug, PartialEq)]
pub struct FileSettings {
    /// The folder with a folder for each date.
    pub directory: PathBuf,
    /// Whether the files hold decision values.
    pub decisions: Decisions,
    /// After how many days the files are removed.
    pub keep_days: u32,
}

/// Where verdicts are published over MQTT.
#[derive(Clone, Debug, PartialEq)]
pub struct TopicSettings {
    /// The topic, with `{device}` and `{sensor}`.
    pub topic: String,
}

pub(super) fn read(section: &mut Section<'_, '_>) -> PublishSettings {
    PublishSettings {
        files: section.optional_section("files", read_files),
        mqtt: section.optional_section("mqtt", read_topics),
    }
}

fn read_files(section: &mut Section<'_, '_>) -> FileSettings {
    let decisions = section.take("decisions", "true or false", |value| value.as_bool());
    FileSettings {
        directory: section.path("directory", "/var/lib/anomalyd/predictions"),
        decisions: if decisions == Some(true) { Decisions::Include } else { Decisions::Omit },
        keep_days: section.integer("keep_days", 30, 1..=36_500),
    }
}

fn read_topics(section: &mut Section<'_, '_>) -> TopicSettings {
    let topic = section.parsed("topic", "a topic with {device} and {sensor}, without + and #", |text| {
        if text.contains(['+', '#']) {
            return Err("+ and # cannot be published to".to_owned());
        }
        if text.split('/').any(|level| level.matches('{').count() > 1) {
            return Err("put a / between {device} and {sensor}: else several sensors could share one topic".to_owned());
        }
        template::check(text)
    });
    TopicSettings { topic: topic.unwrap_or_else(|| "anomalyd/verdicts/{device}/{sensor}".to_owned()) }
}
