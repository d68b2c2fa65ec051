//! Columns and shared texts: how the page's data stay small.

use crate::sim::index::Map;

/// Texts that are each written once, and named by their number.
#[derive(Default)]
pub(super) struct Texts {
    numbers: Map<String, usize>,
    all: Vec<String>,
}

impl Texts {
    /// The number of a text.
    pub(super) fn number(&mut self, text: &str) -> usize {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = self.all.len();
        self.all.push(text.to_owned());
        self.numbers.insert(text.to_owned(), number);
        number
    }

    /// All of them as a list of JSON.
    pub(super) fn write(&self, out: &mut String) {
        out.push('[');
        for (n, text) in self.all.iter().enumerate() {
            if n > 0 {
                out.push(',');
            }
            out.push_str(&json_text(text));
        }
        out.push(']');
    }
}

/// A text as JSON that may stand inside a script of HTML.
pub(super) fn json_text(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted.replace('<', "\\u003c").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}

/// A column of whole numbers, as the inside of a list of JSON.
#[derive(Default)]
pub(super) struct Column(String);

impl Column {
    /// Adds a number.
    pub(super) fn push(&mut self, number: i64) {
        if !self.0.is_empty() {
            self.0.push(',');
        }
        self.0.push_str(&number.to_string());
    }

    /// Adds a place, or -1 for none.
    pub(super) fn push_place(&mut self, place: Option<usize>) {
        self.push(place.map_or(-1, |n| i64::try_from(n).unwrap_or(-1)));
    }

    /// The column as a member of an object of JSON.
    pub(super) fn write(&self, name: &str, out: &mut String) {
        if !out.ends_with('{') {
            out.push(',');
        }
        out.push('"');
        out.push_str(name);
        out.push_str("\":[");
        out.push_str(&self.0);
        out.push(']');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_ends_the_script_that_it_stands_in() {
        assert_eq!(json_text("</script>\"\u{2028}"), "\"\\u003c/script>\\\"\\u2028\"");
    }

    #[test]
    fn a_text_is_written_once() {
        let mut texts = Texts::default();
        assert_eq!([texts.number("a"), texts.number("b"), texts.number("a")], [0, 1, 0]);
        let mut out = String::new();
        texts.write(&mut out);
        assert_eq!(out, "[\"a\",\"b\"]");
    }
}
