//! One device's connection to the listener.
//!
//! **Delivery.** A PUBACK (QoS 1) or PUBREC (QoS 2) leaves only after the batch that holds the message is on the disk,
//! and in the order in which the messages came. A connection that ends earlier leaves its messages unacknowledged, and
//! the device sends them again. A QoS 2 message that comes again before it was released is not decoded again, also
//! after a reconnect within a persistent session. After a restart of the daemon it is decoded again, and counts once if
//! its reading has a time of its own. QoS 0 messages are stored like the others, and lost if the daemon dies before the
//! commit.
//!
//! A task rather than an actor: it waits for a socket, for commits and for time, in one place and in a fixed order, and
//! has no messages of its own.
//!
//! **Bounds.** A connection has at most `max_outstanding_batches` batches under way, each one read of the socket; then
//! it stops reading, and TCP slows the device. The intake bounds the bytes of all connections together: bytes that came
//! in are decoded only when the intake has room. The bytes of an incomplete packet are claimed from the memory that all
//! connections share (`connection_memory.rs`).

mod closing;
mod foreign;
mod handshake;
mod session_use;
mod silence;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::{Future, pending};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::actors::sources::acks::{DeviceAcks, Held, NotCommitted};
use crate::actors::sources::clients::ConnectedClient;
use crate::actors::sources::connection_memory::MemoryShare;
use crate::actors::sources::intake::{IntakeRoom, SessionLifetime};
use crate::actors::sources::listener_context::ListenerContext;
use crate::actors::sources::read_buffer::{ReadBuffer, Resize};
use crate::actors::sources::unreleased_messages::UnreleasedMessages;
use crate::ingest::batch::Batch;
use crate::ingest::decoder::{Decoder, Message};
use crate::ingest::packet::{self, Decoded, Delivery, PINGRESP, Packet, Publish};
use crate::live::ShownConnection;
use crate::reading::Reading;
use crate::store::Committed;
use crate::time::Timestamp;
use foreign::Foreign;
use handshake::Established;
use session_use::SessionUse;
use silence::Silence;

pub(crate) use closing::{Closing, Ended};

/// How much larger a batch may be than the bytes that it is decoded from: a reading takes at least two bytes, as in a
/// list of digits.
const BATCH_BYTES_PER_BYTE: usize = size_of::<Reading>() / 2;

/// The most QoS 2 messages of a client that are known again: more than clients have under way.
const MAX_UNRELEASED: usize = 1 << 10;

