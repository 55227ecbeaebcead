//! Writes an answer as the events of a Responses stream, numbered from 0.

use serde_json::{Value, json};

use super::reply::{call_item, end, item_id, items, reasoning, response, text_part};
use crate::mock::ask::Call;
use crate::mock::plan::{Finish, Plan, halves};
use crate::mock::script::{Event, Script};

/// The events of the answer.
pub(in crate::mock) fn stream(plan: &Plan) -> Vec<Event> {
    let mut out = Numbered { script: Script::default(), sent: 0, output_index: 0 };
    out.event("response.created", json!({"response": response(plan, "in_progress", Vec::new())}));
    out.event("response.in_progress", json!({"response": response(plan, "in_progress", Vec::new())}));
    if let Some(thinking) = &plan.thinking {
        out.thinking(plan, thinking);
    }
    if !plan.text.is_empty() {
        out.message(plan);
    }
    for (index, call) in plan.calls.iter().enumerate() {
        out.call(plan, index, call);
    }
    let (status, last) = end(plan);
    out.event(last, json!({"response": response(plan, status, items(plan))}));
    out.script.finish()
}

/// The events so far.
struct Numbered {
    script: Script,
    sent: usize,
    /// of the item that is being written
    output_index: usize,
}

impl Numbered {
    fn event(&mut self, kind: &str, fields: Value) {
        self.write(kind, fields, false);
    }

    fn write(&mut self, kind: &str, mut fields: Value, content: bool) {
        if let Some(object) = fields.as_object_mut() {
            object.insert("type".to_owned(), json!(kind));
            object.insert("sequence_number".to_owned(), json!(self.sent));
        }
        self.sent += 1;
        self.script.event(content, format_args!("event: {kind}\ndata: {fields}\n\n"));
    }

    fn added(&mut self, item: &Value) {
        self.event("response.output_item.added", json!({"output_index": self.output_index, "item": item}));
    }

    fn done(&mut self, item: &Value) {
        self.event("response.output_item.done", json!({"output_index": self.output_index, "item": item}));
        self.output_index += 1;
    }

    fn thinking(&mut self, plan: &Plan, thinking: &str) {
        let finished = reasoning(plan, thinking);
        let mut begun = finished.clone();
        if let Some(fields) = begun.as_object_mut() {
            fields.insert("summary".to_owned(), json!([]));
        }
        self.added(&begun);
        if !plan.thinking_hidden {
            let at = |fields: Value| place(fields, &item_id("rs", plan, 0), self.output_index, "summary_index");
            let part = |text: &str| json!({"type": "summary_text", "text": text});
            let begin = at(json!({"part": part("")}));
            let deltas = halves(thinking).map(|piece| at(json!({"delta": piece})));
            let text = at(json!({"text": thinking}));
            let end = at(json!({"part": part(thinking)}));
            self.event("response.reasoning_summary_part.added", begin);
            for delta in deltas {
                self.write("response.reasoning_summary_text.delta", delta, true);
            }
            self.event("response.reasoning_summary_text.done", text);
            self.event("response.reasoning_summary_part.done", end);
        }
        self.done(&finished);
    }

    fn message(&mut self, plan: &Plan) {
        let id = item_id("msg", plan, 0);
        let refused = plan.finish == Finish::Refusal;
        let (kind, field) = if refused { ("refusal", "refusal") } else { ("output_text", "text") };
        let item = |content: Value, status: &str| json!({"id": id, "type": "message", "status": status, "role": "assistant", "content": content});
        self.added(&item(json!([]), "in_progress"));
        let index = self.output_index;
        let at = |fields: Value| place(fields, &id, index, "content_index");
        self.event("response.content_part.added", at(json!({"part": text_part(plan, "")})));
        for piece in plan.pieces() {
            let delta = if refused { json!({"delta": piece}) } else { json!({"delta": piece, "logprobs": []}) };
            self.write(&format!("response.{kind}.delta"), at(delta), true);
        }
        let mut text = at(json!({ field: plan.text }));
        if let Some(fields) = text.as_object_mut().filter(|_| !refused) {
            fields.insert("logprobs".to_owned(), json!([]));
        }
        self.event(&format!("response.{kind}.done"), text);
        let part = text_part(plan, &plan.text);
        self.event("response.content_part.done", at(json!({ "part": part })));
        let status = if plan.finish == Finish::Length { "incomplete" } else { "completed" };
        self.done(&item(json!([part]), status));
    }

    fn call(&mut self, plan: &Plan, index: usize, call: &Call) {
        let (kind, field, id) = if call.custom {
            ("custom_tool_call_input", "input", item_id("ctc", plan, index))
        } else {
            ("function_call_arguments", "arguments", item_id("fc", plan, index))
        };
        self.added(&call_item(plan, index, call, "", "in_progress"));
        let output_index = self.output_index;
        for piece in halves(&call.input) {
            let fields = json!({"item_id": id, "output_index": output_index, "delta": piece});
            self.write(&format!("response.{kind}.delta"), fields, true);
        }
        let fields = json!({"item_id": id, "output_index": output_index, field: call.input});
        self.event(&format!("response.{kind}.done"), fields);
        self.done(&call_item(plan, index, call, &call.input, "completed"));
    }
}

/// Adds where a part stands: its item, and its place in it, which is the first.
fn place(mut fields: Value, item: &str, output_index: usize, part: &str) -> Value {
    if let Some(object) = fields.as_object_mut() {
        object.insert("item_id".to_owned(), json!(item));
        object.insert("output_index".to_owned(), json!(output_index));
        object.insert(part.to_owned(), json!(0));
    }
    fields
}
