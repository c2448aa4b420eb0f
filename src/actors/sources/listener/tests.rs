//! The listener over real sockets: what it acknowledges and when, and how it treats hostile clients.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::thread::{self, JoinHandle};

use rumqttc::{Client, Event, MqttOptions, Outgoing, QoS};

use super::*;
use crate::actors::sources::intake::{SessionLifetime, SessionPresent};
use crate::actors::stop::StopTrigger;
use crate::actors::test_committer::{PATIENCE, TestCommitter, decoders};

const CONNECT: &[u8] = b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x00\x00\x02me";
const CONNACK: &[u8] = b"\x20\x02\x00\x00";
const PINGREQ: &[u8] = b"\xc0\x00";
const PINGRESP: &[u8] = b"\xd0\x00";

/// PUBLISH of `1` to the topic `a/b` at QoS 1.
fn publish_1(id: u8) -> Vec<u8> {
    vec![0x32, 8, 0, 3, b'a', b'/', b'b', 0, id, b'1']
}

/// The same at QoS 2.
fn publish_2(id: u8) -> Vec<u8> {
    vec![0x34, 8, 0, 3, b'a', b'/', b'b', 0, id, b'1']
}

fn puback(id: u8) -> [u8; 4] {
    [0x40, 2, 0, id]
}

/// A listener that runs on a thread of its own.
struct Running {
    address: SocketAddr,
    counters: Arc<SourceCounters>,
    trigger: StopTrigger,
    thread: JoinHandle<()>,
}

fn settings() -> ListenerSettings {
    ListenerSettings::at("127.0.0.1:0".parse().unwrap())
}

fn start(settings: ListenerSettings, capacity_bytes: u32) -> (Running, TestCommitter) {
    let (intake, committer) = TestCommitter::new(capacity_bytes);
    let listener = Listener::bind(settings).unwrap();
    let (address, counters) = (listener.address(), listener.counters());
    let (trigger, stop) = Stop::new();
    let thread = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let local = tokio::task::LocalSet::new();
        local
            .block_on(&runtime, listener.run(intake, decoders(), Vec::new(), Arc::default(), Arc::default(), stop))
            .unwrap();
    });
    (Running { address, counters, trigger, thread }, committer)
}

fn start_committing(settings: ListenerSettings) -> Running {
    let (running, committer) = start(settings, 1 << 20);
    committer.commit_all();
    running
}

impl Running {
    fn dial(&self) -> Device {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Device(stream)
    }

    /// Connects a client with a session that ends with its connection.
    fn connect(&self) -> Device {
        let mut device = self.dial();
        device.send(b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00");
        device.expect(CONNACK);
        device
    }

    /// Waits until as many connections were closed in this way.
    fn expect_closed(&self, kind: CloseKind, count: u64) {
        let end = Instant::now() + PATIENCE;
        while self.counters.closed(kind) < count {
            assert!(Instant::now() < end, "{} connections {}", self.counters.closed(kind), kind.name());
            thread::yield_now();
        }
    }

    fn stop(self) {
        self.trigger.stop();
        self.thread.join().unwrap();
    }
}

struct Device(TcpStream);

impl Device {
    fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    fn expect(&mut self, expected: &[u8]) {
        let mut bytes = vec![0; expected.len()];
        self.0.read_exact(&mut bytes).unwrap();
        assert_eq!(bytes, expected);
    }

    /// Proves that nothing was written so far: the answer to a ping is the first to come.
    fn expect_nothing(&mut self) {
        self.send(PINGREQ);
        self.expect(PINGRESP);
        self.0.set_read_timeout(Some(Duration::from_millis(30))).unwrap();
        let answer = self.0.read(&mut [0; 1]).map_err(|error| error.kind());
        assert_eq!(answer, Err(io::ErrorKind::WouldBlock));
        self.0.set_read_timeout(Some(PATIENCE)).unwrap();
    }

