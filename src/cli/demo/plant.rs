//! Publishes the simulated plant: a real MQTT client for each device, all in step.
//!
//! **In step.** The daemon's clock is the latest reading of any device, and a reading may come five minutes behind it
//! ([`LATENESS`]). So no device may run further ahead than what the others have acknowledged: before each step of the
//! plant, all devices wait until the slowest has few readings under way.

use std::cell::Cell;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use super::simulation::{STEP, Simulation};
use crate::cli::publish::url::ServerUrl;
use crate::cli::publish::{Progress, PublishError, Publisher, Settings, Summary, json_payload};
use crate::time::{Span, Timestamp};

/// How late a reading may be, for the daemon's configuration.
pub const LATENESS: Span = Span::from_secs(300);

/// Where a reading is published.
pub const TOPIC: &str = "plant/{device}/{sensor}";

/// How many times as fast as real time the plant goes, as long as the daemon keeps up.
pub const SPEED: u32 = 1200;

/// How far a device may be ahead of its acknowledgements, in plant time: a minute less than the lateness.
const MAX_AHEAD: Span = Span::from_secs(240);

/// How long a device tries to connect, and how long the daemon may be gone before it gives up.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often the slowest device's acknowledgements are looked at.
const POLL: Duration = Duration::from_millis(1);

/// A device: its publisher, and how many of its readings may be under way.
struct Device {
    name: String,
    publisher: Publisher,
    room: u64,
}

/// The plant's devices, connected.
pub struct Plant {
    devices: Vec<Device>,
    now: Cell<Timestamp>,
}

impl Plant {
    /// Connects every device of the simulation.
    ///
    /// # Errors
    /// When one of them cannot connect.
    pub async fn connect(simulation: &Simulation, daemon: SocketAddr) -> Result<Self, PublishError> {
        let mut devices: Vec<Device> = Vec::new();
        let (steps_ahead, _) = MAX_AHEAD.divide(STEP);
        for sensor in simulation.sensors() {
            if let Some(device) = devices.iter_mut().find(|device| device.name == sensor.device()) {
                device.room += steps_ahead.unsigned_abs();
                continue;
            }
            let name = sensor.device().to_owned();
            let client_id = format!("demo-{name}");
            let settings = Settings { patience: PATIENCE, ..Settings::new(ServerUrl::local(daemon.port()), client_id) };
            let publisher = Publisher::connect(settings, PATIENCE).await?;
            devices.push(Device { name, publisher, room: steps_ahead.unsigned_abs() });
        }
        let (start, _) = simulation.span();
        Ok(Self { devices, now: Cell::new(start) })
    }

    /// Publishes all readings of the simulation, at [`SPEED`] at most.
    ///
    /// # Errors
    /// When the daemon does not accept them.
    pub async fn publish(&self, simulation: &Simulation) -> Result<(), PublishError> {
        let (start, _) = simulation.span();
        let begin = Instant::now();
        for reading in simulation.readings() {
            if reading.time.floor(STEP) != self.now.get() {
                let step = reading.time.floor(STEP);
                sleep_until(begin + step.since(start).to_std() / SPEED).await;
                self.wait_for_the_slowest().await;
                self.now.set(step);
            }
            let sensor = &reading.sensor;
            if let Some(device) = self.devices.iter().find(|device| device.name == sensor.device()) {
                let payload = json_payload(reading.time, reading.value);
                device.publisher.publish(&sensor.fill(TOPIC), payload).await?;
            }
        }
        Ok(())
    }

    async fn wait_for_the_slowest(&self) {
        let is_ahead = |device: &Device| {
            let Progress { sent, acknowledged, .. } = device.publisher.progress();
            sent - acknowledged > device.room
        };
        while self.devices.iter().any(is_ahead) {
            sleep(POLL).await;
        }
    }

    /// Where the plant's time is.
    pub fn now(&self) -> Timestamp {
        self.now.get()
    }

    /// Readings sent and acknowledged by all devices.
    pub fn progress(&self) -> Progress {
        self.devices.iter().map(|device| device.publisher.progress()).fold(Progress::default(), add)
    }

    /// Waits for the last acknowledgements, and disconnects.
    pub async fn drain(self, within: Duration) -> Summary {
        let mut all = Summary { progress: Progress::default(), failure: None };
        for device in self.devices {
            let Summary { progress, failure } = device.publisher.drain(within).await;
            all.progress = add(all.progress, progress);
            all.failure = all.failure.or(failure.map(|reason| format!("{}: {reason}", device.name)));
        }
        all
    }
}

fn add(left: Progress, right: Progress) -> Progress {
    Progress {
        sent: left.sent + right.sent,
        acknowledged: left.acknowledged + right.acknowledged,
        resent: left.resent + right.resent,
        reconnects: left.reconnects + right.reconnects,
    }
}
