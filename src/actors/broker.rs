//! The source for a broker that is already there: we subscribe, over rumqttc.
//!
//! **Delivery.** A PUBACK or PUBREC is written only after the batch that holds the message is on the disk. Our session
//! at the broker is persistent: what it sent and we did not acknowledge comes again, after a reconnect of ours, a
//! restart or a crash. What the broker itself drops (a full queue, a restart without persistence) never reaches us.
//! QoS 0 messages are shed, and counted, when the disk does not keep up.
//!
//! While a commit is under way we keep polling the connection, which gathers the next batch and answers pings. There is
//! one commit under way at a time, so that acknowledgements leave in the order of the messages. They go straight to the
//! connection, all of a batch with one flush: the library's request channel must not be awaited where the connection is
//! polled. Each batch remembers the connection on which its messages came, for an acknowledgement that is sent on a
//! later one acknowledges somebody else's message; those of a connection that is gone are dropped.
//!
//! A task rather than an actor: it is a single loop over one connection, and has no messages of its own.

mod acks;
mod backoff;
mod failure;
mod settings;
#[cfg(test)]
mod tests;

use std::future::{pending, ready};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rumqttc::{
    Event, EventLoop, Incoming, MqttState, NetworkOptions, Packet, Publish, QoS, SubAck, Subscribe, SubscribeReasonCode,
};
use tokio::sync::oneshot;
use tokio::time::{sleep_until, timeout};
use tracing::{error, info, warn};

use crate::actors::acks::{Held, NotCommitted};
use crate::actors::intake::Intake;
use crate::actors::source::{CloseKind, DecoderFactory, SourceCounters};
use crate::actors::stop::Stop;
use crate::actors::unreleased::Unreleased;
use crate::ingest::batch::Batch;
use crate::ingest::decoder::{Decoder, Message};
use crate::ingest::packet::PacketId;
use crate::reading::{Reject, RejectReason};
use crate::store::Committed;
use crate::telemetry::log_limit::LogLimit;
use crate::time::{Span, Timestamp};
use acks::{BrokerAcks, Epoch};
use backoff::Backoff;
use failure::Failure;

pub use settings::{BrokerError, BrokerSettings, Login, Secret, SubscriptionQos};

/// The source that subscribes at a broker.
#[derive(Debug)]
pub struct Broker {
    settings: BrokerSettings,
    counters: Arc<SourceCounters>,
}

impl Broker {
    /// A source that is ready to connect.
    ///
    /// # Errors
    /// When the settings cannot work.
    pub fn new(settings: BrokerSettings) -> Result<Self, BrokerError> {
        settings.validate()?;
        Ok(Self { settings, counters: Arc::default() })
    }

    /// What it counts.
    pub fn counters(&self) -> Arc<SourceCounters> {
        Arc::clone(&self.counters)
    }

