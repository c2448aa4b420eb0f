//! The broker source against a broker played by the test, byte by byte, and against a real mosquitto.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

use super::*;
use crate::actors::stop::StopTrigger;
use crate::actors::test_committer::{PATIENCE, TestCommitter, decoders};

#[path = "../../../tests/support/mosquitto.rs"]
mod mosquitto;
use mosquitto::Mosquitto;

/// Long enough for what must not happen to be seen if it does.
const MOMENT: Duration = Duration::from_millis(50);

fn settings(port: u16) -> BrokerSettings {
    BrokerSettings {
        min_backoff: Duration::from_millis(5),
        max_backoff: Duration::from_millis(50),
        ..BrokerSettings::at("127.0.0.1", port, "anomalyd-test", vec!["plant/+".to_owned()])
    }
}

/// A source that runs on a thread of its own.
struct Running {
    counters: Arc<SourceCounters>,
    trigger: StopTrigger,
    thread: JoinHandle<()>,
}

impl Running {
    fn start(settings: BrokerSettings) -> (Self, TestCommitter) {
        let (intake, committer) = TestCommitter::new(1 << 20);
        let broker = Broker::new(settings).unwrap();
        let counters = broker.counters();
        let (trigger, stop) = Stop::new();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(broker.run(intake, decoders(), stop));
        });
        (Self { counters, trigger, thread }, committer)
    }

    fn stop(self) {
        self.trigger.stop();
        self.thread.join().unwrap();
    }
}

fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "never: {what}");
        thread::yield_now();
    }
}

/// A broker that the test plays.
struct PlayedBroker(TcpListener);

/// Its end of a connection.
struct Peer(TcpStream);

impl PlayedBroker {
    fn new() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    fn port(&self) -> u16 {
        self.0.local_addr().unwrap().port()
    }

    /// Accepts the source's CONNECT and subscription.
    fn accept(&self, connack: &[u8]) -> Peer {
        let (stream, _) = self.0.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut peer = Peer(stream);
        let connect = peer.packet();
        assert_eq!((connect[0], connect[9]), (0x10, 0), "a CONNECT without the clean session flag");
        peer.send(connack);
        assert_eq!(peer.packet()[0], 0x82, "not a SUBSCRIBE");
        peer.send(b"\x90\x03\x00\x01\x01");
        peer
    }
}

const NEW: &[u8] = b"\x20\x02\x00\x00";
const RESUMED: &[u8] = b"\x20\x02\x01\x00";

impl Peer {
    fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    fn publish(&mut self, qos: u8, id: u8) {
        match qos {
            0 => self.send(b"\x30\x06\x00\x03a/b1"),
            _ => self.send(&[0x30 | qos << 1, 8, 0, 3, b'a', b'/', b'b', 0, id, b'1']),
        }
    }

    /// The next packet, which is short.
    fn packet(&mut self) -> Vec<u8> {
        let mut header = [0; 2];
        self.0.read_exact(&mut header).unwrap();
        let mut packet = vec![0; usize::from(header[1])];
        self.0.read_exact(&mut packet).unwrap();
        [header.to_vec(), packet].concat()
    }

    fn expect_nothing(&mut self) {
        self.0.set_read_timeout(Some(MOMENT)).unwrap();
        let answer = self.0.read(&mut [0; 1]).map_err(|error| error.kind());
        assert_eq!(answer, Err(std::io::ErrorKind::WouldBlock));
        self.0.set_read_timeout(Some(PATIENCE)).unwrap();
    }
}

#[test]
fn no_acknowledgement_leaves_before_the_commit() {
    let broker = PlayedBroker::new();
    let (source, committer) = Running::start(settings(broker.port()));
    let mut peer = broker.accept(NEW);
    for (qos, ack) in [(1, [0x40, 2, 0, 7]), (2, [0x50, 2, 0, 7])] {
        peer.publish(qos, 7);
        let commit = committer.next();
        peer.expect_nothing();
        commit.commit();
        assert_eq!(peer.packet(), ack);
    }
    peer.send(b"\x62\x02\x00\x07");
    assert_eq!(peer.packet(), [0x70, 2, 0, 7]);
    source.stop();
}

