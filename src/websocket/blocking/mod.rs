//! WebSocket that waits: over any `Read + Write`.

mod backoff;
mod proxy;

pub use backoff::{Backoff, BackoffPolicy};
pub use proxy::{Proxies, Proxy, ProxyAddressError, ProxyError, ProxyProtocol};
