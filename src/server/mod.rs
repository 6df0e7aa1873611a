//! Puts protocol, chat, log and event loops together into a running server.
