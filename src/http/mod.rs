//! The local socket: HTTP over a Unix socket, for commands that ask the running daemon.
//!
//! The database admits one process, so a command that wants something of a store in use asks the daemon that has it.
//! Who may connect is decided by the socket file's owner, group and mode, and by nothing else.
//!
//! - `socket.rs` makes the socket's file, and removes it.
//! - `server.rs` accepts connections, on a thread of its own, so that no answer holds up the daemon.
//! - `api.rs` is what the answers are made from; `routes/` has the answers, a file for each group of them.
//! - `streamed.rs` passes on long answers while they are made, at the pace of their reader.
//! - `client.rs` is the commands' side: it finds the daemon that has a store, and asks it.
//!
//! **Bounds.** So many connections at once, one request each, its header within ten seconds, its body of
//! [`MAX_BODY_BYTES`] at the most. So many long answers at once, one a process, and a reader that takes nothing for a
//! minute is given up.

mod api;
pub mod client;
mod connection;
mod gate;
mod host_names;
mod page_files;
mod peer;
mod port;
mod problem;
mod representation;
mod request_rate;
mod roles;
mod routes;
mod security_headers;
mod server;
mod sessions;
mod socket;
mod stall;
mod streamed;
mod tls;
mod tokens;

pub use api::Api;
pub use gate::GateSettings;
pub use port::{Port, PortError, PortSettings, try_port};
pub use server::{ServerSettings, serve};
pub use socket::{SocketError, SocketSettings, default_paths, number_of_group};
pub use tls::TlsSettings;
pub use tokens::{NewToken, new_token};

/// The largest body of a request.
pub const MAX_BODY_BYTES: usize = 4 << 20;
