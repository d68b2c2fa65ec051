//! The command line: one file a command. The only module that prints and reads files.

/// Parses the command line and runs the command; gives the process's exit status.
pub fn main() -> i32 {
    2
}
