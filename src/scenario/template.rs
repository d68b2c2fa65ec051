//! The first scenario that a new user edits.

/// A scenario that runs, with a comment on each part.
pub const TEMPLATE: &str = include_str!("template.yaml");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::load;

    #[test]
    fn the_template_is_a_scenario_without_mistakes() {
        let loaded = load("template.yaml", TEMPLATE.into(), &[], &mut |path| Err(path.to_owned()));
        let scenario = loaded.unwrap().scenario;
        assert!(!scenario.steps.is_empty() && !scenario.expect.is_empty());
        assert!(TEMPLATE.contains("# "));
    }
}
