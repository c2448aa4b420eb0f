//! Long answers: passed on while they are made, at the pace of their reader.
//!
//! A blocking thread writes the answer into pieces, and waits while a few of them are not taken. An answer that fails
//! breaks the connection off, so that no reader takes a part for the whole; the log says why.

use std::error::Error;
use std::io::{self, Write};
use std::thread;
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{self, Sender};

use super::api::AnswerPermit;

/// How large a piece is.
const PIECE_BYTES: usize = 64 << 10;
/// How many pieces wait for the reader.
const PIECES: usize = 4;
/// How long a reader may take nothing.
const STALLED_AFTER: Duration = Duration::from_secs(60);
/// The pause before a piece is offered again, at first and at most.
const PAUSES: [Duration; 2] = [Duration::from_millis(1), Duration::from_millis(32)];

/// An answer that `write` makes, on a thread that may block.
pub(super) fn streamed<E: Error + Send + Sync + 'static>(
    permit: AnswerPermit,
    content_type: &'static str,
    write: impl FnOnce(&mut PieceWriter) -> Result<(), E> + Send + 'static,
) -> Response {
    let (sender, mut pieces) = mpsc::channel(PIECES);
    let mut writer = PieceWriter { piece: Vec::new(), sender, reader_is_gone: false };
    tokio::task::spawn_blocking(move || {
        let written = write(&mut writer).map_err(io::Error::other).and_then(|()| writer.flush());
        if let Err(problem) = written {
            if writer.reader_is_gone {
                tracing::info!("a long answer over the local socket was broken off: {problem}");
            } else {
                tracing::warn!("a long answer over the local socket was broken off: {problem}");
                // A failure is ignored: the reader may go meanwhile.
                let _ = writer.send(Err(problem));
            }
        }
        drop(permit);
    });
    let body = Body::from_stream(stream::poll_fn(move |context| pieces.poll_recv(context)));
    ([(header::CONTENT_TYPE, content_type)], body).into_response()
}

/// Writes an answer piece by piece.
pub(super) struct PieceWriter {
    piece: Vec<u8>,
    sender: Sender<io::Result<Bytes>>,
    reader_is_gone: bool,
}

impl PieceWriter {
    /// Passes a piece on, waiting for the reader. The wait needs no runtime, which may be shut down meanwhile.
    fn send(&mut self, mut piece: io::Result<Bytes>) -> io::Result<()> {
        let begin = Instant::now();
        let [mut pause, longest] = PAUSES;
        loop {
            piece = match self.sender.try_send(piece) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Closed(_)) => return self.give_up("its reader has gone"),
                Err(TrySendError::Full(_)) if begin.elapsed() > STALLED_AFTER => {
                    return self.give_up("its reader has taken nothing for a minute");
                }
                Err(TrySendError::Full(piece)) => piece,
            };
            thread::sleep(pause);
            pause = (pause * 2).min(longest);
        }
    }

    fn give_up(&mut self, why: &str) -> io::Result<()> {
        self.reader_is_gone = true;
        Err(io::Error::new(io::ErrorKind::BrokenPipe, why))
    }
}

impl Write for PieceWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(PIECE_BYTES - self.piece.len());
        self.piece.extend_from_slice(&bytes[..taken]);
        if self.piece.len() >= PIECE_BYTES {
            self.flush()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = std::mem::take(&mut self.piece);
        self.send(Ok(piece.into()))
    }
}
