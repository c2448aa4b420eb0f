//! Finds what has changed in a folder of models: pure, from what was seen of it and when.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::{Fingerprint, Survey};
use crate::sensor::SensorName;

/// Finds the files that have changed and come to rest.
///
/// A look may see a file that is being written. So a change counts when the same fingerprint was seen twice, at least
/// the settle time apart. A file that was renamed into its place is whole already, and waits as long all the same.
#[derive(Debug)]
pub struct Changes {
    settle: Duration,
    at_work: BTreeMap<SensorName, Fingerprint>,
    /// The changed files that have not come to rest: their fingerprint (`None` when the file is gone), and since when
    /// they have it.
    settling: BTreeMap<SensorName, (Option<Fingerprint>, Instant)>,
    /// Files that could not be read for a reason that may pass.
    again: BTreeMap<SensorName, Again>,
}

/// When a file that has not changed is tried again.
#[derive(Debug, Default)]
struct Again {
    /// `None` while it is being tried.
    due: Option<Instant>,
    tries: u32,
}

/// The work that is due now.
#[derive(Debug, Default)]
pub struct Due {
    /// The sensors whose files are new or changed.
    pub load: BTreeSet<SensorName>,
    /// The sensors whose files have not changed and have to be tried again.
    pub again: BTreeSet<SensorName>,
    /// The sensors whose file is gone.
    pub remove: Vec<SensorName>,
    /// The sensors whose scaler is gone while the model behind it is unchanged. Nothing is read for them: without its
    /// scaler, the model would get rows in another unit than in its training.
    pub without_scaler: Vec<SensorName>,
    /// Whether some change has not come to rest.
    pub unsettled: bool,
}

impl Due {
    /// Whether there is nothing to do, nor will be soon.
    pub fn is_empty(&self) -> bool {
        let Self { load, again, remove, without_scaler, unsettled } = self;
        load.is_empty() && again.is_empty() && remove.is_empty() && without_scaler.is_empty() && !unsettled
    }
}

impl Changes {
    /// The shortest pause before a file is tried again; it doubles with each try.
    const SHORTEST_PAUSE: Duration = Duration::from_secs(1);

    /// The longest one.
    const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

    /// Begins with the files that were seen and are being loaded.
    pub fn since(seen: impl IntoIterator<Item = (SensorName, Fingerprint)>, settle: Duration) -> Self {
        Self { settle, at_work: seen.into_iter().collect(), settling: BTreeMap::new(), again: BTreeMap::new() }
    }

    /// Notes that a file could not be read for a reason that may pass, so that it is tried again though it may not
    /// change.
    pub fn try_again(&mut self, sensor: SensorName, now: Instant) {
        let again = self.again.entry(sensor).or_default();
        let pause = Self::SHORTEST_PAUSE.saturating_mul(2_u32.saturating_pow(again.tries));
        again.due = now.checked_add(pause.min(Self::LONGEST_PAUSE));
        again.tries = again.tries.saturating_add(1);
    }

    /// Makes all files that wait for another try due at the next look.
    pub fn hurry(&mut self, now: Instant) {
        self.again.values_mut().for_each(|again| again.due = again.due.map(|due| due.min(now)));
    }

    /// Notes that files which were due were not read: the next look finds them changed again.
    pub fn was_not_read(&mut self, sensors: impl IntoIterator<Item = SensorName>) {
        for sensor in sensors {
            self.at_work.insert(sensor, Fingerprint::default());
        }
    }

    /// When the next look is needed although no change is reported: because a file comes to rest, or is tried again.
    pub fn next_look(&self) -> Option<Instant> {
        let rests = self.settling.values().filter_map(|(_, since)| since.checked_add(self.settle));
        let resting = |sensor: &SensorName| !self.settling.contains_key(sensor);
        let again = self.again.iter().filter(|(sensor, _)| resting(sensor)).filter_map(|(_, again)| again.due);
        rests.chain(again).min()
    }

