//! The broker source against a broker that the test plays, byte by byte, and against a real mosquitto.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::*;
use crate::actors::mosquitto::Mosquitto;
use crate::actors::sources::intake::Submission;
use crate::actors::stop::StopTrigger;
use crate::actors::test_committer::{PATIENCE, TestCommitter, decoders};

/// Long enough for an event that must not happen to be seen if it does happen.
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
    link: Arc<SourceLink>,
    trigger: StopTrigger,
    thread: JoinHandle<()>,
}

impl Running {
    fn start(settings: BrokerSettings) -> (Self, TestCommitter) {
        let noted = settings.subscriptions.clone();
        Self::start_after(noted, settings)
    }

    /// Starts a source after an earlier one that noted these filters.
    fn start_after(noted: Vec<String>, settings: BrokerSettings) -> (Self, TestCommitter) {
        let (intake, committer) = TestCommitter::new(1 << 20);
        let broker = Broker::new(settings).unwrap();
        let (counters, link) = (broker.counters(), broker.link());
        let (trigger, stop) = Stop::new();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(broker.run(intake, decoders(), noted, Arc::default(), stop));
        });
        (Self { counters, link, trigger, thread }, committer)
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

fn filters(filters: &[&str]) -> Vec<String> {
    filters.iter().map(|filter| (*filter).to_owned()).collect()
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
fn the_link_tells_whether_the_broker_is_there_and_when_it_was_heard_of() {
    use crate::schedule::closing::SourceSight::{Away, Connected};
    let broker = PlayedBroker::new();
    let (source, committer) = Running::start(settings(broker.port()));
    assert_eq!(source.link.sight(), Away);
    let mut peer = broker.accept(NEW);
    let Connected { since, heard } = source.link.sight() else { panic!("it is connected") };
    peer.publish(1, 7);
    committer.next().commit();
    assert_eq!(peer.packet(), [0x40, 2, 0, 7]);
    let later = source.link.sight();
    assert!(matches!(later, Connected { since: now, heard: later } if now == since && later > heard), "{later:?}");
    drop(peer);
    wait_until("it is away", || source.link.sight() == Away);
    source.stop();
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
fn a_commit_does_not_break_off_a_connection_that_is_being_made() {
    let broker = PlayedBroker::new();
    let (source, committer) = Running::start(settings(broker.port()));
    let mut peer = broker.accept(NEW);
    peer.publish(1, 7);
    let under_way = committer.next();
    drop(peer);
    let (stream, _) = broker.0.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut peer = Peer(stream);
    assert_eq!(peer.packet()[0], 0x10, "not a CONNECT");
    under_way.commit();
    peer.expect_nothing();
    peer.send(NEW);
    assert_eq!(peer.packet()[0], 0x82, "not a SUBSCRIBE");
    source.stop();
}

#[test]
fn messages_read_together_with_what_ended_their_connection_are_not_acknowledged_on_the_next() {
    let broker = PlayedBroker::new();
    let (source, committer) = Running::start(settings(broker.port()));
    let mut peer = broker.accept(NEW);
    peer.send(b"\x32\x08\x00\x03a/b\x00\x011\x36\x05\x00\x01a\x00\x01");
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

/// The filters that are noted next; the note is committed.
fn next_note(committer: &TestCommitter) -> Vec<String> {
    match committer.0.recv_timeout(PATIENCE) {
        Ok(Submission::Subscriptions { filters, done }) => {
            let _ = done.send(Committed::for_test());
            filters
        }
        other => panic!("no note came: {other:?}"),
    }
}

#[test]
fn a_filter_that_no_route_has_any_more_is_given_up_by_the_broker_and_noted_until_then() {
    let broker = PlayedBroker::new();
    let (source, committer) = Running::start_after(filters(&["old/#"]), settings(broker.port()));
    assert_eq!(next_note(&committer), ["old/#", "plant/+"]);
    let mut peer = broker.accept(RESUMED);
    assert_eq!(peer.packet(), b"\xa2\x09\x00\x02\x00\x05old/#");
    drop(peer);
    // The source asks again on each connection until the broker has answered.
    let mut peer = broker.accept(RESUMED);
    assert_eq!(peer.packet(), b"\xa2\x09\x00\x02\x00\x05old/#");
    peer.send(b"\xb0\x02\x00\x02");
    assert_eq!(next_note(&committer), ["plant/+"]);
    drop(peer);
    let mut peer = broker.accept(RESUMED);
    peer.publish(1, 1);
    committer.next().commit();
    assert_eq!(peer.packet(), [0x40, 2, 0, 1]);
    source.stop();
}

#[test]
fn a_broker_without_a_session_of_ours_holds_nothing_that_is_left_over() {
    let broker = PlayedBroker::new();
    let (source, committer) = Running::start_after(filters(&["old/#"]), settings(broker.port()));
    assert_eq!(next_note(&committer), ["old/#", "plant/+"]);
    let mut peer = broker.accept(NEW);
    assert_eq!(next_note(&committer), ["plant/+"]);
    peer.expect_nothing();
    source.stop();
}

#[test]
fn a_release_of_a_message_from_before_a_restart_is_completed() {
    let broker = PlayedBroker::new();
    let settings = BrokerSettings { qos: SubscriptionQos::ExactlyOnce, ..settings(broker.port()) };
    let (source, _committer) = Running::start(settings);
    let mut peer = broker.accept(RESUMED);
    for id in [5, 6] {
        peer.send(&[0x62, 2, 0, id]);
        assert_eq!(peer.packet(), [0x70, 2, 0, id]);
    }
    source.stop();
}

#[test]
fn a_broker_that_breaks_the_protocol_is_tried_ever_more_slowly() {
    let broker = PlayedBroker::new();
    let (source, _committer) = Running::start(settings(broker.port()));
    for count in 1..=3 {
        let mut peer = broker.accept(RESUMED);
        peer.send(b"\x36\x05\x00\x01a\x00\x01");
        wait_until("the connection is closed", || source.counters.closed(CloseKind::Protocol) == count);
    }
    drop(broker);
    source.stop();
}

/// The reasons of the rejects of the next batch that has any; batches are committed until then.
fn next_rejects(submissions: &crossbeam_channel::Receiver<Submission>) -> Vec<Reject> {
    loop {
        let Submission::Batch { batch, done, .. } = submissions.recv_timeout(PATIENCE).expect("no batch came") else {
            panic!("a session came");
        };
        let _ = done.send(Committed::for_test());
        if !batch.rejects.is_empty() {
            return batch.rejects.kept().to_vec();
        }
    }
}

#[test]
fn a_message_over_the_bound_is_refused_by_its_size_and_topic_acknowledged_and_those_behind_it_go_on() {
    let broker = PlayedBroker::new();
    let (source, committer) = Running::start(BrokerSettings { max_packet_bytes: 1 << 10, ..settings(broker.port()) });
    let mut peer = broker.accept(NEW);
    for (qos, ack) in [(0, None), (1, Some([0x40, 2, 0, 7])), (2, Some([0x50, 2, 0, 7]))] {
        let id: &[u8] = if qos == 0 { b"" } else { b"\x00\x07" };
        let body = [b"\x00\x03a/b", id, &[b'x'; 100_000]].concat();
        let length = body.len();
        let length = [length & 0x7f | 0x80, length >> 7 & 0x7f | 0x80, length >> 14];
        let header = [&[0x30 | qos << 1][..], &length.map(|byte| u8::try_from(byte).unwrap())].concat();
        peer.send(&[header, body].concat());
        let rejects = next_rejects(&committer.0);
        let [Reject { origin, reason, excerpt, .. }] = &rejects[..] else { panic!("{rejects:?}") };
        assert_eq!((&**origin, reason.kind(), &**excerpt), ("a/b", "too_large", &*"x".repeat(120)));
        assert!(reason.to_string().contains("mqtt.connect.max_packet"), "{reason}");
        if let Some(ack) = ack {
            assert_eq!(peer.packet(), ack);
        }
    }
    peer.publish(1, 8);
    committer.next().commit();
    assert_eq!(peer.packet(), [0x40, 2, 0, 8]);
    assert_eq!(source.counters.connections_opened.get(), 1);
    source.stop();
}

#[test]
fn a_release_is_answered_with_every_quality_of_service() {
    let broker = PlayedBroker::new();
    // The message came when the subscription was of QoS 2.
    let (source, committer) =
        Running::start(BrokerSettings { qos: SubscriptionQos::AtLeastOnce, ..settings(broker.port()) });
    let mut peer = broker.accept(RESUMED);
    peer.send(b"\x62\x02\x00\x07");
    assert_eq!(peer.packet(), [0x70, 2, 0, 7]);
    peer.publish(2, 7);
    committer.next().commit();
    assert_eq!(peer.packet(), [0x50, 2, 0, 7]);
    source.stop();
}

#[test]
fn a_qos_2_message_that_comes_again_after_a_reconnect_counts_once_until_it_is_released() {
    let broker = PlayedBroker::new();
    let (source, committer) =
        Running::start(BrokerSettings { qos: SubscriptionQos::ExactlyOnce, ..settings(broker.port()) });
    let mut peer = broker.accept(NEW);
    peer.publish(2, 7);
    let under_way = committer.next();
    drop(peer);
    let mut peer = broker.accept(RESUMED);
    peer.publish(2, 7);
    wait_until("the message came again", || source.counters.messages.get() == 2);
    under_way.commit();
    committer.next().commit();
    assert_eq!(peer.packet(), [0x50, 2, 0, 7]);
    assert_eq!(source.counters.repeated.get(), 1);
    peer.send(b"\x62\x02\x00\x07");
    assert_eq!(peer.packet(), [0x70, 2, 0, 7]);
    peer.publish(2, 7);
    committer.next().commit();
    assert_eq!(peer.packet(), [0x50, 2, 0, 7]);
    assert_eq!(source.counters.repeated.get(), 1);
    source.stop();
}

#[test]
fn a_qos_2_message_that_could_not_be_stored_is_taken_in_when_it_comes_again() {
    let broker = PlayedBroker::new();
    let (source, committer) =
        Running::start(BrokerSettings { qos: SubscriptionQos::ExactlyOnce, ..settings(broker.port()) });
    let mut peer = broker.accept(NEW);
    peer.publish(2, 7);
    drop(committer.next());
    let mut peer = broker.accept(RESUMED);
    peer.publish(2, 7);
    committer.next().commit();
    assert_eq!(peer.packet(), [0x50, 2, 0, 7]);
    assert_eq!(source.counters.repeated.get(), 0);
    source.stop();
}

#[test]
fn a_message_that_takes_longer_than_the_keep_alive_is_a_sign_of_life() {
    let broker = PlayedBroker::new();
    let settings = BrokerSettings { keep_alive: Duration::from_secs(1), ..settings(broker.port()) };
    let (source, committer) = Running::start(settings);
    let mut peer = broker.accept(NEW);
    // The answer to our pings waits behind the message.
    peer.send(b"\x32\x08\x00");
    for byte in b"\x03a/b\x00\x07" {
        assert_eq!(peer.packet(), [0xc0, 0]);
        peer.send(&[*byte]);
        if *byte == b'/' {
            break;
        }
    }
    peer.send(b"b\x00\x071");
    committer.next().commit();
    assert_eq!(peer.packet(), [0x40, 2, 0, 7]);
    source.stop();
}

#[test]
fn a_broker_that_does_not_answer_a_ping_is_given_up() {
    let broker = PlayedBroker::new();
    let settings = BrokerSettings { keep_alive: Duration::from_secs(1), ..settings(broker.port()) };
    let (source, _committer) = Running::start(settings);
    let mut peer = broker.accept(NEW);
    assert_eq!(peer.packet(), [0xc0, 0]);
    broker.accept(RESUMED);
    assert_eq!(source.counters.closed(CloseKind::KeepAlive), 1);
    drop(broker);
    source.stop();
}

#[test]
fn a_client_id_that_another_uses_is_counted_as_taken_over() {
    let broker = PlayedBroker::new();
    let (source, _committer) = Running::start(settings(broker.port()));
    for _ in 0..4 {
        broker.accept(RESUMED);
    }
    wait_until("the take-overs are seen", || source.counters.closed(CloseKind::TakenOver) == 2);
    assert_eq!(source.counters.closed(CloseKind::ByPeer), 2);
    drop(broker);
    source.stop();
}

#[test]
fn qos_0_is_shed_when_the_disk_does_not_keep_up_and_qos_1_is_left_to_the_broker() {
    let broker = PlayedBroker::new();
    // The acknowledgement of one message fills all that may be gathered.
    let settings = BrokerSettings { max_gathered_bytes: 4, ..settings(broker.port()) };
    let (source, committer) = Running::start(settings);
    let mut peer = broker.accept(NEW);
    peer.publish(1, 1);
    let _under_way = committer.next();
    peer.publish(1, 2);
    peer.publish(0, 0);
    wait_until("a message is shed", || source.counters.shed.get() == 1);
    // All in one write, because the source may disconnect at the first of these messages.
    let more: Vec<u8> = (3..9).flat_map(|id| [0x32, 8, 0, 3, b'a', b'/', b'b', 0, id, b'1']).collect();
    peer.send(&more);
    broker.accept(RESUMED);
    assert!(source.counters.closed(CloseKind::NotCommitted) >= 1);
}

#[test]
fn a_flood_is_handed_over_when_as_much_is_gathered_as_may_be_though_there_is_more_to_read() {
    let broker = PlayedBroker::new();
    let settings = BrokerSettings { max_gathered_bytes: 4 * Batch::REJECT_BYTES, ..settings(broker.port()) };
    let (intake, submissions) = Intake::new(1 << 20);
    let source = Broker::new(settings).unwrap();
    let counters = source.counters();
    let (_trigger, stop) = Stop::new();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(source.run(intake, decoders(), filters(&["plant/+"]), Arc::default(), stop));
    });
    let mut peer = broker.accept(NEW);
    // One write, which is read at once: no message may be shed before the disk was asked to take any.
    peer.send(&b"\x30\x06\x00\x03a/b1".repeat(8));
    assert_eq!(next_rejects(&submissions).len(), 4);
    wait_until("all are taken in", || counters.messages.get() == 8);
    assert_eq!(counters.shed.get(), 0);
}

#[test]
fn an_empty_topic_is_a_reject_and_acknowledged() {
    let broker = PlayedBroker::new();
    let (intake, submissions) = Intake::new(1 << 20);
    let source = Broker::new(settings(broker.port())).unwrap();
    let (_trigger, stop) = Stop::new();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(source.run(intake, decoders(), filters(&["plant/+"]), Arc::default(), stop));
    });
    let mut peer = broker.accept(NEW);
    peer.send(b"\x32\x05\x00\x00\x00\x071");
    let rejects = next_rejects(&submissions);
    assert_eq!(rejects[0].reason.kind(), "name");
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
    // A first message proves that the source has subscribed.
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

