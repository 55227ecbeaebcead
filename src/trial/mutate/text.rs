//! Mutants for a terminal, and for programs.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde::Serialize;

use super::{Mutants, Survivor};
use crate::diag::Sources;
use crate::diag::render::{Position, Positions};
use crate::engine::trace::Paint;
use crate::trial::{clipped, plural, source_line};

#[derive(Serialize)]
struct JsonMutants<'a> {
    percent: usize,
    #[serde(flatten)]
    mutants: &'a Mutants,
    survivors: Vec<JsonSurvivor<'a>>,
}

#[derive(Serialize)]
struct JsonSurvivor<'a> {
    #[serde(flatten)]
    survivor: &'a Survivor,
    file: &'a str,
    line: usize,
    column: usize,
}

impl Mutants {
    /// A line of sums, then each mutant that was not noticed with a case that would.
    #[must_use]
    pub fn text(&self, sources: &Sources, color: bool) -> String {
        let paint = Paint(color);
        let unnoticed = self.unnoticed().count();
        let unknown = self.survivors.len().saturating_sub(unnoticed);
        let mut sums = vec![format!("{} noticed", self.noticed), format!("{unnoticed} not noticed")];
        sums.extend((self.same > 0).then(|| format!("{} are the same policy (proved)", self.same)));
        sums.extend((unknown > 0).then(|| format!("{unknown} may be the same policy (no case found)")));
        sums.extend((self.not_tried > 0).then(|| format!("{} not tried", self.not_tried)));
        let sums = format!("{}, {} %", sums.join(", "), self.percent());
        let sums = if unnoticed == 0 { paint.green(&sums) } else { paint.yellow(&sums) };
        let mut out = format!("{}   {sums}\n", paint.bold("mutants"));
        let positions = Positions::new(sources);
        let place = |survivor: &Survivor| (survivor.span.source, positions.start(survivor.span).line);
        for here in self.survivors.chunk_by(|one, next| place(one) == place(next)) {
            let Some(first) = here.first() else { continue };
            let at = format!("{}:{}", positions.path(first.span), positions.start(first.span).line);
            let _ = writeln!(out, "\n{}  {}", paint.dim(&at), clipped(source_line(sources, first.span, &positions)));
            here.iter().for_each(|survivor| survivor_text(&mut out, survivor, paint));
        }
        if unnoticed > 0 {
            // One case may notice several of them.
            let cases: BTreeSet<_> =
                self.unnoticed().filter_map(|one| one.case.as_ref()).map(|case| (case.route, &case.text)).collect();
            let cases = plural(cases.len(), "case");
            let _ = writeln!(out, "\n{}", paint.dim(&format!("--mutate --suggest writes the {cases} as test blocks")));
        }
        out
    }

    /// The same for programs, with file, line and column (in code points) of each survivor.
    #[must_use]
    pub fn json(&self, sources: &Sources) -> serde_json::Value {
        let positions = Positions::new(sources);
        let survivors = self.survivors.iter().map(|survivor| {
            let Position { line, column } = positions.start(survivor.span);
            JsonSurvivor { survivor, file: positions.path(survivor.span), line, column }
        });
        let json = JsonMutants { percent: self.percent(), mutants: self, survivors: survivors.collect() };
        serde_json::to_value(json).unwrap_or_default()
    }
}

fn survivor_text(out: &mut String, survivor: &Survivor, paint: Paint) {
    let after =
        if survivor.after.is_empty() { "left out".to_owned() } else { format!("`{}`", clipped(&survivor.after)) };
    let change = format!("`{}` → {after}", clipped(&survivor.before));
    match &survivor.case {
        Some(case) => {
            let _ = writeln!(out, "  {} {change}", paint.red("✗"));
            let _ = writeln!(out, "    {}  {}", paint.dim(&format!("on {}:", survivor.route)), case.text);
        }
        None => {
            let _ =
                writeln!(out, "  {} {change}  {}", paint.yellow("?"), paint.dim("no case found that tells them apart"));
        }
    }
}