#[test]
fn what_comes_during_a_commit_is_gathered_into_the_next_batch_and_acknowledged_in_order() {
    let broker = PlayedBroker::new();
    let (source, committer) = Running::start(settings(broker.port()));
    let mut peer = broker.accept(NEW);
    peer.publish(1, 1);
    let first = committer.next();
    for id in 2..=9 {
        peer.publish(1, id);
    }
    wait_until("all messages are taken in", || source.counters.messages.get() == 9);
    assert!(committer.0.try_recv().is_err(), "two commits are under way");
    first.commit();
    assert_eq!(peer.packet(), [0x40, 2, 0, 1]);
    let second = committer.next();
    peer.expect_nothing();
    second.commit();
    for id in 2..=9 {
        assert_eq!(peer.packet(), [0x40, 2, 0, id]);
    }
    source.stop();
}

#[test]
fn pings_go_on_while_the_disk_is_slow() {
    let broker = PlayedBroker::new();
    let settings = BrokerSettings { keep_alive: Duration::from_secs(1), ..settings(broker.port()) };
    let (source, committer) = Running::start(settings);
    let mut peer = broker.accept(NEW);
    peer.publish(1, 1);
    let commit = committer.next();
    assert_eq!(peer.packet(), [0xc0, 0]);
    peer.send(b"\xd0\x00");
    assert_eq!(peer.packet(), [0xc0, 0]);
    commit.commit();
    assert_eq!(peer.packet(), [0x40, 2, 0, 1]);
    drop(peer);
    source.stop();
}

#[test]
fn acknowledgements_of_a_lost_connection_are_not_sent_on_the_next() {
    let broker = PlayedBroker::new();
    let (source, committer) = Running::start(settings(broker.port()));
    let mut peer = broker.accept(NEW);
    peer.publish(1, 1);
    let under_way = committer.next();
    peer.publish(1, 2);
    wait_until("the second message is gathered", || source.counters.messages.get() == 2);
    drop(peer);
    let mut peer = broker.accept(RESUMED);
    under_way.commit();
    committer.next().commit();
    peer.publish(1, 9);
    committer.next().commit();
    assert_eq!(peer.packet(), [0x40, 2, 0, 9]);
    peer.expect_nothing();
    source.stop();
}

#[test]
fn messages_read_together_with_what_ended_their_connection_are_not_acknowledged_on_the_next() {
    let broker = PlayedBroker::new();
    let (source, committer) = Running::start(settings(broker.port()));
    let mut peer = broker.accept(NEW);
    peer.send(b"\x32\x08\x00\x03a/b\x00\x011\x30\xff\xff\xff\x7f");
    let mut peer = broker.accept(RESUMED);
    peer.publish(1, 9);
    committer.commit_all();
    assert_eq!(peer.packet(), [0x40, 2, 0, 9]);
    peer.expect_nothing();
    source.stop();
}

#[test]
fn a_batch_that_could_not_be_stored_is_sent_again() {
    let broker = PlayedBroker::new();
    let (source, committer) = Running::start(settings(broker.port()));
    let mut peer = broker.accept(NEW);
    peer.publish(1, 1);
    drop(committer.next());
    let mut peer = broker.accept(RESUMED);
    assert_eq!(source.counters.acks.get(), 0);
    assert_eq!(source.counters.closed(CloseKind::NotCommitted), 1);
    peer.publish(1, 1);
    committer.next().commit();
    assert_eq!(peer.packet(), [0x40, 2, 0, 1]);
    source.stop();
}

#[test]
fn a_refused_subscription_is_counted() {
    let broker = PlayedBroker::new();
    let subscriptions = vec!["plant/+".to_owned(), "secret/#".to_owned()];
    let (source, _committer) = Running::start(BrokerSettings { subscriptions, ..settings(broker.port()) });
    let mut peer = broker.accept(NEW);
    assert_eq!(source.counters.subscriptions_refused.get(), 0);
    peer.send(b"\x90\x04\x00\x01\x01\x80");
    wait_until("the refusal is counted", || source.counters.subscriptions_refused.get() == 1);
    source.stop();
}

