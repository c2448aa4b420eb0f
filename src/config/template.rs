//! Templates for names with one `{device}` and one `{sensor}`, filled by [`SensorName::fill`].
//!
//! [`SensorName::fill`]: crate::sensor::SensorName::fill

/// MQTT 3.1.1, section 1.5.3, limits texts to 65,535 bytes; file names have a far lower limit.
const LONGEST: usize = 1024;

/// Reads a template that gives every sensor a name of its own.
pub(super) fn check(text: &str) -> Result<String, String> {
    if text.len() > LONGEST {
        return Err(format!("it has {} bytes, more than {LONGEST}", text.len()));
    }
    if text.contains(char::is_control) {
        return Err("it holds a control character".to_owned());
    }
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        let end = rest[open..].find('}').ok_or_else(|| "a { is not closed".to_owned())?;
        let placeholder = &rest[open..=open + end];
        if !["{device}", "{sensor}"].contains(&placeholder) {
            return Err(format!("there is no placeholder {placeholder}"));
        }
        rest = &rest[open + end + 1..];
    }
    match ["{device}", "{sensor}"].into_iter().find(|placeholder| !text.contains(placeholder)) {
        Some(missing) => Err(format!("{missing} is not in it: several sensors would share one name")),
        None => Ok(text.to_owned()),
    }
}
