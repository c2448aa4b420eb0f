//! Knows which clients are connected: a client id is connected once at a time (MQTT 3.1.1, section 3.1.4). Also keeps
//! which QoS 2 messages the clients that disconnected may still send again.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;

use crate::actors::unreleased_ids::UnreleasedIds;
use crate::ingest::packet::PacketId;

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

    /// Takes out the messages that the client's last connection took in and that are not released yet.
    pub(crate) fn take_unreleased(&self) -> UnreleasedIds {
        self.clients.lock().left.take(&self.id).into_iter().collect()
    }

    /// Notes the messages that the client may send again on its next connection.
    pub(crate) fn leave(&self, unreleased: &UnreleasedIds) {
        self.clients.lock().left.put(Arc::clone(&self.id), unreleased.ids());
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
    clients: HashMap<Arc<str>, (u64, Box<[PacketId]>)>,
    /// The clients in the order in which they disconnected.
    order: BTreeMap<u64, Arc<str>>,
    departures: u64,
    ids: usize,
}

impl LeftBehind {
    /// The most ids of all clients together. An id takes two bytes, beside about a hundred bytes a client.
    const MAX_IDS: usize = 1 << 16;
    /// The most ids of a client: more than clients have under way.
    const MAX_IDS_OF_CLIENT: usize = 1 << 10;

    fn put(&mut self, client: Arc<str>, ids: impl Iterator<Item = PacketId>) {
        self.take(&client);
        let ids: Box<[PacketId]> = ids.take(Self::MAX_IDS_OF_CLIENT).collect();
        if ids.is_empty() {
            return;
        }
        self.ids += ids.len();
        self.departures += 1;
        self.order.insert(self.departures, Arc::clone(&client));
        self.clients.insert(client, (self.departures, ids));
        while self.ids > Self::MAX_IDS
            && let Some((_, oldest)) = self.order.pop_first()
        {
            let (_, ids) = self.clients.remove(&oldest).unwrap_or_default();
            self.ids -= ids.len();
        }
    }

    fn take(&mut self, client: &str) -> Box<[PacketId]> {
        let Some((departure, ids)) = self.clients.remove(client) else { return Box::default() };
        self.order.remove(&departure);
        self.ids -= ids.len();
        ids
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn id(number: u16) -> PacketId {
        PacketId::new(number).unwrap()
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
        first.leave(&[id(7)].into_iter().collect());
        drop(first);
        let second = second.now_or_never().unwrap();
        assert_eq!(second.take_unreleased().ids().collect::<Vec<_>>(), [id(7)]);
        assert_eq!(second.take_unreleased().ids().count(), 0, "they are told once");
        assert!(second.evicted().now_or_never().is_none());
        drop((second, other));
        assert!(clients.lock().connected.is_empty());
    }

    #[test]
    fn what_is_left_behind_is_bounded_and_the_oldest_is_forgotten_first() {
        let mut left = LeftBehind::default();
        let ids = || (1..=u16::MAX).map(id);
        for client in 0..65_u32 {
            left.put(client.to_string().into(), ids());
        }
        assert_eq!((left.ids, left.order.len(), left.clients.len()), (LeftBehind::MAX_IDS, 64, 64));
        assert!(left.take("0").is_empty());
        assert_eq!(left.take("64").len(), LeftBehind::MAX_IDS_OF_CLIENT);
        left.put("1".into(), ids().take(3));
        assert_eq!((left.take("1").len(), left.ids), (3, 62 * LeftBehind::MAX_IDS_OF_CLIENT));
    }
}
