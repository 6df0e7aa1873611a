//! The program's side that opens connections: `chinwag connect`.
