//! What the chat is, free of sockets, clocks and disks.
