//! Who is connected: a client id is connected once (MQTT 3.1.1, section 3.1.4).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// The clients that are connected, by their ids.
#[derive(Debug, Default)]
pub(crate) struct Clients(Mutex<HashMap<Arc<str>, Arc<Notify>>>);

/// A connected client. Gives up its id when it is dropped.
#[derive(Debug)]
pub(crate) struct ConnectedClient {
    clients: Arc<Clients>,
    id: Arc<str>,
    evicted: Arc<Notify>,
}

impl Clients {
    /// Enters a client; another connection with the same id is asked to go.
    pub(crate) fn enter(self: &Arc<Self>, id: &str) -> ConnectedClient {
        let id = Arc::from(id);
        let evicted = Arc::new(Notify::new());
        let earlier = self.lock().insert(Arc::clone(&id), Arc::clone(&evicted));
        if let Some(earlier) = earlier {
            earlier.notify_one();
        }
        ConnectedClient { clients: Arc::clone(self), id, evicted }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Arc<str>, Arc<Notify>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ConnectedClient {
    /// Waits until another connection takes over the id.
    pub(crate) async fn evicted(&self) {
        self.evicted.notified().await;
    }
}

impl Drop for ConnectedClient {
    fn drop(&mut self) {
        let mut clients = self.clients.lock();
        if clients.get(&self.id).is_some_and(|holder| Arc::ptr_eq(holder, &self.evicted)) {
            clients.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn the_later_connection_keeps_the_id_and_the_earlier_is_told_to_go() {
        let clients = Arc::new(Clients::default());
        let first = clients.enter("pump");
        let other = clients.enter("fan");
        assert!(first.evicted().now_or_never().is_none());
        let second = clients.enter("pump");
        assert!(first.evicted().now_or_never().is_some());
        drop(first);
        assert!(second.evicted().now_or_never().is_none());
        assert_eq!(clients.lock().len(), 2);
        drop((second, other));
        assert!(clients.lock().is_empty());
    }
}
