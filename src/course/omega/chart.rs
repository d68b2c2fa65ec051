//! The chart of lesson 13 as SVG: four panels over the decision time.

use std::fmt::Write as _;

use crate::course::omega::{Measured, Sweep, T_JOB};

/// A panel: its title, what it shows of a point, and what is at its top.
struct Panel {
    title: &'static str,
    unit: &'static str,
    most: u64,
    /// So many of what is shown are one of the unit.
    per: u64,
    of: fn(&Measured) -> u64,
    shows: &'static [usize],
}

const PANELS: &[Panel] = &[
    Panel {
        title: "How busy the batch jobs' scheduler is",
        unit: "%",
        most: 100,
        per: 1,
        of: |m| m.batch.busy_percent,
        shows: &[0, 1, 2, 3],
    },
    Panel {
        title: "How long a batch job waits (at most 60 s are drawn)",
        unit: "s",
        most: 60,
        per: 1,
        of: |m| m.batch.wait.0 / 1_000_000_000,
        shows: &[0, 1, 2, 3],
    },
    Panel {
        title: "How busy the service jobs' scheduler is",
        unit: "%",
        most: 100,
        per: 1,
        of: |m| m.service.busy_percent,
        shows: &[0, 1, 2, 3],
    },
    Panel {
        title: "Conflicts for each service job (at most 4 are drawn)",
        unit: "",
        most: 400,
        per: 100,
        of: |m| m.service.conflicts_percent,
        shows: &[3, 4],
    },
];

/// Colours that the colour-blind can tell apart, and dashes for those who see none.
const STYLES: [(&str, &str); 5] = [
    ("#000000", ""),
    ("#e69f00", "8 4"),
    ("#56b4e9", "2 3"),
    ("#009e73", "12 3 3 3"),
    ("#d55e00", "5 2"),
];

const WIDTH: u64 = 420;
const HEIGHT: u64 = 230;
const LEFT: u64 = 48;
const TOP: u64 = 34;

/// The chart.
pub fn chart(sweep: &Sweep) -> String {
    let (width, height) = (2 * WIDTH, 2 * HEIGHT + 60);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"sans-serif\" font-size=\"12\" role=\"img\" aria-label=\"Busyness, waiting \
         time and conflicts of four architectures of schedulers over the decision time of a \
         service job\">\n<rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n"
    );
    for (n, panel) in PANELS.iter().enumerate() {
        let (x, y) = ((n as u64 % 2) * WIDTH, (n as u64 / 2) * HEIGHT);
        draw(panel, sweep, x, y, &mut out);
    }
    legend(sweep, 2 * HEIGHT + 16, &mut out);
    out.push_str("</svg>\n");
    out
}

/// Where a decision time stands: one step of the list is one step to the right.
fn place(n: usize) -> u64 {
    LEFT + n as u64 * (WIDTH - LEFT - 20) / (T_JOB.len() as u64 - 1)
}

fn draw(panel: &Panel, sweep: &Sweep, x: u64, y: u64, out: &mut String) {
    let most = panel.most;
    let bottom = HEIGHT - 30;
    let room = bottom - TOP;
    let at = |value: u64| bottom - value.min(most) * room / most;
    let _ = writeln!(out, "<g transform=\"translate({x},{y})\">");
    let _ =
        writeln!(out, "<text x=\"{LEFT}\" y=\"20\" font-weight=\"bold\">{}</text>", panel.title);
    for step in 0..=4 {
        let value = most * step / 4;
        let (line, end) = (at(value), WIDTH - 20);
        let _ = writeln!(
            out,
            "<path d=\"M{LEFT} {line}H{end}\" stroke=\"#dddddd\"/><text x=\"{}\" y=\"{}\" \
             text-anchor=\"end\">{}{}</text>",
            LEFT - 6,
            line + 4,
            value / panel.per,
            panel.unit
        );
    }
    for (n, t_job) in T_JOB.iter().enumerate() {
        let tenths = t_job.as_millis() / 100;
        let text =
            if tenths % 10 == 0 { format!("{}", tenths / 10) } else { format!("0.{tenths}") };
        let (x, y) = (place(n), bottom + 18);
        let _ = writeln!(out, "<text x=\"{x}\" y=\"{y}\" text-anchor=\"middle\">{text}</text>");
    }
    for n in panel.shows {
        let (colour, dash) = STYLES[*n];
        let points = sweep[*n].1.iter().enumerate();
        let path: Vec<String> =
            points.map(|(k, (_, m))| format!("{} {}", place(k), at((panel.of)(m)))).collect();
        let _ = writeln!(
            out,
            "<path d=\"M{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2.5\" \
             stroke-dasharray=\"{dash}\"/>",
            path.join("L")
        );
    }
    out.push_str("</g>\n");
}

fn legend(sweep: &Sweep, y: u64, out: &mut String) {
    for (n, (architecture, _)) in sweep.iter().enumerate() {
        let (colour, dash) = STYLES[n];
        let (x, y) = (LEFT + (n as u64 % 3) * 265, y + (n as u64 / 3) * 20);
        let _ = writeln!(
            out,
            "<path d=\"M{x} {y}h36\" stroke=\"{colour}\" stroke-width=\"2.5\" \
             stroke-dasharray=\"{dash}\"/><text x=\"{}\" y=\"{}\">{}</text>",
            x + 44,
            y + 4,
            architecture.name()
        );
    }
    let x = LEFT + 2 * 265;
    let _ = writeln!(
        out,
        "<text x=\"{x}\" y=\"{}\">across: t_job of service jobs, s (not to scale)</text>",
        y + 24
    );
}
