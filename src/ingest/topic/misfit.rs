//! Why a topic does not fit a template, and how far it is from fitting: an operator whose route takes nothing looks for
//! the difference.

use std::fmt;

use super::{Level, TopicTemplate};

/// Why a topic does not fit a template.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TopicMisfit {
    differences: Vec<Difference>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Difference {
    /// A placeholder in the first level takes no topic of the broker itself.
    OfBroker,
    /// The topic begins or ends with `/`, and has a level too many by that.
    EmptyLevel { which: &'static str },
    /// The numbers of levels differ.
    Levels { takes: usize, or_more: bool, has: usize },
    /// A level differs; counted from 1.
    Literal { level: usize, takes: Box<str>, has: String },
}

impl TopicMisfit {
    /// How far the topic is from fitting: zero for never, more for further.
    pub fn distance(&self) -> usize {
        let distance = |difference: &Difference| match difference {
            Difference::OfBroker => 20,
            Difference::EmptyLevel { .. } => 1,
            Difference::Levels { takes, has, .. } => 3 * takes.abs_diff(*has),
            Difference::Literal { takes, has, .. } if takes.eq_ignore_ascii_case(has) => 1,
            Difference::Literal { takes, has, .. } if crate::suggest::distance(takes, has) <= 2 => 2,
            Difference::Literal { .. } => 4,
        };
        self.differences.iter().map(distance).sum()
    }
}

impl TopicTemplate {
    /// Why a topic does not fit; `None` when it does.
    pub fn misfit(&self, topic: &str) -> Option<TopicMisfit> {
        if self.names(topic).is_some() {
            return None;
        }
        let mut differences = Vec::new();
        if topic.starts_with('$') && matches!(self.levels.first(), Some(Level::Name(..))) {
            differences.push(Difference::OfBroker);
        }
        let mut texts: Vec<&str> = topic.split('/').collect();
        let several = self.levels.iter().position(Level::takes_several);
        if several.is_none() && texts.len() == self.levels.len() + 1 {
            // A slash too many at an end is the usual cause of a level too many.
            if texts.last().is_some_and(|last| last.is_empty()) {
                texts.pop();
                differences.push(Difference::EmptyLevel { which: "ends" });
            } else if texts.first().is_some_and(|first| first.is_empty()) {
                texts.remove(0);
                differences.push(Difference::EmptyLevel { which: "begins" });
            }
        }
        let (takes, has) = (self.levels.len(), texts.len());
        let fits = if several.is_some() { has >= takes } else { has == takes };
        if !fits {
            differences.push(Difference::Levels { takes, or_more: several.is_some(), has });
        }
        let front = several.unwrap_or(takes);
        let of_front = self.levels[..front].iter().zip(&texts).enumerate();
        // What stands behind several levels is counted from the end, as far as that is not the front.
        let back = self.levels[front..].len().saturating_sub(1).min(has.saturating_sub(front));
        let of_back = self.levels[takes - back..].iter().zip(&texts[has - back..]).enumerate();
        let of_back = of_back.map(|(at, pair)| (has - back + at, pair));
        for (at, (level, text)) in of_front.chain(of_back) {
            if let Level::Literal(literal) = level
                && **literal != **text
            {
                let has = text.chars().take(80).collect();
                differences.push(Difference::Literal { level: at + 1, takes: literal.clone(), has });
            }
        }
        Some(TopicMisfit { differences })
    }
}

impl fmt::Display for TopicMisfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, difference) in self.differences.iter().enumerate() {
            if place > 0 {
                f.write_str("; ")?;
            }
            match difference {
                Difference::OfBroker => {
                    f.write_str("a placeholder in the first level takes no topic that begins with $")?;
                }
                Difference::EmptyLevel { which } => write!(
                    f,
                    "the topic {which} with /, which makes one more, empty level: write that / into the route's topic too"
                )?,
                Difference::Levels { takes, or_more, has } => {
                    let or_more = if *or_more { " or more" } else { "" };
                    let levels = if *takes == 1 { "level" } else { "levels" };
                    write!(f, "it takes topics of {takes}{or_more} {levels}, and this one has {has}")?;
                }
                Difference::Literal { level, takes, has } => {
                    write!(f, "its level {level} is {takes:?}, and the topic has {has:?} there")?;
                    if takes.eq_ignore_ascii_case(has) {
                        f.write_str(" (capitals count)")?;
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn misfit(template: &str, topic: &str) -> Option<String> {
        TopicTemplate::parse(template).unwrap().misfit(topic).map(|misfit| misfit.to_string())
    }

    #[test]
    fn the_difference_is_named() {
        for (template, topic, expected) in [
            (
                "plant/{device}/{sensor}",
                "Plant/press/temp",
                "its level 1 is \"plant\", and the topic has \"Plant\" there (capitals count)",
            ),
            ("plant/{device}/{sensor}", "plant/press", "it takes topics of 3 levels, and this one has 2"),
            ("plant/{device...}/{sensor}", "plant/press", "it takes topics of 3 or more levels, and this one has 2"),
            ("{device...}/x/{sensor}", "a/b/y/c", "its level 3 is \"x\", and the topic has \"y\" there"),
            ("{device}/{sensor}", "$SYS/uptime", "a placeholder in the first level takes no topic that begins with $"),
            (
                "devices/{device}/messages/events",
                "devices/dev9/messages/events/",
                "the topic ends with /, which makes one more, empty level: write that / into the route's topic too",
            ),
        ] {
            assert_eq!(misfit(template, topic).as_deref(), Some(expected));
        }
        assert_eq!(misfit("plant/{device}/{sensor}", "plant/a/b"), None);
    }

    #[test]
    fn what_differs_less_is_nearer() {
        let distance =
            |template: &str, topic: &str| TopicTemplate::parse(template).unwrap().misfit(topic).unwrap().distance();
        let topic = "Plant/press/temp";
        assert!(distance("plant/{device}/{sensor}", topic) < distance("plants/{device}/{sensor}", topic));
        assert!(distance("plants/{device}/{sensor}", topic) < distance("tele/{device}/{sensor}", topic));
        assert!(distance("tele/{device}/{sensor}", topic) < distance("tele/{device}", topic));
    }

    proptest! {
        #[test]
        fn every_misfit_has_a_cause(
            template in "(a|\\{device\\}|\\{device\\.\\.\\.\\})((/a|/b|/|/\\{sensor\\}|/\\{sensor\\.\\.\\.\\}){0,4})",
            topic in "[ab$]?((/a|/b|/|a){0,6})",
        ) {
            let Ok(template) = TopicTemplate::parse(&template) else { return Ok(()) };
            match (template.names(&topic), template.misfit(&topic)) {
                (Some(_), misfit) => prop_assert_eq!(misfit, None),
                (None, misfit) => {
                    let misfit = misfit.unwrap();
                    prop_assert!(misfit.distance() > 0 && !misfit.to_string().is_empty(), "{} {}", template, topic);
                }
            }
        }
    }
}
