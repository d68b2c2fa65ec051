//! `wavetank check`: every mistake of scenarios, without running them.

use clap::Args;

use crate::cli::Status;
use crate::cli::files::{complain, say, shown};
use crate::cli::play::{self, Choice};

/// Checks scenarios.
#[derive(Args)]
pub(crate) struct Check {
    /// Scenarios: files, names of shipped ones, or `-` for standard input.
    #[arg(required = true)]
    scenarios: Vec<String>,
    /// Sets a value of the scenario: `--set cluster.nodes[0].count=5`.
    #[arg(long, value_name = "PATH=VALUE")]
    set: Vec<String>,
}

impl Check {
    pub(crate) fn carry_out(&self) -> Status {
        let choice = Choice { set: self.set.clone(), ..Choice::default() };
        let mut status = Status::Held;
        for name in &self.scenarios {
            match play::world(name, &choice) {
                Ok(_) => say(&format!("{}: ok\n", shown(name))),
                Err(wrong) => {
                    complain(&wrong);
                    status = Status::Unusable;
                }
            }
        }
        status
    }
}
