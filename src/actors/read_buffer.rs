//! Where a connection's bytes arrive.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Bytes that came in and were not consumed yet.
///
/// It is small while little comes, grows when reads fill it, and is never more than twice as large as what really
/// came: a header that announces a large packet costs nothing.
#[derive(Debug)]
pub(crate) struct ReadBuffer {
    /// Its whole length may be written; what is between `start` and `end` was.
    bytes: Vec<u8>,
    start: usize,
    end: usize,
}

impl ReadBuffer {
    /// The size at first, in bytes.
    const INITIAL: usize = 4 << 10;
    /// The size to which it grows for the sake of speed, and to which it shrinks after a large packet.
    pub(crate) const COMFORTABLE: usize = 64 << 10;

    pub(crate) fn new() -> Self {
        Self { bytes: vec![0; Self::INITIAL], start: 0, end: 0 }
    }

    /// What is there.
    pub(crate) fn unread(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// Drops the first `count` bytes of what is there.
    pub(crate) fn consume(&mut self, count: usize) {
        self.start = self.end.min(self.start + count);
    }

    /// Reads once, as much as fits. Returns 0 at the end of the stream. Nothing is lost when the future is dropped.
    pub(crate) async fn fill(&mut self, stream: &mut (impl AsyncRead + Unpin)) -> io::Result<usize> {
        self.make_room();
        let count = stream.read(&mut self.bytes[self.end..]).await?;
        self.end += count;
        Ok(count)
    }

    fn make_room(&mut self) {
        let filled = self.end == self.bytes.len();
        self.bytes.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.end == 0 && self.bytes.len() > Self::COMFORTABLE {
            self.bytes.truncate(Self::COMFORTABLE);
            self.bytes.shrink_to_fit();
        } else if self.end == self.bytes.len() || (filled && self.bytes.len() < Self::COMFORTABLE) {
            self.bytes.resize(2 * self.bytes.len(), 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bytes_come_out_as_they_went_in_whatever_is_left_unconsumed() {
        let sent: Vec<u8> = (0..300_000_u32).map(|n| n.to_le_bytes()[n as usize % 3]).collect();
        let mut stream = sent.as_slice();
        let mut buffer = ReadBuffer::new();
        let mut received = Vec::new();
        while buffer.fill(&mut stream).await.unwrap() > 0 {
            let take = buffer.unread().len() / 3;
            received.extend_from_slice(&buffer.unread()[..take]);
            buffer.consume(take);
        }
        received.extend_from_slice(buffer.unread());
        assert!(received == sent);
    }

    #[tokio::test]
    async fn it_grows_no_further_than_what_came_and_shrinks_when_it_was_consumed() {
        let sent = vec![1; 1 << 20];
        let mut stream = sent.as_slice();
        let mut buffer = ReadBuffer::new();
        assert_eq!(buffer.bytes.len(), ReadBuffer::INITIAL);
        while buffer.fill(&mut stream).await.unwrap() > 0 {
            assert!(buffer.bytes.len() <= 2 * buffer.unread().len().max(ReadBuffer::INITIAL));
        }
        assert_eq!(buffer.unread().len(), 1 << 20);
        buffer.consume(1 << 20);
        buffer.fill(&mut stream).await.unwrap();
        assert_eq!(buffer.bytes.len(), ReadBuffer::COMFORTABLE);
    }
}
