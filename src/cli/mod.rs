//! The command line: one file a command. The only module that prints and reads files.

mod files;
mod run;

use clap::{Parser, Subcommand};

/// A deterministic discrete-event simulator of Kubernetes.
#[derive(Parser)]
#[command(name = "wavetank", version, about, long_about = None)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs scenarios: prints the steps' output, the timeline and the verdict.
    Run(run::Run),
}

/// How a command ended; the process's exit status follows from it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Status {
    /// Everything held.
    Held = 0,
    /// Something did not hold.
    Failed = 1,
    /// It could not be run.
    Unusable = 2,
}

/// Parses the command line and runs the command; gives the process's exit status.
pub fn main() -> i32 {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let shown = error.print();
            return if shown.is_ok() && !error.use_stderr() { 0 } else { 2 };
        }
    };
    let status = match arguments.command {
        Command::Run(run) => run.carry_out(),
    };
    status as i32
}
