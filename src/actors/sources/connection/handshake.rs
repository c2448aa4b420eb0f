//! The beginning of a connection: a CONNECT is awaited and answered. Until then the client is not known, so it gets
//! little memory and little time. A client that is refused is told why, in a form that it understands if there is one.

use std::time::Duration;

use tokio::time::timeout;

use super::foreign::Foreign;
use super::{Closing, Connection};
use crate::actors::sources::clients::ConnectedClient;
use crate::actors::sources::intake::{SessionLease, SessionLifetime, SessionPresent};
use crate::ingest::packet::{self, CleanSession, Connect, ConnectCode, Decoded, Packet, PacketError, Will};

/// The longest client id accepted. The standard demands 23.
pub(super) const MAX_CLIENT_ID_BYTES: usize = 256;

/// A client whose CONNECT was accepted.
pub(super) struct Established {
    /// Given back before the client's id is: the client's next connection takes up a session that nobody uses.
    pub(super) lease: Option<SessionLease>,
    /// Absent for a client without an id.
    pub(super) client: Option<ConnectedClient>,
    pub(super) lifetime: SessionLifetime,
    pub(super) keep_alive: Option<Duration>,
}

impl Connection {
    /// Awaits CONNECT and answers it.
    pub(super) async fn handshake(&mut self) -> Result<Established, Closing> {
        let limit = self.shared.settings.connect_timeout;
        let max_bytes = self.shared.settings.max_connect_bytes.min(self.shared.settings.max_packet_bytes);
        timeout(limit, self.await_whole_packet(max_bytes)).await.unwrap_or(Err(Closing::NoConnect(limit.into())))?;
        let (connect, length) = match packet::decode(self.buffer.unread(), max_bytes) {
            Ok(Decoded::Packet { packet: Packet::Connect(connect), length }) => (connect, length),
            Ok(_) => return Err(Closing::NotConnect),
            Err(error) => return self.refuse_stranger(error).await,
        };
        self.client = connect.client.chars().take(MAX_CLIENT_ID_BYTES).collect();
        let client = match check_client(&connect) {
            Ok(Some(id)) => Some(self.shared.clients.enter(id).await),
            Ok(None) => None,
            Err(closing) => {
                self.refuse(&packet::connack(ConnectCode::IdentifierRejected)).await?;
                return Err(closing);
            }
        };
        if connect.will == Will::Given {
            self.shared.notices.will(connect.client);
        }
        let keep_alive = Duration::from_secs(connect.keep_alive_secs.into()) * 3 / 2;
        let lifetime = match connect.session {
            CleanSession::Yes => SessionLifetime::Connection,
            CleanSession::No => SessionLifetime::Persistent,
        };
        let opened = match client {
            Some(_) => self.shared.intake.open_session(connect.client, lifetime).await,
            None => Ok((SessionPresent::No, None)),
        };
        let unreleased = client.as_ref().and_then(ConnectedClient::take_unreleased);
        let (present, lease) = match opened {
            Ok(opened) => opened,
            Err(closed) => {
                self.refuse(&packet::connack(ConnectCode::ServerUnavailable)).await?;
                return Err(closed.into());
            }
        };
        let code = match (present, lifetime) {
            (SessionPresent::Yes, SessionLifetime::Persistent) => {
                if let Some(unreleased) = unreleased {
                    self.unreleased = unreleased;
                }
                ConnectCode::Resumed
            }
            _ => ConnectCode::New,
        };
        self.buffer.consume(length);
        self.out.extend(packet::connack(code));
        self.send().await?;
        Ok(Established { lease, client, lifetime, keep_alive: (!keep_alive.is_zero()).then_some(keep_alive) })
    }

    /// Reads until the buffer begins with a whole packet, or with bytes that are not a packet.
    async fn await_whole_packet(&mut self, max_bytes: usize) -> Result<(), Closing> {
        while let Ok(Decoded::Incomplete { .. }) = packet::decode(self.buffer.unread(), max_bytes) {
            self.fit_buffer().await?;
            let read = tokio::select! {
                biased;
                () = self.memory.told_to_go() => return Err(Closing::Memory),
                read = self.buffer.fill(&mut self.stream) => read,
            };
            self.note_read(read)?;
        }
        Ok(())
    }

    async fn refuse(&mut self, connack: &[u8]) -> Result<(), Closing> {
        self.out.extend(connack);
        self.send().await
    }

    /// Refuses a client whose first packet is not accepted, and tells it why if there is a form that it understands.
    async fn refuse_stranger<T>(&mut self, error: PacketError) -> Result<T, Closing> {
        let first = self.buffer.unread();
        if let Some(client) = packet::client_of_connect(first) {
            self.client = client.chars().take(MAX_CLIENT_ID_BYTES).collect();
        }
        Err(match error {
            PacketError::Version { level } => {
                self.refuse(packet::connack_of_other_version(level)).await?;
                error.into()
            }
            PacketError::TooLarge { .. } if !packet::is_connect(first) => Closing::NotConnect,
            PacketError::TooLarge { bytes, max } if max < self.shared.settings.max_packet_bytes => {
                Closing::ConnectTooLarge { bytes, max }
            }
            error => Foreign::of(first).map_or(error.into(), Closing::Foreign),
        })
    }
}

/// The client's id; `None` when it has none (section 3.1.3.1).
fn check_client<'a>(connect: &Connect<'a>) -> Result<Option<&'a str>, Closing> {
    match (connect.client, connect.session) {
        ("", CleanSession::Yes) => Ok(None),
        ("", CleanSession::No) => Err(Closing::NoClientId),
        (client, _) if client.len() > MAX_CLIENT_ID_BYTES || client.chars().any(char::is_control) => {
            Err(Closing::ClientId(client.len()))
        }
        (client, _) => Ok(Some(client)),
    }
}
