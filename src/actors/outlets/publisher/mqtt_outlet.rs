//! The outlet to a broker: each verdict is a retained message, unless a verdict over a later window went out before it. So
//! what is caught up on behind live windows reaches those who listen, and does not pass for the last verdict.
//!
//! It connects for a run alone: until the next one there is nothing to say. A message that the broker will not have (it
//! is too large for it, or its topic holds something that the broker refuses) has the broker close the connection, which
//! does not say at which message. So after that the messages are sent one by one, and one at which the broker closes
//! three connections is passed over. A broker that does so at every message of a run, or at so many before it took one,
//! refuses us as a whole: then nothing is passed over, and the run is tried again.

use std::collections::BTreeMap;
use std::time::Duration;

use rumqttc::{AsyncClient, ConnectionError, Event, EventLoop, Incoming, MqttOptions, QoS};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::{Outgoing, Outlet, OutletCount, PublishError, Published, RETRY_MIN};
use crate::group::GroupName;
use crate::run::{Run, RunId, RunState};
use crate::sink::message::{verdict_message, verdict_topic};
use crate::store::{Reader, StoreError};
use crate::time::Timestamp;
use crate::warn_limited;

/// How verdicts are published over MQTT.
#[derive(Clone, Debug)]
pub struct MqttOutletSettings {
    /// How to reach the broker, and as which client.
    pub options: MqttOptions,
    /// The topic of a sensor's verdicts, with `{device}` and `{sensor}`.
    pub topic: String,
}

/// Publishes the verdicts of runs.
pub(super) struct MqttOutlet {
    settings: MqttOutletSettings,
    /// `None` before the first run.
    newest: Option<NewestWindows>,
}

/// The ends of the newest windows that were published, by group.
#[derive(Debug, Default)]
struct NewestWindows(BTreeMap<GroupName, Timestamp>);

impl NewestWindows {
    /// As the ledger has them of the runs before `next`.
    fn before(next: RunId, reader: &Reader) -> Result<Self, StoreError> {
        let mut newest = Self::default();
        for run in reader.runs()? {
            if run.id < next && matches!(run.state, RunState::Finished(_)) {
                newest.note(&run);
            }
        }
        Ok(newest)
    }

    /// Notes a run. Returns whether none over a later window of its group came before it.
    fn note(&mut self, run: &Run) -> bool {
        let end = run.window.end();
        let newest = self.0.entry(run.group.clone()).or_insert(end);
        *newest = end.max(*newest);
        *newest == end
    }
}

/// The most messages under way at once: more than the verdicts of a chunk.
const IN_FLIGHT: u16 = 100;
/// The largest packet. A verdict's message is far smaller.
const MAX_PACKET_BYTES: usize = 1 << 20;
/// How long the broker may take for an acknowledgement.
const BROKER_PATIENCE: Duration = Duration::from_secs(30);
/// How many connections one message may cost before it is passed over.
const ATTEMPTS: u32 = 3;
/// A broker that refuses so many messages before it took any refuses us as a whole.
const REFUSED_BEFORE_GIVING_UP: u64 = 10;

/// A verdict in the form in which it is sent.
struct VerdictPublish {
    topic: String,
    payload: String,
    retained: bool,
}

impl MqttOutlet {
    pub(super) fn new(mut settings: MqttOutletSettings) -> Self {
        settings.options.set_inflight(IN_FLIGHT);
        settings.options.set_max_packet_size(MAX_PACKET_BYTES, MAX_PACKET_BYTES);
        Self { settings, newest: None }
    }
}

impl Outlet for MqttOutlet {
    async fn take(&mut self, published: &Published, run: &Run) -> Result<OutletCount, PublishError> {
        let newest = match &mut self.newest {
            Some(newest) => newest,
            unknown => unknown.insert(NewestWindows::before(run.id, &published.reader)?),
        };
        let retained = newest.note(run);
        let mut line = BrokerLine::new(&self.settings.options);
        let chunks = published.chunks(run).map(|chunk| {
            let message = |Outgoing { sensor, verdict }: Outgoing| VerdictPublish {
                topic: verdict_topic(&self.settings.topic, &sensor),
                payload: verdict_message(&sensor, run, &verdict),
                retained,
            };
            Ok(chunk?.into_iter().map(message).collect())
        });
        let count = publish_run(&mut line, chunks).await?;
        line.leave().await;
        Ok(count)
    }
}

