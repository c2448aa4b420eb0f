//! Whatever a device sends: a clear reject or a closed connection, counted, and the others go on.

use crate::support::device::Device;
use crate::support::plant;
use crate::support::site::Site;
use serde_json::Value;

const CONNECT: &[u8] = b"\x10\x13\x00\x04MQTT\x04\x02\x00\x00\x00\x07healthy";
const CONNECT_HOSTILE: &[u8] = b"\x10\x13\x00\x04MQTT\x04\x02\x00\x00\x00\x07hostile";

#[test]
fn what_cannot_be_read_or_believed_is_rejected_with_its_reason_and_breaks_nothing() {
    let settings = plant::settings().with("filter", r#"[{ sensors = "*/temperature", min = -40.0, max = 400.0 }]"#);
    let site = Site::new(&settings);
    let daemon = site.start();
    let mut device = Device::connect(site.port(), CONNECT);
    let flow = "plant/pump-2/flow";
    let at = |time: &str, value: &str| format!(r#"{{"ts":{time},"value":{value}}}"#);
    let inputs = [
        ("plant", at("1", "1"), "no_route"),
        ("other/pump-2/flow", at("1", "1"), "no_route"),
        ("plant//flow", at("1", "1"), "name"),
        (flow, "not json".to_owned(), "payload"),
        (flow, String::new(), "payload"),
        (flow, "{".repeat(60), "payload"),
        (flow, at("\"2026-03-02T06:00:00Z\"", "\"warm\""), "payload"),
        (flow, at("\"2026-03-02T06:00:00Z\"", "NaN"), "not_finite"),
        (flow, at("\"2026-03-02T06:00:00Z\"", "1e999"), "not_finite"),
        (flow, at("\"yesterday\"", "1"), "payload"),
        (flow, at("\"1970-01-01T00:00:01Z\"", "1"), "implausible_time"),
        (flow, at("\"2100-01-01T00:00:01Z\"", "1"), "implausible_time"),
        (flow, at("\"2261-01-01T00:00:01Z\"", "1"), "implausible_time"),
        ("plant/pump-2/temperature", at("\"2026-03-02T06:00:00Z\"", "401"), "out_of_range"),
    ];
    for (topic, payload, _) in &inputs {
        device.publish(topic, payload.as_bytes());
    }
    device.publish(flow, b"\xff\xfe\x00 is no text");
    // What is right among what is wrong counts; what contradicts it or comes late does not.
    let seconds = [("06:00:00", "1"), ("06:00:00", "1"), ("06:00:00", "2"), ("06:00:01", "2"), ("06:00:02", "3")];
    let late = [("06:12:00", "4"), ("06:00:03", "5")];
    for (time, value) in seconds.into_iter().chain(late) {
        device.publish(flow, at(&format!("\"2026-03-02T{time}Z\""), value).as_bytes());
    }
    daemon.stop();

    let rejects: Vec<Value> = site.dump("rejects").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kinds: Vec<_> = rejects.iter().map(|reject| reject["kind"].as_str().unwrap()).collect();
    let expected = inputs.iter().map(|(_, _, kind)| *kind);
    let expected: Vec<_> = expected.chain(["payload", "conflict", "late"]).collect();
    assert_eq!(kinds, expected, "{rejects:#?}");
    for reject in &rejects {
        assert!(reject["reason"].as_str().unwrap().len() > 10, "{reject}");
        assert!(!reject["origin"].as_str().unwrap().is_empty(), "{reject}");
    }
    assert!(rejects[10]["reason"].as_str().unwrap().contains("1970-01-01"), "{}", rejects[10]);
    assert!(rejects[13]["reason"].as_str().unwrap().contains("401"), "{}", rejects[13]);
}

#[test]
fn who_breaks_the_protocol_is_disconnected_with_the_reason_in_the_log_and_the_others_go_on() {
    let site = Site::new(&plant::settings().with("mqtt.listen.connect_timeout", "\"1s\""));
    let mut daemon = site.start();
    let mut healthy = Device::connect(site.port(), CONNECT);
    let publish = |healthy: &mut Device, second: usize| {
        healthy
            .publish("plant/pump-2/flow", format!(r#"{{"ts":"2026-03-02T06:00:{second:02}Z","value":1}}"#).as_bytes());
    };
    let first_words: [(&str, &[u8]); 6] = [
        ("another protocol's name", b"\x10\x12\x00\x04MQXX\x04\x02\x00\x00\x00\x06device"),
        ("something before CONNECT", b"\x30\x05\x00\x01a12"),
        ("another protocol", b"GET / HTTP/1.1\r\nHost: gateway\r\n\r\n"),
        ("a length of five bytes", b"\x10\xff\xff\xff\xff\x7f"),
        ("a length beyond the largest packet", b"\x10\xff\xff\xff\x7f"),
        ("nothing", b""),
    ];
    for (second, (name, words)) in first_words.into_iter().enumerate() {
        let mut device = Device::open(site.port());
        println!("{name}");
        device.say(words);
        device.expect_closed();
        publish(&mut healthy, second);
    }
    let later_words: [(&str, &[u8]); 5] = [
        ("a packet type that there is not", b"\xf0\x00"),
        ("a publish of 256 MB", b"\x32\xff\xff\xff\x7f"),
        ("a publish with QoS 3", b"\x36\x06\x00\x01a\x00\x011"),
        ("a publish whose topic is longer than the packet", b"\x32\x05\x00\xffabc"),
        ("a second CONNECT", CONNECT_HOSTILE),
    ];
    for (second, (name, words)) in (10..).zip(later_words) {
        let mut device = Device::connect(site.port(), CONNECT_HOSTILE);
        println!("{name}");
        device.say(words);
        device.expect_closed();
        publish(&mut healthy, second);
    }
    // Half a packet, and the line is cut.
    Device::connect(site.port(), CONNECT_HOSTILE).say(b"\x32\x20\x00");
    daemon.terminate();
    assert!(daemon.wait_until_ended().success());
    for kind in ["protocol", "too_large", "no_connect"] {
        let said = daemon.lines().into_iter().find(|line| line["kind"] == kind);
        let said = said.unwrap_or_else(|| panic!("nothing is said of {kind}"));
        assert!(said["message"].as_str().unwrap().starts_with("connection closed: "), "{said}");
    }
    assert!(!daemon.text().contains("\"healthy\""), "the healthy device was disconnected");
    assert_eq!(site.dump("rejects"), "");
    assert!(site.dump("sensors").contains("flow"));
}
