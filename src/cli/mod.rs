//! The command line: one file a command. The only module that prints and reads files.

mod bench;
mod bug;
mod bugs;
mod check;
mod difference;
mod explore;
mod export;
mod files;
mod learn;
mod list;
mod past;
mod play;
mod report;
mod run;
mod start;
mod suite;
mod watch;

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
    /// Tells every mistake of scenarios, without running them.
    Check(check::Check),
    /// Lists the scenarios that there are, and what each is about.
    List(list::List),
    /// Runs every scenario below folders, in parallel, and compares their timelines.
    Test(suite::Test),
    #[command(
        override_usage = "wavetank get [OPTIONS] KIND[/NAME]… FILE|TRACE",
        mut_arg("filename", |arg| arg.hide(true)),
        mut_arg("recursive", |arg| arg.hide(true))
    )]
    Get(past::Get),
    #[command(
        override_usage = "wavetank describe [OPTIONS] KIND[/NAME]… FILE|TRACE",
        mut_arg("filename", |arg| arg.hide(true)),
        mut_arg("recursive", |arg| arg.hide(true))
    )]
    Describe(past::Describe),
    /// Tells why an object is as it is, back to a person, a fault or a timer.
    Why(past::Why),
    /// Compares two runs: where they part, and what differs at the end.
    Diff(difference::Diff),
    /// Looks for a plan of faults that breaks what must hold, and makes it small.
    Explore(explore::Explore),
    /// Makes the faults, steps and nodes of a scenario that fails as few as they can be.
    Shrink(explore::Shrink),
    /// Measures the search on real bugs, re-created as pairs.
    Bugs(bugs::Bugs),
    /// Runs what a replay token says.
    Replay(explore::Replay),
    /// Writes a page that shows a run: one HTML file for any browser.
    Report(report::Report),
    /// Writes a run as audit log, Perfetto trace, Mermaid diagram, CSV or metrics.
    Export(export::Export),
    /// Lists, shows and runs the lessons of the course.
    Learn(learn::Learn),
    /// Measures how fast the simulator is on this machine, beside what it should be.
    Bench(bench::Bench),
    /// Prints the JSON Schema of scenario files, for editors.
    Schema,
    /// Prints a shell's completions.
    Completions(start::Completions),
    /// Writes a first scenario to edit.
    New(start::New),
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
    /// The simulator itself is wrong.
    Bug = 101,
}

/// Parses the command line and runs the command; gives the process's exit status.
pub fn main() -> i32 {
    bug::install();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let shown = error.print();
            return if shown.is_ok() && !error.use_stderr() { 0 } else { 2 };
        }
    };
    let status = match arguments.command {
        Command::Run(run) => run.carry_out(),
        Command::Check(check) => check.carry_out(),
        Command::List(list) => list.carry_out(),
        Command::Test(test) => test.carry_out(),
        Command::Get(get) => get.carry_out(),
        Command::Describe(describe) => describe.carry_out(),
        Command::Why(why) => why.carry_out(),
        Command::Diff(diff) => diff.carry_out(),
        Command::Explore(explore) => explore.carry_out(),
        Command::Shrink(shrink) => shrink.carry_out(),
        Command::Bugs(bugs) => bugs.carry_out(),
        Command::Replay(replay) => replay.carry_out(),
        Command::Report(report) => report.carry_out(),
        Command::Export(export) => export.carry_out(),
        Command::Learn(learn) => learn.carry_out(),
        Command::Bench(bench) => bench.carry_out(),
        Command::Schema => start::print_schema(),
        Command::Completions(completions) => completions.carry_out(),
        Command::New(new) => new.carry_out(),
    };
    if !files::was_heard() {
        return Status::Unusable as i32;
    }
    status as i32
}
