//! A page that is open: it asks for what the page asks for, as often, over the daemon's port, and listens to what happens.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// What a page asks for, and how often.
const ASKED: [(&str, Duration); 4] = [
    ("/api/v1/status", Duration::from_secs(2)),
    ("/api/v1/timeline?by=device&order=worst&limit=60", Duration::from_secs(10)),
    ("/api/v1/timeline?by=sensor&limit=50", Duration::from_secs(10)),
    ("/api/v1/sensors?limit=50", Duration::from_secs(10)),
];

/// How long a page waits for a piece of an answer before it looks whether it is to be closed.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Has `work` done while so many pages are open, and returns how many answers they got. Half of the pages show the
/// whole plant, the others the sensors of a device as they measure.
pub(crate) fn while_open<T>(pages: usize, port: u16, device: &str, work: impl FnOnce() -> T) -> (T, usize) {
    let (closed, answers) = (AtomicBool::new(false), AtomicUsize::new(0));
    let result = thread::scope(|scope| {
        for page in 0..pages {
            let (closed, answers) = (&closed, &answers);
            scope.spawn(move || ask(port, page as f64 / pages as f64, closed, answers));
            let path = if page % 2 == 0 {
                "/api/v1/events?kinds=run,model".to_owned()
            } else {
                format!("/api/v1/events?kinds=reading,verdict&pattern={device}/*")
            };
            scope.spawn(move || listen(port, &path, closed));
        }
        let result = work();
        closed.store(true, Ordering::Release);
        result
    });
    (result, answers.into_inner())
}

/// Asks, from `phase` of each time on.
fn ask(port: u16, phase: f64, closed: &AtomicBool, answers: &AtomicUsize) {
    let began = Instant::now();
    let mut due = ASKED.map(|(_, every)| began + every.mul_f64(phase));
    while !closed.load(Ordering::Acquire) {
        for ((path, every), due) in ASKED.iter().zip(&mut due) {
            if *due <= Instant::now() {
                *due += *every;
                get(port, path);
                answers.fetch_add(1, Ordering::Relaxed);
            }
        }
        thread::sleep(LOOK_EVERY);
    }
}

/// The body of an answer, which must be there.
pub(crate) fn get(port: u16, path: &str) -> Vec<u8> {
    let mut answer = Vec::new();
    request(port, path).read_to_end(&mut answer).expect("an answer");
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{path}: {}", String::from_utf8_lossy(&answer));
    answer
}

fn listen(port: u16, path: &str, closed: &AtomicBool) {
    let mut events = request(port, path);
    events.set_read_timeout(Some(LOOK_EVERY)).expect("an open socket");
    let mut buffer = vec![0; 64 << 10];
    while !closed.load(Ordering::Acquire) {
        match events.read(&mut buffer) {
            Ok(0) => unreachable!("the daemon ended the events of {path}"),
            Ok(_) => {}
            Err(problem) if matches!(problem.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(problem) => unreachable!("the events of {path} broke off: {problem}"),
        }
    }
}

fn request(port: u16, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    write!(stream, "GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n\r\n").expect("a request");
    stream
}
