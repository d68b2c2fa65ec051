//! The selector of an object's spec: metav1.LabelSelector.

use serde::{Deserialize, Serialize};

use super::{Operator, Requirement, Selector, SelectorError, parse};
use crate::api::Name;
use crate::api::labels::Labels;

/// Labels that an object must have, and expressions that must hold.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LabelSelector {
    /// The labels.
    #[serde(skip_serializing_if = "Labels::is_empty")]
    pub match_labels: Labels,
    /// The expressions.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_empty")]
    pub match_expressions: Vec<LabelSelectorRequirement>,
}

/// One expression. The operator stays a text, so that a wrong one can be refused in place.
#[derive(Clone, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct LabelSelectorRequirement {
    /// The label's key.
    pub key: Name,
    /// `In`, `NotIn`, `Exists` or `DoesNotExist`.
    pub operator: Name,
    /// The values that the operator takes.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_empty")]
    pub values: Vec<Name>,
}

impl LabelSelector {
    /// The selector that it means: none matches nothing, an empty one everything.
    ///
    /// # Errors
    ///
    /// The first expression or label that cannot be required.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/apimachinery/pkg/apis/meta/v1/helpers.go,
    /// `LabelSelectorAsSelector`
    pub fn to_selector(this: Option<&LabelSelector>) -> Result<Selector, SelectorError> {
        let Some(this) = this else { return Ok(Selector::NOTHING) };
        let mut all = Vec::new();
        for (key, value) in this.match_labels.iter() {
            all.push(Requirement::new(key.clone(), Operator::Equals, vec![value.clone()])?);
        }
        for e in &this.match_expressions {
            let operator = match e.operator.as_str() {
                "In" => Operator::In,
                "NotIn" => Operator::NotIn,
                "Exists" => Operator::Exists,
                "DoesNotExist" => Operator::DoesNotExist,
                other => {
                    return Err(SelectorError(format!(
                        "{other:?} is not a valid label selector operator"
                    )));
                }
            };
            all.push(Requirement::new(e.key.clone(), operator, e.values.clone())?);
        }
        Ok(Selector::new(all))
    }

    /// Whether it has neither labels nor expressions.
    pub fn is_empty(&self) -> bool {
        self.match_labels.is_empty() && self.match_expressions.is_empty()
    }
}

impl Selector {
    /// Reads the restricted form `a=b,c=d`, without any other operator, into labels.
    ///
    /// # Errors
    ///
    /// The first part that is not made so.
    pub fn parse_equalities(text: &str) -> Result<Labels, SelectorError> {
        parse::equality_map(text)
    }
}

fn null_is_empty<'de, D, T>(d: D) -> Result<Vec<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    Ok(Option::deserialize(d)?.unwrap_or_default())
}
