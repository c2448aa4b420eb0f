//! The hash of the settings that verdicts depend on.

use sha2::{Digest, Sha256};

use super::Config;
use super::group::GroupSettings;
use crate::features::FeatureSettings;
use crate::ingest::decimal::Decimal;
use crate::ingest::filter::FilterSettings;
use crate::ingest::route::{
    Each, NumberFormat, PayloadFormat, Quotes, Retained, RouteSettings, TimeForm, TimeUnit, ValueAt,
};
use crate::scoring::ProofPolicy;
use crate::sensitivity::SensitivitySettings;
use crate::zone::Zone;

/// Hashes values in a form that is the same on every machine: numbers little-endian, texts and lists after their
/// lengths, floats by their bits, alternatives by a number that is never used for another meaning.
struct Canonical(Sha256);

/// The first eight bytes, little-endian, of the SHA-256 of the settings that verdicts depend on. See
/// [`Config::settings_hash`].
pub(super) fn settings_hash(config: &Config, group: &GroupSettings) -> u64 {
    let mut canonical = Canonical(Sha256::new());
    // The number must be raised when anything is added below, or the order changes.
    canonical.text("anomalyd settings 1");
    canonical.list(&config.mqtt.routes, Canonical::route);
    canonical.list(&config.filters, Canonical::filter);
    let times = config.limits.plausible_times(config.clock);
    canonical.integer(times.earliest.nanos());
    canonical.integer(times.latest.nanos());
    canonical.list(times.max_ahead.as_slice(), |canonical, span| canonical.integer(span.nanos()));
    canonical.integer(config.limits.readings_per_interval.into());
    canonical.integer(config.limits.open_readings.into());
    canonical.integer(group.grid.interval().nanos());
    canonical.integer(group.grid.length().nanos());
    canonical.integer(config.window.lateness.nanos());
    canonical.integer(group.scoring.min_intervals.into());
    // Left out when no intervals are folded: a configuration without groups keeps its hash.
    let base = config.base_cut().interval();
    if base != group.grid.interval() {
        canonical.text("base interval");
        canonical.integer(base.nanos());
    }
    // Left out when it is optional, as it was before it could be required.
    if group.scoring.proof == ProofPolicy::Required {
        canonical.text("proof required");
    }
    // Left out when there are no features: a configuration without them keeps the hash that it had before features
    // existed.
    if !config.features.is_empty() {
        canonical.text("features");
        canonical.list(&config.features, Canonical::features);
    }
    // Left out as well when there are none.
    if !config.sensitivities.is_empty() {
        canonical.text("sensitivity");
        canonical.list(&config.sensitivities, |canonical, SensitivitySettings { sensors, score }| {
            canonical.text(&sensors.to_string());
            canonical.float(score.get());
        });
    }
    if let Some(score) = group.scoring.anomaly_score {
        canonical.text("anomaly_score");
        canonical.float(score.get());
    }
    let digest = canonical.0.finalize();
    digest.iter().take(8).rev().fold(0, |hash, byte| (hash << 8) | u64::from(*byte))
}

impl Canonical {
    fn integer(&mut self, number: i64) {
        self.0.update(number.to_le_bytes());
    }

    fn float(&mut self, number: f64) {
        self.0.update(number.to_bits().to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.0.update((text.len() as u64).to_le_bytes());
        self.0.update(text);
    }

    fn list<T>(&mut self, items: &[T], mut each: impl FnMut(&mut Self, &T)) {
        self.0.update((items.len() as u64).to_le_bytes());
        items.iter().for_each(|item| each(self, item));
    }

    fn filter(&mut self, filter: &FilterSettings) {
        self.text(&filter.sensors.to_string());
        self.float(filter.filter.min());
        self.float(filter.filter.max());
        self.list(filter.filter.deadband().as_slice(), |canonical, deadband| canonical.float(*deadband));
    }

    fn features(&mut self, settings: &FeatureSettings) {
        self.text(&settings.sensors.to_string());
        self.list(settings.features.columns(), |canonical, column| canonical.text(&column.to_string()));
        self.text(&settings.features.missing().to_string());
    }

    fn route(&mut self, route: &RouteSettings) {
        self.text(&route.topic().to_string());
        self.integer(match route.retained() {
            Retained::Skip => 0,
            Retained::Accept => 1,
        });
        let layout = match route.payload() {
            PayloadFormat::Plain(numbers) => {
                self.integer(0);
                return self.numbers(*numbers);
            }
            PayloadFormat::Json(layout) => layout,
        };
        self.integer(1);
        self.text(layout.at.as_str());
        self.integer(match layout.each {
            Each::Object => 0,
            Each::Array => 1,
            Each::Columns => 2,
        });
        match &layout.value {
            ValueAt::Pointer(pointer) => {
                self.integer(0);
                self.text(pointer.as_str());
            }
            ValueAt::All(pointer) => {
                self.integer(1);
                self.text(pointer.as_str());
            }
        }
        self.list(layout.sensor.as_slice(), |canonical, pointer| canonical.text(pointer.as_str()));
        self.list(layout.time.as_slice(), |canonical, time| {
            canonical.text(time.pointer.as_str());
            canonical.integer(match &time.form {
                TimeForm::Usual(TimeUnit::Auto) => 0,
                TimeForm::Usual(TimeUnit::Seconds) => 1,
                TimeForm::Usual(TimeUnit::Milliseconds) => 2,
                TimeForm::Usual(TimeUnit::Microseconds) => 3,
                TimeForm::Usual(TimeUnit::Nanoseconds) => 4,
                TimeForm::Pattern(_) => 5,
            });
            if let TimeForm::Pattern(pattern) = &time.form {
                canonical.text(&pattern.to_string());
            }
            if time.zone != Zone::default() {
                canonical.text("zone");
                canonical.text(&time.zone.to_string());
            }
        });
        self.numbers(layout.numbers);
    }

    /// Nothing when they are as usual: such a route keeps the hash that it had before other settings existed.
    fn numbers(&mut self, numbers: NumberFormat) {
        if numbers == NumberFormat::default() {
            return;
        }
        self.text("numbers");
        self.integer(match numbers.quotes {
            Quotes::Refused => 0,
            Quotes::Accepted => 1,
        });
        self.integer(match numbers.decimal {
            Decimal::Point => 0,
            Decimal::Comma => 1,
        });
    }
}
