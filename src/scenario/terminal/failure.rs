//! Complaints, in the words in which kubectl prints them.

use crate::api::refusal::{Cause, Reason, Refusal};

/// Why a command, or the part of it about one object, failed.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Failure {
    /// The apiserver said no.
    Server(Refusal),
    /// No apiserver answered.
    Unreachable,
    /// kubectl itself says no.
    Text(String),
    /// Several of them.
    Many(Vec<Failure>),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Failure {
        Failure::Server(refusal)
    }
}

impl From<String> for Failure {
    fn from(text: String) -> Failure {
        Failure::Text(text)
    }
}

impl Failure {
    /// A complaint of kubectl's own.
    pub(super) fn text(text: &str) -> Failure {
        Failure::Text(text.to_owned())
    }

    /// One of several, when there is but one.
    pub(super) fn single(self) -> Failure {
        match &self {
            Failure::Many(all) if all.len() == 1 => all[0].clone(),
            Failure::Server(_) | Failure::Unreachable | Failure::Text(_) | Failure::Many(_) => self,
        }
    }

    /// Whether the apiserver gave this reason.
    pub(super) fn is(&self, reason: Reason) -> bool {
        matches!(self, Failure::Server(refusal) if refusal.is(reason))
    }

    /// The bare text, as another complaint quotes it.
    pub(super) fn quoted(&self) -> String {
        match self {
            Failure::Server(refusal) => refusal.message.to_string(),
            Failure::Unreachable => UNREACHABLE.to_owned(),
            Failure::Text(text) => text.clone(),
            Failure::Many(all) => match &all[..] {
                [one] => one.quoted(),
                all => {
                    let texts: Vec<String> = all.iter().map(Failure::quoted).collect();
                    format!("[{}]", texts.join(", "))
                }
            },
        }
    }

    /// With the verb and the file that it came from.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/util/helpers.go,
    /// `AddSourceToErr`
    pub(super) fn with_source(self, verb: &str, source: &str) -> Failure {
        if source.is_empty() {
            return self;
        }
        let text = |message: &str| format!("error when {verb} {source:?}: {message}");
        match self {
            Failure::Server(mut refusal) => {
                refusal.message = text(&refusal.message).into();
                Failure::Server(refusal)
            }
            Failure::Unreachable => Failure::Unreachable,
            Failure::Text(message) => Failure::Text(text(&message)),
            Failure::Many(all) => Failure::Text(text(&Failure::Many(all).quoted())),
        }
    }

    /// All of them as one; none when there are none.
    pub(super) fn all(mut failures: Vec<Failure>) -> Result<(), Failure> {
        match failures.len() {
            0 => Ok(()),
            1 => failures.pop().map_or(Ok(()), Err),
            _ => Err(Failure::Many(failures)),
        }
    }

    /// What is printed at the end of a command that failed.
    ///
    /// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/util/helpers.go, `checkErr`
    pub(super) fn final_text(&self) -> String {
        match self {
            Failure::Server(refusal) if refusal.is(Reason::Invalid) => invalid(refusal),
            Failure::Server(_) | Failure::Unreachable => self.line(),
            Failure::Text(text) if text.starts_with("error: ") => text.clone(),
            Failure::Text(text) => format!("error: {text}"),
            Failure::Many(all) => all.iter().map(Failure::line).collect::<Vec<_>>().join("\n"),
        }
    }

    /// Source: kubernetes v1.36 staging/src/k8s.io/kubectl/pkg/cmd/util/helpers.go,
    /// `StandardErrorMessage`
    fn line(&self) -> String {
        match self {
            Failure::Server(refusal) if refusal.reason == Reason::Unauthorized => {
                format!("error: You must be logged in to the server ({refusal})")
            }
            Failure::Server(refusal) if refusal.reason.is_unknown() => {
                format!("Error from server: {refusal}")
            }
            Failure::Server(refusal) => {
                format!("Error from server ({:?}): {refusal}", refusal.reason)
            }
            Failure::Unreachable | Failure::Text(_) | Failure::Many(_) => self.quoted(),
        }
    }
}

const UNREACHABLE: &str = "The connection to the server kubernetes:6443 was refused - did you \
                           specify the right host or port?";

fn invalid(refusal: &Refusal) -> String {
    let Some(details) = &refusal.details else { return "The request is invalid".to_owned() };
    let text = if details.kind.is_empty() && details.name.is_empty() {
        "The request is invalid".to_owned()
    } else {
        format!("The {} {:?} is invalid", details.kind, details.name.as_str())
    };
    let mut causes: Vec<String> = Vec::new();
    for Cause { field, message, .. } in &details.causes {
        let cause = format!("{field}: {message}");
        if !causes.contains(&cause) {
            causes.push(cause);
        }
    }
    match &causes[..] {
        [] if text == "The request is invalid" => format!("{text}: {refusal}"),
        [] => text,
        [one] => format!("{text}: {one}"),
        all => format!("{text}: \n* {}", all.join("\n* ")),
    }
}
