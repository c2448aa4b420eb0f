//! What has changed in a directory of models: pure, over what was listed and when.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::{Listing, ModelFile, Stamp};
use crate::sensor::SensorName;

/// Finds the files that have changed and come to rest.
///
/// A file may be looked at while it is written. So a change counts when the same stamp was seen twice, at least the
/// settle time apart; a file that was renamed into its place is whole, and only waits as long.
#[derive(Debug)]
pub struct Changes {
    settle: Duration,
    at_work: BTreeMap<SensorName, Seen>,
    settling: BTreeMap<SensorName, (Option<Seen>, Instant)>,
}

/// What was seen of a sensor's file.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Seen {
    file: ModelFile,
    stamps: [Option<Stamp>; 3],
}

/// What is to be done now.
#[derive(Debug, Default)]
pub struct Due {
    /// The files that are new or changed.
    pub load: Vec<(SensorName, ModelFile)>,
    /// The sensors whose file is gone.
    pub remove: Vec<SensorName>,
    /// Whether something has changed that has not come to rest: look again after the settle time.
    pub unsettled: bool,
}

impl Seen {
    fn of(file: &ModelFile) -> Self {
        let stamps =
            [Stamp::of(&file.path), Stamp::of(&file.expectation()), file.second.as_deref().and_then(Stamp::of)];
        Self { file: file.clone(), stamps }
    }
}

impl Changes {
    /// Begins with what was listed, and is being loaded.
    pub fn since(listing: &Listing, settle: Duration) -> Self {
        let at_work = listing.files.iter().map(|(sensor, file)| (sensor.clone(), Seen::of(file))).collect();
        Self { settle, at_work, settling: BTreeMap::new() }
    }

    /// Compares with what is there now.
    pub fn look(&mut self, listing: &Listing, now: Instant) -> Due {
        let mut due = Due::default();
        let gone = self.at_work.keys().filter(|sensor| !listing.files.contains_key(*sensor)).cloned();
        let gone: Vec<_> = gone.map(|sensor| (sensor, None)).collect();
        let there = listing.files.iter().map(|(sensor, file)| (sensor.clone(), Some(Seen::of(file))));
        let mut settling = BTreeMap::new();
        for (sensor, seen) in there.chain(gone) {
            if self.at_work.get(&sensor) == seen.as_ref() {
                continue;
            }
            let since = match self.settling.remove(&sensor) {
                Some((before, since)) if before == seen => since,
                _ => now,
            };
            if now.duration_since(since) < self.settle {
                settling.insert(sensor, (seen, since));
                continue;
            }
            match seen {
                Some(seen) => {
                    due.load.push((sensor.clone(), seen.file.clone()));
                    self.at_work.insert(sensor, seen);
                }
                None => {
                    self.at_work.remove(&sensor);
                    due.remove.push(sensor);
                }
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
    use crate::model::NameTemplate;

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
            let changes = Changes::since(&list(directory.path()), SETTLE);
            Self { directory, changes, now: Instant::now() }
        }

        fn write(&self, file: &str, content: &str) {
            fs::write(self.directory.path().join(file), content).unwrap();
        }

        /// Looks after so many seconds: what is to be loaded, what removed, and whether something is unsettled.
        fn look(&mut self, after: u64) -> (Vec<String>, Vec<String>, bool) {
            self.now += Duration::from_secs(after);
            let due = self.changes.look(&list(self.directory.path()), self.now);
            let load = due.load.iter().map(|(sensor, _)| sensor.to_string()).collect();
            (load, due.remove.iter().map(ToString::to_string).collect(), due.unsettled)
        }
    }

    fn list(directory: &Path) -> Listing {
        Listing::read(directory, &NameTemplate::default(), 100).unwrap()
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
    fn a_second_file_for_a_sensor_and_an_expectation_are_changes() {
        let mut folder = Folder::new(&["model_1_1"]);
        folder.write("model_1_1.expect.csv", "x0,decision\n");
        folder.look(0);
        assert_eq!(folder.look(2).0, ["1/1"]);
        folder.write("model_1_1.pkl", "second");
        folder.look(0);
        assert_eq!(folder.look(2).0, ["1/1"]);
    }
}
