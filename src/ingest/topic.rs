//! Topic templates: which topics a route takes, and which of their levels name the device and the sensor.

mod misfit;

use std::fmt;

use crate::sensor::SensorName;
use crate::sensor_pattern::{NameShape, Slashes};

pub use misfit::TopicMisfit;

/// A topic with placeholders: `plant/{device}/{sensor}`.
///
/// A placeholder is a whole level. `{device...}` and `{sensor...}` match one level or more; a template may have at most
/// one of these. As in MQTT, a placeholder in the first level matches no topic that begins with `$`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicTemplate {
    text: String,
    levels: Vec<Level>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Level {
    Literal(Box<str>),
    Name(NameKind, Extent),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NameKind {
    Device,
    Sensor,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    OneLevel,
    SeveralLevels,
}

/// The names in a topic. Their length and characters are not checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopicNames<'t> {
    /// The device.
    pub device: &'t str,
    /// The sensor, when the template names it.
    pub sensor: Option<&'t str>,
}

/// Why a template was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// MQTT knows no such topic.
    #[error("the topic has {0} bytes; MQTT allows 1 to {max}", max = TopicTemplate::MAX_BYTES)]
    Length(usize),
    /// A level with a wildcard: placeholders are the wildcards of templates.
    #[error(
        "the level {0:?} holds a wildcard or a control character; write {{device}} or {{sensor}} for a level that varies"
    )]
    Character(String),
    /// A shared subscription.
    #[error(
        "it begins with {0}, a shared subscription: the broker would give each of its subscribers a part of the messages, \
         and windows would have holes; write the topic without it"
    )]
    Shared(String),
    /// A level with braces that is not a placeholder.
    #[error(
        "the level {0:?} is no placeholder; accepted are {{device}}, {{sensor}}, {{device...}} and {{sensor...}}, each a whole level"
    )]
    Placeholder(String),
    /// The same name at two places.
    #[error("the placeholder {0} stands there twice; once is accepted")]
    Repeated(String),
    /// Two placeholders for several levels: it cannot be told where one ends and the other begins.
    #[error("both placeholders take several levels; only one may")]
    TwoOfSeveralLevels,
    /// Nothing names the device.
    #[error("no level names the device; put {{device}} in place of the level that does")]
    NoDevice,
}

impl TopicTemplate {
    /// The longest topic that MQTT can carry, in bytes.
    pub const MAX_BYTES: usize = 65_535;

    /// Reads a template.
    ///
    /// # Errors
    /// When the template could match no topic, could match one in several ways, or does not name the device.
    pub fn parse(text: &str) -> Result<Self, TopicError> {
        if text.is_empty() || text.len() > Self::MAX_BYTES {
            return Err(TopicError::Length(text.len()));
        }
        let mut first = text.splitn(3, '/');
        match (first.next(), first.next()) {
            (Some(share @ "$share"), Some(group)) => return Err(TopicError::Shared(format!("{share}/{group}/"))),
            // `$queue` is how one broker writes a shared subscription.
            (Some(queue @ "$queue"), Some(_)) => return Err(TopicError::Shared(format!("{queue}/"))),
            _ => {}
        }
        let levels = text.split('/').map(Level::parse).collect::<Result<Vec<_>, _>>()?;
        let names = |part| levels.iter().filter(move |level| matches!(level, Level::Name(p, _) if *p == part)).count();
        for (part, placeholder) in [(NameKind::Device, "{device}"), (NameKind::Sensor, "{sensor}")] {
            if names(part) > 1 {
                return Err(TopicError::Repeated(placeholder.to_owned()));
            }
        }
        if levels.iter().filter(|level| level.takes_several()).count() > 1 {
            return Err(TopicError::TwoOfSeveralLevels);
        }
        if names(NameKind::Device) == 0 {
            return Err(TopicError::NoDevice);
        }
        Ok(Self { text: text.to_owned(), levels })
    }

    /// Whether a level names the sensor.
    pub fn names_sensor(&self) -> bool {
        self.levels.iter().any(|level| matches!(level, Level::Name(NameKind::Sensor, _)))
    }

