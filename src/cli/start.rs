//! `wavetank schema`, `completions`, `new`: what one needs to write scenarios.

use std::fs::OpenOptions;
use std::io::Write;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::cli::files::{complain, say};
use crate::cli::{Arguments, Status};
use crate::scenario::schema;
use crate::scenario::template::TEMPLATE;

/// Prints the JSON Schema of scenario files.
pub(crate) fn print_schema() -> Status {
    say(&format!("{:#}\n", schema::scenario()));
    Status::Held
}

/// Prints what a shell needs to complete commands.
#[derive(Args)]
pub(crate) struct Completions {
    /// The shell.
    shell: Shell,
}

impl Completions {
    pub(crate) fn carry_out(&self) -> Status {
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut Arguments::command(), "wavetank", &mut text);
        say(&String::from_utf8_lossy(&text));
        Status::Held
    }
}

/// Writes a first scenario.
#[derive(Args)]
pub(crate) struct New {
    /// Where it is written; `-` for standard output.
    #[arg(default_value = "scenario.yaml")]
    file: String,
}

impl New {
    pub(crate) fn carry_out(&self) -> Status {
        let file = &self.file;
        if file == "-" {
            say(TEMPLATE);
            return Status::Held;
        }
        let opened = OpenOptions::new().write(true).create_new(true).open(file);
        match opened.and_then(|mut out| out.write_all(TEMPLATE.as_bytes())) {
            Ok(()) => {
                say(&format!("wrote {file}; run it with `wavetank run {file}`\n"));
                Status::Held
            }
            Err(error) => {
                complain(&format!("error: cannot write `{file}`: {error}\n"));
                Status::Unusable
            }
        }
    }
}
