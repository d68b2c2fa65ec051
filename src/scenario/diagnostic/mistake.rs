//! The mistakes that a person can make, one constructor function each.

/// A mistake without its place: see the constructor functions for the kinds there are.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Mistake {
    /// What is wrong, in one line without a full stop.
    pub message: String,
    /// What was found.
    pub found: Option<String>,
    /// What may stand there.
    pub expected: Vec<String>,
    /// The known name nearest to the one found.
    pub nearest: Option<String>,
    /// Further remarks.
    pub notes: Vec<String>,
}

impl Mistake {
    /// A mistake that is all in its message; for other modules' messages (YAML, CEL, clap).
    pub fn other(message: impl Into<String>) -> Self {
        Mistake { message: message.into(), ..Mistake::default() }
    }

    /// The same mistake with a remark.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// A name that is none of the known ones.
    fn unknown<'a>(
        message: String,
        found: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) -> Mistake {
        let expected: Vec<String> = known.into_iter().map(str::to_owned).collect();
        let near = nearest(found, expected.iter().map(String::as_str)).map(str::to_owned);
        Mistake { message, found: Some(clip(found)), expected, nearest: near, notes: Vec::new() }
    }

    /// A field that what stands there does not have.
    pub fn unknown_field(what: &str, found: &str, known: &[&str]) -> Self {
        let message = format!("unknown field `{}` in {what}", clip(found));
        Self::unknown(message, found, known.iter().copied())
    }

    /// A field of a manifest that its kind does not have.
    pub fn unknown_manifest_field(path: &str, nearest: Option<String>) -> Self {
        Mistake {
            message: format!("unknown field `{}`", clip(path)),
            found: path.rsplit('.').next().map(clip),
            nearest,
            ..Mistake::default()
        }
    }

    /// A fault, an expectation, an action that does not exist.
    pub fn unknown_name(what: &str, found: &str, known: &[&str]) -> Self {
        let message = format!("unknown {what} `{}`", clip(found));
        Self::unknown(message, found, known.iter().copied())
    }

    /// A name that is none of so many known ones that only the nearest helps.
    pub fn unknown_of_many<'a>(
        what: &str,
        found: &str,
        known: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let message = format!("unknown {what} `{}`", clip(found));
        Mistake { expected: Vec::new(), ..Self::unknown(message, found, known) }
    }

    /// A value that is none of those allowed.
    pub fn not_one_of(what: &str, found: &str, known: &[&str]) -> Self {
        let message = format!("`{}` is no {what}", clip(found));
        Self::unknown(message, found, known.iter().copied())
    }

    /// A field that must be there.
    pub fn missing_field(what: &str, field: &str) -> Self {
        let mut mistake = Self::other(format!("missing field `{field}` in {what}"));
        mistake.expected.push(field.to_owned());
        mistake
    }

    /// A value of another type.
    pub fn wrong_type(expected: &str, found: &str) -> Self {
        Mistake {
            message: format!("expected {expected}, found {}", clip(found)),
            found: Some(clip(found)),
            expected: vec![expected.to_owned()],
            ..Mistake::default()
        }
    }

    /// A value of the right type that does not read as what it should be.
    pub fn bad_value(what: &str, found: &str, expected: &str) -> Self {
        Mistake {
            message: format!("`{}` is no {what}; {expected}", clip(found)),
            found: Some(clip(found)),
            expected: vec![expected.to_owned()],
            ..Mistake::default()
        }
    }

    /// A text that is no duration.
    pub fn bad_duration(found: &str) -> Self {
        let bare = !found.is_empty() && found.bytes().all(|b| b.is_ascii_digit());
        let hint = if bare {
            format!("a unit is missing, as in `{found}s`")
        } else {
            "expected one such as `400ms`, `30s` or `1h2m3s`".to_owned()
        };
        Self::bad_value("duration", found, &hint)
    }

    /// A text that is no quantity.
    pub fn bad_quantity(found: &str) -> Self {
        Self::bad_value("quantity", found, "expected one such as `250m`, `4` or `8Gi`")
    }

    /// No alternative was chosen where one is needed.
    pub fn none_chosen(what: &str, known: &[&str]) -> Self {
        Mistake {
            message: format!("{what} is missing"),
            expected: known.iter().map(|k| (*k).to_owned()).collect(),
            ..Mistake::default()
        }
    }

    /// Two alternatives were chosen where one is needed.
    pub fn two_chosen(what: &str, first: &str, second: &str) -> Self {
        Self::other(format!("both `{first}` and `{second}` are given: one {what} an entry"))
    }

    /// A field that makes no sense beside another.
    pub fn not_together(field: &str, other: &str) -> Self {
        Self::other(format!("`{field}` has no meaning beside `{other}`"))
    }

    /// Known, and not modelled yet.
    pub fn not_modelled(what: &str, name: &str) -> Self {
        Mistake {
            message: format!("the {what} `{name}` is not modelled yet"),
            found: Some(name.to_owned()),
            ..Mistake::default()
        }
    }

    /// A file that could not be read.
    pub fn unreadable(path: &str, why: &str) -> Self {
        Self::other(format!("cannot read `{}`: {why}", clip(path)))
    }

    /// A text that is longer than the limit.
    pub fn too_large(bytes: usize, limit: usize) -> Self {
        let mib = |n: usize| format!("{}.{} MiB", n >> 20, ((n & 0xF_FFFF) * 10) >> 20);
        Self::other(format!("this is {} long, the limit is {}", mib(bytes), mib(limit)))
    }

    /// A text that holds nothing.
    pub fn empty(expected: &str) -> Self {
        let mut mistake = Self::other(format!("nothing here, expected {expected}"));
        mistake.expected.push(expected.to_owned());
        mistake
    }

    /// A byte that is no text.
    pub fn not_utf8(byte: u8) -> Self {
        Self::other(format!("this is no UTF-8 text: byte 0x{byte:02x}"))
    }

    /// A control character.
    pub fn control_character(found: char) -> Self {
        Self::other(format!("control characters are not allowed: U+{:04X}", u32::from(found)))
    }

    /// A text that is no YAML.
    pub fn yaml_syntax(message: &str) -> Self {
        Self::other(format!("this is no YAML: {}", clip(message)))
    }

    /// Lists and mappings in one another, deeper than the limit.
    pub fn too_deep(limit: usize) -> Self {
        Self::other(format!("nested deeper than {limit} levels"))
    }

    /// More values than the limit, usually by aliases of aliases.
    pub fn too_many_nodes(limit: usize) -> Self {
        Self::other(format!("this unfolds to more than {limit} values"))
            .note("an alias stands for a whole copy of what it names")
    }

    /// The same key twice.
    pub fn duplicate_key(key: &str, first_line: usize) -> Self {
        Self::other(format!("`{}` is given twice, first in line {first_line}", clip(key)))
    }
}

