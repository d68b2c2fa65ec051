//! The small commands that the container runtime understands, so that a scenario needs no images:
//! `exit SECONDS CODE`, `sleep SECONDS`, `true`, `false`, and for probes `ready-after SECONDS`.
//! Whatever else a container runs goes on for ever.

use crate::api::Name;
use crate::sim::time::SimDuration;

/// What a container does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Program {
    /// It ends by itself.
    Ends {
        /// After so long.
        after: SimDuration,
        /// With this code.
        code: i32,
    },
    /// It runs until it is stopped.
    RunsForEver,
    /// The words mean nothing: the image decides.
    Unknown,
}

/// What a command inside a container answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Check {
    /// It succeeds or fails whatever the container does.
    Always(bool),
    /// It succeeds once the container is this old.
    ReadyAfter(SimDuration),
    /// The words mean nothing: the image decides.
    Unknown,
}

/// What a container does that runs these words.
pub fn program<'a>(words: impl IntoIterator<Item = &'a Name>) -> Program {
    let words: Vec<&str> = words.into_iter().map(Name::as_str).collect();
    match shell_script(&words) {
        Some(script) => script_program(script),
        None => words.split_first().map_or(Program::Unknown, |(head, rest)| simple(head, rest)),
    }
}

/// What a probe or hook finds that runs these words.
pub fn check(words: &[Name]) -> Check {
    let words: Vec<&str> = words.iter().map(Name::as_str).collect();
    let inner: Vec<&str> = match shell_script(&words) {
        Some(script) => script.split_whitespace().skip_while(|w| *w == "exec").collect(),
        None => words,
    };
    match inner.split_first().map(|(head, rest)| (base_name(head), rest)) {
        Some(("true", _)) => Check::Always(true),
        Some(("false", _)) => Check::Always(false),
        Some(("exit", [code])) => Check::Always(*code == "0"),
        Some(("ready-after", [seconds])) => span(seconds).map_or(Check::Unknown, Check::ReadyAfter),
        Some(_) | None => Check::Unknown,
    }
}

/// How long these words take when they are run as a hook.
pub fn length(words: &[Name]) -> SimDuration {
    match program(words) {
        Program::Ends { after, .. } => after,
        Program::RunsForEver => SimDuration(u64::MAX),
        Program::Unknown => SimDuration::ZERO,
    }
}

/// The script of `sh -c SCRIPT`.
fn shell_script<'a>(words: &[&'a str]) -> Option<&'a str> {
    match words {
        [shell, "-c", script, ..] if matches!(base_name(shell), "sh" | "bash" | "ash") => {
            Some(script)
        }
        _ => None,
    }
}

/// Commands one after the other: the times add up, the last code counts, `exit` ends it.
fn script_program(script: &str) -> Program {
    let (mut total, mut last) = (SimDuration::ZERO, 0);
    for line in script.split([';', '\n']).flat_map(|l| l.split("&&")) {
        let mut words: Vec<&str> = line.split_whitespace().collect();
        if words.first() == Some(&"exec") {
            words.remove(0);
        }
        match words.as_slice() {
            [] => {}
            ["exit"] => return Program::Ends { after: total, code: last },
            ["exit", code] => {
                let Ok(code) = code.parse() else { return Program::Unknown };
                return Program::Ends { after: total, code };
            }
            [head, rest @ ..] => match simple(head, rest) {
                Program::Ends { after, code } => {
                    total += after;
                    last = code;
                    if base_name(head) == "exit" {
                        return Program::Ends { after: total, code };
                    }
                }
                other @ (Program::RunsForEver | Program::Unknown) => return other,
            },
        }
    }
    Program::Ends { after: total, code: last }
}

fn simple(head: &str, rest: &[&str]) -> Program {
    match (base_name(head), rest) {
        ("true", _) => Program::Ends { after: SimDuration::ZERO, code: 0 },
        ("false", _) => Program::Ends { after: SimDuration::ZERO, code: 1 },
        ("sleep", ["infinity" | "inf"]) => Program::RunsForEver,
        ("sleep", [time]) => {
            span(time).map_or(Program::Unknown, |after| Program::Ends { after, code: 0 })
        }
        ("exit", [time, code]) => match (span(time), code.parse()) {
            (Some(after), Ok(code)) => Program::Ends { after, code },
            _ => Program::Unknown,
        },
        _ => Program::Unknown,
    }
}

fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Seconds with an optional fraction and unit: `2`, `0.5`, `3m`.
fn span(text: &str) -> Option<SimDuration> {
    let (digits, unit) = match text.as_bytes().last()? {
        b's' => (&text[..text.len() - 1], 1),
        b'm' => (&text[..text.len() - 1], 60),
        b'h' => (&text[..text.len() - 1], 3600),
        _ => (text, 1),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let whole: u64 = whole.parse().ok()?;
    let mut nanos = 0;
    let mut place = 100_000_000;
    for digit in fraction.bytes() {
        nanos += u64::from(digit.is_ascii_digit().then(|| digit - b'0')?) * place;
        place /= 10;
    }
    Some(SimDuration(whole.checked_mul(1_000_000_000)?.checked_add(nanos)?).times(unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(words: &[&str]) -> Program {
        program(&words.iter().map(Name::new).collect::<Vec<_>>())
    }

    #[test]
    fn small_commands_are_understood_with_and_without_a_shell() {
        let ends = |ms, code| Program::Ends { after: SimDuration::millis(ms), code };
        assert_eq!(run(&["exit", "3", "1"]), ends(3000, 1));
        assert_eq!(run(&["/bin/sleep", "0.5"]), ends(500, 0));
        assert_eq!(run(&["sh", "-c", "sleep 2; exit 7"]), ends(2000, 7));
        assert_eq!(run(&["/bin/sh", "-c", "exit 1 2"]), ends(1000, 2));
        assert_eq!(run(&["sleep", "infinity"]), Program::RunsForEver);
        assert_eq!(run(&["nginx"]), Program::Unknown);
        assert_eq!(run(&[]), Program::Unknown);
        assert_eq!(
            check(&["ready-after".into(), "2".into()]),
            Check::ReadyAfter(SimDuration::secs(2))
        );
        assert_eq!(check(&["sh".into(), "-c".into(), "exit 1".into()]), Check::Always(false));
    }
}
