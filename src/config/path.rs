//! Which texts are accepted as paths in the configuration.
//!
//! Paths are not expanded: the daemon runs as a user of its own, without a home and without a shell. A text that only a
//! shell or another system understands would become the name of a folder, so it is refused.

/// Why a text is no path here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum PathError {
    #[error("it is empty")]
    Empty,
    #[error("a home folder is not looked up for ~; write the whole path")]
    Home,
    #[error("variables are not expanded; write the whole path")]
    Variable,
    #[error("this is a path of Windows; folders are separated by /, and there are no drives")]
    Windows,
    #[error("it holds a control character")]
    Control,
}

/// Errors: when the text cannot be meant as it is written.
pub(super) fn check(text: &str) -> Result<(), PathError> {
    let is_variable = |rest: &str| rest.starts_with(|c: char| c.is_alphabetic() || matches!(c, '_' | '{' | '('));
    let mut between = text.split('%');
    let is_percented = between.next().is_some()
        && between.next().is_some_and(|name| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_'))
        && between.next().is_some();
    let has_drive = matches!(text.as_bytes(), [drive, b':', ..] if drive.is_ascii_alphabetic());
    if text.is_empty() {
        Err(PathError::Empty)
    } else if text.contains(char::is_control) {
        Err(PathError::Control)
    } else if text.starts_with('~') {
        Err(PathError::Home)
    } else if text.split('$').skip(1).any(is_variable) || is_percented {
        Err(PathError::Variable)
    } else if has_drive || text.contains('\\') {
        Err(PathError::Windows)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_a_shell_or_another_system_understands_is_refused() {
        let cases = [
            ("", PathError::Empty),
            ("~/store", PathError::Home),
            ("~anna/store", PathError::Home),
            ("${HOME}/store", PathError::Variable),
            ("/srv/$SITE/store", PathError::Variable),
            ("/srv/$(hostname)", PathError::Variable),
            ("%APPDATA%/store", PathError::Variable),
            ("C:\\anomalyd\\store", PathError::Windows),
            ("c:/anomalyd/store", PathError::Windows),
            ("\\\\server\\share", PathError::Windows),
            ("data\\store", PathError::Windows),
            ("/srv/a\nb", PathError::Control),
        ];
        for (text, error) in cases {
            assert_eq!(check(text), Err(error), "{text}");
        }
    }

    #[test]
    fn a_path_that_can_be_meant_is_taken() {
        for text in
            ["/srv/anomalyd", "store", "./store", "../a b/store", "/srv/50%", "/srv/a$", "/srv/5$/x", "/srv/b~", "/a:b"]
        {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }
}