/// Publishes the messages of a run, chunk by chunk.
async fn publish_run(
    line: &mut BrokerLine,
    chunks: impl Iterator<Item = Result<Vec<VerdictPublish>, StoreError>>,
) -> Result<OutletCount, PublishError> {
    let mut count = OutletCount::default();
    for chunk in chunks {
        publish(line, &chunk?, &mut count).await?;
    }
    if count.published == 0 && count.passed_over > 0 { Err(refused_as_a_whole()) } else { Ok(count) }
}

fn refused_as_a_whole() -> PublishError {
    let reason = "it closes the connection at every verdict; its log says why: look for access rules on publish.mqtt.topic, \
                  and for a limit on the size of packets";
    PublishError::Broker(reason.to_owned())
}

/// Publishes messages together, or alone when the broker refuses one of them.
async fn publish(
    line: &mut BrokerLine,
    messages: &[VerdictPublish],
    count: &mut OutletCount,
) -> Result<(), PublishError> {
    match line.publish(messages).await {
        Ok(()) => count.published += messages.len() as u64,
        Err(LineFailure::Refused) => one_by_one(line, messages, count).await?,
        Err(LineFailure::Away(reason)) => return Err(PublishError::Broker(reason)),
    }
    Ok(())
}

/// Publishes each message alone, and passes over those at which the broker closes the connection.
async fn one_by_one(
    line: &mut BrokerLine,
    messages: &[VerdictPublish],
    count: &mut OutletCount,
) -> Result<(), PublishError> {
    for message in messages {
        let mut attempts = 0;
        loop {
            match line.publish(std::slice::from_ref(message)).await {
                Ok(()) => {
                    count.published += 1;
                    break;
                }
                Err(LineFailure::Away(reason)) => return Err(PublishError::Broker(reason)),
                Err(LineFailure::Refused) => attempts += 1,
            }
            if attempts == ATTEMPTS {
                warn_limited!(
                    topic = message.topic,
                    "the broker closes the connection at this verdict, which is passed over if it takes others; its log says \
                     why: look for a limit on the size of packets, and for characters that it does not take in a topic"
                );
                count.passed_over += 1;
                break;
            }
            sleep(RETRY_MIN).await;
        }
        if count.published == 0 && count.passed_over == REFUSED_BEFORE_GIVING_UP {
            return Err(refused_as_a_whole());
        }
    }
    Ok(())
}

/// A connection to the broker, made when there is something to publish.
struct BrokerLine {
    options: MqttOptions,
    open: Option<OpenLine>,
}

struct OpenLine {
    client: AsyncClient,
    events: EventLoop,
    /// Whether the broker has accepted us.
    accepted: bool,
}

/// Why messages were not all acknowledged.
enum LineFailure {
    /// The broker accepted us, and closed the connection or did not acknowledge.
    Refused,
    /// The broker did not accept us, for this reason.
    Away(String),
}

impl BrokerLine {
    fn new(options: &MqttOptions) -> Self {
        Self { options: options.clone(), open: None }
    }

    /// Publishes messages, fewer than [`IN_FLIGHT`], and waits until all are acknowledged.
    async fn publish(&mut self, messages: &[VerdictPublish]) -> Result<(), LineFailure> {
        let published = self.open().publish(messages).await;
        if published.is_err() {
            self.open = None;
        }
        published
    }

    fn open(&mut self) -> &mut OpenLine {
        self.open.get_or_insert_with(|| {
            let (client, events) = AsyncClient::new(self.options.clone(), usize::from(IN_FLIGHT));
            OpenLine { client, events, accepted: false }
        })
    }

    /// Disconnects. All messages are acknowledged, so how the connection ends does not matter.
    async fn leave(self) {
        let Some(OpenLine { client, mut events, .. }) = self.open else { return };
        if client.try_disconnect().is_err() {
            return;
        }
        while let Ok(Ok(event)) = timeout(BROKER_PATIENCE, events.poll()).await {
            if event == Event::Outgoing(rumqttc::Outgoing::Disconnect) {
                break;
            }
        }
    }
}