    /// Connects, and again whenever the connection is lost, until a stop is asked for. Then commits under way are
    /// awaited and acknowledged, and the broker is left in order.
    pub async fn run(self, intake: Intake, decoders: DecoderFactory, stop: Stop) {
        let drain_timeout = self.settings.drain_timeout;
        let mut subscriber = Subscriber::new(self, intake, decoders());
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
    intake: Intake,
    decoder: Decoder,
    connection: EventLoop,
    /// Which connection this is, counted from the start.
    epoch: Epoch,
    /// Since when the broker accepts us; `None` while there is no connection.
    connected: Option<Instant>,
    /// When to try again.
    pause: Option<tokio::time::Instant>,
    backoff: Backoff,
    /// The batch whose commit is awaited.
    under_way: Option<Held<BrokerAcks>>,
    gathered: Gathered,
    /// The QoS 2 messages that were taken in and that the broker may send again.
    unreleased: Unreleased,
    last_topic: String,
    failures: LogLimit,
    sheddings: LogLimit,
}

/// What came in and is not submitted yet. Its acknowledgements are all of the current connection.
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
    fn new(broker: Broker, intake: Intake, decoder: Decoder) -> Self {
        let Broker { settings, counters } = broker;
        // Nothing is ever sent through the library's request channel.
        let mut connection = EventLoop::new(settings.options(), 1);
        let mut network = NetworkOptions::new();
        network.set_tcp_nodelay(true);
        network.set_connection_timeout(settings.network_timeout.as_secs().max(1));
        connection.set_network_options(network);
        Self {
            backoff: Backoff::new(settings.min_backoff, settings.max_backoff),
            settings,
            counters,
            intake,
            decoder,
            connection,
            epoch: Epoch::default(),
            connected: None,
            pause: None,
            under_way: None,
            gathered: Gathered::on(Epoch::default()),
            unreleased: Unreleased::default(),
            last_topic: String::new(),
            failures: LogLimit::default(),
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
                event = next_event(&mut self.connection, &mut self.pause) => match event {
                    Ok(event) => self.handle(event).await,
                    Err(error) => Err(Failure::of(error, self.settings.max_packet_bytes, &self.last_topic)),
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

    async fn handle(&mut self, event: Event) -> Result<(), Failure> {
        match event {
            Event::Incoming(Incoming::ConnAck(ack)) => {
                self.connected = Some(Instant::now());
                self.counters.connections_opened.add(1);
                let (host, port) = (&self.settings.host, self.settings.port);
                info!(host, port, resumed = ack.session_present, "connected to the broker");
                if !ack.session_present && self.epoch != Epoch::default() {
                    warn!(host, port, "the broker knows no session of ours: what came while we were away may be lost");
                }
                if ack.session_present {
                    expect_any_release(&mut self.connection.state);
                } else {
                    self.unreleased = Unreleased::default();
                }
                self.subscribe().await
            }
            Event::Incoming(Incoming::SubAck(ack)) => {
                self.check_subscriptions(&ack);
                Ok(())
            }
            Event::Incoming(Incoming::Publish(publish)) => self.take_in(publish),
            Event::Incoming(Incoming::PubRel(release)) => {
                // The library answers it, and must do so again should it come again.
                expect_release(&mut self.connection.state, release.pkid);
                if let Some(id) = PacketId::new(release.pkid) {
                    self.unreleased.remove(id);
                }
                Ok(())
            }
            Event::Incoming(_) | Event::Outgoing(_) => Ok(()),
        }
    }

    /// Subscribes on every connection: the broker may have forgotten the session, or the routes may have changed.
    async fn subscribe(&mut self) -> Result<(), Failure> {
        let mut subscribe = Subscribe::new_many(self.settings.filters());
        subscribe.pkid = 1;
        self.send([Packet::Subscribe(subscribe)].into_iter()).await
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

    fn take_in(&mut self, publish: Publish) -> Result<(), Failure> {
        let Publish { qos, topic, pkid, payload, retain, .. } = publish;
        let size = self.gathered.size_bytes();
        self.counters.messages.add(1);
        self.counters.bytes.add_len(payload.len());
        if qos == QoS::AtMostOnce && size >= self.settings.max_gathered_bytes {
            self.counters.shed.add(1);
            if let Some(suppressed) = self.sheddings.admit(Instant::now()) {
                warn!(topic, suppressed, "the disk does not keep up: a QoS 0 message is dropped");
            }
            return Ok(());
        }
        if size >= 2 * self.settings.max_gathered_bytes {
            return Err(Failure::Overrun);
        }
        let received = Timestamp::now();
        let first_time = match PacketId::new(pkid) {
            Some(id) if qos == QoS::ExactlyOnce => self.unreleased.insert(id),
            _ => true,
        };
        if !first_time {
            self.counters.repeated.add(1);
        } else if topic.is_empty() {
            self.gathered.batch.rejects.push("name", || {
                let reason = RejectReason::Name("it is empty, as with a topic alias of MQTT 5".to_owned());
                Reject::of_payload(received, &topic, &payload, reason)
            });
        } else {
            let message = Message { topic: &topic, payload: &payload, retained: retain };
            self.decoder.decode(message, received, &mut self.gathered.batch);
        }
        self.gathered.messages += 1;
        self.gathered.acks.message(qos, pkid);
        self.last_topic = topic;
        Ok(())
    }

    /// Hands over what was gathered. A task of its own waits for room in the intake, for here nothing may wait.
    fn submit(&mut self) {
        let Gathered { batch, acks, .. } = std::mem::replace(&mut self.gathered, Gathered::on(self.epoch));
        let (done, promise) = oneshot::channel();
        let intake = self.intake.clone();
        tokio::spawn(async move {
            if let Ok(promise) = intake.submit(batch).await
                && let Ok(committed) = promise.await
            {
                // Nobody may be left to acknowledge.
                let _ = done.send(committed);
            }
        });
        self.under_way = Some(Held::new(acks, promise));
    }

    /// Sends the acknowledgements of the batch under way, which `proof` says is on the disk.
    async fn acknowledge(&mut self, proof: Result<Committed, NotCommitted>) -> Result<(), Failure> {
        let Some(held) = self.under_way.take() else { return Ok(()) };
        // What was not stored must be taken when it comes again.
        let proof = proof.inspect_err(|_| self.unreleased = Unreleased::default())?;
        let packets = held.into_acks().into_packets(self.epoch, proof);
        if packets.len() == 0 {
            return Ok(());
        }
        self.counters.acks.add_len(packets.len());
        self.send(packets).await
    }

    /// Writes packets straight to the connection, with one flush.
    async fn send(&mut self, packets: impl Iterator<Item = Packet>) -> Result<(), Failure> {
        let Some(network) = &mut self.connection.network else { return Ok(()) };
        let sending = async {
            for packet in packets {
                network.write(packet).await?;
            }
            network.flush().await
        };
        match timeout(self.settings.network_timeout, sending).await {
            Ok(sent) => {
                sent.map_err(|error| Failure::of_state(error, self.settings.max_packet_bytes, &self.last_topic))
            }
            Err(_) => Err(Failure::Timeout),
        }
    }

    /// Forgets the connection, with all that may no longer be acknowledged, and waits before the next.
    fn disconnected(&mut self, failure: &Failure) {
        let lived = self.connected.take().map_or(Duration::ZERO, |since| {
            self.counters.count_closed(failure.kind());
            since.elapsed()
        });
        self.connection.clean();
        // The library would hand out what came on the old connection as if it had come on the next.
        self.connection.state.events.clear();
        self.epoch = self.epoch.next();
        self.gathered.acks = BrokerAcks::of(self.epoch);
        let pause = self.backoff.after(lived, fastrand::f64());
        self.pause = Some(tokio::time::Instant::now() + pause);
        if let Some(suppressed) = self.failures.admit(Instant::now()) {
            let (host, port) = (&self.settings.host, self.settings.port);
            warn!(
                host,
                port,
                suppressed,
                pause = %Span::from(pause),
                kind = failure.kind().name(),
                "no connection to the broker: {failure}"
            );
        }
    }

    /// Has everything committed and acknowledged that came, and takes leave.
    async fn leave(&mut self) {
        // The library has read these already: at QoS 0 they would be lost.
        while let Some(event) = self.connection.state.events.pop_front() {
            if let Event::Incoming(Incoming::Publish(publish)) = event
                && let Err(failure) = self.take_in(publish)
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
        if self.connected.is_some() && self.send([Packet::Disconnect].into_iter()).await.is_ok() {
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

/// Sits out the pause, then polls the connection. Nothing is lost when the future is dropped before it is ready.
async fn next_event(
    connection: &mut EventLoop,
    pause: &mut Option<tokio::time::Instant>,
) -> Result<Event, rumqttc::ConnectionError> {
    if let Some(end) = *pause {
        sleep_until(end).await;
        *pause = None;
    }
    connection.poll().await
}

/// Makes the library answer the release of any QoS 2 message.
///
/// With a session that is taken up, the broker releases messages that we acknowledged on an earlier connection, whatever we
/// subscribe with now. The library forgets those and takes the release for an error, at which it would drop one
/// connection after the other. So we tell it that each id is one that it saw.
fn expect_any_release(state: &mut MqttState) {
    (1..=u16::MAX).for_each(|id| expect_release(state, id));
}

/// As [`expect_any_release`], of one message.
fn expect_release(state: &mut MqttState, id: u16) {
    let mut publish = Publish::new("", QoS::ExactlyOnce, []);
    publish.pkid = id;
    // With acknowledgements of our own it answers nothing to a message, and cannot fail.
    let _ = state.handle_incoming_packet(Packet::Publish(publish));
    state.events.pop_back();
}
