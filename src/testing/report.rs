//! What a failure says: property, plan, story, token; and the failure as a scenario.

use super::{Test, carried_out};
use crate::explore::story::story;
use crate::explore::{Finding, shrink, written};
use crate::scenario::load::tree_of;

impl Test {
    /// A failure in words: the property, the plan of faults, the story in at most thirty lines,
    /// and the token that runs it again.
    ///
    /// # Panics
    /// When the scenario cannot be carried out.
    pub fn report(&self, finding: &Finding) -> String {
        let mut text = format!("\nBROKEN {}\nplan:\n", finding.breach);
        if finding.plan.is_empty() {
            text.push_str("  no fault is needed\n");
        }
        for entry in &finding.plan.entries {
            text.push_str(&format!("  - {}\n", entry.to_value()));
        }
        text.push_str("story:\n");
        for line in carried_out(story(&self.setting(), finding)) {
            text.push_str(&format!("  {line}\n"));
        }
        text.push_str(&format!("replay: WAVETANK_REPLAY={}\n", self.token(&finding.plan)));
        text
    }

    /// A failure as a scenario that fails the same way: without the steps and nodes that it does
    /// not take where `smaller`, as it is otherwise. [`Test::new`] reads it again.
    ///
    /// # Panics
    /// When the scenario cannot be carried out.
    pub fn saved(&self, finding: &Finding, smaller: bool) -> String {
        let tree = tree_of(self.scenario().as_bytes()).expect("it was read before");
        if !smaller {
            return written::scenario(&self.setting(), &tree, None, finding);
        }
        let (setting, smaller, finding) = carried_out(shrink::setting(&self.setting(), finding));
        written::scenario(&setting, &tree, Some(&smaller), &finding)
    }
}
