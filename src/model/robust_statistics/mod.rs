//! Plain robust statistics: each feature is compared with its own usual range, and the strangest feature decides.
//!
//! By the median absolute deviation a row's error is the greatest |x − median| / (1.4826 · MAD) of its features, where
//! MAD is the median of |x − median| over the training rows and 1.4826 makes it a standard deviation for normal data.
//! Iglewicz & Hoaglin, *How to detect and handle outliers*, 1993, call everything above 3.5 an outlier; Leys et al.,
//! *Detecting outliers: do not use standard deviation around the mean, use absolute deviation around the median*,
//! Journal of Experimental Social Psychology 49, 2013, advise 2.5 to 3.
//!
//! By quantiles, a row's error is how far it is outside [low, high], in units of that range: 0 on its edge, −½ in its
//! middle.

mod evaluate;
mod params;
mod train;

pub use params::RobustStatistics;
pub(super) use params::{Params, Rule};
pub(super) use train::{deviations, quantiles};
