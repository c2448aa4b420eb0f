//! The character between the fields of a row.

use std::fmt;
use std::str::FromStr;

use csv::StringRecord;

/// The character between two fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Separator {
    /// `,`
    #[default]
    Comma,
    /// `;`
    Semicolon,
    /// A tab.
    Tab,
    /// `|`
    Pipe,
}

impl Separator {
    const ALL: [Self; 4] = [Self::Comma, Self::Semicolon, Self::Tab, Self::Pipe];

    /// The character.
    pub fn byte(self) -> u8 {
        match self {
            Self::Comma => b',',
            Self::Semicolon => b';',
            Self::Tab => b'\t',
            Self::Pipe => b'|',
        }
    }

    /// The separator that suits a header best: first one that gives a column that is wanted, then the one that gives
    /// most columns.
    pub fn of_header(header: &str, is_wanted: impl Fn(&str) -> bool) -> Self {
        let mut best = (Self::Comma, (false, 0));
        for separator in Self::ALL {
            let shows = (separator.split(header).iter().any(|name| is_wanted(name.trim())), separator.count(header));
            if shows > best.1 {
                best = (separator, shows);
            }
        }
        best.0
    }

    /// How often the separator occurs outside of quotes.
    fn count(self, line: &str) -> usize {
        line.split('"').step_by(2).map(|unquoted| unquoted.matches(char::from(self.byte())).count()).sum()
    }

    fn split(self, line: &str) -> StringRecord {
        let reader = csv::ReaderBuilder::new().has_headers(false).delimiter(self.byte()).from_reader(line.as_bytes());
        reader.into_records().next().and_then(Result::ok).unwrap_or_default()
    }
}

/// Why a text is no separator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a separator; write ',', ';', '|' or tab")]
pub struct SeparatorError(String);

impl FromStr for Separator {
    type Err = SeparatorError;

    fn from_str(text: &str) -> Result<Self, SeparatorError> {
        match text {
            "," => Ok(Self::Comma),
            ";" => Ok(Self::Semicolon),
            "tab" | "\t" | "\\t" => Ok(Self::Tab),
            "|" => Ok(Self::Pipe),
            _ => Err(SeparatorError(text.to_owned())),
        }
    }
}

impl fmt::Display for Separator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Comma => "','",
            Self::Semicolon => "';'",
            Self::Tab => "tabs",
            Self::Pipe => "'|'",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_tells_the_separator() {
        let find = |header| Separator::of_header(header, |name| name == "TS");
        assert_eq!(find("TS,Device,Tag,Value"), Separator::Comma);
        assert_eq!(find("TS;Device;Tag;Value"), Separator::Semicolon);
        assert_eq!(find("TS\tDevice"), Separator::Tab);
        assert_eq!(find(" TS |Device"), Separator::Pipe);
        assert_eq!(find("TS"), Separator::Comma);
        // Commas within names outnumber the separators, and do not separate.
        assert_eq!(find("TS;Vibration, x, mm/s;Vibration, y, mm/s"), Separator::Semicolon);
        assert_eq!(find("When;\"a,b,c\";\"d,e\""), Separator::Semicolon);
    }
}
