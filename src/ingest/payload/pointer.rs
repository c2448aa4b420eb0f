//! JSON pointers.

use std::fmt;

/// A path into a JSON document, such as `/readings/0/value`; the empty path is the whole document (RFC 6901).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonPointer {
    text: String,
    steps: Vec<Step>,
}

/// One step down: to a member of an object, or to an element of an array when the step is a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) member: Box<str>,
    pub(super) element: Option<usize>,
}

/// Why a pointer was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PointerError {
    /// It does not begin at the document's root.
    #[error("the pointer {0:?} does not begin with '/'; write /{0}, or nothing for the whole document")]
    NoSlash(String),
    /// A `~` that is not followed by 0 or 1.
    #[error("the pointer {0:?} holds a '~' that is neither ~0 (for '~') nor ~1 (for '/')")]
    Escape(String),
    /// Too many steps.
    #[error("the pointer {text:?} has {steps} steps, at most {max} are accepted", max = JsonPointer::MAX_STEPS)]
    TooDeep {
        /// The pointer.
        text: String,
        /// How many it has.
        steps: usize,
    },
}

impl JsonPointer {
    /// The most steps that a pointer may have.
    pub const MAX_STEPS: usize = 16;

    /// The pointer to the whole document.
    pub const fn root() -> Self {
        Self { text: String::new(), steps: Vec::new() }
    }

    /// Reads a pointer.
    ///
    /// # Errors
    /// When the text does not follow RFC 6901, or is deeper than [`Self::MAX_STEPS`].
    pub fn parse(text: &str) -> Result<Self, PointerError> {
        if text.is_empty() {
            return Ok(Self::root());
        }
        let Some(path) = text.strip_prefix('/') else {
            return Err(PointerError::NoSlash(text.to_owned()));
        };
        let steps = path.split('/').count();
        if steps > Self::MAX_STEPS {
            return Err(PointerError::TooDeep { text: text.to_owned(), steps });
        }
        let steps = path.split('/').map(Step::parse).collect::<Option<Vec<_>>>();
        let steps = steps.ok_or_else(|| PointerError::Escape(text.to_owned()))?;
        Ok(Self { text: text.to_owned(), steps })
    }

    /// The pointer as RFC 6901 writes it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether `other` points to the same value as this, or to a part of it.
    pub(in crate::ingest) fn holds(&self, other: &Self) -> bool {
        other.steps.starts_with(&self.steps)
    }

    pub(super) fn steps(&self) -> &[Step] {
        &self.steps
    }
}

impl Step {
    fn parse(token: &str) -> Option<Self> {
        let mut member = String::with_capacity(token.len());
        let mut characters = token.chars();
        while let Some(character) = characters.next() {
            member.push(match character {
                '~' => match characters.next()? {
                    '0' => '~',
                    '1' => '/',
                    _ => return None,
                },
                other => other,
            });
        }
        // RFC 6901, section 4: an index has no leading zero and no sign.
        let is_index = member.bytes().all(|b| b.is_ascii_digit()) && (member == "0" || !member.starts_with('0'));
        let element = if is_index { member.parse().ok() } else { None };
        Some(Self { member: member.into(), element })
    }
}

impl fmt::Display for JsonPointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.text.is_empty() { "the top" } else { &self.text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(text: &str) -> Vec<String> {
        JsonPointer::parse(text).unwrap().steps.iter().map(|step| step.member.to_string()).collect()
    }

    #[test]
    fn a_pointer_reads_as_in_rfc_6901() {
        assert_eq!(members(""), Vec::<String>::new());
        assert_eq!(members("/"), [""]);
        assert_eq!(members("/foo/0"), ["foo", "0"]);
        assert_eq!(members("/a~1b/m~0n/~01"), ["a/b", "m~n", "~1"]);
    }

    #[test]
    fn only_a_plain_number_points_into_an_array() {
        let elements = |text| JsonPointer::parse(text).unwrap().steps[0].element;
        assert_eq!(elements("/0"), Some(0));
        assert_eq!(elements("/12"), Some(12));
        for text in ["/", "/-", "/01", "/+1", "/1e0", "/99999999999999999999999"] {
            assert_eq!(elements(text), None, "{text}");
        }
    }

    #[test]
    fn a_broken_pointer_is_refused_and_the_error_says_how_to_mend_it() {
        assert!(JsonPointer::parse("value").unwrap_err().to_string().contains("write /value"));
        for text in ["/~", "/a~2", "/~a"] {
            assert!(JsonPointer::parse(text).unwrap_err().to_string().contains("~0"));
        }
        assert!(JsonPointer::parse(&"/a".repeat(16)).is_ok());
        assert!(JsonPointer::parse(&"/a".repeat(17)).unwrap_err().to_string().contains("17 steps"));
    }
}
