// The official OpenAI SDK for TypeScript, its Responses, with the upstream in each wire format.

import assert from "node:assert/strict";
import OpenAI from "openai";
import { PDF, PIXEL, SCHEMA, WIRES, base, each, key, once, read, said } from "./common.mjs";

const SDK = "typescript openai responses";
const client = new OpenAI({ baseURL: `${base}/v1`, apiKey: key, maxRetries: 0, timeout: 20_000 });
const create = (body) => client.responses.create({ store: false, ...body });
const tool = (name) => ({ type: "function", name, description: name, parameters: SCHEMA, strict: true });
const user = (content) => [{ role: "user", content }];
const calls = (response) => response.output.filter((item) => item.type === "function_call");
const results = (response, ...texts) => [
  ...response.output.map(({ parsed_arguments: _, ...item }) => item),
  ...calls(response).map((call, index) => ({
    type: "function_call_output",
    call_id: call.call_id,
    output: texts[index],
  })),
];

each(SDK, "text and usage", async (wire, model) => {
  const answer = await create({ model, input: "hello there" });
  assert.equal(answer.output_text, said(wire, "hello there"));
  assert.equal(answer.status, "completed");
  assert.equal(answer.usage.total_tokens, answer.usage.input_tokens + answer.usage.output_tokens);
});

each(SDK, "stream", async (wire, model) => {
  const stream = client.responses.stream({ model, input: "hello there", store: false });
  const numbers = [];
  for await (const event of stream) numbers.push(event.sequence_number);
  assert.deepEqual(numbers, [...new Set(numbers)].sort((a, b) => a - b));
  assert.equal((await stream.finalResponse()).output_text, said(wire, "hello there"));
});

each(SDK, "parallel tools in a stream and their results", async (wire, model) => {
  const ask = { model, tools: [tool("weather"), tool("clock")], store: false };
  const question = user("please call weather and clock");
  const first = await client.responses.stream({ ...ask, input: question }).finalResponse();
  assert.deepEqual(calls(first).map((call) => call.name), ["weather", "clock"]);
  assert.deepEqual(JSON.parse(calls(first)[0].arguments), { city: "sample" });
  const second = await create({ ...ask, input: [...question, ...results(first, "sunny", "noon")] });
  assert.equal(second.output_text, read(wire, "sunny; noon"));
});

each(SDK, "picture and document", async (wire, model) => {
  const image = { type: "input_image", image_url: `data:image/png;base64,${PIXEL}`, detail: "auto" };
  const file = { type: "input_file", filename: "paper.pdf", file_data: `data:application/pdf;base64,${PDF}` };
  const answer = await create({ model, input: user([{ type: "input_text", text: "what?" }, image, file]) });
  assert.equal(answer.output_text, said(wire, "what? (1 image) (1 document)"));
});

each(
  SDK,
  "thinking comes back",
  async (wire, model) => {
    const reasoning = { effort: "low", summary: "auto" };
    const include = ["reasoning.encrypted_content"];
    const ask = { model, tools: [tool("weather")], reasoning, include, max_output_tokens: 8000 };
    const question = user("please call weather");
    const first = await create({ ...ask, input: question });
    assert.ok(first.output.some((item) => item.type === "reasoning"));
    const second = await create({ ...ask, input: [...question, ...results(first, "sunny")] });
    assert.equal(second.output_text, read(wire, "sunny"));
  },
  [...WIRES, "gemini3"],
);

each(SDK, "structured output", async (_, model) => {
  const text = { format: { type: "json_schema", name: "place", strict: true, schema: SCHEMA } };
  const answer = await create({ model, input: "where?", text });
  assert.deepEqual(JSON.parse(answer.output_text), { city: "sample" });
});

each(SDK, "errors", async (wire) => {
  await assert.rejects(create({ model: `busy-${wire}-tsresponses`, input: "hi" }), OpenAI.RateLimitError);
  await assert.rejects(create({ model: `broken-${wire}`, input: "hi" }), OpenAI.InternalServerError);
  const wrong = [{ role: "wizard", content: "hi" }];
  await assert.rejects(create({ model: `on-${wire}`, input: wrong }), OpenAI.BadRequestError);
});

each(SDK, "a broken stream is an error", async (wire) => {
  for (const how of ["cut", "breaks"]) {
    const kinds = [];
    try {
      for await (const event of await create({ model: `${how}-${wire}`, input: "hello", stream: true })) {
        kinds.push(event.type);
      }
    } catch {
      continue;
    }
    assert.ok(["error", "response.failed"].includes(kinds.at(-1)), kinds.join(" "));
  }
});

each(SDK, "count tokens", async (_, model) => {
  const count = async (input) => (await client.responses.inputTokens.count({ model, input })).input_tokens;
  const [short, long] = [await count("hi"), await count("many words ".repeat(200))];
  assert.ok(short > 0 && short < long);
});

once(SDK, "rejections", async () => {
  await assert.rejects(create({ model: "refused", input: "hi" }), OpenAI.PermissionDeniedError);
  await assert.rejects(create({ model: "on-responses", input: "hi", previous_response_id: "resp_1" }), OpenAI.BadRequestError);
});
