//! What a start needs on this machine beside its configuration: a store that fits, room on its disk, the broker's
//! password, and a sandbox of the service that allows the daemon its work.

use std::fs::{self, File};
use std::path::{self, Path};

use super::unit::{Access, Unit};
use super::{Findings, unwritable};
use crate::actors::sources::broker::Broker;
use crate::config::Config;
use crate::config::connect::Password;
use crate::daemon::settings::Settings;
use crate::group::Group;
use crate::http;
use crate::interval::Cut;
use crate::store::{self, StoreError, StoreFit};

/// The least free room with which a store can take in anything.
const LEAST_ROOM: u64 = 64 << 20;

/// Checks that the store opens with these settings, and that its files can be written to.
pub(super) fn check_store(settings: &Settings, findings: &mut Findings) {
    const KEY: &str = "store.directory";
    let directory = &settings.store.directory;
    if store::is_in_use(directory) {
        findings.add(
            "note",
            KEY,
            &format!("a daemon is running on the store in {}; a second one would be refused", directory.display()),
        );
    }
    if let Err(problem) = store::usable(directory) {
        findings.mistake(KEY, problem);
    }
    let files = store::files_there(directory);
    let refused = files.iter().filter(|file| file.is_file()).find_map(|file| {
        // Opened to write, and not written to.
        File::options()
            .append(true)
            .open(file)
            .err()
            .map(|error| format!("{} cannot be written to: {error}", file.display()))
    });
    if let Some(refused) = refused {
        let advice =
            "anomalyd probably ran on this store as another user: give the whole store to one user by chown -R";
        findings.mistake(KEY, format!("{refused}; {advice}"));
    }
    if settings.recuts
        && let Some(plan) = store::recut_plan(&settings.store)
    {
        let (key, because) = because_of_group(settings, plan.stored_cut()).unwrap_or((plan.key(), String::new()));
        findings.warn(key, format!("at the next start {plan} (store.recut){because}"));
        check_replaced(directory, findings);
        return;
    }
    match store::fit(&settings.store) {
        Ok(StoreFit::NoStore | StoreFit::Fits) => {}
        Ok(StoreFit::Earlier { needed }) => {
            findings.warn(
                KEY,
                format!(
                    "an earlier version made the store: the next start, or anomalyd store upgrade, writes it anew in this \
                     version's format, keeps the old one beside it, and may take {} MiB of the disk",
                    needed.div_ceil(1 << 20)
                ),
            );
            check_replaced(directory, findings);
        }
        Ok(StoreFit::Unknown { reason }) => findings.warn(
            KEY,
            format!(
                "whether the store that is there fits window.interval, window.length, store.keep_intervals and store.keep_runs \
                 cannot be told: {reason}; the next start tells"
            ),
        ),
        Err(error) => {
            let (key, because) = match &error {
                StoreError::OtherCut { stored, configured, .. } => {
                    let is_interval = stored.interval() != configured.interval();
                    let key = if is_interval { "window.interval" } else { "window.length" };
                    because_of_group(settings, *stored).unwrap_or((key, String::new()))
                }
                StoreError::OtherRing { key, .. } => (*key, String::new()),
                _ => (KEY, String::new()),
            };
            findings.mistake(key, format!("{error}{because}"));
        }
    }
}

/// Which group makes a store unfit that cuts time like this, as a key and in words; `None` where there are no groups, or their
/// windows could be made of what is there.
fn because_of_group(settings: &Settings, stored: Cut) -> Option<(&'static str, String)> {
    let Group { name, grid, .. } = settings.groups.first_unfit_for(stored).filter(|group| !group.name.is_default())?;
    let (length, hop, interval) = (grid.length(), grid.hop(), grid.interval());
    let words = format!(
        "; it is the group {name} whose windows of {length}, one each {hop}, in intervals of {interval}, cannot be put together of \
         what is there"
    );
    Some(("group", words))
}

/// Checks that a store which is to be made anew will be: few of those that were replaced are kept.
fn check_replaced(directory: &Path, findings: &mut Findings) {
    if let Err(problem) = store::check_replaced(directory) {
        findings.mistake("store.directory", problem);
    }
}

/// Checks that the disk has room for the full rings.
pub(super) fn check_room(settings: &Settings, sensors: usize, findings: &mut Findings) {
    const KEY: &str = "store.directory";
    let directory = &settings.store.directory;
    let existing = directory.ancestors().find(|ancestor| ancestor.is_dir()).unwrap_or(Path::new("."));
    let existing = if existing == Path::new("") { Path::new(".") } else { existing };
    let Ok(free) = store::free_bytes(existing) else { return };
    let there = store::bytes_there(directory);
    let wanted = settings.store.bytes_of_rings(sensors as u64);
    let shown = directory.display();
    let [free_mib, wanted_mib, there_mib] = [free, wanted, there].map(|bytes| bytes >> 20);
    let max = settings.store.shed.max_bytes;
    if wanted > max {
        let base = settings.store.bytes_of_rings(0);
        let each = wanted.saturating_sub(base) / (sensors as u64).max(1);
        let fit = max.saturating_sub(base) / each.max(1);
        findings.warn(
            "store.max_size",
            format!(
                "the store may come to some {wanted_mib} MiB for {sensors} sensors, and {} MiB are allowed, which are enough \
                 for some {fit}; raw readings and old verdicts would be given up early: allow more, or keep less \
                 (store.keep_intervals, store.keep_verdicts)",
                max >> 20
            ),
        );
    }
    if free < LEAST_ROOM {
        findings.mistake(
            KEY,
            format!(
                "the disk of {shown} has {free_mib} MiB free, and the store needs {} at the least",
                LEAST_ROOM >> 20
            ),
        );
    } else if free < wanted.saturating_sub(there) {
        findings.warn(
            KEY,
            format!(
                "the store in {shown} may come to some {wanted_mib} MiB for {sensors} sensors, has {there_mib} MiB now, and its \
                 disk has {free_mib} MiB free; keep less (store.keep_intervals, store.keep_verdicts), or give it a larger disk"
            ),
        );
    }
}

