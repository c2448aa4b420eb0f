//! One device's connection to the listener.
//!
//! **Delivery.** A PUBACK (QoS 1) or PUBREC (QoS 2) leaves only after the batch that holds the message is on the disk,
//! and in the order in which the messages came. A connection that ends before leaves its messages unacknowledged: the
//! device sends them again. A QoS 2 message that comes again before it was released is not decoded again; after a
//! reconnect it is, and counts once because its reading has the same time. QoS 0 messages are stored like the others,
//! and lost if the daemon dies before.
//!
//! A task rather than an actor: it waits for a socket, for commits and for time, in one place and in a fixed order, and
//! has no messages of its own.
//!
//! **Bounds.** A connection has at most `max_outstanding_batches` batches under way, each one read of the socket; then
//! it stops reading, and TCP slows the device. The intake bounds the bytes of all connections together.

mod closing;
mod silence;
mod unreleased;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::{Future, pending};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::actors::acks::{DeviceAcks, Held, NotCommitted};
use crate::actors::clients::ConnectedClient;
use crate::actors::intake::{Promise, SessionLifetime, SessionPresent};
use crate::actors::listener::Shared;
use crate::actors::read_buffer::ReadBuffer;
use crate::ingest::batch::Batch;
use crate::ingest::decoder::{Decoder, Message};
use crate::ingest::packet::{
    self, CleanSession, Connect, ConnectCode, Decoded, Delivery, PINGRESP, Packet, PacketError, Publish, Will,
};
use crate::store::Committed;
use crate::time::Timestamp;
use silence::Silence;
use unreleased::Unreleased;

pub(crate) use closing::{Closing, Ended};

/// The longest client id accepted. The standard demands 23.
const MAX_CLIENT_ID_BYTES: usize = 256;

/// A connection, from its first byte to its last.
pub(crate) struct Connection {
    stream: TcpStream,
    /// The client's id, once it is known.
    client: String,
    shared: Arc<Shared>,
    decoder: Decoder,
    buffer: ReadBuffer,
    /// The batches under way, the oldest first, each with its acknowledgements.
    waiting: VecDeque<Held<DeviceAcks>>,
    unreleased: Unreleased,
    /// What may be written now.
    out: Vec<u8>,
    /// When something last came, or could have.
    heard: Instant,
}

