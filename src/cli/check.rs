//! `anomalyd check`: finds everything that would make a start fail, all at once.

mod port;
mod surroundings;
mod unit;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io::{self, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use crate::actors::scoring::model_loader::read_each;
use crate::actors::scoring::workers::Workers;
use crate::actors::sources::listener::{ListenError, Listener};
use crate::cli::exit_code;
use crate::config::{Config, Places};
use crate::daemon::settings::Settings;
use crate::features::{AssignError, Assigner, FeatureSet, Plan};
use crate::group::{Group, GroupName, Groups};
use crate::model::{Entry, Listing, Warning, guarded};
use crate::printable::shown;
use crate::sensor::SensorName;
use crate::store;
use crate::telemetry::journal::{self, Priority, marked};
use port::check_port;
use surroundings::{check_broker, check_metrics, check_room, check_socket, check_store, check_unit};
use unit::Unit;

/// Checks the configuration, the models, the folders and the ports, and names every mistake at once.
///
/// The exit code is 0 when the daemon can start and every model can be used, 78 when the file itself has mistakes, and
/// 1 when only what it names has. Warnings do not count.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = "/etc/anomalyd/config.toml")]
    pub config: PathBuf,
    /// Also list which sensor with a model is in which group
    #[arg(long)]
    pub groups: bool,
}

/// How long a broker may take to answer.
const BROKER_PATIENCE: Duration = Duration::from_secs(3);

/// Checks, and writes the findings to `out`.
///
/// # Errors
/// When `out` cannot be written.
pub fn run(args: &Args, out: &mut dyn Write) -> io::Result<ExitCode> {
    let (config, places, mistaken) = match Config::read_in_part(&args.config) {
        Ok(read) => read,
        Err(error) => {
            say(out, Priority::Error, &error)?;
            return Ok(ExitCode::from(exit_code::CONFIGURATION));
        }
    };
    // One mistake must not hide others: everything that does not depend on a key with a mistake is checked.
    let is_sound = |key: &str| mistaken.as_ref().is_none_or(|mistaken| !mistaken.is_about(key));
    if let Some(mistaken) = &mistaken {
        say(out, Priority::Error, mistaken)?;
        writeln!(out)?;
    }
    let settings = Settings::of(&config);
    let mut findings = Findings { places, found: Vec::new(), mistakes: 0, warnings: 0 };
    for warning in config.warnings() {
        findings.warn(warning.key, warning.advice);
    }
    let unit = Unit::that_runs(&args.config, Path::new("/"));
    if is_sound("mqtt") {
        check_ports(&config, &settings, &mut findings);
        check_broker(&config, &settings, unit.as_ref(), &mut findings);
    }
    if is_sound("store.directory") {
        check_folder("store.directory", &settings.store.directory, &mut findings);
        let aside = store::set_aside(&settings.store.directory).unwrap_or_default();
        aside.iter().for_each(|aside| findings.warn("store.directory", aside));
    }
    if is_sound("store") && is_sound("window") {
        check_store(&settings, &mut findings);
    }
    if is_sound("metrics") {
        check_metrics(&settings, unit.as_ref(), &mut findings);
    }
    if is_sound("socket") {
        check_socket(&config, unit.as_ref(), &mut findings);
    }
    if is_sound("http") {
        check_port(&settings, unit.as_ref(), &mut findings);
    }
    if let Some(files) = &settings.files
        && is_sound("publish.files.directory")
    {
        check_folder("publish.files.directory", &files.directory, &mut findings);
    }
    let (models, sensors) = if is_sound("models") && is_sound("features") {
        check_models(&settings, &mut findings)
    } else {
        ("models not looked at".to_owned(), Vec::new())
    };
    if is_sound("group") {
        note_groups(&settings.groups, &sensors, &mut findings);
    }
    if is_sound("store") && is_sound("window") {
        check_room(&settings, sensors.len(), &mut findings);
    }
    if let Some(unit) = &unit
        && mistaken.is_none()
    {
        check_unit(&args.config, &config, &settings, unit, &mut findings);
    }

    for finding in &findings.found {
        say(out, finding.priority(), finding)?;
    }
    if !findings.found.is_empty() {
        writeln!(out)?;
    }
    if args.groups {
        for sensor in &sensors {
            writeln!(out, "{sensor} is in the group {}", settings.groups.of(sensor).name)?;
        }
    }
    let (warnings, found) = (findings.warnings, findings.mistakes);
    let file = args.config.display();
    let mistakes = match &mistaken {
        Some(_) => format!("{} besides those in the file itself", count(found, "mistake")),
        None => count(found, "mistake"),
    };
    writeln!(out, "{file}: {mistakes}, {}, {models}", count(warnings, "warning"))?;
    Ok(ExitCode::from(match (&mistaken, found) {
        (Some(_), _) => exit_code::CONFIGURATION,
        (None, 0) => 0,
        (None, _) => exit_code::FAILURE,
    }))
}

