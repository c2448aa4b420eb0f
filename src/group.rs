pub use crate::run::GroupName;