#[test]
fn a_release_of_a_message_from_before_a_restart_is_completed() {
    let broker = PlayedBroker::new();
    // The quality of service may be another by now.
    for qos in [SubscriptionQos::ExactlyOnce, SubscriptionQos::AtLeastOnce] {
        let settings = BrokerSettings { qos, ..settings(broker.port()) };
        let (source, _committer) = Running::start(settings);
        let mut peer = broker.accept(RESUMED);
        for id in [5, 6, 5] {
            peer.send(&[0x62, 2, 0, id]);
            assert_eq!(peer.packet(), [0x70, 2, 0, id]);
        }
        source.stop();
    }
}

#[test]
fn a_qos_2_message_that_comes_again_after_a_reconnect_is_taken_once_until_it_is_released() {
    let broker = PlayedBroker::new();
    let settings = BrokerSettings { qos: SubscriptionQos::ExactlyOnce, ..settings(broker.port()) };
    let (source, committer) = Running::start(settings);
    committer.commit_all();
    let mut peer = broker.accept(NEW);
    let exchange = |peer: &mut Peer| {
        peer.publish(2, 5);
        assert_eq!(peer.packet(), [0x50, 2, 0, 5]);
    };
    exchange(&mut peer);
    drop(peer);
    let mut peer = broker.accept(RESUMED);
    exchange(&mut peer);
    assert_eq!(source.counters.repeated.get(), 1);
    peer.send(&[0x62, 2, 0, 5]);
    assert_eq!(peer.packet(), [0x70, 2, 0, 5]);
    exchange(&mut peer);
    drop(peer);
    let mut peer = broker.accept(NEW);
    exchange(&mut peer);
    assert_eq!(source.counters.repeated.get(), 1, "it was another message, and then another session");
    source.stop();
}

#[test]
fn an_oversize_packet_ends_the_connection_and_the_next_attempts_come_ever_more_slowly() {
    let broker = PlayedBroker::new();
    let (source, _committer) = Running::start(settings(broker.port()));
    for count in 1..=3 {
        let mut peer = broker.accept(RESUMED);
        peer.send(b"\x30\xff\xff\xff\x7f");
        wait_until("the connection is closed", || source.counters.closed(CloseKind::TooLarge) == count);
    }
    drop(broker);
    source.stop();
}

#[test]
fn an_oversize_packet_is_named_by_its_size_the_bound_and_the_last_topic() {
    let error = rumqttc::StateError::Deserialization(rumqttc::mqttbytes::Error::PayloadSizeLimitExceeded(2_000_000));
    let told = Failure::of_state(error, 1 << 20, "plant/pump").to_string();
    for word in ["2000000", "1048576", "plant/pump", "mqtt.connect.max_packet"] {
        assert!(told.contains(word), "{told}");
    }
}

#[test]
fn qos_0_is_shed_when_the_disk_does_not_keep_up_and_qos_1_is_left_to_the_broker() {
    let broker = PlayedBroker::new();
    // What one acknowledgement takes is all that may be gathered.
    let settings = BrokerSettings { max_gathered_bytes: 4, ..settings(broker.port()) };
    let (source, committer) = Running::start(settings);
    let mut peer = broker.accept(NEW);
    peer.publish(1, 1);
    let _under_way = committer.next();
    peer.publish(1, 2);
    peer.publish(0, 0);
    wait_until("a message is shed", || source.counters.shed.get() == 1);
    // One write, for we may disconnect at the first of these messages.
    let more: Vec<u8> = (3..9).flat_map(|id| [0x32, 8, 0, 3, b'a', b'/', b'b', 0, id, b'1']).collect();
    peer.send(&more);
    broker.accept(RESUMED);
    assert!(source.counters.closed(CloseKind::NotCommitted) >= 1);
}

#[test]
fn an_empty_topic_is_a_reject_and_acknowledged() {
    let broker = PlayedBroker::new();
    let (intake, submissions) = Intake::new(1 << 20);
    let source = Broker::new(settings(broker.port())).unwrap();
    let (_trigger, stop) = Stop::new();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(source.run(intake, decoders(), stop));
    });
    let mut peer = broker.accept(NEW);
    peer.send(b"\x32\x05\x00\x00\x00\x071");
    let Ok(crate::actors::intake::Submission::Batch { batch, done, .. }) = submissions.recv_timeout(PATIENCE) else {
        panic!("no batch came");
    };
    assert_eq!(batch.rejects.counts().collect::<Vec<_>>(), [("name", 1)]);
    done.send(Committed::for_test()).unwrap();
    assert_eq!(peer.packet(), [0x40, 2, 0, 7]);
}

