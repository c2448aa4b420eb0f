//! MQTT sessions as an endpoint for publishers needs them: which clients have one, and until when.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

use crate::time::{Span, Timestamp};

/// Whether an MQTT session outlives its connection: the clean session flag of CONNECT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionLifetime {
    /// The session ends with the connection, and any earlier one is forgotten.
    Connection,
    /// The session stays until its client asks to end it. The client sends unacknowledged messages again when it
    /// returns.
    Persistent,
}

/// Whether an earlier session is taken up: the session present flag of CONNACK.
///
/// Clients drop unacknowledged messages when there is no earlier session, so sessions must survive a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionPresent {
    /// It is.
    Yes,
    /// There is no earlier session.
    No,
}

/// A moment, by two clocks: the wall clock's time outlives the process, and the other clock is never set.
#[derive(Clone, Copy, Debug)]
pub struct SessionMoment {
    /// By the wall clock.
    pub wall: Timestamp,
    /// By the clock that only counts.
    pub steady: Instant,
}

impl SessionMoment {
    /// This moment.
    pub fn now() -> Self {
        Self { wall: Timestamp::now(), steady: Instant::now() }
    }
}

/// A change of sessions that has to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionChange {
    /// The session exists, and was used at this time.
    Used(Arc<str>, Timestamp),
    /// It is gone.
    Gone(Arc<str>),
}

/// How sessions come to an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionSettings {
    /// The most that are remembered; at least 1. A new one takes the place of the one that was not used for longest, but
    /// never of one whose client is connected: when all are, the new one is not remembered.
    pub max: usize,
    /// How long an unused session is remembered.
    pub expiry: Span,
}

impl SessionSettings {
    /// How much time passes before a use is stored again. It is short enough that a session in use does not expire, and
    /// long enough that a device that connects all the time costs the disk nothing.
    pub fn granularity(&self) -> Span {
        Span::from(self.expiry.to_std() / 8)
    }
}

/// The sessions that outlive their connections.
#[derive(Debug)]
pub struct Sessions {
    settings: SessionSettings,
    clients: HashMap<Arc<str>, LastUse>,
    /// Those whose client is not connected, in the order of their last use.
    idle: BTreeSet<(Timestamp, Arc<str>)>,
}

/// Whether a session's client is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ClientPresence {
    Connected,
    Away,
}

#[derive(Clone, Copy, Debug)]
struct LastUse {
    wall: Timestamp,
    /// `Some` when the use was in this process: setting the wall clock right must not make a session old at once.
    steady: Option<Instant>,
    /// The last use that is stored.
    noted: Timestamp,
    client: ClientPresence,
}

impl Sessions {
    /// The sessions that an earlier process stored, each with its last use. `None` when an earlier version stored no
    /// time: such a session counts as used at `now`.
    pub fn new(
        settings: SessionSettings,
        stored: impl IntoIterator<Item = (String, Option<Timestamp>)>,
        now: Timestamp,
        changes: &mut Vec<SessionChange>,
    ) -> Self {
        let mut sessions = Self { settings, clients: HashMap::new(), idle: BTreeSet::new() };
        for (client, used) in stored {
            let client: Arc<str> = client.into();
            let wall = used.unwrap_or(now);
            if used.is_none() {
                changes.push(SessionChange::Used(Arc::clone(&client), wall));
            }
            sessions.insert(client, LastUse { wall, steady: None, noted: wall, client: ClientPresence::Away });
        }
        sessions.bound(settings.max, changes);
        sessions
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.clients.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }

    /// A client connects. Tells whether an earlier session is taken up; what is to be written down goes to `changes`.
    /// Until it [leaves](Self::leave), its session gives its place to no other.
    pub fn open(
        &mut self,
        client: &str,
        lifetime: SessionLifetime,
        now: SessionMoment,
        changes: &mut Vec<SessionChange>,
    ) -> SessionPresent {
        self.expire(now, changes);
        let known = self.clients.get(client).is_some_and(|last| !self.is_expired(*last, now));
        match lifetime {
            SessionLifetime::Persistent => {
                self.note_use(client, ClientPresence::Connected, now, changes);
                if known { SessionPresent::Yes } else { SessionPresent::No }
            }
            SessionLifetime::Connection => {
                self.forget(client, changes);
                SessionPresent::No
            }
        }
    }

    /// A client's session goes on.
    pub fn touch(&mut self, client: &str, now: SessionMoment, changes: &mut Vec<SessionChange>) {
        if let Some(last) = self.clients.get(client) {
            self.note_use(client, last.client, now, changes);
        }
    }

    /// The connection of a client has ended; its session stays.
    pub fn leave(&mut self, client: &str, now: SessionMoment, changes: &mut Vec<SessionChange>) {
        if self.clients.contains_key(client) {
            self.note_use(client, ClientPresence::Away, now, changes);
        }
    }

    /// Forgets the sessions that were unused for too long.
    fn expire(&mut self, now: SessionMoment, changes: &mut Vec<SessionChange>) {
        while let Some((_, client)) = self.idle.first()
            && let Some(last) = self.clients.get(client)
            && self.is_expired(*last, now)
        {
            let client = Arc::clone(client);
            self.forget(&client, changes);
        }
    }

