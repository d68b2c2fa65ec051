//! An operator of one's own with its test: `cargo test --example website`; `cargo run --example
//! website` tells how much one sweep tries.

mod operator;
mod test;

use operator::Operator;
use test::tested;
use wavetank::testing::Sweep;

/// Sweeps, and tells how much was tried.
pub(crate) fn told() -> String {
    let found = tested(Operator).sweep(&[Sweep::Crashes, Sweep::Ambiguous, Sweep::Errors]);
    format!("{} runs, nothing is broken\n", found.runs)
}

#[expect(clippy::print_stdout, reason = "an example tells what it finds")]
fn main() {
    print!("{}", told());
}

#[cfg(test)]
mod tests {
    use wavetank::testing::Sweep;

    use super::operator::Operator;
    use super::test::tested;

    #[test]
    fn a_website_gets_what_it_wants() {
        tested(Operator).run();
    }

    #[test]
    fn whatever_write_of_its_crashes_the_operator_the_end_is_the_same() {
        assert!(tested(Operator).sweep(&[Sweep::Crashes]).complete);
    }
}
