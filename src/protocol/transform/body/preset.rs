//! What a preset's API has no place for in a Chat request. It is left out of what was written, and the client
//! is told when it asked for it; the model's other transforms have the word after this.

use super::super::super::Wire;
use super::super::super::content::find;
use super::super::super::encode::warnings;
use super::super::super::json::{Kind, Raw};
use super::super::stages::StageKind;
use super::{Edits, Measured, Sheet};
use crate::dsl::transform::presets::Habits;

/// Whether there may be something to leave out.
pub(super) fn concerns(habits: &Habits, wire: Wire) -> bool {
    let refuses = [habits.parallel_tool_calls, habits.required_choice, habits.strict].contains(&Some(false));
    wire == Wire::Chat && (refuses || habits.most_stops.is_some())
}

impl Edits<'_, '_> {
    pub(super) fn preset(&mut self, habits: &Habits) {
        if !concerns(habits, self.target.wire) {
            return;
        }
        if habits.parallel_tool_calls == Some(false) {
            self.without_parallel_tool_calls();
        }
        if habits.required_choice == Some(false) {
            self.without_demand();
        }
        if habits.strict == Some(false) {
            self.without_strict();
        }
        if let Some(most) = habits.most_stops {
            self.with_few_stops(most);
        }
    }

    /// Several calls a turn are what a model does when nothing is said: only the wish for single ones is lost.
    fn without_parallel_tool_calls(&mut self) {
        const PATH: &[&str] = &["parallel_tool_calls"];
        let single = self.sheet.get(PATH).is_some_and(|said| *said == *b"false");
        if self.sheet.remove(PATH) {
            self.changed("`parallel_tool_calls` is left out");
        }
        if single {
            self.tell("`parallel_tool_calls` was left out: the upstream has no such switch");
        }
    }

    /// The demand of an exit tool is in the system's words too, and it was not the client's.
    fn without_demand(&mut self) {
        const PATH: &[&str] = &["tool_choice"];
        let Some(said) = self.sheet.get(PATH) else { return };
        if matches!(&*said, b"\"auto\"" | b"\"none\"") {
            return;
        }
        self.sheet.set(PATH, b"\"auto\"");
        self.changed("`tool_choice` is \"auto\"");
        if !self.outgoing.back.stages.iter().any(|stage| matches!(stage, StageKind::ExitTool(_))) {
            self.tell("`tool_choice` was sent as auto: the upstream takes no demand for a tool");
        }
    }

    fn without_strict(&mut self) {
        let mut removed = self.sheet.remove(&["response_format", "json_schema", "strict"]);
        if let Some(tools) = self.sheet.get(&["tools"]).and_then(|tools| loose(&tools)) {
            self.sheet.set(&["tools"], &tools);
            removed = true;
        }
        if removed {
            self.changed("`strict` is left out");
            if find(self.request.body(), "\"strict\"").is_some() {
                self.tell("`strict` was left out: the upstream does not hold itself to schemas");
            }
        }
    }

    fn with_few_stops(&mut self, most: usize) {
        let Some(stops) = self.sheet.get(&["stop"]) else { return };
        let stops = Raw::from_measured(&stops);
        let all = stops.elements().count();
        if stops.kind() != Kind::Array || all <= most {
            return;
        }
        let kept: Vec<&[u8]> = stops.elements().map_while(Result::ok).take(most).map(Raw::bytes).collect();
        self.sheet.set(&["stop"], &[b"[", &*kept.join(&b","[..]), b"]"].concat());
        self.changed(format!("`stop` has {most} of {all}"));
        self.tell(&warnings::few_stops(most, all));
    }

    fn tell(&mut self, what: &str) {
        self.outgoing.warnings.push(what.to_owned());
    }
}

/// A list of tools without their `strict`; None when none has it.
fn loose(tools: &[u8]) -> Option<Vec<u8>> {
    find(tools, "\"strict\"")?;
    let mut out = Vec::with_capacity(tools.len());
    let mut changed = false;
    for tool in Raw::from_measured(tools).elements().map_while(Result::ok) {
        out.push(if out.is_empty() { b'[' } else { b',' });
        let loose = Sheet::read(&[bytes::Bytes::copy_from_slice(tool.bytes())], Measured::Places(&[]))
            .and_then(|mut sheet| sheet.remove(&["function", "strict"]).then(|| sheet.write()).flatten());
        match loose {
            Some(parts) => {
                changed = true;
                parts.iter().for_each(|part| out.extend_from_slice(part));
            }
            None => out.extend_from_slice(tool.bytes()),
        }
    }
    out.push(b']');
    changed.then_some(out)
}