    /// The names in a topic; `None` when the topic does not match.
    pub fn names<'t>(&self, topic: &'t str) -> Option<TopicNames<'t>> {
        if topic.starts_with('$') && matches!(self.levels.first(), Some(Level::Name(..))) {
            return None;
        }
        let several = self.levels.iter().position(Level::takes_several).unwrap_or(self.levels.len());
        let (front, back) = self.levels.split_at(several);
        let mut found = LevelNames::default();
        // The levels that are left. `None` after the last level, because an empty text is a level too.
        let mut rest = Some(topic);
        for level in front {
            let (text, after) = match rest?.split_once('/') {
                Some((text, after)) => (text, Some(after)),
                None => (rest?, None),
            };
            found.take(level, text)?;
            rest = after;
        }
        let Some((several, back)) = back.split_first() else {
            return if rest.is_none() { found.names() } else { None };
        };
        let mut rest = rest?;
        for level in back.iter().rev() {
            let (before, text) = rest.rsplit_once('/')?;
            found.take(level, text)?;
            rest = before;
        }
        found.take(several, rest)?;
        found.names()
    }

    /// Whether this template matches every topic that `other` matches.
    pub fn covers(&self, other: &Self) -> bool {
        // `other` is tried with the fewest levels, and with more levels than this template has. If both match, every
        // number of levels between matches too, because the level of this template that meets several levels of `other`
        // must then match any text.
        [1, self.levels.len() + 1].into_iter().all(|several| self.names(&other.example(several)).is_some())
    }

    /// A topic that the template matches. Each placeholder becomes a level that is in no template; one for several
    /// levels becomes `several` such levels.
    fn example(&self, several: usize) -> String {
        const UNLIKE_ANY: &str = "\u{1}";
        let levels = self.levels.iter().flat_map(|level| match level {
            Level::Literal(text) => std::iter::repeat_n(&**text, 1),
            Level::Name(_, Extent::OneLevel) => std::iter::repeat_n(UNLIKE_ANY, 1),
            Level::Name(_, Extent::SeveralLevels) => std::iter::repeat_n(UNLIKE_ANY, several),
        });
        levels.collect::<Vec<_>>().join("/")
    }

    /// Which names the sensors of such topics can have.
    pub fn nameable(&self) -> NameShape {
        let slashes = |kind| {
            let level = self.levels.iter().find(|level| matches!(level, Level::Name(named, _) if *named == kind));
            match level {
                Some(Level::Name(_, Extent::OneLevel)) => Slashes::None,
                _ => Slashes::Any,
            }
        };
        NameShape { device: slashes(NameKind::Device), sensor: slashes(NameKind::Sensor) }
    }

    /// A literal level that begins or ends with a blank, if there is one: hardly any topic has such a level.
    pub fn level_with_blanks(&self) -> Option<&str> {
        self.levels.iter().find_map(|level| match level {
            Level::Literal(text) if text.trim() != &**text => Some(&**text),
            _ => None,
        })
    }

    /// The topic of a sensor.
    ///
    /// [`Self::names`] finds the same names in it, unless a name with a `/` is in the place of a single level.
    pub fn fill(&self, name: &SensorName) -> String {
        let levels: Vec<&str> = self
            .levels
            .iter()
            .map(|level| match level {
                Level::Literal(text) => text,
                Level::Name(NameKind::Device, _) => name.device(),
                Level::Name(NameKind::Sensor, _) => name.sensor(),
            })
            .collect();
        levels.join("/")
    }

    /// The MQTT topic filter to subscribe to: `plant/+/+`.
    ///
    /// MQTT has a wildcard for several levels at the end only. So a filter ends with `#` where the template has a
    /// placeholder for several levels: `plant/{device...}/{sensor}` becomes `plant/#`, which also brings topics that do
    /// not match.
    pub fn subscription(&self) -> String {
        let several = self.levels.iter().position(Level::takes_several);
        let levels: Vec<&str> = self.levels[..several.map_or(self.levels.len(), |at| at + 1)]
            .iter()
            .map(|level| match level {
                Level::Literal(text) => text,
                Level::Name(_, Extent::OneLevel) => "+",
                Level::Name(_, Extent::SeveralLevels) => "#",
            })
            .collect();
        levels.join("/")
    }
}

