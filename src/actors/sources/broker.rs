//! The source for a broker that is already there: we subscribe, over rumqttc.
//!
//! **Delivery.** A PUBACK or PUBREC is written only after the batch that holds the message is on the disk. Our session
//! at the broker is persistent: a message that the broker sent and we did not acknowledge comes again, after a
//! reconnect, a restart or a crash of ours. Messages that the broker itself drops (a full queue, a restart without
//! persistence) never reach us. QoS 0 messages are shed, and counted, when the disk does not keep up.
//!
//! While a commit is under way we keep reading the connection: that gathers the next batch, and answers pings. One
//! commit is under way at a time, so that acknowledgements leave in the order of the messages, all of a batch with one
//! write. Each batch remembers the connection on which its messages came, because an acknowledgement that is sent on a
//! later connection would acknowledge another message. Acknowledgements for a connection that is gone are dropped.
//!
//! A message that is larger than accepted becomes a reject, and is acknowledged like any other (`packets.rs`). The
//! release of a QoS 2 message is answered whatever QoS we subscribe with: the message may have come under an earlier
//! configuration.
//!
//! A task rather than an actor: it is a single loop over one connection, and has no messages of its own.

mod acks;
mod backoff;
mod connection;
mod failure;
mod line;
mod packets;
mod settings;
mod subscriptions;
mod take_overs;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::future::{pending, ready};
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use rumqttc::{Packet, PubComp, SubAck, Subscribe, SubscribeReasonCode, Unsubscribe};
use tokio::sync::oneshot;
use tokio::time::timeout;
use tracing::{error, info, warn};

use crate::actors::sources::acks::{Held, NotCommitted};
use crate::actors::sources::intake::Intake;
use crate::actors::sources::source::{CloseKind, DecoderFactory, SourceCounters, SourceLink};
use crate::actors::sources::unreleased_messages::UnreleasedMessages;
use crate::actors::stop::Stop;
use crate::ingest::batch::Batch;
use crate::ingest::decoder::{self, Decoder};
use crate::ingest::packet::{Delivery, PacketId};
use crate::ingest::session::SessionPresent;
use crate::live::ConnectionBook;
use crate::reading::{Reject, RejectReason};
use crate::store::Committed;
use crate::telemetry::log_limit::LogLimit;
use crate::time::{Span, Timestamp};
use acks::{BrokerAcks, Epoch};
use backoff::Backoff;
use failure::Failure;
use line::{Line, LineEvent};
use packets::{Incoming, Message, Payload};
use subscriptions::Subscriptions;
use take_overs::TakeOvers;

pub use settings::{BrokerError, BrokerSettings, Login, Secret, SubscriptionQos};

/// The source that subscribes at a broker.
#[derive(Debug)]
pub struct Broker {
    settings: BrokerSettings,
    counters: Arc<SourceCounters>,
    link: Arc<SourceLink>,
}

impl Broker {
    /// A source that is ready to connect.
    ///
    /// # Errors
    /// When the settings cannot work.
    pub fn new(settings: BrokerSettings) -> Result<Self, BrokerError> {
        settings.validate()?;
        Ok(Self { settings, counters: Arc::default(), link: Arc::default() })
    }

    /// The source's counters.
    pub fn counters(&self) -> Arc<SourceCounters> {
        Arc::clone(&self.counters)
    }

    /// Whether it is connected.
    pub fn link(&self) -> Arc<SourceLink> {
        Arc::clone(&self.link)
    }

    /// Connects, and connects again whenever the connection is lost, until a stop is asked for. At a stop, commits
    /// under way are awaited and acknowledged, and the broker is taken leave of.
    ///
    /// `noted` are the topic filters that the broker holds for us, as the process before noted them. Whether the broker is
    /// there is noted in the book.
    pub async fn run(
        self,
        intake: Intake,
        decoders: DecoderFactory,
        noted: Vec<String>,
        book: Arc<ConnectionBook>,
        stop: Stop,
    ) {
        let drain_timeout = self.settings.drain_timeout;
        let (address, counters) = (format!("{}:{}", self.settings.host, self.settings.port), self.counters());
        book.broker_is_sought(address, move || counters.messages.get(), Timestamp::now());
        let mut subscriber = Subscriber::new(self, intake, decoders(), noted, book);
        // Noted before the subscriptions are asked for: the broker must never hold more filters than are noted.
        tokio::select! {
            () = stop.requested() => return,
            () = subscriber.note_subscriptions() => {}
        }
        subscriber.serve(&stop).await;
        if timeout(drain_timeout, subscriber.leave()).await.is_err() {
            warn!("messages of the broker were not stored in time and stay unacknowledged; it will send them again");
        }
    }
}

