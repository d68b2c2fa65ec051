//! Replay tokens: a plan, a seed and the scenario they belong to, in one word.

use serde_json::{Value, json};

use crate::fault::Plan;
use crate::scenario::load::plan_of;
use crate::sim::rng::keyed;

/// What tokens begin with.
const HEAD: &str = "wt1-";

/// What a token says.
#[derive(Clone, PartialEq, Debug)]
pub struct Token {
    /// The scenario's name or path.
    pub scenario: String,
    /// A number that follows from the scenario's text.
    pub text: u64,
    /// The seed.
    pub seed: u64,
    /// The plan.
    pub plan: Plan,
}

/// The number that follows from a scenario's text.
pub fn number(text: &[u8]) -> u64 {
    keyed(0x70ce, text)
}

impl Token {
    /// The token as one word.
    pub fn encode(&self) -> String {
        let value = json!([self.scenario, self.text, self.seed, self.plan.to_value()]);
        format!("{HEAD}{}", to_base64(value.to_string().as_bytes()))
    }

    /// Reads a token.
    ///
    /// # Errors
    /// Why it is none, in words.
    pub fn decode(text: &str) -> Result<Token, String> {
        let none = || "this is no replay token".to_owned();
        let body = text.trim().strip_prefix(HEAD).ok_or_else(none)?;
        let bytes = from_base64(body).ok_or_else(none)?;
        let value: Value = serde_json::from_slice(&bytes).map_err(|_| none())?;
        let scenario = value[0].as_str().ok_or_else(none)?.to_owned();
        let (text, seed) =
            (value[1].as_u64().ok_or_else(none)?, value[2].as_u64().ok_or_else(none)?);
        let plan = plan_of(&value[3]).map_err(|why| format!("{}: {why}", none()))?;
        Ok(Token { scenario, text, seed, plan })
    }
}

/// The letters of base64 for names of files and addresses.
const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn to_base64(bytes: &[u8]) -> String {
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |n: usize| u32::from(chunk.get(n).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for n in 0..=chunk.len() {
            let place = (bits >> (18 - 6 * n)) & 63;
            out.push(char::from(LETTERS[place as usize]));
        }
    }
    out
}

fn from_base64(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let digits: Option<Vec<u32>> = text
        .bytes()
        .map(|b| LETTERS.iter().position(|l| *l == b).and_then(|n| u32::try_from(n).ok()))
        .collect();
    for chunk in digits?.chunks(4) {
        let digit = |n: usize| chunk.get(n).copied().unwrap_or(0);
        let bits = digit(0) << 18 | digit(1) << 12 | digit(2) << 6 | digit(3);
        let bytes = bits.to_be_bytes();
        out.extend_from_slice(bytes.get(1..chunk.len())?);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_back_as_it_was_written() {
        for text in ["", "a", "ab", "abc", "abcd", "[1,{\"at\":\"3s\"}]"] {
            let back = from_base64(&to_base64(text.as_bytes()));
            assert_eq!(back.as_deref(), Some(text.as_bytes()), "{text}");
        }
    }
}