#[test]
fn a_message_over_the_bound_through_mosquitto_does_not_stop_those_behind_it() {
    let Some(broker) = Mosquitto::start("") else { return };
    let port = broker.port().to_string();
    let publish = |extra: &[&str], payload: &str| {
        let arguments = ["-h", "127.0.0.1", "-p", &port, "-t", "plant/big", "-m", payload];
        assert!(std::process::Command::new("mosquitto_pub").args(arguments).args(extra).status().unwrap().success());
    };
    let big = "x".repeat(70_000);
    publish(&["-q", "1", "-r"], &big);
    let settings =
        BrokerSettings { qos: SubscriptionQos::ExactlyOnce, max_packet_bytes: 64 << 10, ..settings(broker.port()) };
    let (source, committer) = Running::start(settings);
    assert_eq!(next_rejects(&committer.0)[0].reason.kind(), "too_large");
    for qos in ["0", "1", "2"] {
        publish(&["-q", qos], &big);
        assert_eq!(next_rejects(&committer.0)[0].reason.kind(), "too_large");
        publish(&["-q", qos], "1");
        assert_eq!(next_rejects(&committer.0)[0].reason.kind(), "no_route");
    }
    // The retained message, and of each QoS above 0 a large and a small one.
    wait_until("all is acknowledged", || source.counters.acks.get() == 5);
    assert_eq!(source.counters.connections_opened.get(), 1);
    source.stop();
}