/// The running source.
struct Subscriber {
    settings: BrokerSettings,
    counters: Arc<SourceCounters>,
    link: Arc<SourceLink>,
    book: Arc<ConnectionBook>,
    intake: Intake,
    decoder: Decoder,
    subscriptions: Subscriptions,
    line: Line,
    /// Which connection this is, counted from the start.
    epoch: Epoch,
    backoff: Backoff,
    take_overs: TakeOvers,
    /// The batch whose commit is awaited.
    under_way: Option<Held<BrokerAcks>>,
    gathered: Gathered,
    unreleased: UnreleasedMessages,
    failures: LogLimit,
    suspicions: LogLimit,
    sheddings: LogLimit,
}

/// Messages that came in and are not submitted yet, with their acknowledgements for the current connection.
struct Gathered {
    batch: Batch,
    acks: BrokerAcks,
    messages: usize,
}

impl Gathered {
    fn on(epoch: Epoch) -> Self {
        Self { batch: Batch::default(), acks: BrokerAcks::of(epoch), messages: 0 }
    }

    fn size_bytes(&self) -> usize {
        self.batch.size_bytes() + self.acks.size_bytes()
    }
}

impl Subscriber {
    fn new(broker: Broker, intake: Intake, decoder: Decoder, noted: Vec<String>, book: Arc<ConnectionBook>) -> Self {
        let Broker { settings, counters, link } = broker;
        Self {
            backoff: Backoff::new(settings.min_backoff, settings.max_backoff),
            take_overs: TakeOvers::new(settings.max_backoff),
            subscriptions: Subscriptions::new(&settings.subscriptions, noted),
            settings,
            counters,
            link,
            book,
            intake,
            decoder,
            line: Line::Down { again: tokio::time::Instant::now() },
            epoch: Epoch::default(),
            under_way: None,
            gathered: Gathered::on(Epoch::default()),
            unreleased: UnreleasedMessages::up_to(u16::MAX.into()),
            failures: LogLimit::default(),
            suspicions: LogLimit::default(),
            sheddings: LogLimit::default(),
        }
    }

    async fn serve(&mut self, stop: &Stop) {
        let mut stop = pin!(stop.requested());
        loop {
            let may_submit = self.under_way.is_none() && self.gathered.messages > 0;
            let result = tokio::select! {
                biased;
                () = &mut stop => return,
                proof = committed(&mut self.under_way) => self.acknowledge(proof).await,
                event = self.line.next(&self.settings) => match event {
                    Ok(event) => self.handle(event).await,
                    Err(failure) => Err(failure),
                },
                // There is nothing more to read now.
                () = ready(()), if may_submit => {
                    self.submit();
                    Ok(())
                }
            };
            if let Err(failure) = result {
                self.disconnected(&failure);
            }
        }
    }

    async fn handle(&mut self, event: LineEvent) -> Result<(), Failure> {
        let now = Instant::now();
        match event {
            LineEvent::Opened(connection, session) => {
                self.line = Line::Up { connection, since: now };
                self.link.connected(now);
                self.book.broker_is_up(Timestamp::now());
                self.counters.connections_opened.add(1);
                let resumed = session == SessionPresent::Yes;
                if !resumed {
                    self.unreleased.forget();
                    self.forget_left_over();
                }
                let (host, port) = (&self.settings.host, self.settings.port);
                info!(host, port, resumed, "connected to the broker");
                if !resumed && self.epoch != Epoch::default() {
                    warn!(host, port, "the broker knows no session of ours: what came while we were away may be lost");
                }
                self.subscribe().await
            }
            LineEvent::Incoming(incoming) => {
                self.link.heard(now);
                self.hear(incoming)
            }
        }
    }

    /// Handles one packet from the broker.
    fn hear(&mut self, incoming: Incoming) -> Result<(), Failure> {
        match incoming {
            Incoming::Message(message) => self.take_in(&message),
            Incoming::Control(packet) => match packet {
                Packet::SubAck(ack) => {
                    self.check_subscriptions(&ack);
                    Ok(())
                }
                Packet::PubRel(release) => {
                    if let Some(id) = PacketId::new(release.pkid) {
                        self.unreleased.release(id);
                    }
                    match &mut self.line {
                        Line::Up { connection, .. } => {
                            Ok(connection.queue(&Packet::PubComp(PubComp::new(release.pkid)))?)
                        }
                        Line::Opening(_) | Line::Down { .. } => Ok(()),
                    }
                }
                Packet::UnsubAck(_) => {
                    self.forget_left_over();
                    Ok(())
                }
                _ => Ok(()),
            },
        }
    }