/// Whether the broker's settings can work, and its password is there.
pub(super) fn check_broker(config: &Config, settings: &Settings, unit: Option<&Unit>, findings: &mut Findings) {
    if let Some(Err(error)) = settings.broker.clone().map(Broker::new) {
        findings.mistake("mqtt.connect", error);
    }
    let Some(login) = config.mqtt.connect.as_ref().and_then(|connect| connect.login.as_ref()) else { return };
    const KEY: &str = "mqtt.connect.password_file";
    let mut login = login.clone();
    if let Password::File(file) = &mut login.password
        && !file.exists()
        && let Some(loaded) = unit.and_then(|unit| unit.credential(file))
    {
        match loaded {
            // systemd reads this file as root.
            Ok(source) => *file = source,
            Err(why) => return findings.mistake(KEY, why),
        }
    }
    if let Err(error) = login.read() {
        findings.mistake(KEY, error);
    }
}

/// Whether the metrics can be written. The daemon starts without.
pub(super) fn check_metrics(settings: &Settings, unit: Option<&Unit>, findings: &mut Findings) {
    const KEY: &str = "metrics.file";
    let Some(reporter) = &settings.reporter else { return };
    let folder = reporter.file.parent().unwrap_or(Path::new("."));
    if reporter.file.is_dir() {
        findings.warn(KEY, format!("{} is a folder; name a file in it", reporter.file.display()));
    } else if unit.is_some_and(|unit| unit.makes(folder)) {
        // It is there as long as the service runs.
    } else if !folder.is_dir() {
        findings.warn(KEY, format!("there is no folder {}; the daemon makes none for the metrics", folder.display()));
    } else if let Some(why) = unwritable(folder) {
        findings.warn(KEY, why);
    }
}

/// Whether the local socket can be made. The daemon starts without.
pub(super) fn check_socket(config: &Config, unit: Option<&Unit>, findings: &mut Findings) {
    if let Some(Err(error)) = config.socket.group.as_deref().map(http::number_of_group) {
        findings.warn("socket.group", error);
    }
    let Some(folder) = config.socket.path.as_deref().and_then(Path::parent) else { return };
    const KEY: &str = "socket.path";
    if unit.is_some_and(|unit| unit.makes(folder)) {
        // It is there as long as the service runs.
    } else if !folder.is_dir() {
        findings.warn(KEY, format!("there is no folder {}; the daemon makes none for its socket", folder.display()));
    } else if let Some(why) = unwritable(folder) {
        findings.warn(KEY, why);
    }
}

/// Checks that the unit which runs this configuration allows the daemon what the configuration asks of it.
pub(super) fn check_unit(file: &Path, config: &Config, settings: &Settings, unit: &Unit, findings: &mut Findings) {
    if let Some(user) = unit.missing_user() {
        let advice = "install systemd/anomalyd.sysusers.conf as /etc/sysusers.d/anomalyd.conf and run systemd-sysusers";
        findings.mistake("store.directory", format!("the service runs as {user}, and there is no such user; {advice}"));
    }
    let stored = store::files_there(&settings.store.directory);
    if let Some((user, file)) = unit.cannot_write_one_of(&stored) {
        let directory = settings.store.directory.display();
        findings.mistake(
            "store.directory",
            format!(
                "the service runs as {user}, who may not write to {}, as somebody ran anomalyd on this store as another user; \
                 give all of it to {user}: chown -R {user}: {directory}",
                file.display()
            ),
        );
    }
    let files = settings.files.as_ref().map(|files| ("publish.files.directory", &*files.directory, Access::Write));
    let metrics = settings.reporter.as_ref().and_then(|reporter| reporter.file.parent());
    let password = config.mqtt.connect.as_ref().and_then(|connect| connect.login.as_ref());
    let password = password.and_then(|login| match &login.password {
        Password::File(file) if unit.credential(file).is_none() => Some(&**file),
        _ => None,
    });
    let paths = [
        Some(("--config", file, Access::Read)),
        Some(("store.directory", &*settings.store.directory, Access::Write)),
        Some(("models.directory", &*settings.models.directory, Access::Read)),
        files,
        metrics.map(|folder| ("metrics.file", folder, Access::Write)),
        password.map(|file| ("mqtt.connect.password_file", file, Access::Read)),
    ];
    for (key, path, access) in paths.into_iter().flatten() {
        let path = path::absolute(path).unwrap_or_else(|_| path.to_owned());
        if !findings.has_mistake(key)
            && let Some(why) = unit.keeps_from(&path, access)
        {
            match key {
                // The daemon starts without its metrics.
                "metrics.file" => findings.warn(key, why),
                _ => findings.mistake(key, why),
            }
        }
    }
    if let Some(listen) = &config.mqtt.listen
        && let Some(why) = unit.keeps_from_port(listen.address.port(), first_free_port())
    {
        findings.mistake("mqtt.listen.address", why);
    }
}

/// The lowest port that needs no privilege.
pub(super) fn first_free_port() -> u16 {
    let said = fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start").ok();
    said.and_then(|said| said.trim().parse().ok()).unwrap_or(1024)
}
