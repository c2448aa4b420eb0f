//! HTTP: the same answers over the local socket, for commands, and over a port, for the page and scripts.
//!
//! The database admits one process, so a command that wants something of a store in use asks the daemon that has it. Who may
//! connect to the socket is decided by its file's owner, group and mode, and by nothing else; such a user is an operator.
//! Who may come in over the port is decided by the gate.
//!
//! - `server.rs` accepts the connections of the socket, whose file `socket.rs` makes; `port.rs` those of the port, with TLS
//!   from `tls.rs`. Each has a thread of its own, so that neither holds up the daemon or the other. `connection.rs` serves
//!   one connection, and gives up those who take nothing (`stall.rs`). `peer.rs` is who is at its other end.
//! - `gate.rs` decides who comes in by the port: how often (`request_rate.rs`), under which name and from which page
//!   (`host_names.rs`), with which token (`tokens.rs`) or login (`sessions.rs`). `roles.rs` says which route needs which role.
//! - `api.rs` is what the answers are made from; `routes/` has the answers, a file for each group of them.
//! - `representation.rs` tags and compresses answers, `security_headers.rs` says what browsers may do with them,
//!   `problem.rs` is an answer that says why there is no other, and `streamed.rs` passes on long answers while they are
//!   made, at the pace of their reader.
//! - `page_files.rs` has the files of the page, which lie in `page/`.
//! - `client.rs` is the commands' side: it finds the daemon that has a store, and asks it.
//!
//! **Bounds.** So many connections at once, also of one address; a header within ten seconds, a body of
//! [`MAX_BODY_BYTES`] at the most, and of less over the port; so many reads of the store at once, and long answers, one a
//! client. Whoever takes nothing for a minute is given up.

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
pub use server::{ServerSettings, answer_while_waiting, serve};
pub use socket::{SocketError, SocketSettings, default_paths, number_of_group};
pub use tls::TlsSettings;
pub use tokens::{NewToken, new_token};

/// The largest body of a request.
pub const MAX_BODY_BYTES: usize = 4 << 20;
