//! Threads and sockets: event loops that move bytes and know neither WebSocket nor chat.
