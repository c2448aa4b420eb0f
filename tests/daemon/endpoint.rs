//! What devices that speak MQTT in their own ways get from the daemon's endpoint.

use std::thread;

use crate::support::device::{Device, publish};
use crate::support::plant;
use crate::support::settings::Settings;
use crate::support::site::Site;

const CONNECT: &[u8] = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00";

/// A plant whose messages are plain numbers, without a time.
fn plain() -> Settings {
    plant::settings()
        .with("clock", "\"wall\"")
        .with("mqtt.route", r#"[{ topic = "plant/{device}/{sensor}", format = "plain" }]"#)
}

/// Stops the daemon, and tells a number of its last line.
fn stopped(daemon: &mut crate::support::daemon::Daemon, number: &str) -> u64 {
    daemon.terminate();
    assert!(daemon.wait_until_ended().success());
    let last = daemon.lines().into_iter().find(|line| line["message"] == "stopped").unwrap();
    last[number].as_u64().unwrap()
}

#[test]
fn many_values_of_one_sensor_in_one_write_are_as_many_readings() {
    let site = Site::new(&plain());
    let mut daemon = site.start();
    let devices = (0..2).map(|device| {
        let port = site.port();
        thread::spawn(move || {
            let mut connection = Device::connect(port, CONNECT);
            let ids = 1..=100_u16;
            let messages = ids.clone().flat_map(|id| publish(0x32, "plant/pump-2/flow", id, &[b'0' + device]));
            connection.say(&messages.collect::<Vec<_>>());
            for id in ids {
                connection.expect(&[&[0x40, 2], &id.to_be_bytes()[..]].concat());
            }
        })
    });
    devices.collect::<Vec<_>>().into_iter().for_each(|device| device.join().unwrap());
    assert_eq!(stopped(&mut daemon, "accepted"), 200);
    assert_eq!(site.dump("rejects"), "");
}

#[test]
fn a_live_message_that_asks_a_broker_to_keep_it_is_read() {
    let site = Site::new(&plain());
    let mut daemon = site.start();
    let mut device = Device::connect(site.port(), CONNECT);
    device.say(&publish(0x33, "plant/pump-2/flow", 7, b"1.5"));
    device.expect(b"\x40\x02\x00\x07");
    assert_eq!(stopped(&mut daemon, "accepted"), 1);
}

#[test]
fn a_client_that_cannot_be_served_is_named_in_the_log_with_what_to_do() {
    let site = Site::new(&plain());
    let strangers: [(&[u8], &str, &str); 4] = [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "", "a TLS client"),
        (b"GET / HTTP/1.1\r\nHost: gateway\r\n\r\n", "", "an HTTP request"),
        (b"\x10\x11\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x04pump", "pump", "protocol level 5"),
        (b"\x10\x10\x00\x04MQTT\x04\x03\x00\x3c\x00\x04pump", "pump", "a reserved flag is set"),
    ];
    for (words, client, said) in strangers {
        // A daemon each: of each kind of end one line in a while is logged.
        let mut daemon = site.start();
        let mut device = Device::open(site.port());
        device.say(words);
        let line = daemon.wait_for(said, |line| {
            line["message"].as_str().is_some_and(|message| message.starts_with("connection closed: "))
        });
        assert!(line["message"].as_str().unwrap().contains(said), "{line}");
        assert_eq!(line["client"], client, "{line}");
        device.expect_closed();
        daemon.stop();
    }
}
