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

/// What is wrong with the registries that images come from.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    troubles: Vec<Trouble>,
}

/// Pulls of some images fail, or take longer.
#[derive(Clone, Debug)]
struct Trouble {
    image: Name,
    images: Option<GlobMatcher>,
    /// What the registry says; empty when it only takes longer.
    error: Name,
    slower: SimDuration,
}

impl Registry {
    /// From now on, or no more: pulls of `image` end with `error`, or take `slower` nanoseconds
    /// more.
    pub fn disturb(&mut self, how: &serde_json::Value) {
        let text = |key: &str| Name::new(how[key].as_str().unwrap_or_default());
        let trouble = Trouble {
            image: text("image"),
            images: Glob::new(&text("image")).ok().map(|glob| glob.compile_matcher()),
            error: text("error"),
            slower: SimDuration(how["slower"].as_u64().unwrap_or(0)),
        };
        if how["on"] == true {
            self.troubles.push(trouble);
            return;
        }
        let same = |t: &Trouble| {
            (&t.image, &t.error, t.slower) == (&trouble.image, &trouble.error, trouble.slower)
        };
        if let Some(place) = self.troubles.iter().position(same) {
            self.troubles.remove(place);
        }
    }

    fn of(&self, image: &str) -> Vec<&Trouble> {
        let all = self.troubles.iter();
        all.filter(|t| t.images.as_ref().is_some_and(|i| i.is_match(image))).collect()
    }

    /// What a pull of an image ends with, beside what its behaviour says.
    pub fn error(&self, image: &str) -> Option<&Name> {
        self.of(image).into_iter().map(|t| &t.error).find(|error| !error.is_empty())
    }

    /// How much longer a pull of an image takes.
    pub fn slower(&self, image: &str) -> SimDuration {
        SimDuration(self.of(image).iter().map(|t| t.slower.0).sum())
    }
}
