//! The codec against the specification's rules, and against rumqttc's codec as an independent oracle.

use bytes::BytesMut;
use proptest::prelude::*;
use rumqttc::mqttbytes::QoS;
use rumqttc::mqttbytes::v4 as oracle;

use super::*;

const MAX: usize = 1 << 20;

fn written(packet: &oracle::Packet) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    packet.write(&mut bytes, MAX).unwrap();
    bytes.to_vec()
}

fn read_by_oracle(bytes: &[u8]) -> oracle::Packet {
    oracle::Packet::read(&mut bytes.into(), MAX).unwrap()
}

fn id(number: u16) -> PacketId {
    PacketId::new(number).unwrap()
}

/// The packet that `bytes` hold from end to end.
fn whole(bytes: &[u8]) -> Packet<'_> {
    match decode(bytes, MAX) {
        Ok(Decoded::Packet { packet, length }) if length == bytes.len() => packet,
        other => panic!("{other:?} of {bytes:x?}"),
    }
}

fn qos_of(delivery: Delivery) -> (QoS, u16) {
    match delivery {
        Delivery::AtMostOnce => (QoS::AtMostOnce, 0),
        Delivery::AtLeastOnce(id) => (QoS::AtLeastOnce, id.get()),
        Delivery::ExactlyOnce(id) => (QoS::ExactlyOnce, id.get()),
    }
}

fn deliveries() -> impl Strategy<Value = Delivery> {
    prop_oneof![
        Just(Delivery::AtMostOnce),
        (1..=u16::MAX).prop_map(|number| Delivery::AtLeastOnce(id(number))),
        (1..=u16::MAX).prop_map(|number| Delivery::ExactlyOnce(id(number))),
    ]
}

fn oracle_publish(topic: &str, payload: &[u8], delivery: Delivery, retain: bool) -> oracle::Packet {
    let (qos, pkid) = qos_of(delivery);
    let mut publish = oracle::Publish::new(topic, qos, payload);
    publish.pkid = pkid;
    publish.retain = retain;
    oracle::Packet::Publish(publish)
}

/// Packets as a well-behaved publisher sends them, as bytes.
fn streams() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let packet = prop_oneof![
        ("[a-z/é]{1,40}", prop::collection::vec(any::<u8>(), 0..300), deliveries(), any::<bool>())
            .prop_map(|(topic, payload, delivery, retain)| oracle_publish(&topic, &payload, delivery, retain)),
        (1..=u16::MAX).prop_map(|pkid| oracle::Packet::PubRel(oracle::PubRel::new(pkid))),
        Just(oracle::Packet::PingReq),
        "[a-z0-9]{0,30}".prop_map(|client| oracle::Packet::Connect(oracle::Connect::new(client))),
    ];
    prop::collection::vec(packet.prop_map(|packet| written(&packet)), 1..20)
}

