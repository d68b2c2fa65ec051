//! How containers behave, by their image: the first row whose glob matches decides.

use std::sync::Arc;

use globset::{Glob, GlobMatcher};

use crate::api::Name;
use crate::api::core::container::Container;
use crate::node::command::{self, Program};
use crate::node::usage::Nature;
use crate::sim::time::SimDuration;

/// How the containers of an image behave.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Behaviour {
    /// How long a pull takes.
    pub pull: SimDuration,
    /// Pulls fail with this sentence; empty when they do not.
    pub pull_error: Name,
    /// The size that is told when it has been pulled.
    pub size_bytes: u64,
    /// From its creation to its start.
    pub start: SimDuration,
    /// From its start until probes that no command answers succeed.
    pub ready_after: SimDuration,
    /// It ends by itself: after how long, and with which code.
    pub exit: Option<(SimDuration, i32)>,
    /// From the signal that stops it to its end.
    pub term: SimDuration,
    /// The code when it ends because of that signal; 0 tells no reason, as a fake runtime does.
    pub stop_code: i32,
    /// What they use; none for the usual.
    pub nature: Option<Arc<Nature>>,
}

/// The table of images.
#[derive(Clone, Debug, Default)]
pub struct Images {
    rows: Vec<(GlobMatcher, Behaviour)>,
    other: Behaviour,
}

impl Images {
    /// A table of globs; `*` stands for any text, slashes included.
    ///
    /// # Errors
    /// When a glob cannot be read.
    pub fn new(rows: &[(&str, Behaviour)]) -> Result<Images, globset::Error> {
        let compile = |(glob, behaviour): &(&str, Behaviour)| {
            Ok((Glob::new(glob)?.compile_matcher(), behaviour.clone()))
        };
        let rows = rows.iter().map(compile).collect::<Result<_, globset::Error>>()?;
        Ok(Images { rows, other: Behaviour::default() })
    }

    /// How the containers of an image behave.
    pub fn of(&self, image: &str) -> &Behaviour {
        let row = self.rows.iter().find(|(glob, _)| glob.is_match(image));
        row.map_or(&self.other, |(_, behaviour)| behaviour)
    }

    /// When a container ends by itself after its start, and with which code: as its command says,
    /// or else as its image does.
    pub fn end_of(&self, container: &Container) -> Option<(SimDuration, i32)> {
        match command::program(container.command.iter().chain(&container.args)) {
            Program::Ends { after, code } => Some((after, code)),
            Program::RunsForEver => None,
            Program::Unknown => self.of(&container.image).exit,
        }
    }
}
