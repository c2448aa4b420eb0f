//! A line between a client and its broker that a test can cut.

use std::io::copy;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// A TCP proxy on a free loopback port.
pub(crate) struct CuttableLine {
    port: u16,
    state: Arc<Mutex<LineState>>,
}

enum LineState {
    Whole(Vec<TcpStream>),
    Cut,
}

impl CuttableLine {
    /// A line to a port of this machine. It goes on until the test's process ends.
    pub(crate) fn to(broker: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(Mutex::new(LineState::Whole(Vec::new())));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let LineState::Whole(ends) = &mut *shared.lock().unwrap() else { continue };
                let Ok(broker) = TcpStream::connect(("127.0.0.1", broker)) else { continue };
                for (from, to) in [(&client, &broker), (&broker, &client)] {
                    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    thread::spawn(move || {
                        // However it ends, the other direction ends with it.
                        let _ = copy(&mut from, &mut to);
                        let _ = from.shutdown(Shutdown::Both);
                        let _ = to.shutdown(Shutdown::Both);
                    });
                }
                ends.extend([client, broker]);
            }
        });
        Self { port, state }
    }

    /// Where the client connects.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Cuts it: what is connected ends, and whoever connects is turned away.
    pub(crate) fn cut(&self) {
        if let LineState::Whole(ends) = std::mem::replace(&mut *self.state.lock().unwrap(), LineState::Cut) {
            ends.iter().for_each(|end| drop(end.shutdown(Shutdown::Both)));
        }
    }

    /// Mends it.
    pub(crate) fn mend(&self) {
        *self.state.lock().unwrap() = LineState::Whole(Vec::new());
    }
}