/// A connection, from its first byte to its last.
pub(crate) struct Connection {
    stream: TcpStream,
    /// The client's id; empty until it is known.
    client: String,
    peer: SocketAddr,
    /// Where its messages are shown; absent until its CONNECT is accepted.
    shown: Option<ShownConnection>,
    shared: Arc<ListenerContext>,
    decoder: Decoder,
    buffer: ReadBuffer,
    memory: MemoryShare,
    /// The batches under way, the oldest first, each with its acknowledgements.
    waiting: VecDeque<Held<DeviceAcks>>,
    unreleased: UnreleasedMessages,
    /// What may be written now.
    out: Vec<u8>,
    /// When something last came, or the client waited for us.
    heard: Instant,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream, peer: SocketAddr, shared: Arc<ListenerContext>) -> Self {
        let decoder = (shared.decoders)();
        let memory = shared.memory.share(std::time::Instant::now());
        Self {
            stream,
            client: String::new(),
            peer,
            shown: None,
            shared,
            decoder,
            buffer: ReadBuffer::new(),
            memory,
            waiting: VecDeque::new(),
            unreleased: UnreleasedMessages::up_to(MAX_UNRELEASED),
            out: Vec::new(),
            heard: Instant::now(),
        }
    }

    /// Serves the client until the connection ends, and returns how it ended.
    pub(crate) async fn serve(mut self) -> Ended {
        let shared = Arc::clone(&self.shared);
        let mut stop = pin!(shared.stop.requested());
        let handshake = tokio::select! {
            biased;
            () = &mut stop => Err(Closing::Stopping),
            established = self.handshake() => established,
        };
        let introduced = handshake.is_ok();
        let closing = match handshake {
            Ok(established) => {
                self.shown = Some(shared.book.enter(&self.client, self.peer, Timestamp::now()));
                let exchanged = tokio::select! {
                    biased;
                    () = evicted(established.client.as_ref()) => Err(Closing::TakenOver),
                    exchanged = self.exchange(&established, stop) => exchanged,
                };
                let Err(closing) = exchanged;
                self.leave_session(established, &closing);
                closing
            }
            Err(closing) => closing,
        };
        self.release_memory();
        if matches!(closing, Closing::Stopping | Closing::EndOfStream) {
            // A client that still listens learns which of its messages reached the disk.
            let _ = timeout(shared.settings.drain_timeout, self.drain()).await;
        }
        Ended { client: self.client, introduced, closing }
    }

    /// Gives up the client's id. If the session goes on, its next connection gets the QoS 2 messages that were taken in
    /// and not released; but not when these may not have been stored.
    fn leave_session(&mut self, established: Established, closing: &Closing) {
        let Established { lease, client, lifetime, .. } = established;
        drop(lease);
        if let (Some(client), SessionLifetime::Persistent) = (client, lifetime)
            && !matches!(closing, Closing::NotCommitted(_))
        {
            client.leave(std::mem::replace(&mut self.unreleased, UnreleasedMessages::up_to(0)));
        }
    }

    /// Gives back the buffer's memory: nothing more is read.
    fn release_memory(&mut self) {
        self.memory.give_back(self.buffer.beyond_initial());
        self.buffer = ReadBuffer::new();
    }

    /// Makes the buffer as large as the next read asks for.
    async fn fit_buffer(&mut self) -> Result<(), Closing> {
        match self.buffer.wanted() {
            Resize::Keep => {}
            Resize::GrowForSpeed(bytes) => {
                if self.memory.try_claim(bytes) {
                    self.buffer.grow(bytes);
                }
            }
            Resize::GrowForPacket(bytes) => {
                if self.buffer.beyond_initial() == 0 {
                    self.memory.progressed(std::time::Instant::now());
                }
                tokio::select! {
                    biased;
                    () = self.memory.told_to_go() => return Err(Closing::Memory),
                    claimed = self.memory.claim(bytes) => claimed.map_err(|_| Closing::Memory)?,
                }
                self.buffer.grow(bytes);
            }
            Resize::Shrink(bytes) => self.shrink_buffer(bytes),
        }
        Ok(())
    }

    fn shrink_buffer(&mut self, bytes: usize) {
        let before = self.buffer.beyond_initial();
        self.buffer.shrink(bytes);
        self.memory.give_back(before - self.buffer.beyond_initial());
    }

    /// Makes room for the packets of other connections. A buffer without an unfinished packet shrinks; with one, the
    /// connection ends.
    fn make_room(&mut self) -> Result<(), Closing> {
        if self.buffer.unread().len() > ReadBuffer::INITIAL {
            return Err(Closing::Memory);
        }
        self.shrink_buffer(self.buffer.beyond_initial());
        self.memory.stay();
        Ok(())
    }

    /// Takes in messages, and acknowledges them when they are on the disk.
    async fn exchange(
        &mut self,
        established: &Established,
        mut stop: Pin<&mut impl Future<Output = ()>>,
    ) -> Result<Infallible, Closing> {
        let mut session = SessionUse::new(established, self.shared.settings.session_touch);
        let mut silence = Silence::new(established.keep_alive);
        self.heard = Instant::now();
        // A client may send on without waiting for CONNACK.
        self.take_in().await?;
        loop {
            let room = self.waiting.len() < self.shared.settings.max_outstanding_batches;
            tokio::select! {
                biased;
                () = &mut stop => return Err(Closing::Stopping),
                () = self.memory.told_to_go() => self.make_room()?,
                proof = first_commit(&mut self.waiting) => self.acknowledge(proof?).await?,
                read = self.buffer.fill(&mut self.stream), if room => {
                    self.note_read(read)?;
                    self.take_in().await?;
                }
                () = silence.ended() => {
                    // A client that waits for our acknowledgement may do nothing else meanwhile.
                    let since = if self.waiting.is_empty() { self.heard } else { Instant::now() };
                    silence.check(since)?;
                }
                client = session.goes_on() => self.shared.intake.touch_session(client)?,
            }
        }
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

    /// Takes in every whole packet that is there: messages are submitted as one batch, other packets are answered.
    async fn take_in(&mut self) -> Result<(), Closing> {
        let mut room = None;
        loop {
            let room_bytes = room.as_ref().map_or(0, IntakeRoom::bytes);
            let ReadOutcome { batch, acks, messages, end } = self.take_packets(room_bytes);
            if messages > 0 || !acks.is_empty() {
                self.shared.intake.hear(messages as u64);
                // There must be no wait between the decoding of messages and their submission: what the decoder
                // remembers of them is true only if they are stored.
                let room = match room.take() {
                    Some(room) => room,
                    None => self.room(batch.size_bytes()).await?,
                };
                self.waiting.push_back(Held::new(acks, room.submit(batch)?));
            }
            self.send().await?;
            match end {
                ReadEnd::All => return self.fit_buffer().await,
                ReadEnd::Message { bytes } => {
                    // Room for all bytes that are there, if possible, but no more than this part of the intake for one
                    // connection.
                    let fair = self.shared.intake.capacity_bytes() / 4;
                    let wanted = (self.buffer.unread().len() * BATCH_BYTES_PER_BYTE).min(fair);
                    room = Some(self.room(wanted.max(bytes)).await?);
                }
                ReadEnd::Closing(closing) => return Err(closing),
            }
        }
    }

    /// Takes the packets that came whole, up to a message that does not fit into `room_bytes` of the intake. The first
    /// message fits if any room is there.
    fn take_packets(&mut self, room_bytes: usize) -> ReadOutcome {
        let received = Timestamp::now();
        let max_bytes = self.shared.settings.max_packet_bytes;
        let mut taken = ReadOutcome::default();
        let mut repeated = 0;
        let bytes = self.buffer.unread();
        let mut consumed = 0;
        taken.end = loop {
            let (packet, length) = match packet::decode(&bytes[consumed..], max_bytes) {
                Ok(Decoded::Packet { packet, length }) => (packet, length),
                Ok(Decoded::Incomplete { .. }) => break ReadEnd::All,
                Err(error) => break ReadEnd::Closing(error.into()),
            };
            if let Packet::Publish(_) = packet {
                let bytes = (length * BATCH_BYTES_PER_BYTE).max(Batch::REJECT_BYTES);
                let fits = taken.batch.size_bytes() + bytes <= room_bytes;
                if room_bytes == 0 || (taken.messages > 0 && !fits) {
                    break ReadEnd::Message { bytes };
                }
            }
            consumed += length;
            match packet {
                Packet::Publish(Publish { topic, payload, delivery, .. }) => {
                    taken.messages += 1;
                    let first_time = match delivery {
                        Delivery::ExactlyOnce(id) => !self.unreleased.is_repeated(id, (topic, payload)),
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
                    self.unreleased.release(id);
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
                Packet::Disconnect => break ReadEnd::Closing(Closing::Disconnect),
                Packet::Connect(_) => break ReadEnd::Closing(Closing::SecondConnect),
            }
        };
        self.buffer.consume(consumed);
        if consumed > 0 && self.buffer.beyond_initial() > 0 {
            self.memory.progressed(std::time::Instant::now());
        }
        self.shared.counters.messages.add_len(taken.messages);
        if let Some(shown) = &self.shown {
            shown.note(taken.messages, received);
        }
        self.shared.counters.repeated.add(repeated);
        taken
    }

    /// Waits for room in the intake. While it is full, earlier batches are acknowledged.
    async fn room(&mut self, bytes: usize) -> Result<IntakeRoom, Closing> {
        let shared = Arc::clone(&self.shared);
        let mut room = pin!(shared.intake.room(bytes));
        loop {
            tokio::select! {
                biased;
                room = &mut room => return Ok(room?),
                proof = first_commit(&mut self.waiting) => self.acknowledge(proof?).await?,
            }
        }
    }

    /// Writes the acknowledgements of the oldest batch, and of the batches after it that are on the disk too.
    async fn acknowledge(&mut self, mut proof: Committed) -> Result<(), Closing> {
        self.heard = Instant::now();
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

    /// Writes the bytes that may be written, at once if the socket takes them.
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

/// The result of one read.
#[derive(Default)]
struct ReadOutcome {
    batch: Batch,
    acks: DeviceAcks,
    messages: usize,
    end: ReadEnd,
}

/// Where the taking of packets ended.
#[derive(Default)]
enum ReadEnd {
    /// Every packet that came whole is taken.
    #[default]
    All,
    /// The next packet is a message whose readings need this much room.
    Message { bytes: usize },
    /// The next packet ends the connection.
    Closing(Closing),
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
