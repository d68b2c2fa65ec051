//! How containers behave, by image.

use serde_json::Value;
use serde_json::json;

use crate::scenario::amount::Amount;
use crate::scenario::decode::Decode;
use crate::scenario::decode::object;
use crate::scenario::diagnostic::Mistake;
use crate::scenario::duration;
use crate::scenario::schema::Schema;
use crate::scenario::source::Session;
use crate::scenario::yaml::Node;
use crate::sim::time::SimDuration;

object! {
    /// How a container of an image behaves; what is not given is as for any image.
    pub struct Image as "an image" {
        /// How long the pull takes.
        "pull" => pull: Option<SimDuration> = None;
        /// How long from created to running.
        "start" => start: Option<SimDuration> = None;
        /// How long after its start its probes succeed.
        "ready-after" => ready_after: Option<SimDuration> = None;
        /// The cpu that it uses.
        "cpu" => cpu: Option<Amount> = None;
        /// The memory that it uses: `200Mi`, or growing: `50Mi + 10Mi/min`.
        "memory" => memory: Option<Memory> = None;
        /// How long it takes to end once it is told to.
        "term" => term: Option<SimDuration> = None;
        /// That it exits by itself, when and how.
        "exit" => exit: Option<Exit> = None;
        /// That its pull fails, and with which text.
        "pull-error" => pull_error: Option<String> = None;
    }
}

object! {
    /// The end of a container by itself.
    pub struct Exit as "`exit`" {
        /// The exit code.
        "code" => code: i32 = 0;
        /// How long after its start.
        "after" => after: SimDuration = SimDuration::ZERO;
    }
}

/// Memory in use: a basis, and what is added in each span of time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Memory {
    /// From the start, in bytes.
    pub bytes: u64,
    /// So many bytes more in each span.
    pub growth: Option<(u64, SimDuration)>,
}

impl Memory {
    /// Reads `200Mi` or `50Mi + 10Mi/min`.
    pub fn parse(text: &str) -> Option<Memory> {
        let (basis, growth) = match text.split_once('+') {
            Some((basis, growth)) => (basis, Some(growth)),
            None => (text, None),
        };
        let bytes = Amount::parse(basis.trim())?.whole();
        let growth = match growth {
            None => None,
            Some(growth) => {
                let (more, per) = growth.split_once('/')?;
                Some((Amount::parse(more.trim())?.whole(), duration::parse_per(per)?))
            }
        };
        Some(Memory { bytes, growth })
    }
}

impl Decode for Memory {
    fn shape(_: &mut Schema) -> Value {
        json!({ "type": ["string", "number"], "examples": ["200Mi", "50Mi + 10Mi/min"] })
    }

    fn decode(node: &Node, session: &mut Session) -> Option<Self> {
        let text = node.scalar().map(|scalar| &*scalar.text);
        let memory = text.and_then(Memory::parse);
        match (text, &memory) {
            (None, _) => node.report_type("a quantity", session),
            (Some(text), None) => {
                let expected = "expected one such as `200Mi` or `50Mi + 10Mi/min`";
                session.report(node.place, Mistake::bad_value("amount of memory", text, expected));
            }
            (Some(_), Some(_)) => {}
        }
        memory
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_may_grow() {
        let grown = |text| Memory::parse(text).map(|m| (m.bytes >> 20, m.growth));
        assert_eq!(grown("200Mi"), Some((200, None)));
        let rate = (10 << 20, SimDuration::secs(60));
        assert_eq!(grown("50Mi + 10Mi/min"), Some((50, Some(rate))));
        assert_eq!(grown("50Mi + 10Mi"), None);
        assert_eq!(grown("50Mi +"), None);
    }
}