    fn expect_closed(&mut self) {
        match self.0.read(&mut [0; 1]) {
            Ok(0) => {}
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
            other => panic!("the connection is not closed: {other:?}"),
        }
    }
}

#[test]
fn no_acknowledgement_leaves_before_the_commit() {
    let (listener, committer) = start(settings(), 1 << 20);
    let mut device = listener.connect();
    for (publish, ack) in [(publish_1(7), [0x40, 2, 0, 7]), (publish_2(8), [0x50, 2, 0, 8])] {
        device.send(&publish);
        let commit = committer.next();
        device.expect_nothing();
        assert_eq!(listener.counters.acks.get(), u64::from(ack[3] - 7));
        commit.commit();
        device.expect(&ack);
    }
    listener.stop();
}

#[test]
fn a_batch_that_could_not_be_stored_is_never_acknowledged() {
    let (listener, committer) = start(settings(), 1 << 20);
    let mut device = listener.connect();
    device.send(&publish_1(1));
    drop(committer.next());
    device.expect_closed();
    listener.expect_closed(CloseKind::NotCommitted, 1);
    assert_eq!(listener.counters.acks.get(), 0);
}

#[test]
fn acknowledgements_keep_the_order_of_the_messages_whatever_the_order_of_the_commits() {
    let (listener, committer) = start(settings(), 1 << 20);
    let mut device = listener.connect();
    device.send(&publish_1(1));
    let first = committer.next();
    device.send(&publish_2(2));
    let second = committer.next();
    second.commit();
    device.expect_nothing();
    first.commit();
    device.expect(&[0x40, 2, 0, 1, 0x50, 2, 0, 2]);
}

#[test]
fn a_connection_goes_on_reading_while_batches_are_committed_up_to_its_bound() {
    let settings = ListenerSettings { max_outstanding_batches: 3, ..settings() };
    let (listener, committer) = start(settings, 1 << 20);
    let mut device = listener.connect();
    let mut held = Vec::new();
    for id in 1..=3 {
        device.send(&publish_1(id));
        held.push(committer.next());
    }
    device.send(&publish_1(4));
    assert!(committer.0.recv_timeout(Duration::from_millis(30)).is_err(), "a fourth batch was read");
    held.remove(0).commit();
    device.expect(&puback(1));
    held.push(committer.next());
    held.into_iter().for_each(|commit| commit.commit());
    device.expect(&[puback(2), puback(3), puback(4)].concat());
}

#[test]
fn a_qos_2_message_is_taken_once_until_it_is_released() {
    let listener = start_committing(settings());
    let mut device = listener.connect();
    device.send(&publish_2(5));
    device.expect(b"\x50\x02\x00\x05");
    device.send(&publish_2(5));
    device.expect(b"\x50\x02\x00\x05");
    assert_eq!(listener.counters.repeated.get(), 1);
    device.send(b"\x62\x02\x00\x05");
    device.expect(b"\x70\x02\x00\x05");
    device.send(&publish_2(5));
    device.expect(b"\x50\x02\x00\x05");
    assert_eq!((listener.counters.repeated.get(), listener.counters.messages.get()), (1, 3));
}

/// CONNECT of the client `me`, whose session outlives the connection.
const CONNECT_PERSISTENT: &[u8] = b"\x10\x0e\x00\x04MQTT\x04\x00\x00\x00\x00\x02me";
const CONNACK_RESUMED: &[u8] = b"\x20\x02\x01\x00";

#[test]
fn a_qos_2_message_is_taken_once_also_after_a_reconnect_within_the_session() {
    let listener = start_committing(settings());
    let mut device = listener.dial();
    device.send(CONNECT_PERSISTENT);
    device.expect(CONNACK);
    device.send(&publish_2(5));
    device.expect(b"\x50\x02\x00\x05");
    for connections in 1..=3 {
        // The second connection is made while the first is open, and each further one after its predecessor was closed.
        let gone = if connections == 1 { None } else { Some(device) };
        drop(gone);
        device = listener.dial();
        device.send(CONNECT_PERSISTENT);
        device.expect(CONNACK_RESUMED);
        device.send(&publish_2(5));
        device.expect(b"\x50\x02\x00\x05");
        assert_eq!(listener.counters.repeated.get(), connections);
    }
    device.send(b"\x62\x02\x00\x05");
    device.expect(b"\x70\x02\x00\x05");
    drop(device);
    let mut device = listener.dial();
    device.send(CONNECT_PERSISTENT);
    device.expect(CONNACK_RESUMED);
    // The release of an id that is not known is answered as well.
    device.send(b"\x62\x02\x00\x05\x62\x02\x00\x09");
    device.expect(b"\x70\x02\x00\x05\x70\x02\x00\x09");
    device.send(&publish_2(5));
    device.expect(b"\x50\x02\x00\x05");
    assert_eq!(listener.counters.repeated.get(), 3, "it was released: this is another message");
    let mut device = listener.dial();
    device.send(CONNECT);
    device.expect(CONNACK);
    device.send(&publish_2(5));
    device.expect(b"\x50\x02\x00\x05");
    assert_eq!(listener.counters.repeated.get(), 3, "the session has ended, and with it what was known of it");
}

#[test]
fn a_device_that_lost_its_memory_and_uses_an_id_anew_loses_no_message() {
    let listener = start_committing(settings());
    let mut device = listener.dial();
    device.send(CONNECT_PERSISTENT);
    device.expect(CONNACK);
    device.send(&publish_2(1));
    device.expect(b"\x50\x02\x00\x01");
    drop(device);
    listener.expect_closed(CloseKind::ByPeer, 1);
    // It lost its power before the release, and begins anew with its first id.
    let mut device = listener.dial();
    device.send(CONNECT_PERSISTENT);
    device.expect(CONNACK_RESUMED);
    device.send(b"\x34\x08\x00\x03a/b\x00\x012");
    device.expect(b"\x50\x02\x00\x01");
    assert_eq!((listener.counters.messages.get(), listener.counters.repeated.get()), (2, 0));
    listener.stop();
}

#[test]
fn a_qos_2_message_that_was_not_stored_is_taken_when_it_comes_again() {
    let (listener, committer) = start(settings(), 1 << 20);
    let mut device = listener.dial();
    device.send(CONNECT_PERSISTENT);
    committer.open_session(SessionPresent::No);
    device.expect(CONNACK);
    device.send(&publish_2(5));
    drop(committer.next());
    device.expect_closed();
    let mut device = listener.dial();
    device.send(CONNECT_PERSISTENT);
    committer.open_session(SessionPresent::Yes);
    device.expect(CONNACK_RESUMED);
    device.send(&publish_2(5));
    committer.next().commit();
    device.expect(b"\x50\x02\x00\x05");
    assert_eq!(listener.counters.repeated.get(), 0);
}

#[test]
fn a_release_does_not_overtake_the_acknowledgement_that_it_should_have_waited_for() {
    let (listener, committer) = start(settings(), 1 << 20);
    let mut device = listener.connect();
    device.send(&[publish_2(5), b"\x62\x02\x00\x05".to_vec()].concat());
    let commit = committer.next();
    device.send(b"\x62\x02\x00\x06");
    // The release takes a place among the batches under way, so that a flood of releases is bounded like one of
    // messages.
    committer.next().commit();
    device.expect_nothing();
    commit.commit();
    device.expect(b"\x50\x02\x00\x05\x70\x02\x00\x05\x70\x02\x00\x06");
}

#[test]
fn the_store_decides_whether_a_session_is_present() {
    let (listener, committer) = start(settings(), 1 << 20);
    let persistent = b"\x10\x0e\x00\x04MQTT\x04\x00\x00\x00\x00\x02me";
    for (connect, lifetime, present, connack) in [
        (&persistent[..], SessionLifetime::Persistent, SessionPresent::No, CONNACK),
        (persistent, SessionLifetime::Persistent, SessionPresent::Yes, b"\x20\x02\x01\x00"),
        (CONNECT, SessionLifetime::Connection, SessionPresent::Yes, CONNACK),
    ] {
        let mut device = listener.dial();
        device.send(connect);
        assert_eq!(committer.open_session(present), ("me".to_owned(), lifetime));
        device.expect(connack);
    }
}

#[test]
fn a_persistent_session_is_leased_for_as_long_as_its_connection_lasts() {
    use crate::actors::sources::intake::Submission;
    let (listener, committer) = start(settings(), 1 << 20);
    let mut device = listener.dial();
    device.send(CONNECT_PERSISTENT);
    committer.open_session(SessionPresent::No);
    device.expect(CONNACK);
    let mut next_connection = listener.dial();
    next_connection.send(CONNECT_PERSISTENT);
    // Left first, then opened: the store must not take the next connection's use for the end of it.
    match committer.0.recv_timeout(PATIENCE).unwrap() {
        Submission::SessionLeft { client, .. } => assert_eq!(client, "me"),
        other => panic!("{other:?}"),
    }
    committer.open_session(SessionPresent::Yes);
    next_connection.expect(CONNACK_RESUMED);
}

#[test]
fn a_connection_with_the_same_client_id_takes_over() {
    let listener = start_committing(settings());
    let mut first = listener.dial();
    first.send(CONNECT);
    first.expect(CONNACK);
    let mut second = listener.dial();
    second.send(CONNECT);
    second.expect(CONNACK);
    first.expect_closed();
    listener.expect_closed(CloseKind::TakenOver, 1);
    second.send(&publish_1(1));
    second.expect(&puback(1));
}

#[test]
fn connects_that_are_refused_are_told_why() {
    let listener = start_committing(settings());
    let long_id = [b"\x10\xb9\x02\x00\x04MQTT\x04\x02\x00\x00\x01\x2d".as_slice(), &[b'x'; 301]].concat();
    let mut newer = listener.dial();
    newer.send(b"\x10\x0d\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x00");
    newer.expect(b"\x20\x03\x00\x84\x00");
    newer.expect_closed();
    for (connect, code) in [
        (b"\x10\x0d\x00\x04MQTT\x07\x02\x00\x3c\x00\x00\x00".as_slice(), 1),
        (b"\x10\x0c\x00\x04MQTT\x04\x00\x00\x00\x00\x00", 2),
        (b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01\x07", 2),
        (&long_id, 2),
    ] {
        let mut device = listener.dial();
        device.send(connect);
        device.expect(&[0x20, 2, 0, code]);
        device.expect_closed();
    }
    listener.expect_closed(CloseKind::Refused, 5);
}

#[test]
fn subscribers_are_refused_and_wills_ignored_and_the_connection_goes_on() {
    let listener = start_committing(settings());
    let mut device = listener.dial();
    device.send(b"\x10\x13\x00\x04MQTT\x04\x06\x00\x00\x00\x01w\x00\x01t\x00\x01m");
    device.expect(CONNACK);
    device.send(b"\x82\x0a\x00\x09\x00\x01#\x01\x00\x01+\x02");
    device.expect(b"\x90\x04\x00\x09\x80\x80");
    device.send(b"\xa2\x05\x00\x0a\x00\x01#");
    device.expect(b"\xb0\x02\x00\x0a");
    device.send(&publish_1(3));
    device.expect(&puback(3));
    device.send(b"\xe0\x00");
    device.expect_closed();
    listener.expect_closed(CloseKind::ByPeer, 1);
}

#[test]
fn whoever_breaks_the_rules_is_disconnected_and_counted_while_the_others_go_on() {
    let listener = start_committing(settings());
    let mut good = listener.connect();
    let before_connect: &[&[u8]] = &[
        b"\x00\x00",
        b"\x10\xff\xff\xff\xff\x01",
        b"\x10\x0c\x00\x04HTTP\x04\x02\x00\x3c\x00\x00",
        b"\x10\x04\x00\x04MQ",
        b"\x11\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x30\x04\x00\x01a1",
        PINGREQ,
    ];
    let after_connect: &[&[u8]] = &[
        CONNECT,
        b"\x30\xff\xff\xff\xff\x01",
        b"\x36\x06\x00\x01a\x00\x011",
        b"\x32\x06\x00\x01a\x00\x001",
        b"\x30\x04\x00\x01#1",
        b"\x30\x04\x00\x01\x001",
        b"\x30\x04\x00\x09a1",
        b"\x62\x02\x00\x00",
        b"\x60\x02\x00\x01",
        b"\xf0\x00",
        b"\x40\x02\x00\x01",
    ];
    for bytes in before_connect {
        let mut device = listener.dial();
        device.send(bytes);
        device.expect_closed();
        good.send(&publish_1(1));
        good.expect(&puback(1));
    }
    for bytes in after_connect {
        let mut device = listener.connect();
        device.send(bytes);
        device.expect_closed();
        good.send(&publish_1(1));
        good.expect(&puback(1));
    }
    let expected = before_connect.len() + after_connect.len();
    listener.expect_closed(CloseKind::Protocol, u64::try_from(expected).unwrap());
    assert_eq!(listener.counters.connections_open(), 1);
}

#[test]
fn a_packet_too_large_is_refused_on_its_header_alone() {
    let listener = start_committing(ListenerSettings { max_packet_bytes: 1000, ..settings() });
    let mut device = listener.connect();
    device.send(b"\x30\xff\xff\xff\x7f");
    device.expect_closed();
    listener.expect_closed(CloseKind::TooLarge, 1);
}

#[test]
fn a_large_packet_that_is_no_connect_is_not_called_one() {
    let listener = start_committing(settings());
    let mut device = listener.dial();
    // A PUBLISH of 20,000 bytes.
    device.send(b"\x30\xa0\x9c\x01");
    device.expect_closed();
    listener.expect_closed(CloseKind::Protocol, 1);
    listener.stop();
}

#[test]
fn a_connect_too_large_is_refused_on_its_header_alone() {
    let listener = start_committing(ListenerSettings { max_connect_bytes: 1000, ..settings() });
    let mut device = listener.dial();
    device.send(b"\x10\xff\x7f");
    device.expect_closed();
    listener.expect_closed(CloseKind::TooLarge, 1);
    // A client that has sent its CONNECT may send a larger packet.
    let mut device = device_with_half_a_packet(&listener);
    device.send(&[b'1'; REST]);
    device.expect(&puback(9));
}

/// A device that has sent the greater part of a packet, for which its buffer grows from 4 to 32 KiB.
fn device_with_half_a_packet(listener: &Running) -> Device {
    let mut device = listener.connect();
    device.send(&[b"\x32\x80\xd0\x01\x00\x03a/b\x00\x09".as_slice(), &[b'1'; 20 << 10]].concat());
    device
}

/// How many bytes are missing of that packet.
const REST: usize = (6 << 10) - 7;

#[test]
fn half_packets_take_no_more_memory_than_there_is_and_the_longest_waiting_makes_room() {
    let listener = start_committing(ListenerSettings { memory_bytes: 4 * (28 << 10), ..settings() });
    let mut waiting: Vec<_> = (0..4).map(|_| device_with_half_a_packet(&listener)).collect();
    let mut small = listener.connect();
    small.send(&publish_1(1));
    small.expect(&puback(1));
    for closed in 1..=20 {
        waiting.push(device_with_half_a_packet(&listener));
        listener.expect_closed(CloseKind::Memory, closed);
        small.send(&publish_1(2));
        small.expect(&puback(2));
    }
    // The device that came last gets the memory that it needs.
    let mut last = waiting.pop().unwrap();
    last.send(&[b'1'; REST]);
    last.expect(&puback(9));
}

#[test]
fn an_address_whose_connections_fail_is_turned_away_and_the_others_are_served() {
    let addresses = AddressSettings { max_connections: 1000, max_failures_per_minute: 5 };
    let listener = start_committing(ListenerSettings { addresses, ..settings() });
    for _ in 0..20 {
        let mut device = listener.dial();
        // A client that is turned away may be cut off before it has sent anything: an error is ignored.
        let _ = device.0.write_all(b"GET / HTTP/1.1\r\n\r\n");
        device.expect_closed();
    }
    assert_eq!(listener.counters.closed(CloseKind::Protocol), 5);
    assert_eq!(listener.counters.addresses_turned_away.get(), 15);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let other = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
        socket.connect(listener.address).await.unwrap().into_std().unwrap()
    });
    other.set_nonblocking(false).unwrap();
    other.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut other = Device(other);
    other.send(CONNECT);
    other.expect(CONNACK);
}

