//! How many reads an apiserver was asked for, to look at: the log holds only writes and refusals.

use crate::api::object::Kind;
use crate::api::request::Verb;

/// Counts by kind: gets, lists, watches.
#[derive(Clone, Debug, Default)]
pub(super) struct Reads(Vec<[u64; 3]>);

/// The names of the columns.
const VERBS: [&str; 3] = ["get", "list", "watch"];

impl Reads {
    /// Counts a request, if it is a read.
    pub(super) fn count(&mut self, verb: &Verb) {
        let (kind, column) = match verb {
            Verb::Get(key) => (key.kind, 0),
            Verb::List(options) => (options.kind, 1),
            Verb::Watch(options) => (options.kind, 2),
            Verb::Create { .. }
            | Verb::Post { .. }
            | Verb::Bind { .. }
            | Verb::Evict { .. }
            | Verb::Update { .. }
            | Verb::Put { .. }
            | Verb::Patch { .. }
            | Verb::Delete { .. }
            | Verb::DeleteCollection { .. } => return,
        };
        let row = usize::from(kind.0);
        if self.0.len() <= row {
            self.0.resize(row + 1, [0; 3]);
        }
        self.0[row][column] += 1;
    }

    /// The counts that are not zero: kind, verb, count.
    pub(super) fn all(&self) -> impl Iterator<Item = (Kind, &'static str, u64)> {
        let rows = self.0.iter().zip(0_u16..);
        rows.flat_map(|(counts, kind)| {
            let columns = VERBS.iter().zip(counts);
            columns.map(move |(verb, count)| (Kind(kind), *verb, *count))
        })
        .filter(|(_, _, count)| *count > 0)
    }
}
