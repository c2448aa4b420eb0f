//! What scores.
//!
//! The [`scheduler`] finds what is due and has the [`recorder`] begin a run; the [`supervisor`] passes it on to the
//! [`sensor`] actors, one an [`assignment`] of a model, which have windows evaluated ([`evaluation`]). It makes new ones of
//! those that die, and knows of the models in trouble ([`troubles`], [`restart_queue`], [`fault_news`]); what is odd about a
//! model that scores, its [`model_watch`] notices. Models come from a folder: the
//! [`model_watcher`] notices what changes there, and the [`model_loader`] reads it, on [`workers`] of its own.
//! Behind the closings, the [`condition_watch`] has the [`condition_survey`] look for what is wrong with the sensors.

pub mod assignment;
pub mod commanded;
pub mod condition_survey;
pub mod condition_watch;
pub mod evaluation;
pub mod fault_news;
pub mod folder_watch;
pub mod model_loader;
pub mod model_news;
pub mod model_watch;
pub mod model_watcher;
pub mod recorder;
pub mod release;
pub mod restart_queue;
pub mod scheduler;
pub mod sensor;
pub mod supervisor;
pub mod troubles;
mod waker;
pub mod workers;