#[test]
fn an_address_has_no_more_connections_than_it_may_have() {
    let addresses = AddressSettings { max_connections: 1, max_failures_per_minute: 5 };
    let listener = start_committing(ListenerSettings { addresses, ..settings() });
    let mut first = listener.connect();
    listener.dial().expect_closed();
    first.send(PINGREQ);
    first.expect(PINGRESP);
    assert_eq!(listener.counters.addresses_turned_away.get(), 1);
}

#[test]
fn a_connection_that_carries_nothing_is_probed() {
    let listener = start_committing(settings());
    let device = listener.connect();
    let local = device.0.local_addr().unwrap();
    // In the kernel's table, timer 02 is the keep-alive timer.
    let ends = format!(":{:04X} 0100007F:{:04X} 01", listener.address.port(), local.port());
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let line = table.lines().find(|line| line.contains(&ends)).unwrap();
    assert_eq!(line.split_whitespace().nth(5).unwrap().split(':').next(), Some("02"), "{line}");
}

#[test]
fn what_comes_is_not_decoded_before_there_is_room_for_it() {
    let (listener, committer) = start(settings(), 1000);
    let mut first = listener.connect();
    let mut second = listener.connect();
    first.send(&publish_1(1));
    let held = committer.next();
    // A reject that is kept with its text takes 512 bytes of the intake: there is no room for another.
    second.send(&publish_1(2));
    assert!(committer.0.recv_timeout(Duration::from_millis(30)).is_err(), "a batch was decoded");
    assert_eq!(listener.counters.messages.get(), 1);
    held.commit();
    first.expect(&puback(1));
    committer.next().commit();
    second.expect(&puback(2));
}