/// The known name that is most like `found`, when one is like enough to be what was meant.
///
/// Like enough is: one mistake in a name of up to five letters, one more for each further three.
pub fn nearest<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if found.is_empty() || found.len() > 64 {
        return None;
    }
    let plain = |s: &str| s.to_ascii_lowercase().replace(['-', '_'], "");
    let wanted = plain(found);
    let allowed = (wanted.chars().count() + 1) / 3;
    known
        .into_iter()
        .map(|name| (strsim::osa_distance(&wanted, &plain(name)), name))
        .filter(|(distance, _)| *distance <= allowed.max(1))
        .min()
        .map(|(_, name)| name)
}

/// A text short enough to stand in a message.
fn clip(text: &str) -> String {
    const MOST: usize = 60;
    let one_line: String =
        text.chars().take(MOST + 1).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if one_line.chars().count() <= MOST {
        return one_line;
    }
    one_line.chars().take(MOST - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_one_that_could_have_been_meant() {
        let known = ["count", "cpu", "memory", "at-least"];
        let near = |found| nearest(found, known);
        assert_eq!(near("cuont"), Some("count"));
        assert_eq!(near("atLeast"), Some("at-least"));
        assert_eq!(near("cp"), Some("cpu"));
        assert_eq!(near("replicas"), None);
        assert_eq!(near(""), None);
    }

    #[test]
    fn long_findings_are_cut() {
        let message = Mistake::bad_duration(&"x".repeat(5_000)).message;
        assert!(message.chars().count() < 200, "{message}");
    }
}
