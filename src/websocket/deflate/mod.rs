//! Compresses messages: permessage-deflate (RFC 7692).
