//! Words to a command, and clap's complaints in our words.

use std::cell::RefCell;
use std::collections::BTreeMap;

use clap::ArgAction;
use clap::ArgMatches;
use clap::Args;
use clap::CommandFactory;
use clap::FromArgMatches;
use clap::error::ContextKind;
use clap::error::ContextValue;
use clap::error::ErrorKind;

use crate::scenario::diagnostic::Mistake;
use crate::scenario::kubectl::Command;
use crate::scenario::kubectl::CreateKind;
use crate::scenario::kubectl::Kubectl;
use crate::scenario::kubectl::NOT_SUPPORTED;
use crate::scenario::kubectl::RolloutVerb;
use crate::scenario::kubectl::Scope;
use crate::scenario::kubectl::SetWhat;

/// A mistake in a command, and the word that it is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trouble {
    /// What is wrong.
    pub mistake: Box<Mistake>,
    /// The word, when it is one.
    pub word: Option<String>,
}

impl Trouble {
    /// A mistake, and the word that it is about.
    pub(super) fn new(mistake: Mistake, word: Option<String>) -> Self {
        Trouble { mistake: Box::new(mistake), word }
    }

    /// A mistake about one word.
    pub(super) fn at(word: &str, message: String) -> Self {
        Trouble::new(Mistake::other(message), Some(word.to_owned()))
    }

    /// A mistake about the command as a whole.
    pub(super) fn whole(message: String) -> Self {
        Trouble::new(Mistake::other(message), None)
    }
}

/// Reads the words behind `kubectl` as a command that makes sense by itself.
///
/// # Errors
/// What cannot be read, with the word that it is about.
pub fn parse(words: &[String]) -> Result<Kubectl, Trouble> {
    let first = words.iter().find(|word| !word.starts_with('-'));
    let unsupported = NOT_SUPPORTED.iter().find(|(name, _)| first.is_some_and(|w| w == name));
    if let Some((name, why)) = unsupported {
        let message = format!("`kubectl {name}` is not supported: {why}");
        return Err(Trouble::at(name, message));
    }
    let matches = matches(first.map_or("", String::as_str), words);
    let kubectl = matches.and_then(|matches| Kubectl::from_arg_matches(&matches));
    let kubectl = kubectl.map_err(|error| trouble(&error, words))?;
    check(&kubectl.command)?;
    Ok(kubectl)
}

thread_local! {
    /// The grammars of the commands that were needed, made once a thread. What clap works out for
    /// a subcommand is kept for the next line.
    static GRAMMARS: RefCell<BTreeMap<&'static str, clap::Command>> = RefCell::default();
}

/// What clap makes of the words. The first of them mostly names the command, whose grammar is all
/// that is needed; if it does not, that of kubectl as a whole is.
fn matches(first: &str, words: &[String]) -> Result<ArgMatches, clap::Error> {
    let known = Command::NAMES.iter().find(|name| **name == first).copied();
    GRAMMARS.with_borrow_mut(|grammars| {
        let make = || known.and_then(alone).unwrap_or_else(whole);
        let grammar = grammars.entry(known.unwrap_or_default()).or_insert_with(make);
        grammar.try_get_matches_from_mut(words)
    })
}

/// The grammar of kubectl: flags behave as kubectl's do.
fn whole() -> clap::Command {
    like_pflag(Kubectl::command())
}

/// The grammar of kubectl if it had but one command.
fn alone(name: &str) -> Option<clap::Command> {
    let kubectl = clap::Command::new("kubectl").no_binary_name(true).subcommand_required(true);
    let only = Command::grammar_of(name)?;
    Some(like_pflag(Scope::augment_args(kubectl).subcommand(only)))
}

/// Switches take `=false`, values may begin with a dash, and there is no help to print.
fn like_pflag(command: clap::Command) -> clap::Command {
    let command = command
        .disable_help_flag(true)
        .disable_version_flag(true)
        .disable_help_subcommand(true)
        .mut_args(arg_like_pflag);
    command.mut_subcommands(like_pflag)
}

fn arg_like_pflag(arg: clap::Arg) -> clap::Arg {
    if matches!(arg.get_action(), ArgAction::SetTrue) {
        return arg
            .action(ArgAction::Set)
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
            .default_value("false");
    }
    let takes_next = !arg.is_positional() && !arg.is_require_equals_set();
    if takes_next { arg.allow_hyphen_values(true) } else { arg }
}

/// Whether all that a command says can be read: its kinds, names, pairs and patches.
fn check(command: &Command) -> Result<(), Trouble> {
    match command {
        Command::Apply(apply) => needs_files(&apply.files.filename),
        Command::Create(create) => match &create.kind {
            None => needs_files(&create.files.filename),
            Some(kind) => check_create(kind),
        },
        Command::Run(run) => run.override_value().map(drop),
        Command::Expose(expose) => expose.targets().map(drop),
        Command::Autoscale(autoscale) => autoscale.targets().map(drop),
        Command::Delete(delete) => {
            needs_targets(&delete.targets, &delete.files.filename)?;
            delete.targets().map(drop)
        }
        Command::Scale(scale) => {
            needs_targets(&scale.targets, &scale.files.filename)?;
            scale.targets().map(drop)
        }
        Command::Set(set) => match &set.what {
            SetWhat::Image(pairs) | SetWhat::Env(pairs) => pairs.parts().map(drop),
            SetWhat::Resources(resources) => {
                resources.amounts()?;
                resources.targets().map(drop)
            }
        },
        Command::Rollout(rollout) => check_rollout(&rollout.verb),
        Command::Patch(patch) => {
            needs_targets(&patch.targets, &patch.files.filename)?;
            patch.value()?;
            patch.targets().map(drop)
        }
        Command::Label(label) => label.parts().map(drop),
        Command::Annotate(annotate) => annotate.parts().map(drop),
        Command::Taint(taint) => taint.parts().map(drop),
        Command::Cordon(cordon) | Command::Uncordon(cordon) => cordon.node_names().map(drop),
        Command::Drain(drain) => drain.node_names().map(drop),
        Command::Wait(wait) => wait.targets().map(drop),
        Command::Get(get) => get.targets().map(drop),
        Command::Describe(describe) => describe.targets().map(drop),
        Command::Events(events) => events.about().map(drop),
        Command::Top(_) => Ok(()),
    }
}

