//! Checks every entry of a store, and that the entries agree with each other. Changes nothing.
//!
//! It may run beside a daemon that goes on writing. What is written later is therefore read later: windows before the
//! heads that must know of them, how far publishing is before how far closing is; and a run whose verdicts do not agree
//! with it is looked at again, because its place in the ring may have been taken meanwhile.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::fs;
use std::io;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::interval::Window;
use crate::run::{Run, RunId, RunState, Tally};
use crate::sensor::{NumberedSensor, SensorId, SensorName};
use crate::store::contents::{StoredValue, each_value, layout};
use crate::store::held::decode_readings;
use crate::store::journal::{self, Record, RecordNumber, TornTail};
use crate::store::keys::{
    CONDITIONS_KEY, CURSOR_PREFIX, KEPT_PER_INTERVAL_KEY, LATENESS_KEY, NEXT_ORDER_KEY, NEXT_RUN_KEY, NUMBERS_KEY,
    REPLAYED_PREFIX, SCORED_KEY, SCORED_PREFIX, SETTLED_KEY, SUBSCRIPTIONS_KEY, ring_slot, run_slot,
};
use crate::store::place::{HISTORY, JOURNAL, MODELS, StorePlace};
use crate::store::reader::{decode_head, decode_sensor, number_of, readable};
use crate::store::{
    ChunkId, HistoryReader, Progress, Reader, StoreError, checksum, conditions, format, journal_folder,
    read_kept_model, redo, rejects, run_logs, runs, verdicts,
};
use crate::time::Timestamp;
use crate::verdict::ModelHash;
use crate::window::WindowBlock;

/// Something that is wrong in a store.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Finding {
    /// Where.
    pub place: StorePlace,
    /// What is wrong there.
    pub problem: String,
    /// What is lost with it.
    pub cost: String,
    /// What mends it.
    pub remedy: Remedy,
}

/// What mends a finding.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Remedy {
    /// `store repair`, which leaves the place out.
    Repair,
    /// The daemon, for this reason.
    Daemon(String),
    /// Nothing is to be mended: a crash leaves the store like this, and a start goes on from it.
    AsAfterCrash,
}

impl Remedy {
    /// Why nothing need be done; `None` when something has to be.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Repair => None,
            Self::Daemon(reason) => Some(reason),
            Self::AsAfterCrash => Some("the next start cuts it off"),
        }
    }
}

impl Finding {
    /// Whether this is no damage: a crash leaves the store like this.
    pub fn is_remark(&self) -> bool {
        self.remedy == Remedy::AsAfterCrash
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, problem, cost, remedy } = self;
        let remark = if self.is_remark() { "remark: " } else { "" };
        write!(f, "{place}: {remark}{problem}; this costs {cost}; ")?;
        match remedy.reason() {
            None => write!(f, "anomalyd store repair {place} removes it"),
            Some(reason) => write!(f, "nothing need be done: {reason}"),
        }
    }
}

/// How much was looked at.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Checked {
    /// The parts of the store, in the order in which they were looked at.
    pub parts: Vec<CheckedPart>,
    /// How many things were found to be wrong.
    pub findings: u64,
    /// How many things are worth a remark, and not wrong.
    pub remarks: u64,
}

/// A part of a store that was looked at.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CheckedPart {
    /// What its entries are.
    pub name: String,
    /// How many there are.
    pub entries: u64,
}

/// Looks at everything in a store, and hands each thing that is wrong to `each`.
///
/// # Errors
/// When the disk refuses, or `each` does.
pub fn verify<'a, E: From<StoreError>>(
    reader: &'a Reader,
    each: &mut dyn FnMut(Finding) -> Result<(), E>,
) -> Result<Checked, E> {
    type Step<'a> = fn(&mut Inspection<'a>) -> Result<(), StoreError>;
    let mut inspection = Inspection { reader, names: Vec::new(), entries: 0, found: Vec::new() };
    let mut checked = Checked::default();
    let steps: [(&str, Step<'a>); 12] = [
        ("sensors", Inspection::sensors),
        ("windows and heads", Inspection::windows_and_heads),
        ("conditions of sensors", Inspection::conditions),
        ("runs and blocks of verdicts", Inspection::runs_and_verdicts),
        ("logs of runs", Inspection::run_logs),
        ("blocks of rejects", Inspection::rejects),
        ("sessions", Inspection::sessions),
        ("blocks of held readings", Inspection::held),
        ("journal records", Inspection::journal),
        ("notes of progress", Inspection::progress),
        ("raw readings", Inspection::history),
        ("kept models", Inspection::models),
    ];
    for (name, step) in steps {
        step(&mut inspection)?;
        checked.parts.push(CheckedPart { name: name.to_owned(), entries: std::mem::take(&mut inspection.entries) });
        for finding in inspection.found.drain(..) {
            *(if finding.is_remark() { &mut checked.remarks } else { &mut checked.findings }) += 1;
            each(finding)?;
        }
    }
    Ok(checked)
}

