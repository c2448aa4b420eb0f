//! Writes the fields of an event in the log for people: as tracing does, but without characters that steer a terminal,
//! and with each event on one line.

use std::fmt::{self, Debug, Write};

use tracing::field::{Field, Visit};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::Writer;

use crate::printable::OneLine;

/// Writes the message, and `name=value` for each other field.
pub(super) struct PrintableFields;

impl<'writer> FormatFields<'writer> for PrintableFields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut visitor = Visitor { writer, between: "", result: Ok(()) };
        fields.record(&mut visitor);
        visitor.result
    }
}

struct Visitor<'writer> {
    writer: Writer<'writer>,
    between: &'static str,
    result: fmt::Result,
}

impl Visitor<'_> {
    fn field(&mut self, name: &str, value: &dyn Debug) -> fmt::Result {
        self.writer.write_str(self.between)?;
        self.between = " ";
        match (name, self.writer.has_ansi_escapes()) {
            ("message", _) => {}
            (name, true) => write!(self.writer, "\x1b[3m{name}\x1b[0m\x1b[2m=\x1b[0m")?,
            (name, false) => write!(self.writer, "{name}=")?,
        }
        write!(OneLine(&mut self.writer), "{value:?}")
    }
}

impl Visit for Visitor<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // The fields of the `log` crate repeat what the event's metadata holds.
        if self.result.is_ok() && !field.name().starts_with("log.") {
            self.result = self.field(field.name(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_event_is_one_line_whatever_it_quotes() {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_target(false)
            .without_time()
            .fmt_fields(PrintableFields)
            .with_writer(move || writer.clone())
            .finish();
        let hostile = "a\r\n2026-11-28T19:00:00Z ERROR forged\u{2028}\u{85}\x1b[2J";
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(topic = hostile, sensor = %hostile, file = ?hostile, "not read: {hostile}");
        });
        let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.starts_with(" WARN not read: a··2026") && text.ends_with('\n'), "{text}");
        assert!(!text.trim_end_matches('\n').contains(crate::printable::steers), "{text:?}");
    }
}
