//! `[socket]`: the local socket, over which commands ask the running daemon.

use std::path::PathBuf;

use super::reader::Section;

/// The local socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketSettings {
    /// The socket's file; `None` for one in the service's runtime directory, or else in the store's folder.
    pub path: Option<PathBuf>,
    /// The group that the socket's file belongs to; `None` for the daemon's own.
    pub group: Option<String>,
    /// Who may connect, as the mode of the socket's file.
    pub mode: u32,
    /// How many connections may be open at once.
    pub max_connections: u32,
    /// How many long answers may go on at once.
    pub max_answers: u32,
}

pub(super) fn read(section: &mut Section<'_, '_>) -> SocketSettings {
    let accepted = "the name or the number of a group";
    SocketSettings {
        path: section.optional_path("path"),
        group: section.take("group", accepted, |value| value.as_str().filter(|name| is_group(name)).map(str::to_owned)),
        mode: section.choice("mode", [("0660", 0o660), ("0600", 0o600), ("0666", 0o666)]),
        max_connections: section.integer("max_connections", 16, 2..=1024),
        max_answers: section.integer("max_answers", 2, 1..=64),
    }
}

/// Whether a text can be a group's name or number.
fn is_group(text: &str) -> bool {
    !text.is_empty() && text.len() <= 64 && !text.contains(|c: char| c.is_control() || c.is_whitespace() || c == ':')
}
