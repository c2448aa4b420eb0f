//! From a message to readings or rejects: packets, topics, payloads, filters. Knows no sockets, actors or store.

pub mod batch;
pub mod decoder;
pub mod filter;
pub mod history;
pub mod packet;
pub mod payload;
pub mod route;
pub mod session;
pub mod topic;
pub mod topic_memory;
