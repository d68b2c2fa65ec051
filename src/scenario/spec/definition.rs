//! Definitions of kinds of a user's own: here, or in files.

use serde_json::{Value, json};

use crate::scenario::decode::{Decode, Spanned};
use crate::scenario::schema::Schema;
use crate::scenario::source::Session;
use crate::scenario::yaml::Node;

/// `CustomResourceDefinition`s: one that is written here, or those of a file or folder.
#[derive(Clone, PartialEq, Debug)]
pub enum Definition {
    /// Written in the scenario.
    Inline(Spanned<Value>),
    /// The path of a file or folder.
    File(Spanned<String>),
}

impl Decode for Definition {
    fn shape(_: &mut Schema) -> Value {
        json!({ "type": ["object", "string"] })
    }

    fn decode(node: &Node, session: &mut Session) -> Option<Self> {
        if node.entries().is_some() {
            let (value, place) = (node.to_json(), node.place);
            return Some(Definition::Inline(Spanned { value, place }));
        }
        Decode::decode(node, session).map(Definition::File)
    }
}
