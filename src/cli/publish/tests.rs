use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use super::*;

const MOSQUITTO: &str = "/usr/sbin/mosquitto";

/// A mosquitto on a free port of this machine. It is killed when this value is dropped.
struct Mosquitto {
    folder: tempfile::TempDir,
    port: u16,
    process: Child,
}

impl Mosquitto {
    /// `None`, with a printed line, when mosquitto is not installed.
    fn start() -> Option<Self> {
        if !Path::new(MOSQUITTO).exists() {
            println!("skipped: {MOSQUITTO} is not installed (apt-get install mosquitto)");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = format!("listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nlog_type none\n");
        std::fs::write(folder.path().join("mosquitto.conf"), config).unwrap();
        let process = Self::spawn(&folder);
        Some(Self { folder, port, process })
    }

    fn spawn(folder: &tempfile::TempDir) -> Child {
        let config = folder.path().join("mosquitto.conf");
        Command::new(MOSQUITTO).arg("-c").arg(config).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    fn restart(&mut self) {
        self.kill();
        self.process = Self::spawn(&self.folder);
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn settings(port: u16) -> Settings {
    Settings::new(ServerUrl::local(port), "publisher-under-test")
}

const SOON: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_acknowledges_everything() {
    let Some(server) = Mosquitto::start() else { return };
    let publisher = Publisher::connect(settings(server.port), SOON).await.unwrap();
    let begin = std::time::Instant::now();
    for number in 0..50_000_u32 {
        publisher.publish("plant/a/b", number.to_string().into_bytes()).await.unwrap();
    }
    let summary = publisher.drain(SOON).await;
    println!("{:.0} messages/s", 50_000.0 / begin.elapsed().as_secs_f64());
    assert_eq!(summary.failure, None);
    assert_eq!(summary.progress, Progress { sent: 50_000, acknowledged: 50_000, resent: 0, reconnects: 0 });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_again_and_again_acknowledges_everything_in_the_end() {
    let Some(mut server) = Mosquitto::start() else { return };
    let publisher = Publisher::connect(settings(server.port), SOON).await.unwrap();
    for number in 0..60_000_u32 {
        publisher.publish("plant/a/b", number.to_string().into_bytes()).await.unwrap();
        if number % 20_000 == 10_000 {
            server.restart();
        }
    }
    let summary = publisher.drain(SOON).await;
    assert_eq!(summary.failure, None);
    assert_eq!((summary.progress.sent, summary.progress.acknowledged), (60_000, 60_000));
    assert_eq!(summary.progress.reconnects, 3);
    assert!(summary.progress.resent > 0, "{summary:?}");
}

#[tokio::test]
async fn a_server_that_stays_away_ends_the_publishers_patience_and_the_summary_says_what_is_missing() {
    let Some(mut server) = Mosquitto::start() else { return };
    let impatient = Settings { patience: Duration::from_millis(200), ..settings(server.port) };
    let publisher = Publisher::connect(impatient, SOON).await.unwrap();
    server.kill();
    publisher.publish("plant/a/b", b"1".to_vec()).await.unwrap();
    let summary = publisher.drain(SOON).await;
    assert_eq!(summary.unacknowledged(), 1);
    assert!(summary.failure.unwrap().contains("refused"));
}

#[tokio::test]
async fn a_port_without_a_server_is_an_error_that_names_it() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = Publisher::connect(settings(port), Duration::ZERO).await.unwrap_err().to_string();
    assert!(error.contains(&format!("mqtt://127.0.0.1:{port}")) && error.contains("refused"), "{error}");
}

/// A message as a server received it.
#[derive(Debug, PartialEq)]
pub(in crate::cli) struct Seen {
    pub(in crate::cli) id: u16,
    pub(in crate::cli) duplicate: bool,
    pub(in crate::cli) topic: String,
    pub(in crate::cli) payload: String,
}

/// The server's end of a connection, driven step by step.
pub(in crate::cli) struct Connection(TcpStream);

impl Connection {
    /// Accepts a publisher, and answers that its session is not known.
    pub(in crate::cli) fn accept(listener: &TcpListener) -> Self {
        let mut connection = Self(listener.accept().unwrap().0);
        let (kind, _) = connection.packet();
        assert_eq!(kind >> 4, 1, "CONNECT comes first");
        connection.0.write_all(&[0x20, 2, 0, 0]).unwrap();
        connection
    }

    pub(in crate::cli) fn packet(&mut self) -> (u8, Vec<u8>) {
        let mut header = [0; 2];
        self.0.read_exact(&mut header).unwrap();
        assert!(header[1] < 128, "the messages of these tests are short");
        let mut body = vec![0; header[1].into()];
        self.0.read_exact(&mut body).unwrap();
        (header[0], body)
    }

    pub(in crate::cli) fn message(&mut self) -> Seen {
        self.message_or_goodbye().expect("a PUBLISH")
    }

    /// `None` when the publisher says DISCONNECT.
    fn message_or_goodbye(&mut self) -> Option<Seen> {
        let (kind, body) = self.packet();
        if kind >> 4 == 14 {
            return None;
        }
        assert_eq!(kind >> 4, 3, "a PUBLISH");
        let after_topic = 2 + usize::from(u16::from_be_bytes([body[0], body[1]]));
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Some(Seen {
            id: u16::from_be_bytes([body[after_topic], body[after_topic + 1]]),
            duplicate: kind & 8 != 0,
            topic: text(&body[2..after_topic]),
            payload: text(&body[after_topic + 2..]),
        })
    }

    pub(in crate::cli) fn acknowledge(&mut self, id: u16) {
        let [high, low] = id.to_be_bytes();
        self.0.write_all(&[0x40, 2, high, low]).unwrap();
    }
}

#[tokio::test]
async fn a_server_that_forgot_the_session_is_sent_all_that_it_did_not_acknowledge_in_the_old_order() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread::spawn(move || {
        let mut connection = Connection::accept(&listener);
        let first: Vec<_> = (0..4).map(|_| connection.message()).collect();
        connection.acknowledge(first[0].id);
        connection.acknowledge(first[2].id);
        // Half a packet, and then the end: it cannot be known which of the last messages arrived.
        connection.0.write_all(&[0x40]).unwrap();
        drop(connection);
        let mut connection = Connection::accept(&listener);
        let second: Vec<_> = (0..3).map(|_| connection.message()).collect();
        second.iter().for_each(|message| connection.acknowledge(message.id));
        assert_eq!(connection.packet().0 >> 4, 14, "a DISCONNECT, and nothing before");
        (first, second)
    });
    let publisher = Publisher::connect(settings(port), SOON).await.unwrap();
    for payload in ["a", "b", "c", "d"] {
        publisher.publish("t", payload.into()).await.unwrap();
    }
    while publisher.progress().reconnects == 0 {
        tokio::task::yield_now().await;
    }
    publisher.publish("t", b"e".to_vec()).await.unwrap();
    let summary = publisher.drain(SOON).await;
    let (first, second) = server.join().unwrap();
    let seen =
        |id, duplicate, payload: &str| Seen { id, duplicate, topic: "t".to_owned(), payload: payload.to_owned() };
    assert_eq!(first, [seen(1, false, "a"), seen(2, false, "b"), seen(3, false, "c"), seen(4, false, "d")]);
    assert_eq!(second, [seen(2, true, "b"), seen(4, true, "d"), seen(5, false, "e")]);
    assert_eq!(summary.progress, Progress { sent: 5, acknowledged: 5, resent: 2, reconnects: 1 });
}

/// Serves a publisher until it disconnects; acknowledges and closes connections at random. Returns the numbers that it
/// acknowledged.
fn unreliable_server(listener: &TcpListener, seed: u64) -> std::collections::BTreeSet<u32> {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut acknowledged = std::collections::BTreeSet::new();
    loop {
        let mut connection = Connection::accept(listener);
        let mut unacknowledged = Vec::new();
        let mut latest = None;
        for _ in 0..random.u32(1..2_000) {
            let Some(message) = connection.message_or_goodbye() else { return acknowledged };
            let number: u32 = message.payload.parse().unwrap();
            assert!(latest.is_none_or(|latest| latest < number), "seed {seed}: {number} after {latest:?}");
            latest = Some(number);
            unacknowledged.push((message.id, number));
            // Often enough that the window is never left full, because the publisher would then wait for ever.
            if random.u8(0..4) == 0 || unacknowledged.len() == 16 {
                for (id, number) in unacknowledged.drain(..) {
                    connection.acknowledge(id);
                    acknowledged.insert(number);
                }
            }
            // After the end of the load, no further message comes that would cause the last acknowledgements to be
            // sent.
            if number + 16 >= LOAD {
                unacknowledged.drain(..).for_each(|(id, number)| {
                    connection.acknowledge(id);
                    acknowledged.insert(number);
                });
            }
        }
    }
}

const LOAD: u32 = 5_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_server_does_what_is_counted_as_acknowledged_was_and_each_connection_keeps_the_order() {
    for seed in 0..5 {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = thread::spawn(move || unreliable_server(&listener, seed));
        let narrow = Settings { window: NonZeroU16::new(50).unwrap(), ..settings(port) };
        let publisher = Publisher::connect(narrow, SOON).await.unwrap();
        for number in 0..LOAD {
            publisher.publish("t", number.to_string().into_bytes()).await.unwrap();
        }
        let summary = publisher.drain(SOON).await;
        assert_eq!((summary.progress.acknowledged, summary.failure), (LOAD.into(), None), "seed {seed}");
        assert!(summary.progress.reconnects > 0 && summary.progress.resent > 0, "seed {seed}");
        assert!(server.join().unwrap().into_iter().eq(0..LOAD), "seed {seed}");
    }
}

#[tokio::test]
async fn handing_over_waits_while_the_server_acknowledges_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread::spawn(move || {
        let mut connection = Connection::accept(&listener);
        let before: Vec<_> = (0..2).map(|_| connection.message()).collect();
        connection.0.set_nonblocking(true).unwrap();
        let beyond_the_window = connection.0.read(&mut [0]).is_ok();
        connection.0.set_nonblocking(false).unwrap();
        connection.acknowledge(before[0].id);
        connection.acknowledge(before[1].id);
        for _ in 0..3 {
            let id = connection.message().id;
            connection.acknowledge(id);
        }
        beyond_the_window
    });
    let narrow = Settings { window: NonZeroU16::new(2).unwrap(), ..settings(port) };
    let publisher = Publisher::connect(narrow, SOON).await.unwrap();
    for _ in 0..5 {
        publisher.publish("t", b"1".to_vec()).await.unwrap();
    }
    let summary = publisher.drain(SOON).await;
    assert_eq!((summary.progress.sent, summary.progress.acknowledged, summary.failure), (5, 5, None));
    assert!(!server.join().unwrap());
}

#[tokio::test]
async fn what_no_server_would_take_is_refused_at_once_and_not_counted() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread::spawn(move || Connection::accept(&listener));
    let publisher = Publisher::connect(settings(port), SOON).await.unwrap();
    assert!(matches!(publisher.publish("", vec![]).await, Err(PublishError::Topic(_))));
    assert!(matches!(publisher.publish("a/#", vec![]).await, Err(PublishError::Topic(_))));
    let large = publisher.publish("a", vec![0; MAX_PACKET_BYTES]).await;
    assert!(matches!(large, Err(PublishError::TooLarge { .. })));
    assert_eq!(publisher.progress().sent, 0);
    drop(server.join().unwrap());
    assert!(matches!(
        Publisher::connect(Settings::new(ServerUrl::local(1), ""), SOON).await,
        Err(PublishError::NoClientId)
    ));
}

#[test]
fn a_payload_reads_back_exactly() {
    let time = Timestamp::parse("2018-08-28 23:00:05.250").unwrap();
    assert_eq!(json_payload(time, 10.16), br#"{"ts":"2018-08-28T23:00:05.250Z","value":10.16}"#);
    for value in [0.1 + 0.2, 1e300, f64::MIN_POSITIVE, -0.0, 1.0] {
        let json: serde_json::Value = serde_json::from_slice(&json_payload(time, value)).unwrap();
        assert_eq!(json["value"].as_f64().unwrap().to_bits(), value.to_bits());
    }
}
