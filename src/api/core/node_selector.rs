//! Node selectors, made ready to be held against many nodes: a pod's nodeSelector, required and
//! preferred node affinity.
//!
//! Terms are read once; a term that cannot be read matches nothing and does not stop the others.

use crate::api::Name;
use crate::api::core::node::Node;
use crate::api::core::pod::{
    NodeRequirement, NodeSelector, NodeSelectorTerm, PodSpec, PreferredTerm,
};
use crate::api::selector::{Operator, Requirement, Selector};

/// The only field of a node that a selector may name.
const NAME_FIELD: &str = "metadata.name";

/// Terms of which one must match.
///
/// Source: kubernetes v1.36
/// staging/src/k8s.io/component-helpers/scheduling/corev1/nodeaffinity/nodeaffinity.go,
/// `LazyErrorNodeSelector`
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Terms(Vec<Term>);

/// Requirements that must all hold.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Term {
    labels: Selector,
    fields: Vec<FieldRequirement>,
    errors: Vec<String>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct FieldRequirement {
    field: Name,
    value: Name,
    is_negated: bool,
}

/// What a pod requires of a node: its nodeSelector and its required node affinity.
///
/// Source: kubernetes v1.36
/// staging/src/k8s.io/component-helpers/scheduling/corev1/nodeaffinity/nodeaffinity.go,
/// `RequiredNodeAffinity`
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Required {
    labels: Selector,
    terms: Option<Terms>,
}

/// Preferred terms with their weights.
///
/// Source: kubernetes v1.36
/// staging/src/k8s.io/component-helpers/scheduling/corev1/nodeaffinity/nodeaffinity.go,
/// `PreferredSchedulingTerms`
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Preferred(Vec<(i64, Term)>);

impl Terms {
    /// Reads a node selector. A term without any requirement matches nothing, and neither does a
    /// selector without terms.
    pub fn new(selector: &NodeSelector) -> Terms {
        let terms = selector.node_selector_terms.iter().filter(|t| !is_empty(t));
        Terms(terms.map(Term::new).collect())
    }

    /// Whether a term matches the node; the errors of the terms when none does and some could not
    /// be read.
    ///
    /// # Errors
    /// Why terms could not be read.
    pub fn matches(&self, node: &Node) -> Result<bool, Vec<String>> {
        if self.0.iter().any(|t| t.matches(node)) {
            return Ok(true);
        }
        let errors: Vec<String> = self.0.iter().flat_map(|t| t.errors.clone()).collect();
        if errors.is_empty() { Ok(false) } else { Err(errors) }
    }

    /// Why terms could not be read; empty when all could.
    pub fn errors(&self) -> impl Iterator<Item = &String> {
        self.0.iter().flat_map(|t| &t.errors)
    }
}

impl Required {
    /// What a pod requires.
    pub fn of(spec: &PodSpec) -> Required {
        let affinity = spec.affinity.as_ref().and_then(|a| a.node_affinity.as_ref());
        Required {
            labels: Selector::of_labels(&spec.node_selector),
            terms: affinity.and_then(|a| a.required.as_ref()).map(Terms::new),
        }
    }

    /// Whether a node is right for it.
    pub fn matches(&self, node: &Node) -> bool {
        self.labels.matches(&node.meta.labels)
            && self.terms.as_ref().is_none_or(|t| t.0.iter().any(|t| t.matches(node)))
    }
}

impl Preferred {
    /// Reads preferred terms; those without weight or requirement are left out.
    ///
    /// # Errors
    /// Why terms could not be read.
    pub fn new(terms: &[PreferredTerm]) -> Result<Preferred, Vec<String>> {
        let counting = terms.iter().filter(|t| t.weight != 0 && !is_empty(&t.preference));
        let all: Vec<(i64, Term)> =
            counting.map(|t| (i64::from(t.weight), Term::new(&t.preference))).collect();
        let errors: Vec<String> = all.iter().flat_map(|(_, t)| t.errors.clone()).collect();
        if errors.is_empty() { Ok(Preferred(all)) } else { Err(errors) }
    }

    /// The sum of the weights of the terms that match.
    pub fn score(&self, node: &Node) -> i64 {
        self.0.iter().filter(|(_, term)| term.matches(node)).map(|(weight, _)| weight).sum()
    }
}

impl Term {
    fn new(term: &NodeSelectorTerm) -> Term {
        let (mut labels, mut fields, mut errors) = (Vec::new(), Vec::new(), Vec::new());
        for r in &term.match_expressions {
            match label_requirement(r) {
                Ok(requirement) => labels.push(requirement),
                Err(why) => errors.push(why),
            }
        }
        for r in &term.match_fields {
            match field_requirement(r) {
                Ok(requirement) => fields.push(requirement),
                Err(why) => errors.push(why),
            }
        }
        Term { labels: Selector::new(labels), fields, errors }
    }

    /// A node without a name has no fields, and then they are not looked at.
    fn matches(&self, node: &Node) -> bool {
        self.errors.is_empty()
            && self.labels.matches(&node.meta.labels)
            && (node.meta.name.is_empty() || self.fields.iter().all(|f| f.matches(node)))
    }
}

impl FieldRequirement {
    fn matches(&self, node: &Node) -> bool {
        let value = if self.field == NAME_FIELD { node.meta.name.as_str() } else { "" };
        (self.value == value) != self.is_negated
    }
}

fn is_empty(term: &NodeSelectorTerm) -> bool {
    term.match_expressions.is_empty() && term.match_fields.is_empty()
}

fn label_requirement(r: &NodeRequirement) -> Result<Requirement, String> {
    let operator = match r.operator.as_str() {
        "In" => Operator::In,
        "NotIn" => Operator::NotIn,
        "Exists" => Operator::Exists,
        "DoesNotExist" => Operator::DoesNotExist,
        "Gt" => Operator::Gt,
        "Lt" => Operator::Lt,
        other => return Err(format!("{other:?} is not a valid node selector operator")),
    };
    Requirement::new(r.key.clone(), operator, r.values.clone()).map_err(|e| e.0)
}

fn field_requirement(r: &NodeRequirement) -> Result<FieldRequirement, String> {
    let is_negated = match r.operator.as_str() {
        "In" => false,
        "NotIn" => true,
        other => return Err(format!("{other:?} is not a valid field selector operator")),
    };
    match &r.values[..] {
        [value] => Ok(FieldRequirement { field: r.key.clone(), value: value.clone(), is_negated }),
        _ => Err(format!("field {:?}: must have one element", r.key)),
    }
}

/// The nodes that a selector names, when each of its terms pins `metadata.name`: no other node can
/// match. An empty list means that the terms contradict themselves.
///
/// Source: kubernetes v1.36 pkg/scheduler/framework/plugins/nodeaffinity/node_affinity.go,
/// `NodeAffinity.PreFilter`
pub fn pinned_names(selector: &NodeSelector) -> Option<Vec<Name>> {
    if selector.node_selector_terms.is_empty() {
        return None;
    }
    let mut all = Vec::new();
    for term in &selector.node_selector_terms {
        let pins = term.match_fields.iter().filter(|r| r.key == NAME_FIELD && r.operator == "In");
        let mut names: Option<Vec<Name>> = None;
        for pin in pins {
            match &mut names {
                Some(names) => names.retain(|n| pin.values.contains(n)),
                None => names = Some(pin.values.clone()),
            }
        }
        all.extend(names?);
    }
    all.sort();
    all.dedup();
    Some(all)
}
