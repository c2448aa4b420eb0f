//! A real mosquitto of one's own, on a free loopback port, that can be stopped, killed and started again.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, io, thread};

/// A broker with a persistent store in a temporary directory. Killed when it is dropped.
pub(crate) struct Mosquitto {
    port: u16,
    directory: tempfile::TempDir,
    process: Option<Child>,
}

impl Mosquitto {
    /// Starts a broker with these lines added to its configuration; `None`, and a line that says so, when mosquitto is
    /// not installed.
    pub(crate) fn start(extra: &str) -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let directory = tempfile::tempdir().unwrap();
        let store = directory.path().display();
        // It gives up root for a user of its own unless told otherwise, and could not write here then.
        let user = env::var("USER").unwrap_or_else(|_| "root".to_owned());
        let configuration = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location {store}/\n\
             user {user}\nlog_dest none\n{extra}\n"
        );
        fs::write(directory.path().join("mosquitto.conf"), configuration).unwrap();
        let mut broker = Self { port, directory, process: None };
        broker.restart().then_some(broker)
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Starts it again on the same port with the same store. False when mosquitto is not installed.
    pub(crate) fn restart(&mut self) -> bool {
        let path = env::var_os("PATH").unwrap_or_default();
        let path = env::join_paths(env::split_paths(&path).chain(["/usr/sbin".into()])).unwrap();
        let spawned = Command::new("mosquitto")
            .arg("-c")
            .arg(self.directory.path().join("mosquitto.conf"))
            .env("PATH", path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        match spawned {
            Ok(process) => self.process = Some(process),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                println!("skipped: mosquitto is not installed");
                return false;
            }
            Err(error) => panic!("mosquitto does not start: {error}"),
        }
        let end = Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(Instant::now() < end, "mosquitto does not listen on port {}", self.port);
            thread::sleep(Duration::from_millis(10));
        }
        true
    }

    /// Stops it in order: it saves its sessions and messages.
    pub(crate) fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            Command::new("kill").arg(process.id().to_string()).status().unwrap();
            process.wait().unwrap();
        }
    }

    /// Publishes a message at QoS 1 with mosquitto's own client.
    pub(crate) fn publish(&self, topic: &str, payload: &str) {
        let port = self.port.to_string();
        let arguments = ["-h", "127.0.0.1", "-p", &port, "-q", "1", "-t", topic, "-m", payload];
        assert!(Command::new("mosquitto_pub").args(arguments).status().unwrap().success());
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
