//! The `wavetank` command: parses, runs, and gives the exit status.

/// A run makes and drops many small objects of few sizes, which this allocator does in about half
/// of the system's time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    std::process::exit(wavetank::cli::main());
}
