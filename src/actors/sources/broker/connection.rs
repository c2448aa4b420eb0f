//! A connection to the broker: the socket, the handshake, and the pings that keep it.
//!
//! Packets are written by rumqttc's codec and cut by our [`PacketReader`], because rumqttc's own event loop would end
//! the connection at a message that is too large. Only the socket here knows what carries the bytes.

use bytes::BytesMut;
use rumqttc::{ConnAck, Connect, ConnectReturnCode, Packet};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Duration, Instant, sleep_until, timeout};

use super::failure::Failure;
use super::packets::{Incoming, PacketError, PacketReader};
use super::settings::{BrokerSettings, Login};
use crate::ingest::session::SessionPresent;

/// A connection that the broker has accepted.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    packets: PacketReader,
    /// The bytes that are still to be written.
    out: BytesMut,
    keep_alive: Duration,
    network_timeout: Duration,
    next_ping: Instant,
    heard: Heard,
}

/// Whether bytes came from the broker since the last ping. A message that takes long to arrive holds up the answer to
/// the ping, so every byte counts as a sign of life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    Something,
    Nothing,
}

/// How many bytes are read at once, at most.
const READ_BYTES: usize = 64 << 10;

impl Connection {
    /// Connects, and says whether the broker takes up a session of ours.
    pub(super) async fn open(settings: &BrokerSettings) -> Result<(Self, SessionPresent), Failure> {
        timeout(settings.network_timeout, Self::shake_hands(settings)).await.unwrap_or(Err(Failure::Timeout))
    }

    async fn shake_hands(settings: &BrokerSettings) -> Result<(Self, SessionPresent), Failure> {
        let stream = TcpStream::connect((&*settings.host, settings.port)).await?;
        stream.set_nodelay(true)?;
        let mut connection = Self {
            stream,
            packets: PacketReader::new(settings.max_packet_bytes),
            out: BytesMut::new(),
            keep_alive: settings.keep_alive,
            network_timeout: settings.network_timeout,
            next_ping: Instant::now() + settings.keep_alive,
            heard: Heard::Something,
        };
        let mut connect = Connect::new(&settings.client_id);
        connect.clean_session = false;
        connect.keep_alive = u16::try_from(settings.keep_alive.as_secs()).unwrap_or(u16::MAX);
        if let Some(Login { username, password }) = &settings.login {
            connect.set_login(username, password.reveal());
        }
        connection.queue(&Packet::Connect(connect))?;
        connection.flush().await?;
        match connection.next().await? {
            Incoming::Control(Packet::ConnAck(ConnAck { session_present, code: ConnectReturnCode::Success })) => {
                let session = if session_present { SessionPresent::Yes } else { SessionPresent::No };
                Ok((connection, session))
            }
            Incoming::Control(Packet::ConnAck(ConnAck { code, .. })) => Err(Failure::Refused(code)),
            _ => Err(Failure::Protocol("its first packet is no CONNACK".to_owned())),
        }
    }

    /// The next packet from the broker. No bytes are lost when the future is dropped before it is ready.
    pub(super) async fn next(&mut self) -> Result<Incoming, Failure> {
        loop {
            if let Some(incoming) = self.next_read()? {
                return Ok(incoming);
            }
            self.flush().await?;
            let bytes = self.packets.bytes();
            bytes.reserve(READ_BYTES);
            tokio::select! {
                read = self.stream.read_buf(bytes) => {
                    if read? == 0 {
                        return Err(Failure::ByBroker);
                    }
                    self.heard = Heard::Something;
                }
                () = sleep_until(self.next_ping) => {
                    if self.heard == Heard::Nothing {
                        return Err(Failure::KeepAlive);
                    }
                    self.heard = Heard::Nothing;
                    self.next_ping = Instant::now() + self.keep_alive;
                    self.queue(&Packet::PingReq)?;
                }
            }
        }
    }

    /// A packet that was read from the socket already; `None` when there is no whole one.
    pub(super) fn next_read(&mut self) -> Result<Option<Incoming>, PacketError> {
        self.packets.next()
    }

    /// Has a packet written before the next wait for the broker.
    pub(super) fn queue(&mut self, packet: &Packet) -> Result<(), PacketError> {
        packet.write(&mut self.out, usize::MAX).map(|_| ()).map_err(PacketError::Control)
    }

    /// Writes the bytes that are still to be written. When the future is dropped, the next call writes the rest.
    pub(super) async fn flush(&mut self) -> Result<(), Failure> {
        if self.out.is_empty() {
            return Ok(());
        }
        let written = timeout(self.network_timeout, self.stream.write_all_buf(&mut self.out)).await;
        Ok(written.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))?)
    }
}