#[test]
fn a_read_that_is_larger_than_its_share_of_the_intake_becomes_several_batches() {
    // A quarter of it is 2,048 bytes: a reject of which the text is kept takes 512.
    let (listener, committer) = start(settings(), 8192);
    let mut device = listener.connect();
    let ids = 1..=40;
    device.send(&ids.clone().flat_map(publish_1).collect::<Vec<_>>());
    committer.commit_all();
    device.expect(&ids.flat_map(puback).collect::<Vec<_>>());
}

#[test]
fn messages_before_a_malformed_packet_are_still_stored() {
    let (listener, committer) = start(settings(), 1 << 20);
    let mut device = listener.connect();
    device.send(&[&publish_1(1), b"\xf0\x00".as_slice()].concat());
    committer.next().commit();
    device.expect_closed();
    assert_eq!(listener.counters.messages.get(), 1);
}

#[test]
fn bytes_may_come_one_by_one() {
    let listener = start_committing(settings());
    let mut device = listener.dial();
    for byte in [CONNECT, &publish_1(1), &publish_2(2), b"\x62\x02\x00\x02"].concat() {
        device.send(&[byte]);
    }
    device.expect(CONNACK);
    device.expect(b"\x40\x02\x00\x01\x50\x02\x00\x02\x70\x02\x00\x02");
}

