//! From a message to readings or rejects: packets, topics, payloads, filters. Knows no sockets, no actors and no store.

pub mod assumed_zones;
pub mod batch;
pub mod batch_account;
pub mod decimal;
pub mod decoder;
pub mod filter;
pub mod history;
pub mod packet;
pub mod passed_over;
pub mod payload;
pub mod route;
pub mod session;
pub mod subscription;
pub mod topic;
pub mod topic_memory;
pub mod trial;
pub mod written_time;