/// Writes to `out`, which is standard output. When that is the journal, as before a start of the service, each line
/// gets its priority.
fn say(out: &mut dyn Write, priority: Priority, text: &impl fmt::Display) -> io::Result<()> {
    if journal::is_standard_output() {
        out.write_all(marked(priority, &text.to_string()).as_bytes())
    } else {
        writeln!(out, "{text}")
    }
}

fn count(count: usize, noun: &str) -> String {
    match count {
        0 => format!("no {noun}s"),
        1 => format!("1 {noun}"),
        more => format!("{more} {noun}s"),
    }
}

/// The findings, each with its place in the file.
struct Findings {
    places: Places,
    found: Vec<Finding>,
    mistakes: usize,
    warnings: usize,
}

struct Finding {
    severity: &'static str,
    place: String,
    key: &'static str,
    text: String,
}

/// A finding that keeps the daemon from starting, or a model from being used.
const MISTAKE: &str = "mistake";

impl Finding {
    fn priority(&self) -> Priority {
        match self.severity {
            MISTAKE => Priority::Error,
            "warning" => Priority::Warning,
            _ => Priority::Info,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { severity, place, key, text } = self;
        write!(f, "{place}: {severity}: {key}: {text}")
    }
}

impl Findings {
    fn mistake(&mut self, key: &'static str, text: impl fmt::Display) {
        self.mistakes += 1;
        self.add(MISTAKE, key, &text);
    }

    fn has_mistake(&self, key: &str) -> bool {
        self.found.iter().any(|finding| finding.key == key && finding.severity == MISTAKE)
    }

    fn warn(&mut self, key: &'static str, text: impl fmt::Display) {
        self.warnings += 1;
        self.add("warning", key, &text);
    }

