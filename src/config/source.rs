//! The text of a configuration: the lines and columns of places in it, and which parts may be shown.

use crate::suggest::distance;

/// The text, with its lines found.
pub(super) struct Source<'t> {
    text: &'t str,
    line_starts: Vec<usize>,
    /// Lines after this one are not shown: a secret of several lines begins on it, and in a file that may not even be
    /// TOML it is uncertain where that ends.
    last_shown: usize,
}

impl<'t> Source<'t> {
    /// The most characters of a line that are shown.
    const MAX_EXCERPT: usize = 160;

    pub(super) fn new(text: &'t str) -> Self {
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(newline, _)| newline + 1)).collect();
        let mut source = Self { text, line_starts, last_shown: usize::MAX };
        source.last_shown =
            (1..=source.line_starts.len()).find(|line| source.opens_secret(*line)).unwrap_or(usize::MAX);
        source
    }

    /// The line and the column of a byte, counted from one, the column in characters.
    pub(super) fn position(&self, byte: usize) -> (usize, usize) {
        let line = self.line_starts.partition_point(|start| *start <= byte);
        let start = self.line_starts[line - 1];
        let before = self.text.get(start..byte).unwrap_or(&self.text[start..]);
        (line, before.chars().count() + 1)
    }

    /// A line, counted from one; only the part that may be shown.
    pub(super) fn excerpt(&self, line: usize) -> String {
        let shown = if line > self.last_shown { "" } else { public_part(self.line(line)) };
        let mut characters = shown.chars().map(|c| if c.is_control() { ' ' } else { c });
        let mut excerpt: String = characters.by_ref().take(Self::MAX_EXCERPT).collect();
        if characters.next().is_some() || shown.len() < self.line(line).len() {
            excerpt.push_str(" …");
        }
        excerpt
    }

    fn line(&self, line: usize) -> &'t str {
        let start = self.line_starts[line - 1];
        let end = self.line_starts.get(line).map_or(self.text.len(), |next| next - 1);
        self.text[start..end].trim_end()
    }

    /// Whether a secret begins on a line and may go on in the next.
    fn opens_secret(&self, line: usize) -> bool {
        let text = self.line(line);
        let rest = &text[public_part(text).len()..];
        ["\"\"\"", "'''", "[", "{"].iter().any(|opening| rest.contains(opening))
    }
}

/// The line up to the end of the first word that may announce a secret.
fn public_part(line: &str) -> &str {
    let mut end = 0;
    for word in line.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-')) {
        end += word.len();
        if announces_secret(word) {
            return &line[..end];
        }
        end += line[end..].chars().next().map_or(0, char::len_utf8);
    }
    line
}

/// Whether a secret may follow this word, which may be misspelt.
pub(super) fn announces_secret(word: &str) -> bool {
    let word = word.to_lowercase();
    let says_so = ["pass", "pwd", "secret", "token"].iter().any(|part| word.contains(part));
    (says_so || distance(&word, "password") <= 2) && !word.ends_with("file")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_and_characters_from_one() {
        let source = Source::new("a = 1\nµ = 2\n");
        assert_eq!(source.position(0), (1, 1));
        assert_eq!(source.position(6), (2, 1));
        assert_eq!(source.position(9), (2, 3), "µ is one character of two bytes");
        assert_eq!(source.position(999), (3, 1));
    }

    #[test]
    fn what_may_be_a_secret_is_not_shown() {
        let shown = |text: &str| Source::new(text).excerpt(text.lines().count());
        assert_eq!(shown("password = \"hunter2\""), "password …");
        assert_eq!(shown("pasword = \"hunter2\""), "pasword …");
        assert_eq!(shown("password \"hunter2\""), "password …");
        assert_eq!(
            shown("connect = { username = \"a\", password = 'hunter2' }"),
            "connect = { username = \"a\", password …"
        );
        assert_eq!(shown("password = \"\"\"\nhunter2\n\"\"\""), " …");
        assert_eq!(shown("password_file = \"mqtt.password\""), "password_file = \"mqtt.password …");
        assert_eq!(shown("windows = 3\t# few"), "windows = 3 # few");
    }

    #[test]
    fn long_lines_are_cut() {
        assert_eq!(Source::new(&"x".repeat(10_000)).excerpt(1).chars().count(), Source::MAX_EXCERPT + 2);
    }
}