impl OpenLine {
    async fn publish(&mut self, messages: &[VerdictPublish]) -> Result<(), LineFailure> {
        for VerdictPublish { topic, payload, retained } in messages {
            // The channel is empty and holds more than all messages: there is room without polling.
            let sent = self.client.try_publish(topic, QoS::AtLeastOnce, *retained, payload.as_bytes());
            sent.map_err(|error| LineFailure::Away(error.to_string()))?;
        }
        let mut unacknowledged = messages.len();
        let mut deadline = Instant::now() + BROKER_PATIENCE;
        while unacknowledged > 0 {
            match timeout_at(deadline, self.events.poll()).await {
                Ok(Ok(Event::Incoming(Incoming::PubAck(_)))) => {
                    unacknowledged -= 1;
                    deadline = Instant::now() + BROKER_PATIENCE;
                }
                Ok(Ok(Event::Incoming(Incoming::ConnAck(_)))) => self.accepted = true,
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(self.failed(&error)),
                Err(_) if self.accepted => return Err(LineFailure::Refused),
                Err(_) => return Err(LineFailure::Away("it does not answer".to_owned())),
            }
        }
        Ok(())
    }

    fn failed(&self, error: &ConnectionError) -> LineFailure {
        if self.accepted { LineFailure::Refused } else { LineFailure::Away(error.to_string()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actors::mosquitto::Mosquitto;
    use crate::time::Span;

    /// Publishes chunks of messages, each with so many bytes and its topic, at a broker that takes packets of 2,000 bytes.
    fn publish_to_mosquitto(chunks: &[&[(&str, usize)]]) -> Option<Result<OutletCount, String>> {
        let broker = Mosquitto::start("max_packet_size 2000")?;
        let message = |(topic, size): &(&str, usize)| VerdictPublish {
            topic: (*topic).to_owned(),
            payload: "x".repeat(*size),
            retained: true,
        };
        let chunks = chunks.iter().map(|chunk| Ok(chunk.iter().map(message).collect()));
        let options = MqttOptions::new("anomalyd-publisher", "127.0.0.1", broker.port());
        let MqttOutlet { settings, .. } = MqttOutlet::new(MqttOutletSettings { options, topic: String::new() });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Some(runtime.block_on(async {
            let mut line = BrokerLine::new(&settings.options);
            let published = publish_run(&mut line, chunks).await;
            line.leave().await;
            published.map_err(|error| error.to_string())
        }))
    }

    #[test]
    fn a_verdict_that_the_broker_refuses_is_passed_over_and_those_behind_it_go_out() {
        // One message is too large, and the topic of another holds a character that no text should hold.
        let messages = [("a", 100), ("b", 3000), ("c", 100), ("d/\u{ffff}", 100), ("e", 100)];
        let Some(published) = publish_to_mosquitto(&[&messages]) else { return };
        assert_eq!(published, Ok(OutletCount { published: 3, passed_over: 2 }));
        // It does not matter that it is the first, in a chunk of its own.
        let Some(published) = publish_to_mosquitto(&[&[("b", 3000)], &[("c", 100)]]) else { return };
        assert_eq!(published, Ok(OutletCount { published: 1, passed_over: 1 }));
    }

    #[test]
    fn what_is_published_behind_a_later_window_of_its_group_is_not_the_last_verdict() {
        let hourly = crate::interval::Cut::new(Span::from_secs(60), Span::from_secs(3600)).unwrap();
        let run = |group: &str, hour: u32| {
            let window = hourly.window_of(Timestamp::default() + Span::from_secs(3600 * hour));
            Run { group: GroupName::new(group).unwrap(), ..Run::for_test(0, window) }
        };
        let mut newest = NewestWindows::default();
        let retained =
            [("a", 5), ("a", 2), ("b", 3), ("a", 5), ("a", 6)].map(|(group, hour)| newest.note(&run(group, hour)));
        assert_eq!(retained, [true, false, true, true, true]);
    }

    #[test]
    fn a_broker_that_refuses_every_verdict_is_tried_again() {
        let Some(published) = publish_to_mosquitto(&[&[("a", 3000)], &[("b", 3000)]]) else { return };
        let reason = published.unwrap_err();
        assert!(reason.contains("at every verdict") && reason.contains("publish.mqtt.topic"), "{reason}");
    }
}