fn check_create(kind: &CreateKind) -> Result<(), Trouble> {
    match kind {
        CreateKind::Configmap(literals) => literals.data().map(drop),
        CreateKind::Secret(secret) => match &secret.sort {
            super::create::SecretSort::Generic(literals) => literals.data().map(drop),
        },
        CreateKind::CronJob(_)
        | CreateKind::Deployment(_)
        | CreateKind::Job(_)
        | CreateKind::Namespace(_)
        | CreateKind::PodDisruptionBudget(_)
        | CreateKind::PriorityClass(_)
        | CreateKind::Quota(_)
        | CreateKind::ServiceAccount(_) => Ok(()),
    }
}

fn check_rollout(verb: &RolloutVerb) -> Result<(), Trouble> {
    match verb {
        RolloutVerb::Status(status) => status.which.targets().map(drop),
        RolloutVerb::Undo(undo) => undo.which.targets().map(drop),
        RolloutVerb::History(history) => history.which.targets().map(drop),
        RolloutVerb::Restart(which) | RolloutVerb::Pause(which) | RolloutVerb::Resume(which) => {
            which.targets().map(drop)
        }
    }
}

fn needs_files(files: &[String]) -> Result<(), Trouble> {
    if files.is_empty() { Err(Trouble::whole("must specify one of -f".to_owned())) } else { Ok(()) }
}

fn needs_targets(targets: &[String], files: &[String]) -> Result<(), Trouble> {
    if targets.is_empty() && files.is_empty() {
        return Err(Trouble::whole("neither a resource nor `-f` is given".to_owned()));
    }
    Ok(())
}

/// What clap found, in our words.
#[expect(clippy::wildcard_enum_match_arm, reason = "clap's kinds of errors are open")]
fn trouble(error: &clap::Error, words: &[String]) -> Trouble {
    let (command, path) = descend(words);
    let invalid = context(error, ContextKind::InvalidArg);
    match error.kind() {
        ErrorKind::InvalidSubcommand | ErrorKind::MissingSubcommand => {
            unknown_command(error, &command, &path)
        }
        ErrorKind::UnknownArgument => unknown_argument(&invalid, &command, &path),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => bad_value(error, &invalid),
        ErrorKind::MissingRequiredArgument => Trouble::whole(format!("`{path}` lacks `{invalid}`")),
        _ => {
            let text = error.to_string();
            let line = text.lines().next().unwrap_or("").trim_start_matches("error: ");
            Trouble::whole(line.to_owned())
        }
    }
}

/// One of the texts that clap knows about an error; empty when it knows none.
fn context(error: &clap::Error, kind: ContextKind) -> String {
    match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join("`, `"),
        _ => String::new(),
    }
}

fn unknown_command(error: &clap::Error, command: &clap::Command, path: &str) -> Trouble {
    let found = context(error, ContextKind::InvalidSubcommand);
    let known: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
    if found.is_empty() {
        return Trouble::new(
            Mistake::none_chosen(&format!("a command after `{path}`"), &known),
            None,
        );
    }
    let mistake = Mistake::unknown_name(&format!("`{path}` command"), &found, &known);
    Trouble::new(mistake, Some(found))
}

fn unknown_argument(invalid: &str, command: &clap::Command, path: &str) -> Trouble {
    let found = invalid.split('=').next().unwrap_or("").to_owned();
    let long = |arg: &clap::Arg| arg.get_long().map(|long| format!("--{long}"));
    let known: Vec<String> = command.get_arguments().filter_map(long).collect();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let what = if found.starts_with('-') { "flag" } else { "argument" };
    let mistake = Mistake::unknown_name(&format!("`{path}` {what}"), &found, &known);
    Trouble::new(mistake, Some(found))
}

fn bad_value(error: &clap::Error, flag: &str) -> Trouble {
    let found = context(error, ContextKind::InvalidValue);
    if found.is_empty() {
        return Trouble::whole(format!("`{flag}` needs a value"));
    }
    let known = context(error, ContextKind::ValidValue);
    let expected = match std::error::Error::source(error) {
        Some(why) => why.to_string(),
        None if known.is_empty() => "it cannot be read".to_owned(),
        None => format!("expected one of `{known}`"),
    };
    let flag = flag.split([' ', '=']).next().unwrap_or("");
    let mistake = Mistake::bad_value(&format!("value of `{flag}`"), &found, &expected);
    Trouble::new(mistake, Some(found))
}

/// The innermost command that the words name, and how it is called.
fn descend(words: &[String]) -> (clap::Command, String) {
    // Made anew: clap has added to the other what it worked out.
    let whole = whole();
    let mut command = &whole;
    let mut path = "kubectl".to_owned();
    for word in words {
        if let Some(next) = command.find_subcommand(word) {
            command = next;
            path = format!("{path} {}", next.get_name());
        }
    }
    (command.clone(), path)
}

#[cfg(test)]
mod tests;
