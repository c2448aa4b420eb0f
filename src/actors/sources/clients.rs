//! Knows which clients are connected: a client id is connected once at a time (MQTT 3.1.1, section 3.1.4). Also keeps
//! which QoS 2 messages the clients that disconnected may still send again.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

use crate::actors::sources::unreleased_messages::UnreleasedMessages;

/// The clients that are connected, by their ids, and the unreleased QoS 2 messages of clients that are not.
#[derive(Debug, Default)]
pub(crate) struct Clients(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    connected: HashMap<Arc<str>, Arc<Holder>>,
    left: LeftBehind,
}

/// The connection that holds an id.
#[derive(Debug, Default)]
struct Holder {
    evicted: Notify,
    gone: Arc<Notify>,
}

/// A connected client. Gives up its id when it is dropped.
#[derive(Debug)]
pub(crate) struct ConnectedClient {
    clients: Arc<Clients>,
    id: Arc<str>,
    holder: Arc<Holder>,
}

impl Clients {
    /// Enters a client. Another connection with the same id is asked to close, and its end is awaited, because the last
    /// messages that it took in decide which messages the client may send again.
    pub(crate) async fn enter(self: &Arc<Self>, id: &str) -> ConnectedClient {
        loop {
            match self.try_enter(id) {
                Ok(client) => return client,
                Err(gone) => gone.await,
            }
        }
    }

    fn try_enter(self: &Arc<Self>, id: &str) -> Result<ConnectedClient, OwnedNotified> {
        let mut state = self.lock();
        if let Some(earlier) = state.connected.get(id) {
            earlier.evicted.notify_one();
            return Err(Arc::clone(&earlier.gone).notified_owned());
        }
        let id = Arc::from(id);
        let holder = Arc::new(Holder::default());
        state.connected.insert(Arc::clone(&id), Arc::clone(&holder));
        Ok(ConnectedClient { clients: Arc::clone(self), id, holder })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ConnectedClient {
    /// The id.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Waits until another connection takes over the id.
    pub(crate) async fn evicted(&self) {
        self.holder.evicted.notified().await;
    }

    /// The messages that the client's last connection took in and that are not released yet. They are told once.
    pub(crate) fn take_unreleased(&self) -> Option<UnreleasedMessages> {
        self.clients.lock().left.take(&self.id)
    }

    /// Notes the messages that the client may send again on its next connection.
    pub(crate) fn leave(&self, unreleased: UnreleasedMessages) {
        self.clients.lock().left.put(Arc::clone(&self.id), unreleased);
    }
}

impl Drop for ConnectedClient {
    fn drop(&mut self) {
        self.clients.lock().connected.remove(&self.id);
        self.holder.gone.notify_waiters();
    }
}

/// The unreleased messages of clients that are not connected. When there are too many, those of the client that
/// disconnected first are forgotten first.
#[derive(Debug, Default)]
struct LeftBehind {
    clients: HashMap<Arc<str>, (u64, UnreleasedMessages)>,
    /// The clients in the order in which they went.
    order: BTreeMap<u64, Arc<str>>,
    departures: u64,
    messages: usize,
}

impl LeftBehind {
    /// The most messages of all clients, beside a hundred bytes or so a client.
    const MAX_MESSAGES: usize = 1 << 16;

    fn put(&mut self, client: Arc<str>, unreleased: UnreleasedMessages) {
        self.take(&client);
        if unreleased.len() == 0 {
            return;
        }
        self.messages += unreleased.len();
        self.departures += 1;
        self.order.insert(self.departures, Arc::clone(&client));
        self.clients.insert(client, (self.departures, unreleased));
        while self.messages > Self::MAX_MESSAGES
            && let Some(oldest) = self.order.first_entry().map(|oldest| Arc::clone(oldest.get()))
        {
            self.take(&oldest);
        }
    }

    fn take(&mut self, client: &str) -> Option<UnreleasedMessages> {
        let (departure, unreleased) = self.clients.remove(client)?;
        self.order.remove(&departure);
        self.messages -= unreleased.len();
        Some(unreleased)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::ingest::packet::PacketId;

    fn unreleased(count: u16) -> UnreleasedMessages {
        let mut unreleased = UnreleasedMessages::up_to(usize::from(count));
        for id in (1..=count).filter_map(PacketId::new) {
            unreleased.is_repeated(id, "1");
        }
        unreleased
    }

    #[test]
    fn the_later_connection_gets_the_id_when_the_earlier_which_is_told_to_go_has_gone() {
        let clients = Arc::new(Clients::default());
        let enter = |name| clients.enter(name).now_or_never();
        let first = enter("pump").unwrap();
        let other = enter("fan").unwrap();
        assert!(first.evicted().now_or_never().is_none());
        let mut second = Box::pin(clients.enter("pump"));
        assert!(second.as_mut().now_or_never().is_none());
        assert!(first.evicted().now_or_never().is_some());
        assert!(other.evicted().now_or_never().is_none());
        first.leave(unreleased(7));
        drop(first);
        let second = second.now_or_never().unwrap();
        assert_eq!(second.take_unreleased().map(|unreleased| unreleased.len()), Some(7));
        assert!(second.take_unreleased().is_none(), "they are told once");
        assert!(second.evicted().now_or_never().is_none());
        drop((second, other));
        assert!(clients.lock().connected.is_empty());
    }

    #[test]
    fn what_is_left_behind_is_bounded_and_the_oldest_is_forgotten_first() {
        let mut left = LeftBehind::default();
        for client in 0..65_u32 {
            left.put(client.to_string().into(), unreleased(1024));
        }
        assert_eq!((left.messages, left.order.len(), left.clients.len()), (LeftBehind::MAX_MESSAGES, 64, 64));
        assert!(left.take("0").is_none());
        assert_eq!(left.take("64").unwrap().len(), 1024);
        left.put("1".into(), unreleased(3));
        assert_eq!((left.take("1").unwrap().len(), left.messages), (3, 62 * 1024));
    }
}
