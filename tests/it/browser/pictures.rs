//! Pictures of the page, for people to look at: five instants of three scenarios, light and dark,
//! on a desk, a phone and a projector.
//!
//! `WAVETANK_PICTURES=FOLDER cargo test --test it pictures` writes them all; without it one is
//! taken, and looked at only for being one.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::chromium::Browser;
use super::{address, browser, is_quiet, page};

/// The scenarios, and the instants with what is looked at there.
const SCENES: &[(&str, &[&str])] = &[
    (
        "rollout/bad-image-and-undo",
        &["t=1.05s", "t=8s&object=Deployment/default/web", "t=16.2s", "t=20s", "t=40s"],
    ),
    ("nodes/node-failure", &["t=1.06s", "t=60s", "t=106s&object=Node/node-2", "t=408s", "t=500s"]),
    (
        "cluster-autoscaler/load-pods-nodes",
        &[
            "t=7.7s",
            "t=203s&object=HorizontalPodAutoscaler/default/web",
            "t=240s",
            "t=600s",
            "t=2000s",
        ],
    ),
];

/// Windows: the name, the size, and whether the whole page is shown.
const WINDOWS: &[(&str, u32, u32, bool)] =
    &[("desk", 1400, 1000, true), ("phone", 390, 844, true), ("projector", 1920, 1080, false)];

#[test]
fn pictures_are_taken_at_five_instants_of_three_scenarios() {
    let Some(mut browser) = browser("pictures_are_taken") else { return };
    let folder = TempDir::new().unwrap();
    let wanted = std::env::var("WAVETANK_PICTURES").ok();
    let scenes = if wanted.is_some() { SCENES } else { &SCENES[..1] };
    for (scenario, instants) in scenes {
        let path = page(folder.path(), scenario, &[]);
        let name = scenario.rsplit('/').next().unwrap_or_default();
        for (n, instant) in instants.iter().enumerate() {
            for theme in ["light", "dark"] {
                for (window, width, height, whole) in WINDOWS {
                    let file = format!("{name}-{}-{theme}-{window}.png", n + 1);
                    browser.prefers(theme);
                    browser.size(*width, *height);
                    browser.go(&address(&path, &format!("#{instant}")));
                    let picture = browser.picture(*whole);
                    assert!(picture.starts_with(b"\x89PNG"), "{file} is a picture");
                    let Some(wanted) = &wanted else {
                        return is_quiet(&mut browser);
                    };
                    save(Path::new(wanted), &file, &picture);
                }
            }
        }
        is_quiet(&mut browser);
    }
}

fn save(folder: &Path, file: &str, picture: &[u8]) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join(file), picture).unwrap();
}

impl Browser {
    /// Light or dark.
    fn prefers(&mut self, theme: &str) {
        let feature = serde_json::json!({"name": "prefers-color-scheme", "value": theme});
        self.call("Emulation.setEmulatedMedia", &serde_json::json!({"features": [feature]}));
    }

    /// What is seen, or the whole page, as a PNG.
    fn picture(&mut self, whole: bool) -> Vec<u8> {
        self.frame();
        let params = serde_json::json!({"format": "png", "captureBeyondViewport": whole});
        let answer = self.call("Page.captureScreenshot", &params);
        let text = answer["data"].as_str().expect("a picture");
        unpacked(text)
    }
}

/// The bytes of a text in base 64.
fn unpacked(text: &str) -> Vec<u8> {
    let digit = |c: u8| match c {
        b'A'..=b'Z' => Some(c - b'A'),
        b'a'..=b'z' => Some(c - b'a' + 26),
        b'0'..=b'9' => Some(c - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let (mut out, mut bits, mut held) = (Vec::with_capacity(text.len() / 4 * 3), 0_u32, 0);
    for value in text.bytes().filter_map(digit) {
        bits = (bits << 6) | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held).to_le_bytes()[0]);
        }
    }
    out
}