    /// Subscribes on every connection: the broker may have forgotten the session, or the routes may have changed.
    async fn subscribe(&mut self) -> Result<(), Failure> {
        let mut subscribe = Subscribe::new_many(self.settings.filters());
        subscribe.pkid = 1;
        let left_over: Vec<_> = self.subscriptions.left_over().iter().cloned().collect();
        let unsubscribe = (!left_over.is_empty()).then(|| {
            let filters = left_over.join(", ");
            info!(filters, "no route takes these topics any more: the broker is asked to send no more of them");
            Packet::Unsubscribe(Unsubscribe { pkid: 2, topics: left_over })
        });
        self.send([Packet::Subscribe(subscribe)].into_iter().chain(unsubscribe)).await
    }

    /// Notes which subscriptions the broker holds, and waits until that is durable.
    async fn note_subscriptions(&mut self) {
        if let Some(filters) = self.subscriptions.take_note()
            && let Ok(promise) = self.intake.note_subscriptions(filters)
        {
            // A failure is ignored: without a committer nothing can be taken in either, and the daemon stops.
            let _ = promise.await;
        }
    }

    /// Notes that the broker holds no subscriptions but those of the routes.
    fn forget_left_over(&mut self) {
        self.subscriptions.forget_left_over();
        if let Some(filters) = self.subscriptions.take_note() {
            // This note need not be durable at a certain time: without it, the broker is asked once more to give the
            // filters up.
            let _ = self.intake.note_subscriptions(filters);
        }
    }

    fn check_subscriptions(&self, ack: &SubAck) {
        for (filter, code) in self.settings.filters().zip(&ack.return_codes) {
            match code {
                SubscribeReasonCode::Failure => {
                    self.counters.subscriptions_refused.add(1);
                    error!(
                        filter = filter.path,
                        "the broker refuses the subscription: no readings come from it; check the broker's access rules"
                    );
                }
                SubscribeReasonCode::Success(granted) if *granted < filter.qos => warn!(
                    filter = filter.path,
                    granted = *granted as u8,
                    "the broker grants a lower quality of service than asked for: messages may be lost"
                ),
                SubscribeReasonCode::Success(_) => info!(filter = filter.path, "subscribed"),
            }
        }
    }

    fn take_in(&mut self, message: &Message) -> Result<(), Failure> {
        let Message { topic, delivery, retained, payload } = message;
        let mut size = self.gathered.size_bytes();
        if size >= self.settings.max_gathered_bytes && self.under_way.is_none() {
            // As long as there is more to read, nobody else hands it over.
            self.submit();
            size = 0;
        }
        let topic = String::from_utf8_lossy(topic);
        self.counters.messages.add(1);
        self.counters.bytes.add_len(payload.bytes());
        if *delivery == Delivery::AtMostOnce && size >= self.settings.max_gathered_bytes {
            self.counters.shed.add(1);
            if let Some(suppressed) = self.sheddings.admit(Instant::now()) {
                warn!(%topic, suppressed, "the disk does not keep up: a QoS 0 message is dropped");
            }
            return Ok(());
        }
        if size >= 2 * self.settings.max_gathered_bytes {
            return Err(Failure::Overrun);
        }
        self.gathered.messages += 1;
        self.intake.hear(1);
        self.gathered.acks.message(*delivery);
        if let Delivery::ExactlyOnce(id) = delivery
            && self.unreleased.is_repeated(*id, (&message.topic, &message.payload))
        {
            self.counters.repeated.add(1);
            return Ok(());
        }
        let received = Timestamp::now();
        let (payload, reason) = match payload {
            Payload::TooLarge { beginning, packet_bytes } => {
                let max = self.settings.max_packet_bytes;
                (beginning, RejectReason::TooLarge { bytes: *packet_bytes, max, key: "mqtt.connect.max_packet" })
            }
            Payload::Whole(payload) => match topic {
                Cow::Borrowed(topic) if !topic.is_empty() => {
                    let message = decoder::Message { topic, payload, retained: *retained };
                    self.decoder.decode(message, received, &mut self.gathered.batch);
                    return Ok(());
                }
                Cow::Borrowed(_) => {
                    (payload, RejectReason::Name("it is empty, as with a topic alias of MQTT 5".to_owned()))
                }
                Cow::Owned(_) => (payload, RejectReason::Name("it is not text in UTF-8".to_owned())),
            },
        };
        self.gathered.batch.rejects.push(reason.kind(), || Reject::of_payload(received, &topic, payload, reason));
        Ok(())
    }

