//! The `chinwag` program: subcommands, each handed to the module that does it.

fn main() {}