impl fmt::Display for TopicTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Level {
    fn parse(text: &str) -> Result<Self, TopicError> {
        Ok(match text {
            "{device}" => Self::Name(NameKind::Device, Extent::OneLevel),
            "{sensor}" => Self::Name(NameKind::Sensor, Extent::OneLevel),
            "{device...}" => Self::Name(NameKind::Device, Extent::SeveralLevels),
            "{sensor...}" => Self::Name(NameKind::Sensor, Extent::SeveralLevels),
            _ if text.contains(['{', '}']) => return Err(TopicError::Placeholder(text.to_owned())),
            _ if text.contains(|c: char| c.is_control() || matches!(c, '+' | '#')) => {
                return Err(TopicError::Character(text.to_owned()));
            }
            _ => Self::Literal(text.into()),
        })
    }

    fn takes_several(&self) -> bool {
        matches!(self, Self::Name(_, Extent::SeveralLevels))
    }
}

/// The names found so far.
#[derive(Default)]
struct LevelNames<'t> {
    device: Option<&'t str>,
    sensor: Option<&'t str>,
}

impl<'t> LevelNames<'t> {
    /// Takes the text at a level; `None` when this text may not be there.
    fn take(&mut self, level: &Level, text: &'t str) -> Option<()> {
        match level {
            Level::Literal(literal) => (**literal == *text).then_some(()),
            Level::Name(NameKind::Device, _) => {
                self.device = Some(text);
                Some(())
            }
            Level::Name(NameKind::Sensor, _) => {
                self.sensor = Some(text);
                Some(())
            }
        }
    }

