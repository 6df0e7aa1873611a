//! How the chat looks from outside: JSON for browsers, lines for netcat.
