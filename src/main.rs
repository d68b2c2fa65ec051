//! The `wavetank` command: parses, runs, and gives the exit status.
fn main() {
    std::process::exit(wavetank::cli::main());
}