#[test]
fn two_daemons_with_one_client_id_throw_each_other_out_at_a_bounded_pace_and_see_it() {
    let Some(broker) = Mosquitto::start("") else { return };
    let (first, _first) = Running::start(settings(broker.port()));
    let (second, _second) = Running::start(settings(broker.port()));
    let closed = |source: &Running| source.counters.closed(CloseKind::TakenOver);
    wait_until("one of them sees it", || closed(&first) + closed(&second) > 0);
    first.stop();
    second.stop();
}

#[test]
fn mosquitto_sends_no_more_of_what_no_route_takes_any_more() {
    let Some(broker) = Mosquitto::start("") else { return };
    let both = BrokerSettings { subscriptions: filters(&["old/+", "plant/+"]), ..settings(broker.port()) };
    let noted = both.subscriptions.clone();
    let (source, committer) = Running::start(both);
    wait_until("the source is connected", || source.counters.connections_open() == 1);
    broker.publish("old/pump", "1");
    committer.next().commit();
    wait_until("the subscription stands", || source.counters.acks.get() == 1);
    source.stop();

    let (source, committer) = Running::start_after(noted, settings(broker.port()));
    assert_eq!(next_note(&committer), ["plant/+"]);
    broker.publish("old/pump", "2");
    broker.publish("plant/pump", "3");
    committer.next().commit();
    wait_until("the message is acknowledged", || source.counters.acks.get() == 1);
    assert_eq!(source.counters.messages.get(), 1);
    source.stop();
}
