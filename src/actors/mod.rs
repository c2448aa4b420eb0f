//! The moving parts: thin actors and tasks over the pure modules.
//!
//! Three rooms, in the order in which a reading meets them: [`sources`] move messages in, [`scoring`] scores, and
//! [`outlets`] hand out. Between the first two stands the [`committer`], the one thread that makes things durable. The
//! other files here serve all of them: the clock, the stop, tasks that begin anew, and the word to the service manager.

pub(crate) mod aside;
pub mod committer;
pub mod liveness;
pub mod outlets;
pub mod scoring;
pub mod service_manager;
pub mod sources;
pub mod stop;
pub mod supervised_task;
pub mod system_clock;

#[cfg(test)]
#[path = "../../tests/support/mosquitto.rs"]
mod mosquitto;
#[cfg(test)]
mod test_committer;
