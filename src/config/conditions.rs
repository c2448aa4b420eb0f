//! `[conditions]`: when it is said that something is wrong with a sensor itself.

use toml::de::DeValue;

use super::reader::Section;
use crate::condition::{self, ConditionKind, Notice, Patience};
use crate::interval::Cut;
use crate::sensor_pattern::SensorPattern;
use crate::time::Span;

/// When it is said that something is wrong with a sensor itself.
#[derive(Clone, Debug, PartialEq)]
pub struct ConditionSettings {
    /// For how long it is learnt what is usual for a sensor.
    pub learn: Span,
    /// After how long the unusual is taken as usual.
    pub relearn_after: Span,
    /// The share of the usual number of intervals below which a window is sparse.
    pub sparse_share: f64,
    /// How many usual deviations a level may be away from the usual one.
    pub deviations: f64,
    /// How far readings may come from their own time.
    pub off_by: Span,
    /// The policies, in the order of [`ConditionKind::ALL`].
    pub policies: [PolicySettings; ConditionKind::ALL.len()],
}

/// How one kind of condition is treated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicySettings {
    /// Who is told.
    pub notice: Notice,
    /// After how many windows it is raised.
    pub raise_after: u32,
    /// After how many windows it is cleared.
    pub clear_after: u32,
    /// The sensors that are not watched for it.
    pub except: Vec<SensorPattern>,
}

/// The most patterns of a list.
const MAX_PATTERNS: usize = 1_000;
const MAX_WINDOWS: u32 = 10_000;
const HOUR: Span = Span::from_secs(3_600);
const DAY: Span = Span::from_secs(86_400);

pub(super) fn read(section: &mut Section<'_, '_>) -> ConditionSettings {
    let most = Span::from_secs(3_650 * 86_400);
    let learn = section.span("learn", DAY, Span::from_millis(1)..=most);
    let relearn_after = section.span("relearn_after", DAY.times(7), Span::from_millis(1)..=most);
    let (mut sparse_share, mut deviations, mut off_by) = (0.5, 4.0, Span::from_secs(900));
    let silent = section.section("silent", |section| policy(section, Notice::Warning, 1, 1));
    let stuck = section.section("stuck", |section| policy(section, Notice::Warning, 3, 1));
    let sparse = section.section("sparse", |section| {
        let share = section.number("share", 0.0..=1.0, "a share of the usual number of intervals, from 0 to 1");
        sparse_share = share.unwrap_or(sparse_share);
        policy(section, Notice::Note, 2, 2)
    });
    let out_of_range = section.section("out_of_range", |section| policy(section, Notice::Warning, 2, 2));
    let drifting = section.section("drifting", |section| {
        let many = section.number("deviations", 0.1..=1e6, "how many usual deviations, from 0.1 to 1000000");
        deviations = many.unwrap_or(deviations);
        policy(section, Notice::Note, 3, 3)
    });
    let clock_wrong = section.section("clock_wrong", |section| {
        off_by = section.span("off_by", off_by, Span::from_secs(1)..=HOUR.times(24 * 366));
        policy(section, Notice::Warning, 2, 1)
    });
    let policies = [silent, stuck, sparse, out_of_range, drifting, clock_wrong];
    ConditionSettings { learn, relearn_after, sparse_share, deviations, off_by, policies }
}

fn policy(section: &mut Section<'_, '_>, notice: Notice, raise_after: u32, clear_after: u32) -> PolicySettings {
    let words = [("warning", Notice::Warning), ("note", Notice::Note), ("off", Notice::Off)];
    let [.., off] = words;
    let notice = match notice {
        Notice::Note => section.choice("notice", [words[1], words[0], off]),
        Notice::Warning | Notice::Off => section.choice("notice", words),
    };
    PolicySettings {
        notice,
        raise_after: section.integer("raise_after", raise_after, 1..=MAX_WINDOWS),
        clear_after: section.integer("clear_after", clear_after, 1..=MAX_WINDOWS),
        except: patterns(section),
    }
}

/// The sensors that are not watched; each mistake in the list is noted at its own place.
fn patterns(section: &mut Section<'_, '_>) -> Vec<SensorPattern> {
    let accepted = format!("a list of at most {MAX_PATTERNS} patterns over device/sensor, such as [\"*/valve\"]");
    let elements =
        section.take("except", &accepted, |value| value.as_array().filter(|elements| elements.len() <= MAX_PATTERNS));
    let mut patterns = Vec::new();
    for element in elements.into_iter().flatten() {
        match element.get_ref() {
            DeValue::String(text) => match SensorPattern::parse(text) {
                Ok(pattern) => patterns.push(pattern),
                Err(why) => section.rule_at(&element.span(), "except", why),
            },
            _ => section.rule_at(&element.span(), "except", "a pattern is a text, such as \"*/valve\""),
        }
    }
    patterns
}

impl ConditionSettings {
    /// In time, where it is cut into windows so.
    pub fn in_time(&self, cut: Cut) -> condition::ConditionSettings {
        let window = cut.window();
        let policy = |policy: &PolicySettings| condition::ConditionPolicy {
            notice: policy.notice,
            patience: Patience {
                raise_after: window.times(policy.raise_after.into()),
                clear_after: window.times(policy.clear_after.into()),
            },
            except: policy.except.clone(),
        };
        condition::ConditionSettings {
            cut,
            learn: self.learn,
            relearn_after: self.relearn_after,
            sparse_share: self.sparse_share,
            deviations: self.deviations,
            off_by: self.off_by,
            policies: self.policies.each_ref().map(policy),
        }
    }
}