#[test]
fn a_stop_acknowledges_what_was_committed_and_takes_leave() {
    let broker = PlayedBroker::new();
    let (source, committer) = Running::start(settings(broker.port()));
    let mut peer = broker.accept(NEW);
    peer.publish(1, 1);
    let first = committer.next();
    peer.publish(1, 2);
    wait_until("the second message is gathered", || source.counters.messages.get() == 2);
    source.trigger.stop();
    first.commit();
    committer.next().commit();
    assert_eq!(peer.packet(), [0x40, 2, 0, 1]);
    assert_eq!(peer.packet(), [0x40, 2, 0, 2]);
    assert_eq!(peer.packet(), [0xe0, 0]);
    source.thread.join().unwrap();
    assert_eq!(source.counters.closed(CloseKind::Stopping), 1);
    assert_eq!(source.counters.connections_open(), 0);
}

#[test]
fn a_stop_does_not_wait_for_a_broker_that_is_not_there() {
    let port = PlayedBroker::new().port();
    let settings = BrokerSettings { max_backoff: PATIENCE, min_backoff: PATIENCE, ..settings(port) };
    let (source, _committer) = Running::start(settings);
    let start = Instant::now();
    source.stop();
    assert!(start.elapsed() < PATIENCE / 2);
}

#[test]
fn when_mosquitto_comes_back_we_are_subscribed_again_and_only_what_was_unacknowledged_comes_again() {
    let Some(mut broker) = Mosquitto::start("") else { return };
    let (source, committer) = Running::start(settings(broker.port()));
    wait_until("the source is connected", || source.counters.connections_open() == 1);
    broker.publish("plant/pump", "1");
    committer.next().commit();
    wait_until("the message is acknowledged", || source.counters.acks.get() == 1);

    broker.publish("plant/pump", "2");
    let never = committer.next();
    broker.stop();
    wait_until("the connection is lost", || source.counters.connections_open() == 0);
    drop(never);
    assert!(broker.restart());
    committer.next().commit();
    wait_until("the unacknowledged message came again", || source.counters.acks.get() == 2);

    broker.publish("plant/pump", "3");
    committer.next().commit();
    wait_until("a new message came", || source.counters.acks.get() == 3);
    assert_eq!(source.counters.messages.get(), 4);
    source.stop();

    // What is published while we are away waits at the broker, and nothing that was acknowledged comes again.
    broker.publish("plant/pump", "4");
    let (source, committer) = Running::start(settings(broker.port()));
    committer.next().commit();
    wait_until("the message kept for us came", || source.counters.acks.get() == 1);
    assert!(committer.0.recv_timeout(MOMENT).is_err(), "an acknowledged message came again");
    assert_eq!(source.counters.messages.get(), 1);
    source.stop();
}

#[test]
fn qos_2_through_mosquitto_survives_a_restart_of_ours() {
    let Some(broker) = Mosquitto::start("") else { return };
    let settings = BrokerSettings { qos: SubscriptionQos::ExactlyOnce, ..settings(broker.port()) };
    let (source, committer) = Running::start(settings.clone());
    wait_until("the source is connected", || source.counters.connections_open() == 1);
    // A first message proves that the subscription stands.
    broker.publish("plant/pump", "1");
    committer.next().commit();
    wait_until("the message is acknowledged", || source.counters.acks.get() == 1);
    source.stop();
    for n in 0..30 {
        let port = broker.port().to_string();
        let arguments = ["-h", "127.0.0.1", "-p", &port, "-q", "2", "-t", "plant/pump", "-m", &n.to_string()];
        assert!(std::process::Command::new("mosquitto_pub").args(arguments).status().unwrap().success());
    }
    let (source, committer) = Running::start(settings);
    committer.commit_all();
    wait_until("all messages are acknowledged", || source.counters.acks.get() >= 30);
    assert_eq!(source.counters.messages.get(), 30);
    assert_eq!(source.counters.connections_opened.get(), 1);
    source.stop();
}
