//! Many devices that publish at QoS 1 as fast as they are acknowledged, over plain TCP.
//!
//! Their packets are encoded beforehand, so that the load takes little of the processor that it shares with what is
//! measured. Each connection keeps a bounded number of messages unacknowledged, and checks that each is acknowledged
//! once and in order.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Barrier, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// The packets of one device.
pub(crate) struct Device {
    client: String,
    bytes: Vec<u8>,
    /// Where each packet ends.
    ends: Vec<usize>,
}

impl Device {
    pub(crate) fn new(client: String) -> Self {
        Self { client, bytes: Vec::new(), ends: Vec::new() }
    }

    pub(crate) fn messages(&self) -> usize {
        self.ends.len()
    }

    /// Adds a PUBLISH at QoS 1.
    pub(crate) fn publish(&mut self, topic: &str, payload: &str) {
        self.bytes.push(0x32);
        push_length(&mut self.bytes, 2 + topic.len() + 2 + payload.len());
        push_string(&mut self.bytes, topic);
        self.bytes.extend(packet_id(self.ends.len()));
        self.bytes.extend(payload.as_bytes());
        self.ends.push(self.bytes.len());
    }

    fn connect(&self, port: u16) -> TcpStream {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
        stream.set_nodelay(true).expect("an open socket");
        let mut packet = vec![0x10];
        push_length(&mut packet, 10 + 2 + self.client.len());
        packet.extend(b"\0\x04MQTT\x04\x02\0\0");
        push_string(&mut packet, &self.client);
        stream.write_all(&packet).expect("CONNECT");
        let mut connack = [0; 4];
        stream.read_exact(&mut connack).expect("CONNACK");
        assert_eq!(connack, [0x20, 2, 0, 0], "refused");
        stream
    }

    /// Sends each message when it is due, from `phase` of a message's time on. Returns how long each waited.
    fn pace(&self, mut stream: &TcpStream, rate: f64, phase: f64) -> Vec<Duration> {
        let (sent_at, due) = mpsc::channel();
        let mut reading = stream.try_clone().expect("a descriptor");
        let messages = self.messages();
        let acknowledged = thread::spawn(move || {
            let mut waits = Vec::with_capacity(messages);
            let mut buffer = vec![0; 64 << 10];
            let mut partial = 0;
            while waits.len() < messages {
                let read = reading.read(&mut buffer[partial..]).expect("the connection stays open");
                assert_ne!(read, 0, "the connection was closed");
                let (now, filled) = (Instant::now(), partial + read);
                for ack in buffer[..filled].chunks_exact(4) {
                    assert_eq!((ack[0], &ack[2..]), (0x40, packet_id(waits.len()).as_slice()), "not the next PUBACK");
                    let sent: Instant = due.recv().expect("it was sent");
                    waits.push(now.duration_since(sent));
                }
                partial = filled % 4;
                buffer.copy_within(filled - partial..filled, 0);
            }
            waits
        });
        let began = Instant::now();
        let mut sent = 0;
        while sent < messages {
            let next = began + Duration::from_secs_f64((sent as f64 + phase) / rate);
            thread::sleep(next.saturating_duration_since(Instant::now()));
            let due = ((began.elapsed().as_secs_f64() * rate - phase) as usize + 1).clamp(sent + 1, messages);
            let start = if sent == 0 { 0 } else { self.ends[sent - 1] };
            let now = Instant::now();
            for _ in sent..due {
                sent_at.send(now).expect("somebody reads");
            }
            stream.write_all(&self.bytes[start..self.ends[due - 1]]).expect("the connection stays open");
            sent = due;
        }
        acknowledged.join().expect("a device that is content")
    }

    /// Sends all, with at most `window` messages unacknowledged.
    fn send(&self, mut stream: &TcpStream, window: usize) {
        let (mut sent, mut acknowledged) = (0, 0);
        let mut buffer = vec![0; 64 << 10];
        let mut partial = 0;
        while acknowledged < self.messages() {
            // Half a window at a time: a packet a write would measure the kernel.
            let next = (acknowledged + window).min(self.messages());
            if next >= sent + window / 2 || (next == self.messages() && next > sent) {
                let start = if sent == 0 { 0 } else { self.ends[sent - 1] };
                stream.write_all(&self.bytes[start..self.ends[next - 1]]).expect("the connection stays open");
                sent = next;
            }
            let read = stream.read(&mut buffer[partial..]).expect("the connection stays open");
            assert_ne!(read, 0, "the connection was closed");
            let filled = partial + read;
            for ack in buffer[..filled].chunks_exact(4) {
                assert_eq!((ack[0], &ack[2..]), (0x40, packet_id(acknowledged).as_slice()), "not the next PUBACK");
                acknowledged += 1;
            }
            partial = filled % 4;
            buffer.copy_within(filled - partial..filled, 0);
        }
    }
}

/// Lets each device send so many messages a second, whether or not they are acknowledged, and returns how long each
/// message waited for its acknowledgement, the shortest waits first.
pub(crate) fn paced(devices: &[Device], port: u16, rate_of_each: f64) -> Vec<Duration> {
    let connected = Barrier::new(devices.len());
    let mut waits: Vec<_> = thread::scope(|scope| {
        let paced: Vec<_> = devices
            .iter()
            .enumerate()
            .map(|(place, device)| {
                let connected = &connected;
                let phase = place as f64 / devices.len() as f64;
                scope.spawn(move || {
                    let stream = device.connect(port);
                    connected.wait();
                    device.pace(&stream, rate_of_each, phase)
                })
            })
            .collect();
        paced.into_iter().flat_map(|device| device.join().expect("a device that is content")).collect()
    });
    waits.sort_unstable();
    waits
}

/// The wait that this share of all waits, which are in order, does not exceed.
pub(crate) fn percentile(waits: &[Duration], share: f64) -> Duration {
    waits[((waits.len() as f64 * share) as usize).min(waits.len() - 1)]
}

/// Lets all devices connect, then all send, and returns how long it took until the last acknowledgement.
pub(crate) fn run(devices: &[Device], port: u16, window: usize) -> Duration {
    let connected = Barrier::new(devices.len() + 1);
    thread::scope(|scope| {
        let senders: Vec<_> = devices
            .iter()
            .map(|device| {
                let connected = &connected;
                scope.spawn(move || {
                    let stream = device.connect(port);
                    connected.wait();
                    device.send(&stream, window);
                })
            })
            .collect();
        connected.wait();
        let began = Instant::now();
        for sender in senders {
            sender.join().expect("a device that is content");
        }
        began.elapsed()
    })
}

fn packet_id(message: usize) -> [u8; 2] {
    let id = u16::try_from(message % usize::from(u16::MAX)).expect("below the largest") + 1;
    id.to_be_bytes()
}

fn push_string(packet: &mut Vec<u8>, text: &str) {
    packet.extend(u16::try_from(text.len()).expect("a short text").to_be_bytes());
    packet.extend(text.as_bytes());
}

fn push_length(packet: &mut Vec<u8>, mut length: usize) {
    loop {
        let low = length.to_le_bytes()[0] & 0x7f;
        length >>= 7;
        if length == 0 {
            return packet.push(low);
        }
        packet.push(low | 0x80);
    }
}
