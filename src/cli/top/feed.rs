//! Asks the daemon, on threads of their own: one asks for the state every second, one listens to what happens.

use std::io::{self, BufReader};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use super::Input;
use crate::answers::{Event, ModelState, Outcome, RunState, Sensor, SensorDetail, Series, Status};
use crate::cli::conditions::condition_word;
use crate::cli::pages::each_entry;
use crate::cli::sensors::said;
use crate::cli::status::run_words;
use crate::cli::store_access::{StoreAccessError, running_daemon};
use crate::cli::tail::next_line;
use crate::config::Config;
use crate::http::client::{ClientError, DaemonClient, quoted};
use crate::printable::Printable;
use crate::time::{Span, Timestamp};

/// What the daemon tells.
#[derive(Debug)]
pub(super) enum News {
    /// How daemon and plant are, and the sensors, the worst states first; the list is cut.
    State { status: Status, sensors: Vec<Sensor> },
    /// One sensor.
    Sensor(ShownSensor),
    /// Something happened.
    Happened(Timestamp, String),
    /// The daemon does not answer.
    Trouble(String),
}

/// A sensor that is shown by itself.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct ShownSensor {
    /// All about it.
    pub(super) detail: SensorDetail,
    /// Its last hours.
    pub(super) series: Series,
}

/// The way to the thread that asks.
#[derive(Debug)]
pub(super) struct Feed {
    wanted: Sender<Option<String>>,
}