    /// Compares with the files that are there now.
    pub fn look(&mut self, survey: Survey, now: Instant) -> Due {
        let mut due = Due::default();
        self.again.retain(|sensor, _| self.at_work.contains_key(sensor));
        for (sensor, again) in &mut self.again {
            let seen = survey.fingerprints.get(sensor);
            let is_unchanged = seen.is_some() && seen == self.at_work.get(sensor);
            if is_unchanged && again.due.is_some_and(|due| due <= now) {
                again.due = None;
                due.again.insert(sensor.clone());
            }
        }
        let gone = self.at_work.keys().filter(|sensor| !survey.fingerprints.contains_key(*sensor)).cloned();
        let gone: Vec<_> = gone.map(|sensor| (sensor, None)).collect();
        let there = survey.fingerprints.into_iter().map(|(sensor, seen)| (sensor, Some(seen)));
        let mut settling = BTreeMap::new();
        for (sensor, seen) in there.chain(gone) {
            let before = self.at_work.get(&sensor).copied();
            if before == seen {
                continue;
            }
            let since = match self.settling.remove(&sensor) {
                Some((earlier, since)) if earlier == seen => since,
                _ => now,
            };
            if now.duration_since(since) < self.settle {
                settling.insert(sensor, (seen, since));
                continue;
            }
            self.again.remove(&sensor);
            let Some(seen) = seen else {
                self.at_work.remove(&sensor);
                due.remove.push(sensor);
                continue;
            };
            self.at_work.insert(sensor.clone(), seen);
            match before.is_some_and(|before| seen.has_lost_its_scaler_since(before)) {
                true => due.without_scaler.push(sensor),
                false => _ = due.load.insert(sensor),
            }
        }
        due.unsettled = !settling.is_empty();
        self.settling = settling;
        due
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::model::{Listing, NameTemplates};

    struct Folder {
        directory: tempfile::TempDir,
        changes: Changes,
        now: Instant,
    }

    const SETTLE: Duration = Duration::from_secs(2);

    impl Folder {
        fn new(files: &[&str]) -> Self {
            let directory = tempfile::tempdir().unwrap();
            for file in files {
                fs::write(directory.path().join(file), b"first").unwrap();
            }
            let listing = Listing::read(directory.path(), &NameTemplates::default(), 100).unwrap();
            let seen = listing.files.into_iter().map(|(sensor, file)| (sensor, file.fingerprint));
            let changes = Changes::since(seen, SETTLE);
            Self { directory, changes, now: Instant::now() }
        }

        fn write(&self, file: &str, content: &str) {
            fs::write(self.directory.path().join(file), content).unwrap();
        }

        /// Looks after so many seconds. Returns what is to be loaded and removed, and whether a change has not come to
        /// rest.
        fn look(&mut self, after: u64) -> (Vec<String>, Vec<String>, bool) {
            self.now += Duration::from_secs(after);
            let due = self.changes.look(survey(self.directory.path()), self.now);
            let load = due.load.iter().map(ToString::to_string).collect();
            (load, due.remove.iter().map(ToString::to_string).collect(), due.unsettled)
        }
    }

    fn survey(directory: &Path) -> Survey {
        Survey::take(directory, &NameTemplates::default(), 100, &|name| name, &mut |_| {}).unwrap()
    }

    fn nothing() -> (Vec<String>, Vec<String>, bool) {
        (Vec::new(), Vec::new(), false)
    }

    #[test]
    fn nothing_changes_by_looking() {
        let mut folder = Folder::new(&["model_1_1", "model_1_2"]);
        assert_eq!([folder.look(0), folder.look(60)], [nothing(), nothing()]);
    }

    #[test]
    fn a_changed_and_an_added_file_are_loaded_once_they_rest() {
        let mut folder = Folder::new(&["model_1_1", "model_1_2"]);
        folder.write("model_1_1", "half of the sec");
        folder.write("model_2_1", "new");
        assert_eq!(folder.look(0), (vec![], vec![], true));
        folder.write("model_1_1", "all of the second");
        assert_eq!(folder.look(2), (vec!["2/1".to_owned()], vec![], true));
        assert_eq!(folder.look(1), (vec![], vec![], true));
        assert_eq!(folder.look(1), (vec!["1/1".to_owned()], vec![], false));
        assert_eq!(folder.look(60), nothing());
    }

    #[test]
    fn a_file_that_is_gone_for_a_moment_only_is_not_removed() {
        let mut folder = Folder::new(&["model_1_1", "model_1_2"]);
        for file in ["model_1_1", "model_1_2"] {
            fs::remove_file(folder.directory.path().join(file)).unwrap();
        }
        assert_eq!(folder.look(0), (vec![], vec![], true));
        folder.write("model_1_1", "back again, and another");
        assert_eq!(folder.look(2), (vec![], vec!["1/2".to_owned()], true));
        assert_eq!(folder.look(2), (vec!["1/1".to_owned()], vec![], false));
    }

    #[test]
    fn a_file_renamed_over_another_of_the_same_length_and_age_is_a_change() {
        let mut folder = Folder::new(&["model_1_1"]);
        let path = folder.directory.path().join("model_1_1");
        let modified = fs::metadata(&path).unwrap().modified().unwrap();
        let beside = folder.directory.path().join(".beside");
        fs::write(&beside, b"other").unwrap();
        fs::File::options().write(true).open(&beside).unwrap().set_modified(modified).unwrap();
        fs::rename(&beside, &path).unwrap();
        assert_eq!(folder.look(0), (vec![], vec![], true));
        assert_eq!(folder.look(2), (vec!["1/1".to_owned()], vec![], false));
    }

    #[test]
    fn a_file_written_over_with_the_length_and_the_age_of_the_one_before_is_a_change() {
        let mut folder = Folder::new(&["model_1_1"]);
        let path = folder.directory.path().join("model_1_1");
        let modified = fs::metadata(&path).unwrap().modified().unwrap();
        // Until the clock by which files are dated has moved on.
        std::thread::sleep(Duration::from_millis(20));
        folder.write("model_1_1", "other");
        fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
        assert_eq!(folder.look(0), (vec![], vec![], true));
        assert_eq!(folder.look(2), (vec!["1/1".to_owned()], vec![], false));
    }

    #[test]
    fn a_file_that_could_not_be_read_is_tried_again_ever_more_seldom_until_it_changes() {
        let mut folder = Folder::new(&["model_1_1", "model_1_2"]);
        let sensor = SensorName::new("1", "1").unwrap();
        let again = |folder: &mut Folder, after: u64| {
            folder.now += Duration::from_secs(after);
            let due = folder.changes.look(survey(folder.directory.path()), folder.now);
            assert!(due.load.is_empty());
            due.again.len()
        };
        folder.changes.try_again(sensor.clone(), folder.now);
        assert_eq!([again(&mut folder, 0), again(&mut folder, 1), again(&mut folder, 3600)], [0, 1, 0]);
        folder.changes.try_again(sensor.clone(), folder.now);
        assert_eq!([again(&mut folder, 1), again(&mut folder, 1)], [0, 1]);
        for _ in 0..20 {
            folder.changes.try_again(sensor.clone(), folder.now);
        }
        assert_eq!([again(&mut folder, 3599), again(&mut folder, 1)], [0, 1]);
        folder.changes.try_again(sensor.clone(), folder.now);
        folder.changes.hurry(folder.now);
        assert_eq!(again(&mut folder, 0), 1, "somebody asked");
        folder.changes.try_again(sensor, folder.now);
        folder.write("model_1_1", "another");
        folder.look(0);
        assert_eq!(folder.look(2).0, ["1/1"]);
        assert_eq!(again(&mut folder, 7200), 0);
    }

    #[test]
    fn the_next_look_is_when_a_file_rests_or_is_tried_again_and_never_for_a_sensor_that_is_gone() {
        let mut folder = Folder::new(&["model_1_1", "model_1_2"]);
        let sensor = SensorName::new("1", "1").unwrap();
        let after = |folder: &Folder| folder.changes.next_look().map(|at| (at - folder.now).as_secs());
        assert_eq!(after(&folder), None);
        folder.changes.try_again(sensor.clone(), folder.now);
        assert_eq!(after(&folder), Some(1));
        folder.write("model_1_1", "another");
        folder.look(0);
        assert_eq!(after(&folder), Some(2), "it has changed, and is read once it rests");
        folder.look(2);
        assert_eq!(after(&folder), None);
        fs::remove_file(folder.directory.path().join("model_1_1")).unwrap();
        folder.look(0);
        folder.look(2);
        folder.changes.try_again(sensor, folder.now);
        folder.look(1);
        assert_eq!(after(&folder), None);
    }

    #[test]
    fn what_was_due_and_could_not_be_read_is_due_again_and_gone_if_it_goes() {
        let mut folder = Folder::new(&["model_1_1", "model_1_2"]);
        let sensors = ["1", "2"].map(|sensor| SensorName::new("1", sensor).unwrap());
        folder.changes.was_not_read(sensors);
        fs::remove_file(folder.directory.path().join("model_1_2")).unwrap();
        folder.look(0);
        assert_eq!(folder.look(2), (vec!["1/1".to_owned()], vec!["1/2".to_owned()], false));
    }

    #[test]
    fn a_second_file_for_a_sensor_and_an_expectation_are_changes() {
        let mut folder = Folder::new(&["model_1_1"]);
        folder.write("model_1_1.expect.csv", "x0,decision\n");
        folder.look(0);
        assert_eq!(folder.look(2).0, ["1/1"]);
        folder.write("model_1_1.pkl", "second");
        folder.look(0);
        assert_eq!(folder.look(2).0, ["1/1"]);
    }

    #[test]
    fn a_scaler_that_comes_or_changes_is_a_change_of_its_model_and_one_that_goes_leaves_it_at_work() {
        let mut folder = Folder::new(&["model_1_1", "model_1_2"]);
        let changed = (vec!["1/1".to_owned()], vec![], false);
        folder.write("scaler_1_1.pkl", "first");
        folder.look(0);
        assert_eq!(folder.look(2), changed);
        folder.write("scaler_1_1.pkl", "the second");
        folder.look(0);
        assert_eq!(folder.look(2), changed);
        fs::remove_file(folder.directory.path().join("scaler_1_1.pkl")).unwrap();
        folder.look(0);
        assert_eq!(folder.look(2), nothing());
        folder.write("model_1_1", "a pipeline of its own");
        folder.look(0);
        assert_eq!(folder.look(2), changed);
    }
}