    fn add(&mut self, severity: &'static str, key: &'static str, text: &impl fmt::Display) {
        self.found.push(Finding { severity, place: self.places.of(key), key, text: text.to_string() });
    }
}

fn check_ports(config: &Config, settings: &Settings, findings: &mut Findings) {
    if let Some(listener) = &settings.listener
        && let Err(error) = Listener::bind(listener.clone())
    {
        match error {
            // The store is in use, so the daemon with this configuration runs and has the port.
            ListenError::AddressInUse(address) if store::is_in_use(&settings.store.directory) => {
                let by =
                    format!("{address} is taken, as it should be: a daemon is running on this configuration's store");
                findings.warn("mqtt.listen.address", by);
            }
            error => findings.mistake("mqtt.listen.address", error),
        }
    }
    if let Some(connect) = &config.mqtt.connect
        && let Err(error) = reach(&connect.host, connect.port)
    {
        let at = format!("the broker at {}:{} cannot be reached now: {error}", connect.host, connect.port);
        findings.warn("mqtt.connect.host", format!("{at}; the daemon starts all the same and keeps trying"));
    }
}

fn reach(host: &str, port: u16) -> io::Result<()> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name leads to no address");
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, BROKER_PATIENCE) {
            Ok(_) => return Ok(()),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn check_folder(key: &'static str, folder: &Path, findings: &mut Findings) {
    if let Some(why) = unwritable(folder) {
        findings.mistake(key, why);
    }
}

/// Why a folder cannot be written to, or made. Leaves nothing behind.
fn unwritable(folder: &Path) -> Option<String> {
    let existing = folder.ancestors().find(|ancestor| ancestor.exists()).unwrap_or(Path::new("."));
    let existing = if existing == Path::new("") { Path::new(".") } else { existing };
    if !existing.is_dir() {
        return Some(format!("{} is not a folder", existing.display()));
    }
    let error = tempfile::tempfile_in(existing).err()?;
    let advice = match error.kind() {
        io::ErrorKind::ReadOnlyFilesystem => "a service needs ReadWritePaths= for it (systemctl edit anomalyd)",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "make room on its disk",
        _ => "the user that anomalyd runs as must own it",
    };
    Some(format!("cannot write to {}: {error}; {advice}", folder.display()))
}

/// The result of checking one sensor's file. It does not hold the model, because there may be a hundred thousand.
struct Checked {
    sensor: SensorName,
    path: PathBuf,
    alternative: Option<SensorName>,
    /// What was found out about the model, or why it cannot be used.
    tried: Result<Tried, String>,
}

struct Tried {
    warnings: Vec<Warning>,
    plan: Result<Arc<Plan>, AssignError>,
    is_proven: bool,
}

impl Checked {
    fn of(entry: Entry, features: &Assigner) -> Self {
        let Entry { sensor, path, model, alternative, scaler: _ } = entry;
        let tried = model.map_err(|error| error.to_string()).and_then(|model| {
            let tried = || Tried {
                warnings: model.warnings(),
                plan: features.assign(&sensor, &model),
                is_proven: model.proof().is_held(),
            };
            guarded(tried).map_err(|panic| format!("{}: {panic}", path.display()))
        });
        Self { sensor, path, alternative, tried }
    }
}

/// Reports what is wrong with the models, and their totals. Returns the sensors that have a model.
fn check_models(settings: &Settings, findings: &mut Findings) -> (String, Vec<SensorName>) {
    const KEY: &str = "models.directory";
    let models = &settings.models;
    let Listing { files, ignored } = match Listing::read(&models.directory, &models.names, models.limits.files) {
        Ok(listing) => listing,
        Err(error) => {
            findings.mistake(KEY, error);
            return ("no models".to_owned(), Vec::new());
        }
    };
    // Models are tried as the daemon tries them: on threads that are abandoned at their deadline.
    let features = settings.features.clone();
    let then = move |entry: Entry| Checked::of(entry, &features);
    let mut checked = Vec::new();
    let files = files.into_iter().collect();
    let workers = Workers::on_all_cores();
    read_each(&workers, files, models.load_bounds(), then, |_, entry, _| checked.push(entry));
    checked.sort_by(|a, b| a.sensor.cmp(&b.sensor));
    let (mut usable, mut proven) = (0, 0);
    let mut columns: HashMap<Arc<FeatureSet>, Vec<String>> = HashMap::new();
    for entry in &checked {
        let path = shown(&entry.path);
        match &entry.tried {
            Ok(Tried { warnings, plan, is_proven }) => {
                proven += usize::from(*is_proven);
                for warning in warnings {
                    findings.warn(KEY, format!("{path}: {warning}"));
                }
                match plan {
                    Ok(plan) => {
                        usable += 1;
                        columns.entry(Arc::clone(plan.features())).or_default().push(entry.sensor.to_string());
                    }
                    Err(error) => findings.mistake(KEY, format!("{path}: {error}")),
                }
            }
            Err(reason) => findings.mistake(KEY, reason),
        }
        if let Some(alternative) = &entry.alternative {
            let sensor = &entry.sensor;
            findings.warn("models.name", format!("{path} is taken to be for {sensor}, and could be for {alternative}; choose a template that leaves no doubt"));
        }
    }
    for ignored in &ignored {
        findings.warn("models.name", format!("{} is passed over: {}", shown(&ignored.path), ignored.reason));
    }
    note_columns(columns, findings);
    for settings in settings.features.unused(checked.iter().map(|entry| &entry.sensor)) {
        findings.warn("features", format!("no model is for a sensor that fits \"{}\"", settings.sensors));
    }
    if checked.is_empty() {
        findings.warn(KEY, "there is no model: readings are stored, and nothing is scored");
    }
    if checked.len() > settings.max_sensors {
        let sensors = checked.len();
        findings.warn(
            "limits.sensors",
            format!(
                "{sensors} sensors have models, and {} are accepted: these are all taken in, and readings of sensors \
                 without a model are rejected; raise it",
                settings.max_sensors
            ),
        );
    }
    let sensors = checked.into_iter().map(|entry| entry.sensor).collect();
    (format!("{}, {proven} proven", count(usable, "usable model")), sensors)
}

/// Reports which sensors with a model are in which group, where there are groups.
fn note_groups(groups: &Groups, sensors: &[SensorName], findings: &mut Findings) {
    const SHOWN: usize = 5;
    if groups.iter().count() == 1 {
        return;
    }
    let mut members: BTreeMap<GroupName, Vec<String>> = BTreeMap::new();
    for sensor in sensors {
        members.entry(groups.of(sensor).name.clone()).or_default().push(sensor.to_string());
    }
    for Group { name, sensors, grid } in groups.iter() {
        let windows = match grid.length() == grid.hop() {
            true => format!("windows of {}", grid.length()),
            false => format!("windows of {}, one every {}", grid.length(), grid.hop()),
        };
        let Some(of_group) = members.get(name) else {
            if !name.is_default() {
                let what = format!("no model is for a sensor of the group {name}, whose pattern is \"{sensors}\"");
                findings.warn("group", what);
            }
            continue;
        };
        let shown = of_group[..of_group.len().min(SHOWN)].join(", ");
        let more = match of_group.len().saturating_sub(SHOWN) {
            0 => String::new(),
            more => format!(" and {more} more (--groups lists them)"),
        };
        let interval = grid.interval();
        findings.add("note", "group", &format!("{name} ({windows} in intervals of {interval}): {shown}{more}"));
    }
}

/// Reports what the columns of rows are, where they are not the mean alone.
fn note_columns(columns: HashMap<Arc<FeatureSet>, Vec<String>>, findings: &mut Findings) {
    const SHOWN: usize = 5;
    let mut notes: Vec<String> = columns
        .into_iter()
        .filter(|(features, _)| **features != FeatureSet::default())
        .map(|(features, sensors)| {
            let shown = sensors[..sensors.len().min(SHOWN)].join(", ");
            let more = match sensors.len().saturating_sub(SHOWN) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            format!("the columns of {shown}{more} are {features} (missing: {})", features.missing())
        })
        .collect();
    notes.sort();
    notes.into_iter().for_each(|note| findings.add("note", "models.directory", &note));
}
