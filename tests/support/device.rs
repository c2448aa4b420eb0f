//! A device that says what it likes, byte by byte.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use super::PATIENCE;

/// CONNECT of a device that keeps no session.
pub(crate) const CONNECT: &[u8] = b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x00\x00\x02d1";

/// A device's connection.
pub(crate) struct Device(pub(crate) TcpStream);

impl Device {
    /// Opens a connection, and says nothing.
    pub(crate) fn open(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(stream)
    }

    /// Opens a connection and introduces itself with `connect`.
    pub(crate) fn connect(port: u16, connect: &[u8]) -> Self {
        let mut device = Self::open(port);
        device.say(connect);
        device.expect(b"\x20\x02\x00\x00");
        device
    }

    pub(crate) fn say(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).unwrap();
    }

    pub(crate) fn expect(&mut self, bytes: &[u8]) {
        let mut found = vec![0; bytes.len()];
        self.0.read_exact(&mut found).unwrap();
        assert_eq!(found, bytes);
    }

    /// Publishes with QoS 1, and waits for the acknowledgement: what is refused is acknowledged as well, or it would
    /// come for ever.
    pub(crate) fn publish(&mut self, topic: &str, payload: &[u8]) {
        self.say(&publish(0x32, topic, 9, payload));
        self.expect(b"\x40\x02\x00\x09");
    }

    /// Reads to the end of the connection.
    pub(crate) fn expect_closed(mut self) {
        let mut rest = Vec::new();
        match self.0.read_to_end(&mut rest) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}"),
        }
    }
}

/// A PUBLISH that asks for an acknowledgement, with its first byte.
pub(crate) fn publish(first: u8, topic: &str, id: u16, payload: &[u8]) -> Vec<u8> {
    let topic_length = u16::try_from(topic.len()).unwrap().to_be_bytes();
    let rest = [&topic_length, topic.as_bytes(), &id.to_be_bytes(), payload].concat();
    let length = u8::try_from(rest.len()).unwrap();
    assert!(length < 128);
    [&[first, length], &rest[..]].concat()
}
