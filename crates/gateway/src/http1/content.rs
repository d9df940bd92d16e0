//! What follows the head of a message.

use memchr::memchr;

use super::buffer::Buffer;
use super::{BadContent, EXTRA_BYTES_MAX};

/// The most digits in the size of a chunk: as many as fit a number.
const SIZE_DIGITS_MAX: usize = 16;

/// What is still to come.
#[derive(Debug)]
pub(crate) enum Content {
    /// So many bytes, and never none.
    Sized(u64),
    /// Chunks.
    Chunked(Chunks),
    /// Whatever comes until the connection ends.
    UntilClosed,
    /// Nothing.
    Over,
}

#[derive(Debug)]
pub(crate) struct Chunks {
    next: Next,
    /// How much may still come that is no content.
    extras: usize,
}

/// What comes next among chunks.
#[derive(Debug)]
enum Next {
    Size,
    Data(u64),
    DataEnd,
    Trailer,
    Nothing,
}

impl Content {
    pub(crate) const fn of_length(bytes: u64) -> Self {
        if bytes == 0 { Self::Over } else { Self::Sized(bytes) }
    }

    pub(crate) const fn chunked() -> Self {
        Self::Chunked(Chunks { next: Next::Size, extras: EXTRA_BYTES_MAX })
    }

    pub(crate) const fn is_over(&self) -> bool {
        matches!(self, Self::Over)
    }

    /// How long it still is, where that was said.
    pub(crate) const fn left(&self) -> Option<u64> {
        match self {
            Self::Sized(left) => Some(*left),
            Self::Over => Some(0),
            Self::Chunked(_) | Self::UntilClosed => None,
        }
    }

    /// What of it is there.
    pub(crate) fn read(&mut self, buffer: &mut Buffer) -> Result<Vec<u8>, BadContent> {
        let mut read = Vec::new();
        match self {
            Self::Sized(left) => {
                *left -= buffer.take(*left, &mut read);
                if *left == 0 {
                    *self = Self::Over;
                }
            }
            Self::Chunked(chunks) => {
                while chunks.step(buffer, &mut read)? {}
                if matches!(chunks.next, Next::Nothing) {
                    *self = Self::Over;
                }
            }
            Self::UntilClosed => {
                buffer.take(u64::MAX, &mut read);
            }
            Self::Over => {}
        }
        Ok(read)
    }

    /// Takes note that the connection has ended.
    pub(crate) fn end(&mut self) -> Result<(), BadContent> {
        match self {
            Self::UntilClosed | Self::Over => {
                *self = Self::Over;
                Ok(())
            }
            Self::Sized(_) | Self::Chunked(_) => Err(BadContent::BrokeOff),
        }
    }
}

impl Chunks {
    /// Reads one thing; false where it is not there whole.
    fn step(&mut self, buffer: &mut Buffer, read: &mut Vec<u8>) -> Result<bool, BadContent> {
        match &mut self.next {
            Next::Size => {
                let Some(line) = line(buffer, SIZE_DIGITS_MAX + self.extras)? else {
                    return Ok(false);
                };
                let (size, extension) = chunk_size(line).ok_or(BadContent::Chunk)?;
                let bytes = line.len() + 2;
                self.extras = self.extras.checked_sub(extension).ok_or(BadContent::Extras)?;
                self.next = if size == 0 { Next::Trailer } else { Next::Data(size) };
                buffer.skip(bytes);
            }
            Next::Data(left) => {
                *left -= buffer.take(*left, read);
                if *left > 0 {
                    return Ok(false);
                }
                self.next = Next::DataEnd;
            }
            Next::DataEnd => match buffer.rest() {
                [b'\r', b'\n', ..] => {
                    buffer.skip(2);
                    self.next = Next::Size;
                }
                [] | [b'\r'] => return Ok(false),
                _ => return Err(BadContent::Chunk),
            },
            Next::Trailer => {
                let Some(line) = line(buffer, self.extras)? else { return Ok(false) };
                let bytes = line.len() + 2;
                match line {
                    [] => self.next = Next::Nothing,
                    line => {
                        let left = self.extras.checked_sub(line.len());
                        self.extras = left.ok_or(BadContent::Extras)?;
                    }
                }
                buffer.skip(bytes);
            }
            Next::Nothing => return Ok(false),
        }
        Ok(true)
    }
}

/// The next line without its end, once it is there whole.
fn line(buffer: &Buffer, max: usize) -> Result<Option<&[u8]>, BadContent> {
    let rest = buffer.rest();
    let end = memchr(b'\n', rest);
    if end.unwrap_or(rest.len()) > max + 1 {
        return Err(BadContent::Extras);
    }
    let Some(end) = end else { return Ok(None) };
    let line = rest.get(..end).and_then(|line| line.strip_suffix(b"\r"));
    let line = line.filter(|line| memchr(b'\r', line).is_none());
    line.map(Some).ok_or(BadContent::Chunk)
}

/// The size that a line names, and how many bytes follow it there.
fn chunk_size(line: &[u8]) -> Option<(u64, usize)> {
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let (digits, extension) = line.split_at_checked(digits)?;
    let marked = extension.iter().find(|byte| !matches!(byte, b' ' | b'\t'));
    let is_extension = extension.is_empty() || marked == Some(&b';');
    if !(1..=SIZE_DIGITS_MAX).contains(&digits.len()) || !is_extension {
        return None;
    }
    let size = u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    Some((size, extension.len()))
}