#[test]
fn a_client_may_send_on_without_waiting_for_connack() {
    let listener = start_committing(settings());
    let mut device = listener.dial();
    device.send(&[CONNECT, &publish_1(1)].concat());
    device.expect(&[CONNACK, &puback(1)].concat());
}

#[test]
fn large_packets_pass_up_to_the_bound() {
    let listener = start_committing(settings());
    let mut device = listener.connect();
    let payload = vec![b'1'; (1 << 20) - 11];
    let remaining = payload.len() + 7;
    let length = [0, 7, 14].map(|shift| u8::try_from(remaining >> shift & 0x7f).unwrap());
    device.send(&[0x32, length[0] | 0x80, length[1] | 0x80, length[2], 0, 3, b'a', b'/', b'b', 0, 9]);
    device.send(&payload);
    device.expect(&puback(9));
}

#[test]
fn whoever_sends_no_connect_in_time_is_disconnected() {
    let listener = start_committing(ListenerSettings { connect_timeout: Duration::from_millis(50), ..settings() });
    let mut silent = listener.dial();
    let mut slow = listener.dial();
    slow.send(&CONNECT[..5]);
    silent.expect_closed();
    slow.expect_closed();
    listener.expect_closed(CloseKind::NoConnect, 2);
}

#[test]
fn whoever_is_silent_for_longer_than_promised_is_disconnected() {
    let listener = start_committing(settings());
    let mut device = listener.dial();
    device.send(b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x01\x00\x00");
    device.expect(CONNACK);
    let start = Instant::now();
    device.expect_closed();
    assert!(start.elapsed() >= Duration::from_millis(1490), "{:?}", start.elapsed());
    listener.expect_closed(CloseKind::KeepAlive, 1);
}

#[test]
fn whoever_waits_for_an_acknowledgement_is_not_silent() {
    let (listener, committer) = start(settings(), 1 << 20);
    let mut device = listener.dial();
    // A keep-alive of a second, of which a device that waits for each PUBACK makes no use meanwhile.
    device.send(b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x01\x00\x00");
    device.expect(CONNACK);
    device.send(&publish_1(1));
    let commit = committer.next();
    thread::sleep(Duration::from_millis(1_700));
    commit.commit();
    device.expect(&puback(1));
    listener.stop();
}

#[test]
fn whoever_does_not_read_the_acknowledgements_is_disconnected() {
    let listener = start_committing(ListenerSettings { write_timeout: Duration::from_millis(50), ..settings() });
    let mut device = listener.connect();
    // A ping of two bytes is answered with two bytes, until no buffer on the way takes more.
    let pings = PINGREQ.repeat(1 << 15);
    while device.0.write_all(&pings).is_ok() {}
    listener.expect_closed(CloseKind::SlowReader, 1);
}

#[test]
fn no_more_connections_are_open_than_may_be() {
    let listener = start_committing(ListenerSettings { max_connections: 1, ..settings() });
    let mut first = listener.connect();
    listener.dial().expect_closed();
    assert_eq!(listener.counters.connections_refused.get(), 1);
    first.send(b"\xe0\x00");
    first.expect_closed();
    listener.expect_closed(CloseKind::ByPeer, 1);
    let mut second = listener.connect();
    second.send(PINGREQ);
    second.expect(PINGRESP);
}

#[test]
fn a_stop_waits_for_the_commits_under_way_and_acknowledges_them() {
    let (listener, committer) = start(settings(), 1 << 20);
    let mut device = listener.connect();
    device.send(&publish_1(1));
    let commit = committer.next();
    listener.trigger.stop();
    while TcpStream::connect(listener.address).is_ok() {
        thread::yield_now();
    }
    commit.commit();
    device.expect(&puback(1));
    device.expect_closed();
    listener.thread.join().unwrap();
    assert_eq!(listener.counters.connections_open(), 0);
    assert!(listener.counters.closed(CloseKind::Stopping) >= 1);
}

#[test]
fn a_stop_does_not_wait_for_a_commit_for_ever() {
    let brief = Duration::from_millis(30);
    let (listener, committer) = start(ListenerSettings { drain_timeout: brief, ..settings() }, 1 << 20);
    let mut device = listener.connect();
    device.send(&publish_1(1));
    let _never = committer.next();
    listener.stop();
    device.expect_closed();
}

#[test]
fn a_client_that_sends_all_and_then_only_listens_gets_its_acknowledgements() {
    let (listener, committer) = start(settings(), 1 << 20);
    let mut device = listener.connect();
    device.send(&publish_1(1));
    device.0.shutdown(std::net::Shutdown::Write).unwrap();
    committer.next().commit();
    device.expect(&puback(1));
}

#[test]
fn a_port_that_is_taken_is_an_error_that_says_what_to_do() {
    let holder = StdListener::bind("127.0.0.1:0").unwrap();
    let address = holder.local_addr().unwrap();
    let error = Listener::bind(ListenerSettings::at(address)).unwrap_err().to_string();
    assert!(error.contains(&address.to_string()) && error.contains("mqtt.listen.address"), "{error}");
}

#[test]
fn connections_are_spread_over_arbiters() {
    let (intake, committer) = TestCommitter::new(1 << 20);
    committer.commit_all();
    let listener = Listener::bind(settings()).unwrap();
    let address = listener.address();
    let (trigger, stop) = Stop::new();
    let thread = thread::spawn(move || {
        actix_rt::System::new().block_on(async {
            let arbiters = [actix_rt::Arbiter::new(), actix_rt::Arbiter::new()];
            let handles = arbiters.iter().map(actix_rt::Arbiter::handle).collect();
            listener.run(intake, decoders(), handles, Arc::default(), Arc::default(), stop).await.unwrap();
        });
    });
    let mut devices: Vec<_> = (0..4).map(|_| Device(TcpStream::connect(address).unwrap())).collect();
    for device in &mut devices {
        device.send(&[b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00".as_slice(), &publish_1(1)].concat());
    }
    for device in &mut devices {
        device.expect(&[CONNACK, &puback(1)].concat());
    }
    trigger.stop();
    thread.join().unwrap();
}

#[test]
fn a_rumqttc_client_publishes_at_every_qos() {
    let listener = start_committing(settings());
    let mut options = MqttOptions::new("client", "127.0.0.1", listener.address.port());
    options.set_clean_session(false);
    let (client, mut connection) = Client::new(options, 100);
    for n in 0..30 {
        let qos = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce][n % 3];
        client.publish("plant/pump", qos, false, "1").unwrap();
    }
    let (mut acked, mut completed) = (0, 0);
    let mut sent = 0;
    while acked < 10 || completed < 10 || sent < 30 {
        match connection.recv_timeout(PATIENCE).unwrap().unwrap() {
            Event::Incoming(rumqttc::Packet::PubAck(_)) => acked += 1,
            Event::Incoming(rumqttc::Packet::PubComp(_)) => completed += 1,
            Event::Outgoing(Outgoing::Publish(_)) => sent += 1,
            _ => {}
        }
    }
    client.disconnect().unwrap();
    while connection.recv_timeout(PATIENCE).is_ok_and(|event| event.is_ok()) {}
    listener.expect_closed(CloseKind::ByPeer, 1);
    assert_eq!((listener.counters.messages.get(), listener.counters.acks.get()), (30, 20));
}

#[test]
fn a_rumqttc_client_sends_again_what_was_not_acknowledged_when_its_session_is_present() {
    let (listener, committer) = start(settings(), 1 << 20);
    let mut options = MqttOptions::new("client", "127.0.0.1", listener.address.port());
    options.set_clean_session(false);
    let (client, mut connection) = Client::new(options, 10);
    client.publish("plant/pump", QoS::AtLeastOnce, false, "1").unwrap();
    let device = thread::spawn(move || {
        while !matches!(connection.recv_timeout(PATIENCE).unwrap(), Ok(Event::Incoming(rumqttc::Packet::PubAck(_)))) {}
    });
    committer.open_session(SessionPresent::No);
    drop(committer.next());
    committer.open_session(SessionPresent::Yes);
    committer.next().commit();
    device.join().unwrap();
    assert_eq!((listener.counters.messages.get(), listener.counters.acks.get()), (2, 1));
}

#[test]
fn mosquitto_pub_publishes_at_every_qos_and_is_told_that_mqtt_5_is_not_spoken() {
    let listener = start_committing(settings());
    let publish = |extra: &[&str]| {
        let port = listener.address.port().to_string();
        let arguments = ["-h", "127.0.0.1", "-p", &port, "-t", "a/b", "-m", "1"];
        Command::new("mosquitto_pub").args(arguments).args(extra).output()
    };
    if publish(&["-q", "0"]).is_err() {
        println!("skipped: mosquitto_pub is not installed");
        return;
    }
    for extra in [["-q", "1"], ["-q", "2"], ["-V", "mqttv31"]] {
        assert!(publish(&extra).unwrap().status.success(), "{extra:?}");
    }
    let refused = publish(&["-V", "mqttv5"]).unwrap();
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).to_lowercase().contains("protocol version"), "{refused:?}");
    listener.expect_closed(CloseKind::ByPeer, 4);
    assert_eq!((listener.counters.messages.get(), listener.counters.acks.get()), (4, 2));
}
