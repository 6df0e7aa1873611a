//! WebSocket that waits: over any `Read + Write`.
