//! Finds the end of a head while it arrives, and refuses early what can't become one.
//!
//! Each byte is looked at once, however the head is cut: the scanner remembers where it stopped. It
//! judges lines, their number and length, and the start line; what header lines say is judged when
//! all of them are there. What shows first is judged first (how the start line begins, a line's
//! length, its content), so that the verdict does not depend on how the head was cut.

use std::marker::PhantomData;

use crate::websocket::handshake::http::HttpLimits;

/// The first line of a head: of a request or of a response.
pub(crate) trait StartLine {
    /// Why a head is refused.
    type Error: From<ScanError>;

    /// Judges a line of which as little as the first byte may be there; it may be an empty one
    /// before the start line, too.
    fn judge_beginning(line: &[u8]) -> Result<(), Self::Error>;

    /// Judges the whole line, without its end.
    fn judge(line: &[u8]) -> Result<(), Self::Error>;
}

/// What is wrong with the lines of a head, whatever they say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ScanError {
    BadLine,
    TooManyEmptyLines,
    StartLineTooLong { max: usize },
    HeaderTooLong { line: usize, max: usize },
    TooManyHeaders { max: usize },
    HeadTooLong { max: usize },
}

/// How far a head was scanned.
#[derive(Debug)]
pub(crate) struct Scanner<L> {
    start_line: PhantomData<L>,
    limits: HttpLimits,
    place: Place,
    line_start: usize,
    scanned_len: usize,
}

/// What the current line is.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// The start line, or an empty line before it.
    Start { empty_line_count: usize },
    /// A header, or the empty line at the end.
    Header {
        start: usize,
        headers_start: usize,
        line_number: usize,
    },
}

/// Where the parts of a complete head are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) start: usize,
    pub(crate) headers_start: usize,
    pub(crate) header_count: usize,
    /// Bytes of the whole head, with the empty lines before it and the one that ends it.
    pub(crate) len: usize,
}

impl<L: StartLine> Scanner<L> {
    pub(crate) fn new(limits: &HttpLimits) -> Self {
        let place = Place::Start {
            empty_line_count: 0,
        };
        Self {
            start_line: PhantomData,
            limits: *limits,
            place,
            line_start: 0,
            scanned_len: 0,
        }
    }

    /// Scans what was added to `input` since the last call, and returns the head once it is
    /// complete. `input` always begins with the first byte of the head.
    pub(crate) fn find_head(&mut self, input: &[u8]) -> Result<Option<Head>, L::Error> {
        loop {
            let new = input.get(self.scanned_len..).unwrap_or_default();
            let line_end = new
                .iter()
                .position(|&byte| byte == b'\n')
                .map(|at| self.scanned_len + at);
            let available_end = line_end.map_or(input.len(), |end| end + 1);
            let line = &input[self.line_start..available_end];
            if let Place::Start { .. } = self.place {
                L::judge_beginning(line)?;
            }
            self.judge_len(line)?;
            if line_end.is_none() {
                self.scanned_len = input.len();
                return Ok(None);
            }
            if let Some(head) = self.take_line(line)? {
                return Ok(Some(head));
            }
            self.line_start += line.len();
            self.scanned_len = self.line_start;
        }
    }

    /// Judges the length of a line that may still grow, and that of the head.
    fn judge_len(&self, line: &[u8]) -> Result<(), ScanError> {
        let HttpLimits {
            max_line_len,
            max_head_len,
            ..
        } = self.limits;
        let is_line_first = self.line_start.saturating_add(max_line_len) <= max_head_len;
        if line.len() > max_line_len && is_line_first {
            return Err(match self.place {
                Place::Start { .. } => ScanError::StartLineTooLong { max: max_line_len },
                Place::Header { line_number, .. } => ScanError::HeaderTooLong {
                    line: line_number,
                    max: max_line_len,
                },
            });
        }
        if self.line_start + line.len() > max_head_len {
            return Err(ScanError::HeadTooLong { max: max_head_len });
        }
        Ok(())
    }

    /// Judges a whole line; returns the head if it is the last one.
    fn take_line(&mut self, line: &[u8]) -> Result<Option<Head>, L::Error> {
        let next_start = self.line_start + line.len();
        let content = line.strip_suffix(b"\r\n").ok_or(ScanError::BadLine)?;
        if content.iter().any(|byte| matches!(byte, b'\r' | b'\0')) {
            return Err(ScanError::BadLine.into());
        }
        match &mut self.place {
            Place::Start { empty_line_count } if content.is_empty() => {
                *empty_line_count += 1;
                if *empty_line_count > self.limits.max_empty_lines {
                    return Err(ScanError::TooManyEmptyLines.into());
                }
            }
            Place::Start { .. } => {
                L::judge(content)?;
                self.place = Place::Header {
                    start: self.line_start,
                    headers_start: next_start,
                    line_number: 1,
                };
            }
            &mut Place::Header {
                start,
                headers_start,
                line_number,
            } if content.is_empty() => {
                let header_count = line_number - 1;
                return Ok(Some(Head {
                    start,
                    headers_start,
                    header_count,
                    len: next_start,
                }));
            }
            Place::Header { line_number, .. } => {
                if *line_number > self.limits.max_header_count {
                    let max = self.limits.max_header_count;
                    return Err(ScanError::TooManyHeaders { max }.into());
                }
                *line_number += 1;
            }
        }
        Ok(None)
    }
}

impl<L> Clone for Scanner<L> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<L> Copy for Scanner<L> {}