    fn names(self) -> Option<TopicNames<'t>> {
        Some(TopicNames { device: self.device?, sensor: self.sensor })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names<'t>(template: &str, topic: &'t str) -> Option<(&'t str, Option<&'t str>)> {
        TopicTemplate::parse(template).unwrap().names(topic).map(|names| (names.device, names.sensor))
    }

    #[test]
    fn a_placeholder_takes_its_level_and_a_literal_only_itself() {
        let template = "plant/{device}/{sensor}";
        assert_eq!(names(template, "plant/press/temp"), Some(("press", Some("temp"))));
        assert_eq!(names(template, "plant/press/"), Some(("press", Some(""))));
        for topic in ["plant/press", "plant/press/temp/x", "Plant/press/temp", "plant", "", "/plant/press/temp"] {
            assert_eq!(names(template, topic), None, "{topic}");
        }
        assert_eq!(names("/{device}/data", "/press/data"), Some(("press", None)));
    }

    #[test]
    fn a_placeholder_with_dots_takes_one_level_or_more_wherever_it_stands() {
        assert_eq!(names("plant/{device...}/{sensor}", "plant/a/b/c"), Some(("a/b", Some("c"))));
        assert_eq!(names("plant/{device...}/{sensor}", "plant/a/c"), Some(("a", Some("c"))));
        assert_eq!(names("plant/{device...}/{sensor}", "plant/c"), None);
        assert_eq!(names("{device}/{sensor...}", "a/b/c"), Some(("a", Some("b/c"))));
        assert_eq!(names("{device...}", "a"), Some(("a", None)));
        assert_eq!(names("{device...}/x/{sensor}", "a/y/c"), None);
        assert_eq!(names("a/{device...}/a", "a"), None);
        assert_eq!(names("a/{device...}/a", "a/a"), None);
    }

    #[test]
    fn topics_of_the_broker_itself_are_taken_by_no_leading_placeholder() {
        assert_eq!(names("{device}/{sensor}", "$SYS/uptime"), None);
        assert_eq!(names("{device...}", "$SYS/uptime"), None);
        assert_eq!(names("$SYS/{device}", "$SYS/uptime"), Some(("uptime", None)));
    }

    #[test]
    fn the_subscription_takes_every_topic_that_fits() {
        for (template, filter) in [
            ("plant/{device}/{sensor}", "plant/+/+"),
            ("{device}/data", "+/data"),
            ("plant/{device...}", "plant/#"),
            ("plant/{device...}/{sensor}", "plant/#"),
            ("{sensor...}/x/{device}", "#"),
            ("/{device}", "/+"),
        ] {
            assert_eq!(TopicTemplate::parse(template).unwrap().subscription(), filter);
        }
    }

    #[test]
    fn a_template_that_fits_nothing_or_in_several_ways_is_refused_with_its_reason() {
        for (template, part) in [
            ("", "0 bytes"),
            ("plant/+/{device}", "\"+\" holds a wildcard"),
            ("plant/#", "wildcard"),
            ("plant\n/{device}", "control character"),
            ("plant/{tag}/{device}", "\"{tag}\" is no placeholder"),
            ("plant/press-{device}", "each a whole level"),
            ("{device}/{device...}", "{device} stands there twice"),
            ("{device...}/{sensor...}", "only one may"),
            ("plant/{sensor}", "no level names the device"),
            ("$share/group/plant/{device}/{sensor}", "begins with $share/group/, a shared subscription"),
            ("$queue/plant/{device}/{sensor}", "begins with $queue/, a shared"),
        ] {
            let error = TopicTemplate::parse(template).unwrap_err().to_string();
            assert!(error.contains(part), "{template}: {error}");
        }
        assert!(TopicTemplate::parse(&format!("{{device}}/{}", "x".repeat(65_536))).is_err());
    }

    #[test]
    fn a_route_that_takes_all_topics_of_another_covers_it() {
        let template = |text| TopicTemplate::parse(text).unwrap();
        for (outer, inner) in [
            ("{device...}/{sensor}", "hall/{device}/{sensor}"),
            ("a/{device...}", "a/{device}/b"),
            ("{device}/{sensor}", "{sensor}/{device}"),
            ("{device...}/x", "{device}/y/x"),
        ] {
            assert!(template(outer).covers(&template(inner)), "{outer} {inner}");
            let both_ways = outer == "{device}/{sensor}";
            assert_eq!(template(inner).covers(&template(outer)), both_ways, "{inner} {outer}");
        }
        assert!(!template("{device...}").covers(&template("$SYS/{device}")));
        assert!(!template("{device}/x/{sensor...}").covers(&template("{device}/{sensor...}")));
    }

    #[test]
    fn a_template_tells_which_names_it_can_give() {
        let nameable = |text| TopicTemplate::parse(text).unwrap().nameable();
        assert_eq!(nameable("{device}/{sensor}"), NameShape { device: Slashes::None, sensor: Slashes::None });
        assert_eq!(nameable("{device...}/{sensor}"), NameShape { device: Slashes::Any, sensor: Slashes::None });
        assert_eq!(nameable("{device}"), NameShape { device: Slashes::None, sensor: Slashes::Any });
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_topic_breaks_a_template(topic in any::<String>(), template in "(\\{device\\}|\\{device\\.\\.\\.\\}|a|/){1,6}") {
            if let Ok(template) = TopicTemplate::parse(&template) {
                let _ = template.names(&topic);
            }
        }

        #[test]
        fn covering_is_what_topics_show(
            a in "(\\{device\\}|\\{device\\.\\.\\.\\})((/|/a|/b|/\\$a|/\\{sensor\\}){0,2})",
            b in "(a/|\\$a/)?(\\{device\\}|\\{device\\.\\.\\.\\})((/|/a|/\\{sensor\\.\\.\\.\\}|/\\{sensor\\}){0,2})",
        ) {
            let (Ok(a), Ok(b)) = (TopicTemplate::parse(&a), TopicTemplate::parse(&b)) else { return Ok(()) };
            let mut topics: Vec<Vec<&str>> = vec![vec![]];
            let mut covered = [true; 2];
            for _ in 0..5 {
                let longer = |topic: &Vec<&'static str>| ["a", "b", "z", "$a", ""].map(|level| [&topic[..], &[level]].concat());
                topics = topics.iter().flat_map(longer).collect();
                for topic in &topics {
                    let topic = topic.join("/");
                    let takes = [&a, &b].map(|template| template.names(&topic).is_some());
                    covered[0] &= takes[0] || !takes[1];
                    covered[1] &= takes[1] || !takes[0];
                }
            }
            prop_assert_eq!([a.covers(&b), b.covers(&a)], covered, "{} {}", a, b);
        }

        #[test]
        fn matching_is_the_inverse_of_filling(
            template in prop::sample::select(vec![
                "plant/{device...}/{sensor}", "{device...}/x/{sensor}", "a/b/{sensor}/{device...}", "{sensor}/{device...}/z/y",
            ]),
            device in "[a-z.]{1,5}(/[a-z]{0,5}){0,3}",
            sensor in "[a-zA-Z0-9 {}äö-]{1,8}",
        ) {
            let template = TopicTemplate::parse(template).unwrap();
            let name = SensorName::new(&device, &sensor).unwrap();
            let topic = template.fill(&name);
            let expected = TopicNames { device: &device, sensor: Some(&sensor) };
            prop_assert_eq!(template.names(&topic), Some(expected));
        }
    }
}
