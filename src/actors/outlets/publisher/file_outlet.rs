//! The outlet to prediction files.

use super::{Outgoing, Outlet, OutletCount, PublishError, Published};
use crate::run::Run;
use crate::sink::files::{FileError, FileSettings, RunFiles};
use crate::sink::prediction::Decisions;
use crate::store::StoreError;
use crate::telemetry::panics;
use crate::verdict::{Outcome, Verdict};
use crate::warn_limited;

/// Writes the prediction files of runs.
pub(super) struct FileOutlet {
    settings: FileSettings,
}

impl FileOutlet {
    pub(super) fn new(settings: FileSettings) -> Self {
        Self { settings }
    }
}

impl Outlet for FileOutlet {
    async fn take(&mut self, published: &Published, run: &Run) -> Result<OutletCount, PublishError> {
        let (published, settings, run) = (published.clone(), self.settings.clone(), run.clone());
        let write = move || panics::catch(|| write(&published, &settings, &run));
        let written = tokio::task::spawn_blocking(write).await;
        let panicked = |what: String| PublishError::Store(StoreError::Database(format!("publishing panicked: {what}")));
        match written {
            Ok(Ok(written)) => written,
            Ok(Err(panic)) => Err(panicked(panic.to_string())),
            Err(error) => Err(panicked(error.to_string())),
        }
    }
}

/// Writes the files of one run. A sensor whose verdict cannot be read or written gets no file; the other sensors get
/// theirs.
fn write(published: &Published, settings: &FileSettings, run: &Run) -> Result<OutletCount, PublishError> {
    let window = run.window;
    let mut files = RunFiles::new(settings, window, run.interval, run.revision);
    let mut count = OutletCount::default();
    for chunk in published.chunks(run) {
        for Outgoing { sensor, verdict } in chunk? {
            let Verdict { sensor: number, outcome: Outcome::Scored(mut scored) } = verdict else {
                files.keep_name(&sensor);
                continue;
            };
            if settings.decisions == Decisions::Include {
                match published.rescorer.rows(run, number, &scored)? {
                    Ok(rows) => scored.rows = rows,
                    Err(problem) => warn_limited!(
                        %sensor,
                        window = %window.start(),
                        "only the worst decision values of a prediction file are known (store.verdict_rows): {problem}"
                    ),
                }
            }
            let intervals = match published.intervals(run, number) {
                Ok(Some(intervals)) => intervals,
                // The window left the ring, or cannot be read: the read has logged it.
                Ok(None) => {
                    count.passed_over += 1;
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            match files.write(&sensor, &intervals, &scored) {
                Ok(()) => count.published += 1,
                Err(error @ FileError::Name { .. }) => {
                    warn_limited!(%sensor, "a prediction file is left out, the others are written: {error}");
                    count.passed_over += 1;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
    files.finish()?;
    Ok(count)
}
