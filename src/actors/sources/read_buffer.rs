//! Where a connection's bytes arrive.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// Bytes that came in and were not consumed yet.
///
/// The buffer is small while little comes, grows when reads fill it, and is never more than twice as large as the bytes
/// that came: a header that announces a large packet costs nothing. Its owner decides whether it may grow.
/// came: a header that announces a large packet costs nothing. Its owner decides whether it may grow.
#[derive(Debug)]
pub(crate) struct ReadBuffer {
    /// All of its length may be written; the bytes between `start` and `end` came in and are unread.
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// How many reads in a row would have done with a much smaller buffer.
    small_reads: u8,
}

/// How a buffer's size should change before the next read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resize {
    /// Nothing.
    Keep,
    /// Grow by this many bytes for speed. The buffer works without them.
    GrowForSpeed(usize),
    /// Grow by this many bytes, because the packet that has begun fills the buffer.
    GrowForPacket(usize),
    /// So many bytes less.
    Shrink(usize),
}

impl ReadBuffer {
    /// The size at first, in bytes.
    pub(crate) const INITIAL: usize = 4 << 10;
    /// The size up to which the buffer grows for speed, and to which it shrinks after a large packet.
    pub(crate) const COMFORTABLE: usize = 64 << 10;
    /// The buffer shrinks after this many small reads in a row.
    const PATIENCE: u8 = 16;

    pub(crate) fn new() -> Self {
        Self { bytes: vec![0; Self::INITIAL], start: 0, end: 0, small_reads: 0 }
    }

    /// The bytes that are there.
    pub(crate) fn unread(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// Drops the first `count` unread bytes.
    pub(crate) fn consume(&mut self, count: usize) {
        self.start = self.end.min(self.start + count);
    }

    /// Reads once, as much as fits. Returns 0 at the end of the stream. No bytes are lost when the future is dropped.
    pub(crate) async fn fill(&mut self, stream: &mut (impl AsyncRead + Unpin)) -> io::Result<usize> {
        self.compact();
        let count = stream.read(&mut self.bytes[self.end..]).await?;
        self.end += count;
        let small = self.end <= self.bytes.len() / 4 && self.bytes.len() > Self::INITIAL;
        self.small_reads = if small { self.small_reads.saturating_add(1) } else { 0 };
        Ok(count)
    }

    /// The change of size that the buffer needs before the next read.
    pub(crate) fn wanted(&self) -> Resize {
        let (length, unread) = (self.bytes.len(), self.end - self.start);
        if unread == length {
            Resize::GrowForPacket(length)
        } else if self.end == length && length < Self::COMFORTABLE {
            Resize::GrowForSpeed(length)
        } else if unread == 0 && length > Self::COMFORTABLE {
            Resize::Shrink(length - Self::COMFORTABLE)
        } else if unread <= Self::INITIAL / 2 && self.small_reads >= Self::PATIENCE {
            Resize::Shrink(length - (length / 2).max(Self::INITIAL))
        } else {
            Resize::Keep
        }
    }

    /// Makes the buffer larger by `bytes`.
    pub(crate) fn grow(&mut self, bytes: usize) {
        self.compact();
        self.bytes.resize(self.bytes.len() + bytes, 0);
    }

    /// Makes the buffer smaller by `bytes`, or by less if unread bytes need the room.
    pub(crate) fn shrink(&mut self, bytes: usize) {
        self.compact();
        self.bytes.truncate(self.end.max(self.bytes.len().saturating_sub(bytes)));
        self.bytes.shrink_to_fit();
        self.small_reads = 0;
    }

    /// How many bytes the buffer takes beyond its first size.
    pub(crate) fn beyond_initial(&self) -> usize {
        self.bytes.len().saturating_sub(Self::INITIAL)
    }

    fn compact(&mut self) {
        self.bytes.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Grants whatever is wanted.
    fn resize(buffer: &mut ReadBuffer) {
        match buffer.wanted() {
            Resize::Keep => {}
            Resize::GrowForSpeed(bytes) | Resize::GrowForPacket(bytes) => buffer.grow(bytes),
            Resize::Shrink(bytes) => buffer.shrink(bytes),
        }
    }

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
            resize(&mut buffer);
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
            resize(&mut buffer);
        }
        assert_eq!(buffer.unread().len(), 1 << 20);
        buffer.consume(1 << 20);
        resize(&mut buffer);
        assert_eq!(buffer.bytes.len(), ReadBuffer::COMFORTABLE);
        // A message every now and then does not keep the memory that a flood took.
        for _ in 0..100 {
            buffer.fill(&mut [1; 100].as_slice()).await.unwrap();
            buffer.consume(100);
            resize(&mut buffer);
        }
        assert_eq!((buffer.bytes.len(), buffer.beyond_initial()), (ReadBuffer::INITIAL, 0));
    }

    #[tokio::test]
    async fn it_grows_for_a_packet_only_when_that_fills_it() {
        let mut buffer = ReadBuffer::new();
        buffer.fill(&mut [1; ReadBuffer::INITIAL].as_slice()).await.unwrap();
        assert_eq!(buffer.wanted(), Resize::GrowForPacket(ReadBuffer::INITIAL));
        buffer.consume(1);
        assert_eq!(buffer.wanted(), Resize::GrowForSpeed(ReadBuffer::INITIAL));
        buffer.fill(&mut [].as_slice()).await.unwrap();
        assert_eq!(buffer.wanted(), Resize::Keep, "there is room to read into");
    }
}