    fn note_use(
        &mut self,
        client: &str,
        presence: ClientPresence,
        now: SessionMoment,
        changes: &mut Vec<SessionChange>,
    ) {
        let (client, last) = match self.clients.get_key_value(client) {
            Some((client, last)) => (Arc::clone(client), Some(*last)),
            None => (client.into(), None),
        };
        // A wall clock that is behind does not make the use earlier than the last.
        let wall = last.map_or(now.wall, |last| last.wall.max(now.wall));
        let noted = last.map(|last| last.noted).filter(|noted| wall.since(*noted) < self.settings.granularity());
        self.remove(&client);
        let others = self.settings.max.max(1) - 1;
        self.bound(others, changes);
        if self.clients.len() > others {
            return;
        }
        if noted.is_none() {
            changes.push(SessionChange::Used(Arc::clone(&client), wall));
        }
        let noted = noted.unwrap_or(wall);
        self.insert(client, LastUse { wall, steady: Some(now.steady), noted, client: presence });
    }

    /// Forgets the sessions that were not used for longest, until there are at most `max` or only such of connected clients.
    fn bound(&mut self, max: usize, changes: &mut Vec<SessionChange>) {
        while self.clients.len() > max
            && let Some((_, oldest)) = self.idle.pop_first()
        {
            self.clients.remove(&oldest);
            changes.push(SessionChange::Gone(oldest));
        }
    }

    fn forget(&mut self, client: &str, changes: &mut Vec<SessionChange>) {
        if let Some(client) = self.remove(client) {
            changes.push(SessionChange::Gone(client));
        }
    }

    fn insert(&mut self, client: Arc<str>, last: LastUse) {
        if last.client == ClientPresence::Away {
            self.idle.insert((last.wall, Arc::clone(&client)));
        }
        self.clients.insert(client, last);
    }

    fn remove(&mut self, client: &str) -> Option<Arc<str>> {
        let (client, last) = self.clients.remove_entry(client)?;
        self.idle.remove(&(last.wall, Arc::clone(&client)));
        Some(client)
    }

