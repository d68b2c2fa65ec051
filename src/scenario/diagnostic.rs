//! What is wrong with a scenario, a manifest or a command, in words for the person who wrote it.
//!
//! Responsible for the wording: one constructor function a mistake, so that a mistake reads the
//! same wherever it is made. It never decides what is a mistake, and never prints.

mod mistake;
mod render;

use std::fmt;
use std::sync::Arc;

pub use mistake::Mistake;
pub use mistake::nearest;
pub use render::Look;
pub use render::render;

use crate::scenario::source::Place;

/// One mistake at its place, complete in itself: it can be shown without the text it is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// The name of the text that holds it; usually a file's path.
    pub file: Arc<str>,
    /// Line and column in that text.
    pub place: Place,
    /// What is wrong, in one line without a full stop.
    pub message: String,
    /// What stands there.
    pub found: Option<String>,
    /// What may stand there, one entry an alternative.
    pub expected: Vec<String>,
    /// The known name that is nearest to the one found.
    pub nearest: Option<String>,
    /// Further remarks, one line each.
    pub notes: Vec<String>,
    /// The line of the text, cut to the part around the column, and how many characters of it
    /// were cut before that part.
    source_line: (String, usize),
}

impl Problem {
    /// A mistake at a place.
    pub(crate) fn new(
        file: Arc<str>,
        place: Place,
        source_line: (String, usize),
        mistake: Mistake,
    ) -> Self {
        let Mistake { message, found, expected, nearest, notes } = mistake;
        Problem { file, place, message, found, expected, nearest, notes, source_line }
    }

    /// A mistake about a text as a whole: it could not be read, or there is none.
    pub fn of_file(file: &str, mistake: Mistake) -> Self {
        Problem::new(file.into(), Place::default(), (String::new(), 0), mistake)
    }
}

/// `web.yaml:5:7: error: unknown field …`, without the source line.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.place.line > 0 {
            write!(f, ":{}:{}", self.place.line, self.place.column)?;
        }
        write!(f, ": error: {}", self.message)?;
        match &self.nearest {
            Some(nearest) => write!(f, ", did you mean `{nearest}`?"),
            None => Ok(()),
        }
    }
}
