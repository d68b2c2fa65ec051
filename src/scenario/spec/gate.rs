//! Feature gates, as a mapping or as the text of a component's flag.

use serde_json::Value;
use serde_json::json;

use crate::api::gates::Gate;
use crate::api::gates::GateError;
use crate::api::gates::GateRow;
use crate::api::gates::Gates;
use crate::scenario::decode::Decode;
use crate::scenario::diagnostic::Mistake;
use crate::scenario::schema::Schema;
use crate::scenario::source::Session;
use crate::scenario::yaml::Node;

/// The gates that a scenario sets.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FeatureGates(pub Vec<(Gate, bool)>);

impl FeatureGates {
    /// Gates with these set.
    pub fn on_top_of(&self, gates: Gates) -> Gates {
        self.0.iter().fold(gates, |gates, (gate, on)| gates.with(*gate, *on))
    }

    /// Reads the text of a flag: `A=true,B=false`.
    ///
    /// # Errors
    /// Every mistake in it.
    pub fn parse(text: &str) -> Result<FeatureGates, Vec<Mistake>> {
        let (mut gates, mut mistakes) = (FeatureGates::default(), Vec::new());
        for one in text.split(',').map(str::trim).filter(|one| !one.is_empty()) {
            let (name, value) = one.split_once('=').unwrap_or((one, ""));
            match setting(name.trim(), truth(value.trim())) {
                Ok(set) => gates.0.push(set),
                Err(mistake) => mistakes.push(mistake),
            }
        }
        if mistakes.is_empty() { Ok(gates) } else { Err(mistakes) }
    }
}

/// The truth that a flag's text says.
fn truth(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// A gate with the value that it is set to.
fn setting(name: &str, on: Option<bool>) -> Result<(Gate, bool), Mistake> {
    let Some(gate) = Gate::named(name) else {
        let known = Gate::ALL.iter().map(|gate| gate.name());
        return Err(Mistake::unknown_of_many("feature gate", name, known));
    };
    let Some(on) = on else {
        let expected = "expected `true` or `false` behind `=`";
        return Err(Mistake::bad_value("feature gate with a value", name, expected));
    };
    match gate.may_be(on) {
        Ok(()) => Ok((gate, on)),
        Err(GateError::Locked) => Err(Mistake::other(format!(
            "cannot set feature gate {name} to {on}, feature is locked to {}",
            gate.row().default
        ))),
        Err(GateError::NotModelled) => Err(Mistake::not_modelled("feature gate", name)
            .note(format!("it is {} by default", gate.row().default))),
    }
}

impl Decode for FeatureGates {
    fn shape(_: &mut Schema) -> Value {
        let acting = Gate::ALL.iter().map(|gate| gate.row()).filter(|row| row.acts);
        let of = |row: &GateRow| {
            let default = if row.default { "on" } else { "off" };
            let about = format!("{:?}, {default} when it is not set.", row.stage);
            (row.name.to_owned(), json!({ "type": "boolean", "description": about }))
        };
        let gates: serde_json::Map<String, Value> = acting.map(of).collect();
        let names: Vec<&str> = Gate::ALL.iter().map(|gate| gate.name()).collect();
        json!({ "type": "object", "propertyNames": { "enum": names }, "properties": gates })
    }

    fn decode(node: &Node, session: &mut Session) -> Option<Self> {
        let Some(entries) = node.entries() else {
            node.report_type("a mapping from feature gates to true or false", session);
            return None;
        };
        let mut gates = FeatureGates::default();
        for entry in entries {
            let Some(on) = bool::decode(&entry.value, session) else { continue };
            match setting(&entry.key, Some(on)) {
                Ok(set) => gates.0.push(set),
                Err(mistake) => session.report(entry.key_place, mistake),
            }
        }
        Some(gates)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_sets_gates_one_after_another() {
        let text = "MaxUnavailableStatefulSet=true, SidecarContainers=true";
        let gates = FeatureGates::parse(text).expect("good gates").on_top_of(Gates::DEFAULT);
        assert!(gates.is_on(Gate::MaxUnavailableStatefulSet));
    }

    #[test]
    fn every_mistake_in_a_flag_is_told() {
        let text = "MaxUnavailableStatefulset=true,SidecarContainers=false,QOSReserved=true,\
                    MaxUnavailableStatefulSet=2";
        let mistakes = FeatureGates::parse(text).expect_err("bad gates");
        let told: Vec<(&str, Option<&str>)> =
            mistakes.iter().map(|m| (m.message.as_str(), m.nearest.as_deref())).collect();
        let locked =
            "cannot set feature gate SidecarContainers to false, feature is locked to true";
        let expected = "`MaxUnavailableStatefulSet` is no feature gate with a value; expected `true` \
                        or `false` behind `=`";
        assert_eq!(
            told,
            [
                (
                    "unknown feature gate `MaxUnavailableStatefulset`",
                    Some("MaxUnavailableStatefulSet")
                ),
                (locked, None),
                ("the feature gate `QOSReserved` is not modelled yet", None),
                (expected, None),
            ]
        );
    }
}
