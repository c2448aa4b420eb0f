//! Text from a file of unknown origin, fit for a log or a terminal, and no longer than a line.

use crate::printable::Printable;

/// How many characters a line of a log has room for.
const LINE: usize = 100;

/// Text without characters that steer, and no longer than a line.
pub(in crate::model) fn printable(text: &str) -> String {
    printable_within(LINE, text)
}

/// Text without characters that steer, and no longer than `most` characters.
pub(in crate::model) fn printable_within(most: usize, text: &str) -> String {
    let end = text.char_indices().nth(most).map_or(text.len(), |(end, _)| end);
    Printable(&text[..end]).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_steer_a_terminal_is_replaced_and_what_is_too_long_is_cut() {
        assert_eq!(printable("a\x1b[31m\nb°"), "a·[31m·b°");
        assert_eq!(printable(&"°".repeat(101)), "°".repeat(100));
        assert_eq!(printable_within(2, "abc"), "ab");
    }
}