    /// Submits what was gathered. A task of its own waits for room in the intake, because the loop of this source must
    /// not wait.
    fn submit(&mut self) {
        let Gathered { batch, acks, .. } = std::mem::replace(&mut self.gathered, Gathered::on(self.epoch));
        let (done, promise) = oneshot::channel();
        let intake = self.intake.clone();
        tokio::spawn(async move {
            if let Ok(promise) = intake.submit(batch).await
                && let Ok(committed) = promise.await
            {
                // A failure is ignored: the source may have ended meanwhile.
                let _ = done.send(committed);
            }
        });
        self.under_way = Some(Held::new(acks, promise));
    }

    /// Sends the acknowledgements of the batch under way. `proof` says that the batch is on the disk.
    async fn acknowledge(&mut self, proof: Result<Committed, NotCommitted>) -> Result<(), Failure> {
        let Some(held) = self.under_way.take() else { return Ok(()) };
        // A message that could not be stored must be taken in when it comes again, so it is no repetition then.
        let proof = proof.inspect_err(|_| self.unreleased.forget())?;
        let packets = held.into_acks().into_packets(self.epoch, proof);
        if packets.len() == 0 {
            return Ok(());
        }
        self.counters.acks.add_len(packets.len());
        self.send(packets).await
    }

    /// Writes packets with one flush.
    async fn send(&mut self, mut packets: impl Iterator<Item = Packet>) -> Result<(), Failure> {
        let Line::Up { connection, .. } = &mut self.line else { return Ok(()) };
        packets.try_for_each(|packet| connection.queue(&packet))?;
        connection.flush().await
    }

    /// Drops the connection with all acknowledgements that belong to it, and begins the pause before the next attempt.
    fn disconnected(&mut self, failure: &Failure) {
        self.link.lost();
        let lived = match &self.line {
            Line::Up { since, .. } => Some(since.elapsed()),
            Line::Opening(_) | Line::Down { .. } => None,
        };
        let taken_over = self.take_overs.closed(lived, failure.kind());
        let kind = if taken_over.is_some() { CloseKind::TakenOver } else { failure.kind() };
        if lived.is_some() {
            self.counters.count_closed(kind);
        }
        self.epoch = self.epoch.next();
        self.gathered.acks = BrokerAcks::of(self.epoch);
        let pause = self.backoff.after(lived.unwrap_or_default(), fastrand::f64());
        self.line = Line::Down { again: tokio::time::Instant::now() + pause };
        let (host, port, kind) = (&self.settings.host, self.settings.port, kind.name());
        let pause = Span::from(pause).rounded();
        self.book.broker_is_down(
            match taken_over {
                Some(_) => format!(
                    "{failure}, again and again soon after it had accepted us: most likely another client uses our id {}; \
                     give every daemon a mqtt.connect.client_id of its own",
                    self.settings.client_id
                ),
                None => failure.with_advice(),
            },
            Timestamp::now(),
        );
        if let Some(count) = taken_over {
            if self.suspicions.admit(Instant::now()).is_some() {
                let client_id = &self.settings.client_id;
                error!(
                    host,
                    port,
                    client_id,
                    %pause,
                    kind,
                    "the broker closed {count} connections in a row soon after it had accepted them. Most likely another \
                     client uses the same client id, and each throws the other out: give every daemon a \
                     mqtt.connect.client_id of its own. If no other client does, the broker's log says why it closes"
                );
            }
        } else if let Some(suppressed) = self.failures.admit(Instant::now()) {
            warn!(host, port, suppressed, %pause, kind, "no connection to the broker: {failure}");
        }
    }

    /// Has all messages that came committed and acknowledged, and disconnects.
    async fn leave(&mut self) {
        // These messages were read from the socket already: those at QoS 0 would be lost otherwise.
        while let Line::Up { connection, .. } = &mut self.line
            && let Ok(Some(incoming)) = connection.next_read()
        {
            if let Incoming::Message(message) = incoming
                && let Err(failure) = self.take_in(&message)
            {
                self.disconnected(&failure);
            }
        }
        while self.under_way.is_some() || self.gathered.messages > 0 {
            if self.under_way.is_none() {
                self.submit();
            }
            let proof = committed(&mut self.under_way).await;
            if let Err(failure) = self.acknowledge(proof).await {
                self.disconnected(&failure);
            }
        }
        if matches!(self.line, Line::Up { .. }) && self.send([Packet::Disconnect].into_iter()).await.is_ok() {
            self.counters.count_closed(CloseKind::Stopping);
        }
    }
}

/// Waits for the commit under way; for ever when there is none.
async fn committed(under_way: &mut Option<Held<BrokerAcks>>) -> Result<Committed, NotCommitted> {
    match under_way {
        Some(held) => held.committed().await,
        None => pending().await,
    }
}