/// A client whose CONNECT was accepted.
struct Established {
    /// Absent for a client without an id.
    client: Option<ConnectedClient>,
    keep_alive: Option<Duration>,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream, shared: Arc<Shared>) -> Self {
        let decoder = (shared.decoders)();
        Self {
            stream,
            client: String::new(),
            shared,
            decoder,
            buffer: ReadBuffer::new(),
            waiting: VecDeque::new(),
            unreleased: Unreleased::default(),
            out: Vec::new(),
            heard: Instant::now(),
        }
    }

    /// Serves the client until the connection ends, and says how it did.
    pub(crate) async fn serve(mut self) -> Ended {
        let shared = Arc::clone(&self.shared);
        let mut stop = pin!(shared.stop.requested());
        let handshake = tokio::select! {
            biased;
            () = &mut stop => Err(Closing::Stopping),
            established = self.handshake() => established,
        };
        let result = match handshake {
            Ok(established) => self.exchange(&established, stop).await,
            Err(closing) => Err(closing),
        };
        let Err(closing) = result;
        if matches!(closing, Closing::Stopping | Closing::EndOfStream) {
            // Whoever may still listen learns what reached the disk.
            let _ = timeout(shared.settings.drain_timeout, self.drain()).await;
        }
        Ended { client: self.client, closing }
    }

    /// Awaits CONNECT and answers it.
    async fn handshake(&mut self) -> Result<Established, Closing> {
        let limit = self.shared.settings.connect_timeout;
        timeout(limit, self.await_whole_packet()).await.unwrap_or(Err(Closing::NoConnect(limit.into())))?;
        let max_bytes = self.shared.settings.max_packet_bytes;
        let (connect, length) = match packet::decode(self.buffer.unread(), max_bytes) {
            Ok(Decoded::Packet { packet: Packet::Connect(connect), length }) => (connect, length),
            Ok(_) => return Err(Closing::NotConnect),
            Err(error) => {
                if matches!(error, PacketError::Version { .. }) {
                    self.refuse(ConnectCode::UnacceptableVersion).await?;
                }
                return Err(error.into());
            }
        };
        let client = match check_client(&connect) {
            Ok(client) => client.map(|id| self.shared.clients.enter(id)),
            Err(closing) => {
                self.refuse(ConnectCode::IdentifierRejected).await?;
                return Err(closing);
            }
        };
        connect.client.clone_into(&mut self.client);
        if connect.will == Will::Given {
            self.shared.notices.will(connect.client);
        }
        let keep_alive = Duration::from_secs(connect.keep_alive_secs.into()) * 3 / 2;
        let lifetime = match connect.session {
            CleanSession::Yes => SessionLifetime::Connection,
            CleanSession::No => SessionLifetime::Persistent,
        };
        let present = match client {
            Some(_) => self.shared.intake.open_session(connect.client, lifetime).await,
            None => Ok(SessionPresent::No),
        };
        let code = match (present, lifetime) {
            (Ok(SessionPresent::Yes), SessionLifetime::Persistent) => ConnectCode::Resumed,
            (Ok(_), _) => ConnectCode::New,
            (Err(closed), _) => {
                self.refuse(ConnectCode::ServerUnavailable).await?;
                return Err(closed.into());
            }
        };
        self.buffer.consume(length);
        self.out.extend(packet::connack(code));
        self.send().await?;
        Ok(Established { client, keep_alive: (!keep_alive.is_zero()).then_some(keep_alive) })
    }

    /// Reads until the buffer begins with a whole packet, or with something that is none.
    async fn await_whole_packet(&mut self) -> Result<(), Closing> {
        let max_bytes = self.shared.settings.max_packet_bytes;
        while let Ok(Decoded::Incomplete { .. }) = packet::decode(self.buffer.unread(), max_bytes) {
            self.read().await?;
        }
        Ok(())
    }

    async fn refuse(&mut self, code: ConnectCode) -> Result<(), Closing> {
        self.out.extend(packet::connack(code));
        self.send().await
    }

    /// Takes in messages and acknowledges them when they are on the disk.
    async fn exchange(
        &mut self,
        established: &Established,
        mut stop: Pin<&mut impl Future<Output = ()>>,
    ) -> Result<Infallible, Closing> {
        let mut evicted = pin!(evicted(established.client.as_ref()));
        let mut silence = Silence::new(established.keep_alive);
        self.heard = Instant::now();
        // A client may send on without waiting for CONNACK.
        self.take_in().await?;
        loop {
            let room = self.waiting.len() < self.shared.settings.max_outstanding_batches;
            tokio::select! {
                biased;
                () = &mut stop => return Err(Closing::Stopping),
                () = &mut evicted => return Err(Closing::TakenOver),
                proof = first_commit(&mut self.waiting) => self.acknowledge(proof?).await?,
                read = self.buffer.fill(&mut self.stream), if room => {
                    self.note_read(read)?;
                    self.take_in().await?;
                }
                () = silence.ended() => {
                    // Not reading, we cannot know whether the client is silent.
                    let since = if room { self.heard } else { Instant::now() };
                    silence.check(since)?;
                }
            }
        }
    }

    async fn read(&mut self) -> Result<(), Closing> {
        let read = self.buffer.fill(&mut self.stream).await;
        self.note_read(read)
    }

    fn note_read(&mut self, read: io::Result<usize>) -> Result<(), Closing> {
        fail::fail_point!("connection::read");
        let count = read?;
        if count == 0 {
            return Err(Closing::EndOfStream);
        }
        self.heard = Instant::now();
        self.shared.counters.bytes.add_len(count);
        Ok(())
    }

    /// Takes in every whole packet that is there: messages go out as one batch, the rest is answered.
    async fn take_in(&mut self) -> Result<(), Closing> {
        let ReadOutcome { batch, acks, messages, closing } = self.take_packets();
        if messages > 0 || !acks.is_empty() {
            let promise = self.submit(batch).await?;
            self.waiting.push_back(Held::new(acks, promise));
        }
        self.send().await?;
        closing.map_or(Ok(()), Err)
    }

    fn take_packets(&mut self) -> ReadOutcome {
        let received = Timestamp::now();
        let max_bytes = self.shared.settings.max_packet_bytes;
        let mut taken = ReadOutcome::default();
        let mut repeated = 0;
        let bytes = self.buffer.unread();
        let mut consumed = 0;
        taken.closing = loop {
            let (packet, length) = match packet::decode(&bytes[consumed..], max_bytes) {
                Ok(Decoded::Packet { packet, length }) => (packet, length),
                Ok(Decoded::Incomplete { .. }) => break None,
                Err(error) => break Some(Closing::Packet(error)),
            };
            consumed += length;
            match packet {
                Packet::Publish(Publish { topic, payload, delivery, .. }) => {
                    taken.messages += 1;
                    let first_time = match delivery {
                        Delivery::ExactlyOnce(id) => self.unreleased.insert(id),
                        Delivery::AtMostOnce | Delivery::AtLeastOnce(_) => true,
                    };
                    if first_time {
                        // The retain flag of a publisher asks a broker to keep the message, and says nothing of its age.
                        let message = Message { topic, payload, retained: false };
                        self.decoder.decode(message, received, &mut taken.batch);
                    } else {
                        repeated += 1;
                    }
                    taken.acks.message(delivery);
                }
                Packet::PubRel(id) => {
                    self.unreleased.remove(id);
                    // What is still to be acknowledged goes first.
                    if taken.messages == 0 && self.waiting.is_empty() {
                        self.out.extend(packet::pubcomp(id));
                    } else {
                        taken.acks.release(id);
                    }
                }
                Packet::PingReq => self.out.extend(PINGRESP),
                Packet::Subscribe { id, filters } => {
                    self.shared.notices.subscribe();
                    packet::suback_refusing(id, filters, &mut self.out);
                }
                Packet::Unsubscribe(id) => self.out.extend(packet::unsuback(id)),
                Packet::Disconnect => break Some(Closing::Disconnect),
                Packet::Connect(_) => break Some(Closing::SecondConnect),
            }
        };
        self.buffer.consume(consumed);
        self.shared.counters.messages.add_len(taken.messages);
        self.shared.counters.repeated.add(repeated);
        taken
    }

    /// Hands over a batch. While the intake is full, earlier batches are acknowledged.
    async fn submit(&mut self, batch: Batch) -> Result<Promise, Closing> {
        let shared = Arc::clone(&self.shared);
        let mut submission = pin!(shared.intake.submit(batch));
        loop {
            tokio::select! {
                biased;
                promise = &mut submission => return Ok(promise?),
                proof = first_commit(&mut self.waiting) => self.acknowledge(proof?).await?,
            }
        }
    }

    /// Writes the acknowledgements of the oldest batch, and of those after it that are on the disk too.
    async fn acknowledge(&mut self, mut proof: Committed) -> Result<(), Closing> {
        if self.waiting.len() >= self.shared.settings.max_outstanding_batches {
            self.heard = Instant::now();
        }
        while let Some(held) = self.waiting.pop_front() {
            let acks = held.into_acks();
            self.shared.counters.acks.add_len(acks.messages());
            self.out.append(&mut acks.into_bytes(proof));
            match self.waiting.front_mut().and_then(Held::try_committed) {
                Some(next) => proof = next?,
                None => break,
            }
        }
        self.send().await
    }

    /// Writes what may be written, at once if the socket takes it.
    async fn send(&mut self) -> Result<(), Closing> {
        if self.out.is_empty() {
            return Ok(());
        }
        let written = match self.stream.try_write(&self.out) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(error) => return Err(error.into()),
        };
        if let Some(rest) = self.out.get(written..).filter(|rest| !rest.is_empty()) {
            let limit = self.shared.settings.write_timeout;
            timeout(limit, self.stream.write_all(rest)).await.map_err(|_| Closing::SlowReader(limit.into()))??;
        }
        self.out.clear();
        Ok(())
    }

    /// Waits for the batches under way and acknowledges them.
    async fn drain(&mut self) -> Result<(), Closing> {
        while !self.waiting.is_empty() {
            let proof = first_commit(&mut self.waiting).await?;
            self.acknowledge(proof).await?;
        }
        self.stream.shutdown().await?;
        Ok(())
    }
}

/// What one read brought.
#[derive(Default)]
struct ReadOutcome {
    batch: Batch,
    acks: DeviceAcks,
    messages: usize,
    /// What came after the messages and ends the connection.
    closing: Option<Closing>,
}

/// The client's id, if it has one (section 3.1.3.1).
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

async fn evicted(client: Option<&ConnectedClient>) {
    match client {
        Some(client) => client.evicted().await,
        None => pending().await,
    }
}

/// Waits for the commit of the oldest batch; for ever when there is none.
async fn first_commit(waiting: &mut VecDeque<Held<DeviceAcks>>) -> Result<Committed, NotCommitted> {
    match waiting.front_mut() {
        Some(held) => held.committed().await,
        None => pending().await,
    }
}
