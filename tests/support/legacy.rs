//! What a daemon leaves behind, to be compared with what an undisturbed daemon leaves.

use std::collections::BTreeMap;

use serde_json::Value;

use super::daemon::Daemon;
use super::site::Site;

/// What a daemon leaves behind.
pub(crate) struct Legacy {
    pub(crate) verdicts: String,
    pub(crate) runs: String,
    pub(crate) rejects: String,
    pub(crate) predictions: BTreeMap<String, String>,
}

impl Legacy {
    /// Stops a daemon in order, and reads what it left.
    pub(crate) fn of(site: &Site, daemon: Daemon) -> Self {
        daemon.stop();
        let [verdicts, runs, rejects] = ["verdicts", "runs", "rejects"].map(|what| site.dump(what));
        Self { verdicts, runs, rejects, predictions: site.predictions() }
    }

    /// Whether it is the same, but for rejects of what came again.
    pub(crate) fn is_that_of(&self, undisturbed: &Self) -> bool {
        let of = |legacy: &Self| (sorted(&legacy.verdicts), runs(&legacy.runs));
        of(self) == of(undisturbed) && self.predictions == undisturbed.predictions
    }

    pub(crate) fn assert_equals(&self, undisturbed: &Self) {
        // What is sent again after its window has closed is told apart from a first arrival no more. It must be the only
        // kind, and the verdicts show that nothing was missed for it.
        assert!(self.rejects.lines().all(|line| line.contains("\"kind\":\"late\"")), "{}", self.rejects);
        for (name, [found, expected]) in [
            ("runs", [runs(&self.runs), runs(&undisturbed.runs)]),
            ("verdicts", [sorted(&self.verdicts), sorted(&undisturbed.verdicts)]),
        ] {
            assert_eq!(found.len(), expected.len(), "{name}: {found:#?}, expected {expected:#?}");
            for (found, expected) in found.iter().zip(&expected) {
                assert_eq!(found, expected, "{name}");
            }
        }
        assert!(self.predictions.keys().eq(undisturbed.predictions.keys()), "{:?}", self.predictions.keys());
        for (name, found) in &self.predictions {
            assert_eq!(found, &undisturbed.predictions[name], "{name}");
        }
    }
}

/// The lines of a dump. Sensors are dumped by their numbers, which they get in the order in which they become known: so
/// the order of the lines says nothing.
fn sorted(dump: &str) -> Vec<String> {
    let mut lines: Vec<_> = dump.lines().map(str::to_owned).collect();
    lines.sort_unstable();
    lines
}

/// Runs without what depends on when a process began: what triggered them.
fn runs(dump: &str) -> Vec<String> {
    let run = |line: &str| {
        let mut run: Value = serde_json::from_str(line).unwrap();
        let fields = run.as_object_mut().unwrap();
        fields.remove("trigger");
        run.to_string()
    };
    dump.lines().map(run).collect()
}
