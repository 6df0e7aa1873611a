//! Finds the end of a request's head while it arrives, and refuses early what can't become one.
//!
//! Each byte is looked at once, however the head is cut: the scanner remembers where it stopped. It
//! judges lines, their number and length, and the request line; what header lines say is judged when
//! all of them are there. What shows first is judged first (the method, a line's length, its content),
//! so that the verdict does not depend on how the head was cut.

use crate::websocket::handshake::HandshakeError;
use crate::websocket::handshake::http::{HttpLimits, RequestLine, is_token_byte};

/// How far a head was scanned.
#[derive(Debug, Clone, Copy)]
pub struct HeadScanner {
    limits: HttpLimits,
    place: Place,
    line_start: usize,
    scanned_len: usize,
}

/// What the current line is.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// The request line, or an empty line before it.
    Start { empty_line_count: usize },
    /// A header, or the empty line at the end.
    Header {
        request_start: usize,
        headers_start: usize,
        line_number: usize,
    },
}

/// Where the parts of a complete head are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) request_start: usize,
    pub(crate) headers_start: usize,
    pub(crate) header_count: usize,
    /// Bytes of the whole head, with the empty lines before it and the one that ends it.
    pub(crate) len: usize,
}

impl HeadScanner {
    /// Makes a scanner for one head.
    #[must_use]
    pub fn new(limits: &HttpLimits) -> Self {
        let place = Place::Start {
            empty_line_count: 0,
        };
        Self {
            limits: *limits,
            place,
            line_start: 0,
            scanned_len: 0,
        }
    }

    /// Scans what was added to `input` since the last call, and returns the length of the head once
    /// it is complete. `input` always begins with the first byte of the head.
    ///
    /// # Errors
    ///
    /// The first thing in the head that is wrong, as soon as it can be told.
    pub fn scan(&mut self, input: &[u8]) -> Result<Option<usize>, HandshakeError> {
        Ok(self.find_head(input)?.map(|head| head.len))
    }

    pub(crate) fn find_head(&mut self, input: &[u8]) -> Result<Option<Head>, HandshakeError> {
        loop {
            let new = input.get(self.scanned_len..).unwrap_or_default();
            let line_end = new
                .iter()
                .position(|&byte| byte == b'\n')
                .map(|at| self.scanned_len + at);
            let available_end = line_end.map_or(input.len(), |end| end + 1);
            let line = &input[self.line_start..available_end];
            if let Place::Start { .. } = self.place {
                judge_method(line)?;
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
    fn judge_len(&self, line: &[u8]) -> Result<(), HandshakeError> {
        let HttpLimits {
            max_line_len,
            max_head_len,
            ..
        } = self.limits;
        let is_line_first = self.line_start + max_line_len <= max_head_len;
        if line.len() > max_line_len && is_line_first {
            return Err(match self.place {
                Place::Start { .. } => HandshakeError::TargetTooLong { max: max_line_len },
                Place::Header { line_number, .. } => HandshakeError::HeaderTooLong {
                    line: line_number,
                    max: max_line_len,
                },
            });
        }
        if self.line_start + line.len() > max_head_len {
            return Err(HandshakeError::HeadTooLong { max: max_head_len });
        }
        Ok(())
    }

    /// Judges a whole line; returns the head if it is the last one.
    fn take_line(&mut self, line: &[u8]) -> Result<Option<Head>, HandshakeError> {
        let next_start = self.line_start + line.len();
        let content = line.strip_suffix(b"\r\n").ok_or(HandshakeError::BadLine)?;
        if content.iter().any(|byte| matches!(byte, b'\r' | b'\0')) {
            return Err(HandshakeError::BadLine);
        }
        match &mut self.place {
            Place::Start { empty_line_count } if content.is_empty() => {
                *empty_line_count += 1;
                if *empty_line_count > self.limits.max_empty_lines {
                    return Err(HandshakeError::TooManyEmptyLines);
                }
            }
            Place::Start { .. } => {
                RequestLine::parse(content)?;
                self.place = Place::Header {
                    request_start: self.line_start,
                    headers_start: next_start,
                    line_number: 1,
                };
            }
            &mut Place::Header {
                request_start,
                headers_start,
                line_number,
            } if content.is_empty() => {
                let header_count = line_number - 1;
                return Ok(Some(Head {
                    request_start,
                    headers_start,
                    header_count,
                    len: next_start,
                }));
            }
            Place::Header { line_number, .. } => {
                if *line_number > self.limits.max_header_count {
                    return Err(HandshakeError::TooManyHeaders {
                        max: self.limits.max_header_count,
                    });
                }
                *line_number += 1;
            }
        }
        Ok(None)
    }
}

/// Judges a request line of which as little as its first byte may have arrived: what speaks another
/// protocol (TLS, say) is told from HTTP at once.
fn judge_method(line: &[u8]) -> Result<(), HandshakeError> {
    if let [b'\r', rest @ ..] = line {
        return match rest {
            [] | [b'\n', ..] => Ok(()),
            _ => Err(HandshakeError::BadLine),
        };
    }
    for (index, &byte) in line.iter().enumerate() {
        match byte {
            b' ' if index > 0 => return Ok(()),
            b'\r' | b'\n' => return Ok(()),
            _ if !is_token_byte(byte) => return Err(HandshakeError::BadRequestLine),
            _ if index == MAX_METHOD_LEN => {
                return Err(HandshakeError::MethodTooLong {
                    max: MAX_METHOD_LEN,
                });
            }
            _ => {}
        }
    }
    Ok(())
}

/// Longest method in bytes: registered ones have at most 17 (`UPDATEREDIRECTREF`).
const MAX_METHOD_LEN: usize = 32;
