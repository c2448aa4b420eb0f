//! The subscriptions that routes need: the fewest that bring all their topics.
//!
//! A broker may deliver a message once for each matching subscription (MQTT 3.1.1, section 3.3.5), and a reading
//! without a time of its own then counts as often. So no subscription is made that another one covers.

use crate::ingest::topic::TopicTemplate;

/// The subscriptions for routes, without those that another one covers.
pub fn subscriptions<'r>(topics: impl Iterator<Item = &'r TopicTemplate>) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for new in topics.map(TopicTemplate::subscription) {
        if !all.iter().any(|other| covers(other, &new)) {
            all.retain(|other| !covers(&new, other));
            all.push(new);
        }
    }
    all
}

/// Whether a subscription matches every topic that another one matches.
fn covers(outer: &str, inner: &str) -> bool {
    if inner.starts_with('$') && outer.starts_with(['+', '#']) {
        return false;
    }
    let (mut outer, mut inner) = (outer.split('/'), inner.split('/'));
    loop {
        match (outer.next(), inner.next()) {
            (Some("#"), _) | (None, None) => return true,
            (Some("+"), Some(level)) if level != "#" => {}
            (Some(literal), Some(level)) if literal == level => {}
            _ => return false,
        }
    }
}

/// Whether some topic is taken by both subscriptions.
pub fn overlap(a: &str, b: &str) -> bool {
    let of_broker = |own: &str, other: &str| own.starts_with('$') && other.starts_with(['+', '#']);
    if of_broker(a, b) || of_broker(b, a) {
        return false;
    }
    let (mut a, mut b) = (a.split('/'), b.split('/'));
    loop {
        match (a.next(), b.next()) {
            (Some("#"), _) | (_, Some("#")) | (None, None) => return true,
            (Some("+"), Some(_)) | (Some(_), Some("+")) => {}
            (Some(level), Some(other)) if level == other => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn subscriptions_of(topics: &[&str]) -> Vec<String> {
        let topics: Vec<_> = topics.iter().map(|topic| TopicTemplate::parse(topic).unwrap()).collect();
        subscriptions(topics.iter())
    }

    #[test]
    fn what_another_subscription_covers_is_not_subscribed_to() {
        assert_eq!(subscriptions_of(&["hall/{device}/{sensor}", "{device...}/{sensor}"]), ["#"]);
        assert_eq!(subscriptions_of(&["a/{device...}/x", "a/{device...}/y"]), ["a/#"]);
        assert_eq!(subscriptions_of(&["a/{device}/x", "b/{device}/x"]), ["a/+/x", "b/+/x"]);
        assert_eq!(subscriptions_of(&["{device...}", "$SYS/{device}"]), ["#", "$SYS/+"]);
    }

    /// Whether a subscription matches a topic, as MQTT 3.1.1 defines it in section 4.7.
    fn takes(subscription: &[&str], topic: &[&str]) -> bool {
        match (subscription, topic) {
            (["#"], _) | ([], []) => true,
            (["+", subscription @ ..], [_, topic @ ..]) => takes(subscription, topic),
            ([level, subscription @ ..], [other, topic @ ..]) => level == other && takes(subscription, topic),
            _ => false,
        }
    }

    fn subscription() -> impl Strategy<Value = String> {
        let levels = prop::collection::vec(prop::sample::select(vec!["a", "b", "+", "$a", ""]), 1..4);
        (levels, any::<bool>()).prop_map(|(levels, several)| levels.join("/") + if several { "/#" } else { "" })
    }

    fn topics() -> Vec<Vec<&'static str>> {
        let mut topics = vec![vec![]];
        let mut last: Vec<Vec<&str>> = vec![vec![]];
        for _ in 0..5 {
            let longer =
                |topic: &Vec<&'static str>| ["a", "b", "z", "$a", ""].map(|level| [&topic[..], &[level]].concat());
            last = last.iter().flat_map(longer).collect();
            topics.extend(last.clone());
        }
        topics.split_off(1)
    }

    proptest! {
        #[test]
        fn covering_and_overlapping_are_what_topics_show(a in subscription(), b in subscription()) {
            let takes = |subscription: &str, topic: &[&str]| {
                let of_broker = topic[0].starts_with('$') && subscription.starts_with(['+', '#']);
                !of_broker && takes(&subscription.split('/').collect::<Vec<_>>(), topic)
            };
            let (mut is_covered, mut do_overlap) = (true, false);
            for topic in topics() {
                is_covered &= takes(&a, &topic) || !takes(&b, &topic);
                do_overlap |= takes(&a, &topic) && takes(&b, &topic);
            }
            prop_assert_eq!(covers(&a, &b), is_covered);
            prop_assert_eq!(overlap(&a, &b), do_overlap);
        }
    }
}
