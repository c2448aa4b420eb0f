//! The logins of browsers. A session is known by a random number in a cookie, and is as good as the token that it was
//! begun with, until it ends by a logout, is not used for long, or its token is taken back.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::tokens::TokenHash;

/// How long a session lasts that is not used.
const EXPIRY: Duration = Duration::from_secs(12 * 3600);

/// The sessions.
#[derive(Debug)]
pub(super) struct Sessions {
    max: usize,
    open: HashMap<String, Session>,
}

#[derive(Debug)]
struct Session {
    token: TokenHash,
    used: Instant,
}

impl Sessions {
    /// No sessions yet, and at most `max`.
    pub(super) fn new(max: usize) -> Self {
        Self { max, open: HashMap::new() }
    }

    /// Begins a session; the one that was unused for longest ends when there are too many.
    pub(super) fn begin(&mut self, id: String, token: TokenHash, now: Instant) {
        self.open.retain(|_, session| !session.is_over(now));
        if self.open.len() >= self.max
            && let Some(oldest) = self.open.iter().min_by_key(|(_, session)| session.used).map(|(id, _)| id.clone())
        {
            self.open.remove(&oldest);
        }
        self.open.insert(id, Session { token, used: now });
    }

    /// The token that a session was begun with.
    pub(super) fn token(&mut self, id: &str, now: Instant) -> Option<TokenHash> {
        let session = self.open.get_mut(id)?;
        if session.is_over(now) {
            self.open.remove(id);
            return None;
        }
        session.used = now;
        Some(session.token)
    }

    /// Ends a session.
    pub(super) fn end(&mut self, id: &str) {
        self.open.remove(id);
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.open.len()
    }
}

impl Session {
    fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.used) >= EXPIRY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_lasts_while_it_is_used_and_ends_by_a_logout_or_when_it_is_not() {
        let (mut sessions, start, token) = (Sessions::new(9), Instant::now(), TokenHash::of("t"));
        sessions.begin("a".to_owned(), token, start);
        sessions.begin("b".to_owned(), token, start);
        assert_eq!(sessions.token("a", start + EXPIRY / 2), Some(token));
        assert_eq!(sessions.token("b", start + EXPIRY), None);
        assert_eq!(sessions.token("a", start + EXPIRY), Some(token));
        sessions.end("a");
        assert_eq!(sessions.token("a", start + EXPIRY), None);
        assert_eq!(sessions.count(), 0);
    }

    #[test]
    fn the_session_that_was_unused_for_longest_makes_room() {
        let (mut sessions, start, token) = (Sessions::new(2), Instant::now(), TokenHash::of("t"));
        let at = |seconds| start + Duration::from_secs(seconds);
        sessions.begin("a".to_owned(), token, at(0));
        sessions.begin("b".to_owned(), token, at(1));
        sessions.token("a", at(2));
        sessions.begin("c".to_owned(), token, at(3));
        assert_eq!(["a", "b", "c"].map(|id| sessions.token(id, at(4)).is_some()), [true, false, true]);
    }
}
