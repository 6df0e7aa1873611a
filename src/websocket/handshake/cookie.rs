//! Takes the cookies of a request apart (RFC 6265 §4.2).

use crate::websocket::handshake::fields::trim;

/// Walks over name and value of each cookie in the `Cookie` headers.
///
/// As servers must make do with what browsers were given by anyone (RFC 6265 §5.2), values are bytes
/// that may be anything but semicolons, quotes are part of them, and what has no name is left out.
pub(crate) fn cookies<'a>(
    lines: impl Iterator<Item = &'a [u8]>,
) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
    lines
        .flat_map(|line| line.split(|&byte| byte == b';'))
        .filter_map(|pair| {
            let at = pair.iter().position(|&byte| byte == b'=')?;
            let (name, value) = (trim(&pair[..at]), trim(&pair[at + 1..]));
            (!name.is_empty()).then_some((name, value))
        })
}