/// Why the daemon cannot be asked.
#[derive(Debug, thiserror::Error)]
enum AskError {
    #[error(transparent)]
    Access(#[from] StoreAccessError),
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// How often the state is asked for.
const EVERY: Duration = Duration::from_secs(1);
/// How many sensors are listed. Nobody scrolls through more; a filter of `anomalyd sensors` finds the others.
const SENSORS: usize = 1_000;
/// How far back the line of a sensor goes.
const SHOWN: Span = Span::from_secs(6 * 3_600);
/// The most points of that line: more than a wide terminal has columns.
const POINTS: u32 = 400;
/// The pause before a daemon that does not answer is looked for again.
const AGAIN_AFTER: Duration = Duration::from_secs(2);

impl Feed {
    /// Starts to ask; what is told goes to `inputs`.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub(super) fn start(config: &Config, inputs: Sender<Input>) -> io::Result<Self> {
        let (wanted, received) = mpsc::channel();
        let (of_state, of_events) = (config.clone(), config.clone());
        let told = inputs.clone();
        thread::Builder::new().name("state".to_owned()).spawn(move || ask_for_state(&of_state, &received, &told))?;
        thread::Builder::new().name("events".to_owned()).spawn(move || listen(&of_events, &inputs))?;
        Ok(Self { wanted })
    }

    /// Asks for this sensor too from now on.
    pub(super) fn show(&self, sensor: Option<String>) {
        // The thread ends with the screen.
        let _ = self.wanted.send(sensor);
    }
}

/// Tells the screen; `false` when it is gone.
fn tell(inputs: &Sender<Input>, news: News) -> bool {
    inputs.send(Input::News(Box::new(news))).is_ok()
}

fn ask_for_state(config: &Config, wanted: &Receiver<Option<String>>, inputs: &Sender<Input>) {
    let mut shown = None;
    let mut daemon = None;
    loop {
        let told = ask_once(config, &mut daemon, shown.as_deref(), inputs);
        if let Err(error) = told {
            daemon = None;
            if !tell(inputs, News::Trouble(Printable(error).to_string())) {
                return;
            }
        }
        match wanted.recv_timeout(EVERY) {
            // The last wish counts.
            Ok(wish) => shown = wanted.try_iter().last().unwrap_or(wish),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn ask_once(
    config: &Config,
    known: &mut Option<DaemonClient>,
    shown: Option<&str>,
    inputs: &Sender<Input>,
) -> Result<(), AskError> {
    let daemon = match known {
        Some(daemon) => daemon,
        None => known.insert(running_daemon(config)?),
    };
    // The sensor first: somebody waits for it.
    if let Some(name) = shown {
        tell(inputs, News::Sensor(sensor(daemon, name)?));
    }
    let status = daemon.get("/api/v1/status")?.json()?;
    let mut sensors = Vec::new();
    for state in ["anomalous", "failed", "silent", "sparse", "healthy", "waiting", "no_model"] {
        let left = SENSORS - sensors.len();
        each_entry::<_, ClientError>(daemon, &format!("/api/v1/sensors?state={state}"), left, |sensor| {
            sensors.push(sensor);
            Ok(())
        })?;
    }
    tell(inputs, News::State { status, sensors });
    Ok(())
}

fn sensor(daemon: &DaemonClient, name: &str) -> Result<ShownSensor, AskError> {
    let (device, sensor) = name.rsplit_once('/').unwrap_or((name, ""));
    let path = format!("/api/v1/sensors/{}/{}", quoted(device), quoted(sensor));
    let detail: SensorDetail = daemon.get(&path)?.json()?;
    let until = detail.sensor.last_seen.unwrap_or_else(Timestamp::now) + Span::from_millis(1);
    let [since, until] = [until - SHOWN, until].map(|time| quoted(&time.to_string()));
    let series = daemon.get(&format!("{path}/series?since={since}&until={until}&width={POINTS}"))?.json()?;
    Ok(ShownSensor { detail, series })
}

fn listen(config: &Config, inputs: &Sender<Input>) {
    loop {
        // Why a daemon does not answer is told by the other thread.
        match listen_once(config, inputs) {
            Ok(Heard::NoScreen) => return,
            Ok(Heard::End) => {
                let words = "the daemon tells no more events; listening again".to_owned();
                if !tell(inputs, News::Happened(Timestamp::now(), words)) {
                    return;
                }
            }
            Err(_) => {}
        }
        thread::sleep(AGAIN_AFTER);
    }
}

/// Why no more events are heard.
enum Heard {
    /// The daemon ended them.
    End,
    /// The screen is gone.
    NoScreen,
}

fn listen_once(config: &Config, inputs: &Sender<Input>) -> Result<Heard, AskError> {
    let daemon = running_daemon(config)?;
    let mut events = BufReader::new(daemon.get("/api/v1/events?kinds=verdict,run,reject,model,condition")?);
    while let Some(line) = next_line(&mut events) {
        let event = line.strip_prefix("data:").and_then(|data| serde_json::from_str(data).ok());
        let Some(words) = event.as_ref().and_then(words_of) else { continue };
        if !tell(inputs, News::Happened(Timestamp::now(), Printable(words).to_string())) {
            return Ok(Heard::NoScreen);
        }
    }
    Ok(Heard::End)
}

/// What happened, in words; `None` when it is not worth a line.
fn words_of(event: &Event) -> Option<String> {
    Some(match event {
        Event::Reading { .. } => return None,
        Event::Verdict { verdict } => match verdict.outcome {
            Outcome::Scored if verdict.anomalies > 0 => format!("{}: {}", verdict.sensor, said(verdict)),
            Outcome::Failed | Outcome::TimedOut => format!("{} could not be scored: {}", verdict.sensor, said(verdict)),
            _ => return None,
        },
        Event::Run { run } => match run.state {
            RunState::Started => format!("{} begins", run_words(run)),
            RunState::Finished | RunState::CutOff => run_words(run),
        },
        Event::Reject { reject } => format!("rejected from {}: {}", reject.origin, reject.reason),
        Event::Model { model } => match (&model.problem, model.state) {
            (Some(problem), _) => format!("model of {}: {problem}", model.sensor),
            (None, ModelState::Quarantined) => format!("model of {}: quarantined", model.sensor),
            (None, ModelState::Probation) => format!("model of {}: released, on probation", model.sensor),
            (None, _) => format!("model of {}: put to work", model.sensor),
        },
        Event::Condition { condition, stands: true, .. } => {
            format!("{}: {}: {}", condition.sensor, condition_word(condition.condition), condition.words)
        }
        Event::Condition { condition, stands: false, .. } => {
            format!("{}: {} no more", condition.sensor, condition_word(condition.condition))
        }
        Event::Missed { events } => format!("{events} events were passed over"),
    })
}
