//! What hands out: finished runs to files and brokers ([`publisher`]), and the metrics ([`reporter`]).

pub mod publisher;
pub mod reporter;
