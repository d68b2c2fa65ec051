//! Expectations in words.

use crate::scenario::spec::{Expectation, Judgement, PodCount, Rule};

/// One entry of what shall hold, in words.
pub(super) fn rule_words(rule: &Rule) -> String {
    match &rule.judgement {
        Judgement::Always(e) => format!("always {}", words(e)),
        Judgement::Never(e) => format!("never {}", words(e)),
        Judgement::Sometimes(e) => format!("sometimes {}", words(e)),
        Judgement::Eventually(e) => match rule.within {
            Some(within) => format!("eventually, within {within}, {}", words(e)),
            None => format!("eventually {}", words(e)),
        },
        Judgement::Holds(e) => match rule.at {
            Some(at) => format!("at {at} {}", words(e)),
            None => format!("at the end {}", words(e)),
        },
        Judgement::Settled(s) => match s.within {
            Some(within) => format!("settled within {within}"),
            None => "settled".to_owned(),
        },
        Judgement::Healthy(h) if h.same_end => {
            "healthy, and the same end as without faults".to_owned()
        }
        Judgement::Healthy(_) => "healthy".to_owned(),
    }
}

/// An expectation in words.
pub(super) fn words(expectation: &Expectation) -> String {
    match expectation {
        Expectation::Available(a) => {
            format!("at least {} available in deployment {}", a.at_least, a.deployment)
        }
        Expectation::RolloutComplete(r) => {
            let name = r.deployment.as_ref().or(r.statefulset.as_ref()).or(r.daemonset.as_ref());
            format!("rollout of {} complete", name.map_or("", String::as_str))
        }
        Expectation::Pods(p) => pod_words(p),
        Expectation::Event(e) => {
            let parts = [&e.reason, &e.kind_of_event, &e.kind, &e.name, &e.message];
            let given: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
            format!("event {}", given.join(" "))
        }
        Expectation::Gone(o) => format!("{} {} gone", o.kind, o.name),
        Expectation::Ready(r) => match (&r.name, &r.selector) {
            (Some(name), _) => format!("{} {name} ready", r.kind),
            (None, Some(selector)) => format!("pods {selector} ready"),
            (None, None) => "ready".to_owned(),
        },
        Expectation::Phase(p) => match (&p.pod, &p.selector) {
            (Some(name), _) => format!("pod {name} {:?}", p.is),
            (None, Some(selector)) => format!("pods {selector} {:?}", p.is),
            (None, None) => format!("phase {:?}", p.is),
        },
        Expectation::Condition(c) => {
            let reason = c.reason.as_ref().map_or(String::new(), |r| format!("/{r}"));
            format!("{} {} {}={}{reason}", c.kind, c.name, c.condition, c.status)
        }
        Expectation::Cel(cel) => format!("cel {}", cel.0),
    }
}

fn pod_words(p: &PodCount) -> String {
    let mut text = "pods".to_owned();
    if let Some(selector) = &p.selector {
        text += &format!(" {selector}");
    }
    if let Some(phase) = &p.phase {
        text += &format!(" {phase}");
    }
    if let Some(ready) = p.ready {
        text += if ready { " ready" } else { " not ready" };
    }
    if let Some(node) = &p.node {
        text += &format!(" on {node}");
    }
    for (word, bound) in [
        ("=", p.count),
        (">=", p.at_least),
        ("<=", p.at_most),
        (">", p.more_than),
        ("<", p.less_than),
    ] {
        if let Some(n) = bound {
            text += &format!(" {word} {n}");
        }
    }
    text
}
