//! What the benchmarks share: the daemon as a child process, load, other libraries, timing.

pub(crate) mod bare_disk;
pub(crate) mod broker;
pub(crate) mod daemon;
pub(crate) mod load;
pub(crate) mod pace;
pub(crate) mod page;
pub(crate) mod process;
pub(crate) mod python;
pub(crate) mod results;
pub(crate) mod script;
pub(crate) mod timing;