    fn is_expired(&self, last: LastUse, now: SessionMoment) -> bool {
        let by_steady = |used| Span::from(now.steady.saturating_duration_since(used)) > self.settings.expiry;
        now.wall.since(last.wall) > self.settings.expiry && last.steady.is_none_or(by_steady)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::SessionLifetime::{Connection, Persistent};
    use super::*;

    const SETTINGS: SessionSettings = SessionSettings { max: 3, expiry: Span::from_secs(800) };

    struct Bench {
        sessions: Sessions,
        start: Instant,
        stored: HashMap<String, Timestamp>,
        writes: usize,
    }

    impl Bench {
        fn new() -> Self {
            let sessions = Sessions::new(SETTINGS, [], Timestamp::MIN, &mut Vec::new());
            Self { sessions, start: Instant::now(), stored: HashMap::new(), writes: 0 }
        }

        fn moment(&self, wall: u64, steady: u64) -> SessionMoment {
            let wall = Timestamp::from_nanos(i64::try_from(wall).unwrap() * 1_000_000_000);
            SessionMoment { wall, steady: self.start + Duration::from_secs(steady) }
        }

        fn write(&mut self, changes: Vec<SessionChange>) {
            self.writes += changes.len();
            for change in changes {
                match change {
                    SessionChange::Used(client, at) => drop(self.stored.insert(client.to_string(), at)),
                    SessionChange::Gone(client) => assert!(self.stored.remove(&*client).is_some()),
                }
            }
        }

        /// A client connects and stays.
        fn connect(&mut self, client: &str, lifetime: SessionLifetime, secs: u64) -> SessionPresent {
            let mut changes = Vec::new();
            let present = self.sessions.open(client, lifetime, self.moment(secs, secs), &mut changes);
            self.write(changes);
            present
        }

        fn leave(&mut self, client: &str, secs: u64) {
            let mut changes = Vec::new();
            self.sessions.leave(client, self.moment(secs, secs), &mut changes);
            self.write(changes);
        }

        /// A client connects and goes.
        fn open(&mut self, client: &str, lifetime: SessionLifetime, secs: u64) -> SessionPresent {
            let present = self.connect(client, lifetime, secs);
            self.leave(client, secs);
            present
        }

        fn restart(&mut self) {
            let stored = self.stored.clone().into_iter().map(|(client, used)| (client, Some(used)));
            self.sessions = Sessions::new(SETTINGS, stored, Timestamp::MAX, &mut Vec::new());
        }
    }

    #[test]
    fn a_new_session_takes_the_place_of_the_one_that_was_not_used_for_longest() {
        let mut bench = Bench::new();
        for (secs, client) in [(0, "a"), (100, "b"), (200, "c"), (300, "a"), (400, "d")] {
            bench.open(client, Persistent, secs);
        }
        bench.restart();
        assert_eq!(bench.open("a", Persistent, 500), SessionPresent::Yes);
        assert_eq!(bench.open("d", Persistent, 500), SessionPresent::Yes);
        assert_eq!(bench.open("b", Persistent, 500), SessionPresent::No);
        assert_eq!(bench.open("b", Persistent, 500), SessionPresent::Yes, "the newest is remembered");
        assert_eq!(bench.open("b", Connection, 500), SessionPresent::No);
        assert_eq!(bench.open("b", Persistent, 500), SessionPresent::No);
    }

    #[test]
    fn a_session_of_a_connected_client_gives_its_place_to_no_other_and_does_not_expire() {
        let mut bench = Bench::new();
        bench.connect("pump", Persistent, 0);
        for flood in 0..100 {
            assert_eq!(bench.open(&flood.to_string(), Persistent, 1 + flood), SessionPresent::No);
        }
        bench.open("a", Persistent, 2_000);
        bench.leave("pump", 2_000);
        assert_eq!(bench.open("pump", Persistent, 2_000), SessionPresent::Yes);
        // When all places are those of connected clients, a further one is served, and not remembered.
        for client in ["x", "y", "z", "pump"] {
            bench.connect(client, Persistent, 2_001);
        }
        bench.leave("pump", 2_002);
        assert_eq!(bench.sessions.len(), SETTINGS.max);
        assert_eq!(bench.connect("pump", Persistent, 2_003), SessionPresent::No);
        bench.leave("x", 2_004);
        bench.connect("pump", Persistent, 2_005);
        assert_eq!(bench.connect("pump", Persistent, 2_006), SessionPresent::Yes);
        bench.restart();
        assert_eq!(bench.connect("x", Persistent, 2_007), SessionPresent::No);
    }

    #[test]
    fn a_session_expires_when_it_is_not_used() {
        let mut bench = Bench::new();
        bench.open("a", Persistent, 0);
        bench.open("b", Persistent, 700);
        assert_eq!(bench.open("a", Persistent, 800), SessionPresent::Yes);
        assert_eq!(bench.open("c", Persistent, 1_550), SessionPresent::No);
        assert!(!bench.stored.contains_key("b"));
        bench.restart();
        assert_eq!(bench.open("a", Persistent, 1_601), SessionPresent::No);
    }

    #[test]
    fn a_session_whose_last_use_is_not_known_expires_from_now_on() {
        let mut bench = Bench::new();
        let now = bench.moment(1_000, 0).wall;
        let mut changes = Vec::new();
        bench.sessions = Sessions::new(SETTINGS, [("a".to_owned(), None)], now, &mut changes);
        bench.write(changes);
        assert_eq!(bench.stored["a"], now);
        assert_eq!(bench.open("a", Persistent, 1_800), SessionPresent::Yes);
    }

    #[test]
    fn a_session_in_use_is_written_down_seldom_and_does_not_expire() {
        let mut bench = Bench::new();
        for secs in 0..10_000 {
            bench.open("a", Persistent, secs);
        }
        assert_eq!(bench.writes, 100);
        let mut changes = Vec::new();
        bench.sessions.touch("a", bench.moment(10_700, 10_700), &mut changes);
        bench.sessions.touch("unknown", bench.moment(10_700, 10_700), &mut changes);
        assert_eq!(changes.len(), 1);
        bench.write(changes);
        bench.restart();
        assert_eq!(bench.open("a", Persistent, 11_400), SessionPresent::Yes);
    }

    #[test]
    fn a_clock_that_is_set_right_makes_no_session_old() {
        let mut bench = Bench::new();
        bench.open("a", Persistent, 0);
        let mut changes = Vec::new();
        let present = bench.sessions.open("a", Persistent, bench.moment(1_800_000_000, 10), &mut changes);
        assert_eq!(present, SessionPresent::Yes);
        bench.write(changes);
        // The next start has a clock that is behind.
        bench.restart();
        assert_eq!(bench.open("a", Persistent, 5), SessionPresent::Yes);
        assert_eq!(bench.stored["a"].nanos(), 1_800_000_000_000_000_000);
    }

    proptest! {
        #[test]
        fn what_is_written_down_is_what_is_known_and_never_more_than_may_be(
            steps in prop::collection::vec((0..6_u8, any::<bool>(), 0..400_u64, any::<bool>()), 1..60),
        ) {
            let mut bench = Bench::new();
            let mut now = 0;
            for (client, persistent, step, restart) in steps {
                now += step;
                let lifetime = if persistent { Persistent } else { Connection };
                bench.open(&client.to_string(), lifetime, now);
                prop_assert!(bench.sessions.len() <= SETTINGS.max);
                prop_assert_eq!(bench.sessions.idle.len(), bench.sessions.len());
                let known = bench.sessions.clients.iter().map(|(client, last)| (client.to_string(), last.noted));
                prop_assert_eq!(known.collect::<HashMap<_, _>>(), bench.stored.clone());
                if persistent {
                    prop_assert_eq!(bench.open(&client.to_string(), lifetime, now), SessionPresent::Yes);
                }
                if restart {
                    bench.restart();
                }
            }
        }
    }
}
