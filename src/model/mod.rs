//! Models: read from files as data, evaluated over all rows of a window at once.