struct Inspection<'a> {
    reader: &'a Reader,
    /// By the sensors' numbers.
    names: Vec<NumberedSensor>,
    /// How many entries the step at work has looked at.
    entries: u64,
    /// What the step at work found: no more than there are entries in a table.
    found: Vec<Finding>,
}

impl Inspection<'_> {
    fn add(&mut self, place: StorePlace, problem: impl Into<String>, cost: impl Into<String>, remedy: Remedy) {
        self.found.push(Finding { place, problem: problem.into(), cost: cost.into(), remedy });
    }

    /// Hands each whole value of a table to `each`, and notes what is not whole. `cost` says what is lost with an entry.
    fn each_whole(
        &mut self,
        name: &'static str,
        cost: impl Fn(&Self, &[u8]) -> String,
        mut each: impl FnMut(&mut Self, &[u8], &[u8]),
    ) -> Result<(), StoreError> {
        let tables = self.reader.tables.named();
        let Some((_, table)) = tables.into_iter().find(|(table, _)| *table == name) else { return Ok(()) };
        each_value(table, layout(name), |value| {
            self.entries += 1;
            match value {
                StoredValue::Whole(key, value) => each(self, &key, &value),
                StoredValue::Incomplete(key) => {
                    let cost = cost(self, &key);
                    self.add(StorePlace::entry(name, &key), "parts of the entry are missing", cost, Remedy::Repair);
                }
                StoredValue::Unreadable(key) => self.add(
                    StorePlace::behind(name, &key),
                    "the database cannot read some entries behind this place",
                    "these entries",
                    Remedy::Repair,
                ),
            }
        })
    }

    /// What people call a sensor.
    fn called(&self, sensor: SensorId) -> String {
        match self.names.get(sensor.index()) {
            Some(NumberedSensor::Named(name)) => name.to_string(),
            _ => format!("sensor number {}", sensor.0),
        }
    }

    fn has_name(&self, sensor: SensorId) -> bool {
        matches!(self.names.get(sensor.index()), Some(NumberedSensor::Named(_)))
    }

    fn sensors(&mut self) -> Result<(), StoreError> {
        let numbers = self.reader.numbers()?;
        self.names = vec![NumberedSensor::Unreadable; numbers as usize];
        let mut earlier = HashMap::<SensorName, u32>::new();
        let cost = |_: &Self, key: &[u8]| match number_of(key) {
            Some(number) => format!("the name of sensor number {number}"),
            None => "nothing: no sensor has such a key".to_owned(),
        };
        let mut lacking = vec![true; numbers as usize];
        self.each_whole("sensors", cost, |this, key, value| {
            let place = StorePlace::entry("sensors", key);
            let Some(number) = number_of(key).filter(|number| *number < numbers) else {
                this.add(place, "no sensor has such a number", "nothing", Remedy::Repair);
                return;
            };
            lacking[number as usize] = false;
            match decode_sensor(value) {
                Ok(sensor) => {
                    if let NumberedSensor::Named(name) = &sensor
                        && let Some(other) = earlier.insert(name.clone(), number)
                    {
                        let problem = format!("{name} has a second number, besides {other}");
                        this.add(place, problem, "what is stored under one of the two numbers", Remedy::Repair);
                    }
                    this.names[number as usize] = sensor;
                }
                Err(_) => this.add(place, "the entry is damaged", cost(this, key), Remedy::Repair),
            }
        })?;
        for (number, _) in (0_u32..).zip(lacking).filter(|(_, lacking)| *lacking) {
            let place = StorePlace::entry("sensors", &number.to_be_bytes());
            let cost = format!("what is stored of sensor number {number}, whose name nothing else tells");
            let remedy =
                Remedy::Daemon("the number stays taken, and the sensor gets another when it sends again".into());
            self.add(place, "the name of a number that was given is missing", cost, remedy);
        }
        Ok(())
    }

    fn windows_and_heads(&mut self) -> Result<(), StoreError> {
        let cut = self.reader.settings.cut;
        let slots = self.reader.settings.windows;
        let closed = self.reader.progress(&Progress::Closed)?.unwrap_or(Timestamp::MIN);
        let mut newest = HashMap::<SensorId, Window>::new();
        let sensor_and_slot = |key: &[u8]| {
            let (slot, sensor) = key.split_first_chunk::<4>()?;
            Some((SensorId(number_of(sensor)?), u32::from_be_bytes(*slot)))
        };
        let cost = move |this: &Self, key: &[u8]| match sensor_and_slot(key) {
            Some((sensor, _)) => format!("a window of {}", this.called(sensor)),
            None => "nothing: no window has such a key".to_owned(),
        };
        self.each_whole("windows", cost, |this, key, value| {
            let is_checked = checksum::checked(key, value.to_vec()).is_ok();
            let block = WindowBlock::from_bytes(value.get(checksum::BYTES..).unwrap_or_default().to_vec());
            let window = block.window_start().ok().map(|start| (start, cut.window_of(start)));
            let problem = match (sensor_and_slot(key), window) {
                (None, _) => "no window has such a key",
                _ if !is_checked => "the block's checksum is wrong: it is damaged, or another's",
                (_, None) => "the block is damaged",
                (_, Some((start, window))) if window.start() != start => "the block begins where no window begins",
                (Some((_, slot)), Some((_, window))) if ring_slot(window, slots) != slot => {
                    "the block is of a window that belongs elsewhere"
                }
                _ if block.intervals(cut).is_err() => "the block is damaged",
                (Some((sensor, _)), Some((_, window))) => {
                    // What was stored behind the last closing of all sensors is stored again from the journal.
                    if window.end() <= closed {
                        let newest = newest.entry(sensor).or_insert(window);
                        *newest = (*newest).max(window);
                    }
                    if this.has_name(sensor) {
                        return;
                    }
                    "its sensor has no name"
                }
            };
            let cost = match (sensor_and_slot(key), window) {
                (Some((sensor, _)), Some((start, _))) => format!("the window {start} of {}", this.called(sensor)),
                _ => cost(this, key),
            };
            this.add(StorePlace::entry("windows", key), problem, cost, Remedy::Repair);
        })?;
        let cost = |this: &Self, key: &[u8]| match number_of(key) {
            Some(number) => format!("where the windows of {} were", this.called(SensorId(number))),
            None => "nothing: no sensor has such a key".to_owned(),
        };
        self.each_whole("heads", cost, |this, key, value| {
            let place = StorePlace::entry("heads", key);
            let Some(sensor) = number_of(key).map(SensorId).filter(|sensor| sensor.index() < this.names.len()) else {
                this.add(place, "no sensor has such a number", "nothing", Remedy::Repair);
                return;
            };
            let window = newest.remove(&sensor);
            match (decode_head(sensor, value), window) {
                (Err(_), _) => this.add(place, "the entry is damaged", cost(this, key), Remedy::Repair),
                (Ok(head), Some(window)) if head.closed < window.end() => {
                    let name = this.called(sensor);
                    let problem = format!(
                        "{name} is said to be closed until {}, and its window {} is stored",
                        head.closed,
                        window.start()
                    );
                    let cost = format!("readings of {name} that come twice may count twice");
                    this.add(place, problem, cost, Remedy::Repair);
                }
                (Ok(_), _) => {}
            }
        })?;
        for (sensor, window) in newest {
            // A sensor without a name was told of with its windows.
            if self.has_name(sensor) {
                let problem = format!(
                    "nothing says until when {} is closed, and its window {} is stored",
                    self.called(sensor),
                    window.start()
                );
                let remedy = Remedy::Daemon("the sensor goes on from the closing of all sensors".into());
                self.add(
                    StorePlace::entry("heads", &sensor.0.to_be_bytes()),
                    problem,
                    "its deadband's last value",
                    remedy,
                );
            }
        }
        Ok(())
    }

    fn conditions(&mut self) -> Result<(), StoreError> {
        let cost = |this: &Self, key: &[u8]| match number_of(key) {
            Some(number) => format!("the conditions of {}", this.called(SensorId(number))),
            None => "nothing: no sensor has such a key".to_owned(),
        };
        self.each_whole("conditions", cost, |this, key, value| {
            let problem = match number_of(key).map(SensorId) {
                None => "no sensor has such a key",
                Some(sensor) if !this.has_name(sensor) => "its sensor has no name",
                Some(_) if conditions::decode(value).is_err() => "the entry is damaged",
                Some(_) => return,
            };
            this.add(StorePlace::entry("conditions", key), problem, cost(this, key), Remedy::Repair);
        })
    }

    fn runs_and_verdicts(&mut self) -> Result<(), StoreError> {
        let settings = &self.reader.settings;
        let (cut, slots, verdict_slots) = (settings.cut, settings.runs, settings.verdict_runs);
        let mut ledger = BTreeMap::<u32, Run>::new();
        let cost = |_: &Self, _: &[u8]| "a run in the ledger, with its verdicts".to_owned();
        self.each_whole("runs", cost, |this, key, value| {
            let place = StorePlace::entry("runs", key);
            let problem = match (number_of(key).filter(|slot| *slot < slots), runs::decode(cut, value)) {
                (None, _) => "no run has such a key".to_owned(),
                (_, Err(_)) => "the entry is damaged".to_owned(),
                (Some(slot), Ok(run)) if run_slot(run.id, slots) != slot => {
                    format!("the entry is of the run of {}, which belongs elsewhere", run.window.start())
                }
                (Some(slot), Ok(run)) => {
                    ledger.insert(slot, run);
                    return;
                }
            };
            this.add(place, problem, cost(this, key), Remedy::Repair);
        })?;
        let mut tallies = BTreeMap::<RunId, Tally>::new();
        let cost = move |this: &Self, key: &[u8]| match (number_of(&key[..key.len().min(4)]), ChunkId::of_key(key)) {
            (Some(_), Some(chunk)) => format!("the verdicts {chunk} in one run ({})", this.called(chunk.first())),
            _ => "nothing: no verdicts have such a key".to_owned(),
        };
        self.each_whole("verdicts", cost, |this, key, value| {
            let place = StorePlace::entry("verdicts", key);
            let slot = number_of(&key[..key.len().min(4)]).filter(|slot| *slot < verdict_slots);
            let (Some(slot), Some(chunk), 8) = (slot, ChunkId::of_key(key), key.len()) else {
                this.add(place, "no verdicts have such a key", "nothing", Remedy::Repair);
                return;
            };
            let problem = match verdicts::decode_any(chunk, value) {
                Err(_) => "the verdicts are damaged",
                Ok((run, _)) if run_slot(run, verdict_slots) != slot => {
                    "the verdicts are of a run that belongs elsewhere"
                }
                Ok((run, verdicts)) => {
                    // Verdicts of earlier runs stay until they are overwritten.
                    if let Some(Run { scope, .. }) = ledger.get(&run_slot(run, slots)).filter(|entry| entry.id == run) {
                        let tally = tallies.entry(run).or_default();
                        let in_scope = verdicts.iter().filter(|verdict| scope.contains(verdict.sensor.0));
                        in_scope.for_each(|verdict| tally.add(&verdict.outcome));
                    }
                    match verdicts.iter().find(|verdict| !this.has_name(verdict.sensor)) {
                        Some(_) => "one of its sensors has no name",
                        None => return,
                    }
                }
            };
            this.add(place, problem, cost(this, key), Remedy::Repair);
        })?;
        // Verdicts go before their runs, the oldest first: when their ring is smaller, and when there is no room.
        let oldest_kept = tallies.keys().next().copied().unwrap_or_default();
        let oldest_kept = oldest_kept.max(self.reader.next_run()?.earlier(verdict_slots.into()));
        for (slot, run) in ledger.into_iter().filter(|(_, run)| run.id >= oldest_kept) {
            let RunState::Finished(tally) = run.state else { continue };
            let stored = tallies.remove(&run.id).unwrap_or_default();
            let is_still_there = readable(self.reader.run(run.id))?.flatten().is_some();
            let place = StorePlace::entry("runs", &slot.to_be_bytes());
            let (start, outcomes) = (run.window.start(), tally.outcomes());
            if outcomes as usize != run.scope.len() {
                let problem =
                    format!("the run of {start} has {outcomes} outcomes, and {} sensors in scope", run.scope.len());
                self.add(place, problem, "nothing but the run's own numbers", Remedy::Repair);
            } else if stored != tally && is_still_there {
                let count = stored.outcomes();
                let problem = match count == outcomes {
                    true => format!("the verdicts of the run of {start} are others than it counted"),
                    false => format!("the run of {start} gave {outcomes} verdicts, and {count} are stored"),
                };
                let remedy =
                    Remedy::Daemon("the verdicts that are there stay; removing the run would lose these too".into());
                self.add(place, problem, "the verdicts that are missing", remedy);
            }
        }
        Ok(())
    }

    fn run_logs(&mut self) -> Result<(), StoreError> {
        let slots = self.reader.settings.verdict_runs;
        let cost = |_: &Self, _: &[u8]| "what was logged of a run".to_owned();
        self.each_whole("run_logs", cost, |this, key, value| {
            let problem = match (number_of(key).filter(|slot| *slot < slots), run_logs::decode(value)) {
                (None, _) => "no log has such a key",
                (_, Err(_)) => "the entry is damaged",
                (Some(slot), Ok((run, _))) if run_slot(run, slots) != slot => "the entry belongs elsewhere",
                _ => return,
            };
            this.add(StorePlace::entry("run_logs", key), problem, cost(this, key), Remedy::Repair);
        })
    }

    fn rejects(&mut self) -> Result<(), StoreError> {
        let slots = u64::from(self.reader.settings.reject_blocks.max(1));
        let cost = |_: &Self, _: &[u8]| "the rejects of a commit".to_owned();
        self.each_whole("rejects", cost, |this, key, value| {
            let slot = <[u8; 8]>::try_from(key).map(u64::from_be_bytes);
            let problem = match (slot, rejects::decode(value)) {
                (Err(_), _) => "no rejects have such a key",
                (_, Err(_)) => "the entry is damaged",
                (Ok(slot), Ok(block)) if block.number % slots != slot => "the entry belongs elsewhere",
                _ => return,
            };
            let remedy = Remedy::Daemon("its place is used again".into());
            this.add(StorePlace::entry("rejects", key), problem, cost(this, key), remedy);
        })
    }

    fn sessions(&mut self) -> Result<(), StoreError> {
        let cost = |_: &Self, _: &[u8]| "a session: its client is told that there is none".to_owned();
        self.each_whole("sessions", cost, |this, key, value| {
            let is_sound = std::str::from_utf8(key).is_ok() && matches!(value.len(), 0 | 8);
            if !is_sound {
                this.add(StorePlace::entry("sessions", key), "the entry is damaged", cost(this, key), Remedy::Repair);
            }
        })
    }

    fn held(&mut self) -> Result<(), StoreError> {
        let cost = |_: &Self, _: &[u8]| "readings that waited for the clock".to_owned();
        self.each_whole("held", cost, |this, key, value| {
            let problem = match decode_readings(value) {
                _ if key.len() != 8 => "no readings have such a key",
                Err(_) => "the readings are damaged",
                Ok(readings) if !readings.iter().all(|reading| this.has_name(reading.sensor)) => {
                    "some of the readings are of a sensor without a name"
                }
                Ok(_) => return,
            };
            this.add(StorePlace::entry("held", key), problem, cost(this, key), Remedy::Repair);
        })
    }

    fn journal(&mut self) -> Result<(), StoreError> {
        let reader = self.reader;
        let folder = journal_folder(&reader.settings.directory);
        if !folder.exists() {
            return Ok(());
        }
        // Beside a daemon, the end of the journal changes while it is read. What is lost before the end that a first look
        // finds is lost.
        let _pin = reader.pin_journal();
        let end = reader.db.is_written().then(|| journal::inspect(&folder, |_, _| {})).transpose()?;
        let is_before_end = |number: RecordNumber| end.as_ref().is_none_or(|end| number <= end.last);
        let (mut named, mut closed) = (HashSet::new(), Timestamp::MIN);
        let findings = journal::inspect(&folder, |number, record| {
            self.entries += 1;
            let place = StorePlace::entry(JOURNAL, &number.0.to_be_bytes());
            match record {
                Record::Sensors(sensors) => named.extend(sensors.into_iter().map(|(sensor, _)| sensor)),
                Record::Closed(until) if until < closed => {
                    let problem = format!("windows are closed until {until} after they were closed until {closed}");
                    self.add(place, problem, "nothing", forgotten());
                }
                Record::Closed(until) => closed = until,
                Record::Readings(readings) | Record::HeldPut { readings, .. } => {
                    let is_nameless = |sensor: SensorId| !self.has_name(sensor) && !named.contains(&sensor);
                    let nameless = readings.iter().filter(|reading| is_nameless(reading.sensor)).count();
                    if nameless > 0 {
                        let cost = format!("{nameless} readings");
                        self.add(place, "the record has readings of sensors without a name", cost, forgotten());
                    }
                }
                _ => {}
            }
        })?;
        let held = redo::settled(&reader.tables)?;
        if let Some((must, _)) = findings.settled.filter(|(must, _)| *must > held && end.is_none()) {
            let problem = format!(
                "the database holds what follows from the journal up to record {held}, and once held it up to record {must}"
            );
            let cost = "windows, names and runs that were stored last, but for what the journal still has";
            let remedy = Remedy::Daemon("the next start puts back what the journal has; see to the disk".into());
            self.add(StorePlace::entry("progress", SETTLED_KEY), problem, cost, remedy);
        }
        for loss in findings.losses.iter().filter(|loss| is_before_end(loss.first)) {
            let place = StorePlace::entry(JOURNAL, &loss.first.0.to_be_bytes());
            self.add(place, loss.to_string(), "the readings in them whose windows are not stored", forgotten());
        }
        if let (Some(TornTail { bytes, .. }), None) = (&findings.torn, &end) {
            let place = StorePlace::entry(JOURNAL, &findings.last.0.saturating_add(1).to_be_bytes());
            if held > findings.last {
                let problem = format!(
                    "the journal ends in the middle of a commit behind record {}, and the database holds what follows from \
                     it up to record {held}",
                    findings.last
                );
                let cost = "the readings behind it whose windows are not stored; see to the disk";
                self.add(place, problem, cost, Remedy::Daemon("the next start goes on behind it".into()));
            } else {
                let problem = format!(
                    "the last commit is not whole ({bytes} bytes of it are there), as a crash or a power cut leaves it"
                );
                let cost = "nothing that was acknowledged, unless the daemon was stopped in order last";
                self.add(place, problem, cost, Remedy::AsAfterCrash);
            }
        }
        for segment in &findings.damaged_headers {
            let problem = format!("the header of segment {segment} is damaged");
            self.add(StorePlace::entry(JOURNAL, &segment.0.to_be_bytes()), problem, "nothing", forgotten());
        }
        if findings.unreadable_bytes > 0 {
            let problem = format!("the disk cannot read {} bytes of it", findings.unreadable_bytes);
            self.add(StorePlace::entry(JOURNAL, &[]), problem, "the records there; see to the disk", forgotten());
        }
        Ok(())
    }

    fn history(&mut self) -> Result<(), StoreError> {
        let history = HistoryReader::new(&self.reader.settings.directory);
        for reading in history.readings(Timestamp::MIN, Timestamp::MAX, |_| true)? {
            reading?;
            self.entries += 1;
        }
        let damaged = history.unreadable();
        if damaged > 0 {
            let remedy =
                Remedy::Daemon("exports leave the readings there out, and the damage goes with its day".into());
            let problem = format!("{damaged} places in it cannot be read");
            self.add(StorePlace::entry(HISTORY, &[]), problem, "the raw readings there", remedy);
        }
        Ok(())
    }

    /// A kept model of several files is named by the hashes of these, which only its reader can put together: of it, the
    /// checksum is checked.
    fn models(&mut self) -> Result<(), StoreError> {
        let directory = &self.reader.settings.directory;
        let unreadable = |problem| StoreError::Unreadable { directory: directory.clone(), problem };
        let entries = match fs::read_dir(directory.join(MODELS)) {
            Err(problem) if problem.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries.map_err(unreadable)?,
        };
        for entry in entries {
            let name = entry.map_err(unreadable)?.file_name();
            let Some(hash) = name.to_str().and_then(hash_of) else { continue };
            self.entries += 1;
            let problem = match read_kept_model(directory, hash).as_deref() {
                None => "the kept model is torn or damaged",
                Some([file]) if Sha256::digest(file)[..] != hash.0 => {
                    "the kept model is not the one that its name tells"
                }
                Some(_) => continue,
            };
            let cost = "the rows of its verdicts that are not stored, while no such model is at work";
            let remedy = Remedy::Daemon("it is kept again when such a model is put to work".into());
            self.add(StorePlace::entry(MODELS, hash.to_string().as_bytes()), problem, cost, remedy);
        }
        Ok(())
    }

    fn progress(&mut self) -> Result<(), StoreError> {
        let mut cursors = Vec::new();
        let (mut scored, mut next_run, mut is_noted) = (Vec::new(), RunId::default(), false);
        let cost = |_: &Self, _: &[u8]| "nothing: it is told from elsewhere".to_owned();
        self.each_whole("progress", cost, |this, key, value| {
            let place = StorePlace::entry("progress", key);
            let number = <[u8; 8]>::try_from(value).ok().map(u64::from_be_bytes);
            let time = number.map(|nanos| Timestamp::from_nanos(nanos.cast_signed()));
            let is_sound = match key {
                b"closed" | CONDITIONS_KEY => time.is_some(),
                key if key == SCORED_KEY || key.starts_with(SCORED_PREFIX) => {
                    scored.extend(time.map(|time| (place.clone(), time)));
                    time.is_some()
                }
                LATENESS_KEY | KEPT_PER_INTERVAL_KEY | SETTLED_KEY | NEXT_ORDER_KEY => value.len() == 8,
                NUMBERS_KEY => number_of(value).is_some(),
                format::KEY => {
                    is_noted = true;
                    format::compare(value, &this.reader.settings).is_ok()
                }
                key if key.starts_with(SUBSCRIPTIONS_KEY) => true,
                key if key.starts_with(REPLAYED_PREFIX) => rejects::ReplayedPlaces::decode(value).is_ok(),
                NEXT_RUN_KEY => {
                    next_run = RunId(number.unwrap_or_default());
                    number.is_some()
                }
                key if key.starts_with(CURSOR_PREFIX) => {
                    cursors.extend(number.map(|next| (place.clone(), RunId(next))));
                    number.is_some()
                }
                _ => {
                    this.add(place, "no version that this one knows writes such an entry", "nothing", Remedy::Repair);
                    return;
                }
            };
            if !is_sound {
                this.add(place, "the entry is damaged", cost(this, key), Remedy::Repair);
            }
        })?;
        if !is_noted {
            let remedy = Remedy::Daemon("the next start writes it anew from its copy beside the database".into());
            let place = StorePlace::entry("progress", format::KEY);
            self.add(place, "the entry that says what the store was made with is missing", "nothing", remedy);
        }
        // Runs that began since are later than what was noted before.
        let next_run = next_run.max(self.reader.next_run()?);
        for (place, cursor) in cursors.into_iter().filter(|(_, cursor)| *cursor > next_run) {
            let problem =
                format!("all runs before run {cursor} are said to be published, and the next run is {next_run}");
            self.add(place, problem, "the runs between, which would not be published", Remedy::Repair);
        }
        let closed = self.reader.progress(&Progress::Closed)?;
        let Some(closed) = closed else { return Ok(()) };
        for (place, scored) in scored.into_iter().filter(|(_, scored)| *scored > closed) {
            let problem =
                format!("windows are said to be scored until {scored}, and they are closed until {closed} only");
            self.add(place, problem, "the runs between, which would not be made", Remedy::Repair);
        }
        Ok(())
    }
}

/// The hash that a file of a kept model is named by.
fn hash_of(name: &str) -> Option<ModelHash> {
    let mut hash = [0; 32];
    let digits = name.as_bytes();
    if digits.len() != 2 * hash.len() {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(ModelHash(hash))
}

fn forgotten() -> Remedy {
    Remedy::Daemon(
        "the start goes on without it, and the journal forgets the place when the windows around it are stored".into(),
    )
}

#[cfg(test)]
pub(super) mod tests;
