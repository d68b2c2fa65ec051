//! An operator of one's own with its test: `cargo test --example website`; `cargo run --example
//! website` tells how much one sweep tries.

mod operator;
mod test;

use operator::Operator;
use test::tested;
use wavetank::testing::Sweep;

/// Sweeps, and tells how much was tried.
#[expect(clippy::print_stdout, reason = "an example tells what it finds")]
fn main() {
    let found = tested(Operator).sweep(&[Sweep::Crashes, Sweep::Ambiguous, Sweep::Errors]);
    println!("{} runs, nothing is broken", found.runs);
}

#[cfg(test)]
mod tests {
    use wavetank::testing::Sweep;

    use crate::operator::Operator;
    use crate::test::tested;

    #[test]
    fn a_website_gets_what_it_wants() {
        tested(Operator).run();
    }

    #[test]
    fn whatever_write_of_its_crashes_the_operator_the_end_is_the_same() {
        assert!(tested(Operator).sweep(&[Sweep::Crashes]).complete);
    }
}