proptest! {
    #[test]
    fn a_publish_reads_as_the_oracle_wrote_it(
        topic in "[a-zA-Z0-9/ é°$]{1,300}",
        payload in prop::collection::vec(any::<u8>(), 0..20_000),
        delivery in deliveries(),
        retained in any::<bool>(),
    ) {
        let bytes = written(&oracle_publish(&topic, &payload, delivery, retained));
        let expected = Packet::Publish(Publish { topic: &topic, payload: &payload, delivery, retained });
        prop_assert_eq!(whole(&bytes), expected);
    }

    #[test]
    fn a_connect_reads_as_the_oracle_wrote_it(
        client in "[ -~]{0,60}",
        clean in any::<bool>(),
        keep_alive_secs in any::<u16>(),
        login in any::<bool>(),
        will in any::<bool>(),
    ) {
        let mut connect = oracle::Connect::new(client.clone());
        connect.clean_session = clean;
        connect.keep_alive = keep_alive_secs;
        connect.login = login.then(|| oracle::Login::new("user", "secret"));
        connect.last_will = will.then(|| oracle::LastWill::new("gone", "bye", QoS::ExactlyOnce, true));
        let bytes = written(&oracle::Packet::Connect(connect));
        let session = if clean { CleanSession::Yes } else { CleanSession::No };
        let will = if will { Will::Given } else { Will::None };
        prop_assert_eq!(whole(&bytes), Packet::Connect(Connect { client: &client, session, keep_alive_secs, will }));
    }

    #[test]
    fn any_split_of_a_stream_into_reads_gives_the_same_packets(
        packets in streams(),
        cuts in prop::collection::vec(1..200_usize, 1..50),
    ) {
        let stream = packets.concat();
        let mut there = 0;
        let mut start = 0;
        let mut found = Vec::new();
        let mut cuts = cuts.iter().cycle();
        while there < stream.len() {
            there = stream.len().min(there + cuts.next().unwrap());
            while let Decoded::Packet { packet, length } = decode(&stream[start..there], MAX).unwrap() {
                prop_assert_eq!(packet, whole(&packets[found.len()]));
                found.push(length);
                start += length;
            }
        }
        prop_assert_eq!(found, packets.iter().map(Vec::len).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_needed_is_more_than_is_there_and_never_more_than_the_packet(packets in streams()) {
        let packet = &packets[0];
        for there in 0..packet.len() {
            match decode(&packet[..there], MAX) {
                Ok(Decoded::Incomplete { needed }) => prop_assert!(there < needed && needed <= packet.len()),
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }

    #[test]
    fn no_bytes_make_the_codec_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = (decode(&bytes, MAX), client_of_connect(&bytes));
    }

    #[test]
    fn no_mutation_of_a_valid_packet_makes_the_codec_panic_or_read_beyond_it(
        packets in streams(),
        place in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut bytes = packets.concat();
        let place = place.index(bytes.len());
        bytes[place] = byte;
        let mut rest = bytes.as_slice();
        while let Ok(Decoded::Packet { length, .. }) = decode(rest, MAX) {
            prop_assert!(length >= 2);
            rest = &rest[length..];
        }
    }
}

#[test]
fn answers_read_by_the_oracle_as_they_were_meant() {
    let code = oracle::ConnectReturnCode::Success;
    let connack_of = |code, session_present| oracle::Packet::ConnAck(oracle::ConnAck { session_present, code });
    assert_eq!(read_by_oracle(&connack(ConnectCode::New)), connack_of(code, false));
    assert_eq!(read_by_oracle(&connack(ConnectCode::Resumed)), connack_of(code, true));
    for (code, expected) in [
        (ConnectCode::UnacceptableVersion, oracle::ConnectReturnCode::RefusedProtocolVersion),
        (ConnectCode::IdentifierRejected, oracle::ConnectReturnCode::BadClientId),
        (ConnectCode::ServerUnavailable, oracle::ConnectReturnCode::ServiceUnavailable),
    ] {
        assert_eq!(read_by_oracle(&connack(code)), connack_of(expected, false));
    }
    for number in [1, 255, 256, u16::MAX] {
        let pkid = number;
        assert_eq!(read_by_oracle(&puback(id(number))), oracle::Packet::PubAck(oracle::PubAck { pkid }));
        assert_eq!(read_by_oracle(&pubrec(id(number))), oracle::Packet::PubRec(oracle::PubRec { pkid }));
        assert_eq!(read_by_oracle(&pubcomp(id(number))), oracle::Packet::PubComp(oracle::PubComp { pkid }));
        assert_eq!(read_by_oracle(&unsuback(id(number))), oracle::Packet::UnsubAck(oracle::UnsubAck { pkid }));
    }
    assert_eq!(read_by_oracle(&PINGRESP), oracle::Packet::PingResp);
}

#[test]
fn a_suback_refuses_every_filter_however_many_there_are() {
    for filters in [1, 2, 125, 126, 20_000] {
        let mut bytes = Vec::new();
        suback_refusing(id(7), filters, &mut bytes);
        let return_codes = vec![oracle::SubscribeReasonCode::Failure; filters];
        assert_eq!(read_by_oracle(&bytes), oracle::Packet::SubAck(oracle::SubAck { pkid: 7, return_codes }));
    }
}

#[test]
fn subscribe_and_unsubscribe_give_what_their_answers_need() {
    let filters = ["a/#", "b/+"].map(|path| oracle::SubscribeFilter::new(path.into(), QoS::AtLeastOnce));
    let mut subscribe = oracle::Subscribe::new_many(filters);
    subscribe.pkid = 9;
    let bytes = written(&oracle::Packet::Subscribe(subscribe));
    assert_eq!(whole(&bytes), Packet::Subscribe { id: id(9), filters: 2 });
    let mut unsubscribe = oracle::Unsubscribe::new("a/#");
    unsubscribe.pkid = 10;
    assert_eq!(whole(&written(&oracle::Packet::Unsubscribe(unsubscribe))), Packet::Unsubscribe(id(10)));
    assert_eq!(whole(&written(&oracle::Packet::Disconnect)), Packet::Disconnect);
}

#[test]
fn mqtt_3_1_is_understood() {
    let bytes = b"\x10\x11\x00\x06MQIsdp\x03\x02\x00\x3c\x00\x03abc";
    let Packet::Connect(connect) = whole(bytes) else { panic!("not a CONNECT") };
    assert_eq!((connect.client, connect.keep_alive_secs, connect.session), ("abc", 60, CleanSession::Yes));
}

#[test]
fn malformed_packets_are_refused_each_with_its_reason() {
    let cases: &[(&[u8], &str)] = &[
        (b"\x00\x00", "a packet of type 0, which no publisher sends"),
        (b"\x40\x02\x00\x01", "a packet of type 4, which no publisher sends"),
        (b"\xf0\x00", "a packet of type 15, which no publisher sends"),
        (b"\x11\x00", "malformed CONNECT: reserved flags are set"),
        (b"\x60\x02\x00\x01", "malformed PUBREL: reserved flags are set"),
        (b"\xc1\x00", "malformed PINGREQ: reserved flags are set"),
        (b"\xc0\x01\x00", "malformed PINGREQ: it is longer than its content"),
        (b"\x30\xff\xff\xff\xff\x01", "the packet's length is written in more than four bytes"),
        (b"\x30\x80\x80\x80\x80", "the packet's length is written in more than four bytes"),
        (b"\x30\xff\xff\xff\x7f", "a packet of 268435460 bytes; at most 1048576 are accepted (mqtt.listen.max_packet)"),
        (b"\x30\x00", "malformed PUBLISH: it ends too early"),
        (b"\x30\x04\x00\x03ab", "malformed PUBLISH: it ends too early"),
        (b"\x30\x02\x00\x00", "malformed PUBLISH: its topic is empty"),
        (b"\x30\x03\x00\x01\xff", "malformed PUBLISH: its topic is not UTF-8"),
        (b"\x30\x03\x00\x01\x00", "malformed PUBLISH: a text in it holds NUL"),
        (b"\x30\x03\x00\x01#", "malformed PUBLISH: its topic holds a wildcard"),
        (b"\x30\x03\x00\x01+", "malformed PUBLISH: its topic holds a wildcard"),
        (b"\x36\x05\x00\x01a\x00\x01", "malformed PUBLISH: QoS 3 does not exist"),
        (b"\x32\x05\x00\x01a\x00\x00", "malformed PUBLISH: its packet id is zero"),
        (b"\x32\x03\x00\x01a", "malformed PUBLISH: it ends too early"),
        (b"\x62\x02\x00\x00", "malformed PUBREL: its packet id is zero"),
        (b"\x62\x03\x00\x01\x00", "malformed PUBREL: it is longer than its content"),
        (b"\x82\x02\x00\x01", "malformed SUBSCRIBE: it ends too early"),
        (b"\x82\x06\x00\x01\x00\x01a\x03", "malformed SUBSCRIBE: QoS above 2"),
        (b"\xa2\x02\x00\x01", "malformed UNSUBSCRIBE: it ends too early"),
        (b"\x10\x0c\x00\x04HTTP\x04\x02\x00\x3c\x00\x00", "the protocol is not MQTT"),
        (
            b"\x10\x0d\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x00",
            "the client asks for protocol level 5; level 4, MQTT 3.1.1, is what is spoken here",
        ),
        (b"\x10\x0c\x00\x04MQTT\x04\x03\x00\x3c\x00\x00", "malformed CONNECT: a reserved flag is set"),
        (b"\x10\x0c\x00\x04MQTT\x04\x42\x00\x3c\x00\x00", "malformed CONNECT: a password without a user name"),
        (b"\x10\x0c\x00\x04MQTT\x04\x22\x00\x3c\x00\x00", "malformed CONNECT: it describes a will that is not there"),
        (b"\x10\x0c\x00\x04MQTT\x04\x1e\x00\x3c\x00\x00", "malformed CONNECT: QoS 3 does not exist"),
        (b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x00\x00", "malformed CONNECT: it is longer than its content"),
    ];
    for (bytes, reason) in cases {
        match decode(bytes, MAX) {
            Err(error) => assert_eq!(error.to_string(), *reason, "{bytes:x?}"),
            Ok(decoded) => panic!("{bytes:x?} gave {decoded:?}, not: {reason}"),
        }
    }
}

#[test]
fn a_client_of_another_version_is_refused_in_its_own_words_and_known_by_name() {
    assert_eq!(connack_of_other_version(5), b"\x20\x03\x00\x84\x00");
    assert_eq!(connack_of_other_version(6), connack(ConnectCode::UnacceptableVersion));
    let mqtt_5 = b"\x10\x15\x00\x04MQTT\x05\x02\x00\x3c\x05\x11\x00\x00\x00\x0a\x00\x03pmp";
    assert_eq!(decode(mqtt_5, MAX), Err(PacketError::Version { level: 5 }));
    assert_eq!(client_of_connect(mqtt_5), Some("pmp"));
    assert_eq!(client_of_connect(b"\x11\x0f\x00\x04MQTT\x04\x02\x00\x3c\x00\x03abc"), Some("abc"), "flags are set");
    assert_eq!(client_of_connect(b"\x10\x0f\x00\x04MQTT\x04\x02\x00\x3c\x00\x03ab"), None, "it breaks off");
    assert_eq!(client_of_connect(b"\x30\x03\x00\x01a"), None);
}

#[test]
fn a_packet_too_large_is_refused_as_soon_as_its_header_is_there() {
    assert_eq!(decode(b"\x30\x09", 10), Err(PacketError::TooLarge { bytes: 11, max: 10 }));
    assert_eq!(decode(b"\x30\x08", 10), Ok(Decoded::Incomplete { needed: 10 }));
}
