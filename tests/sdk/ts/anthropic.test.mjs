// The official Anthropic SDK for TypeScript against the gateway, with the upstream in each wire format.

import assert from "node:assert/strict";
import Anthropic from "@anthropic-ai/sdk";
import { PDF, PIXEL, SCHEMA, WIRES, base, each, key, once, read, said } from "./common.mjs";

const SDK = "typescript anthropic";
const client = new Anthropic({ baseURL: base, apiKey: key, maxRetries: 0, timeout: 20_000 });
const WEATHER = { name: "weather", description: "The weather in a city", input_schema: SCHEMA };
const CLOCK = { name: "clock", description: "The time", input_schema: { type: "object", properties: {} } };
const user = (content) => [{ role: "user", content }];
const textOf = (message) => message.content.filter((block) => block.type === "text").map((block) => block.text).join("");

function results(message, ...texts) {
  const uses = message.content.filter((block) => block.type === "tool_use");
  assert.equal(uses.length, texts.length);
  const blocks = uses.map((use, index) => ({ type: "tool_result", tool_use_id: use.id, content: texts[index] }));
  return [{ role: "assistant", content: message.content }, { role: "user", content: blocks }];
}

each(SDK, "text and usage", async (wire, model) => {
  const message = await client.messages.create({ model, max_tokens: 100, messages: user("hello there") });
  assert.equal(textOf(message), said(wire, "hello there"));
  assert.equal(message.stop_reason, "end_turn");
  assert.ok(message.usage.input_tokens > 0 && message.usage.output_tokens > 0);
});

each(SDK, "stream", async (wire, model) => {
  const pieces = [];
  const stream = client.messages.stream({ model, max_tokens: 100, messages: user("hello there") });
  stream.on("text", (piece) => pieces.push(piece));
  const final = await stream.finalMessage();
  assert.ok(pieces.length > 1);
  assert.equal(pieces.join(""), said(wire, "hello there"));
  assert.equal(final.stop_reason, "end_turn");
});

each(SDK, "parallel tools in a stream and their results", async (wire, model) => {
  const ask = { model, max_tokens: 200, tools: [WEATHER, CLOCK] };
  const question = user("please call weather and clock");
  const first = await client.messages.stream({ ...ask, messages: question }).finalMessage();
  const uses = first.content.filter((block) => block.type === "tool_use");
  assert.deepEqual(uses.map((use) => use.name), ["weather", "clock"]);
  assert.deepEqual(uses[0].input, { city: "sample" });
  assert.equal(first.stop_reason, "tool_use");
  const second = await client.messages.create({ ...ask, messages: [...question, ...results(first, "sunny", "noon")] });
  assert.equal(textOf(second), read(wire, "sunny; noon"));
});

each(SDK, "forced tool", async (_, model) => {
  const ask = { model, max_tokens: 200, tools: [CLOCK, WEATHER], messages: user("hi") };
  for (const tool_choice of [{ type: "any" }, { type: "tool", name: "clock" }]) {
    const answer = await client.messages.create({ ...ask, tool_choice });
    assert.deepEqual(answer.content.filter((block) => block.type === "tool_use").map((use) => use.name), ["clock"]);
  }
});

each(SDK, "picture and document", async (wire, model) => {
  const image = { type: "image", source: { type: "base64", media_type: "image/png", data: PIXEL } };
  const document = { type: "document", source: { type: "base64", media_type: "application/pdf", data: PDF } };
  const text = { type: "text", text: "what?" };
  const answer = await client.messages.create({ model, max_tokens: 50, messages: user([image, document, text]) });
  assert.equal(textOf(answer), said(wire, "what? (1 image) (1 document)"));
});

each(SDK, "system and many turns", async (wire, model) => {
  const messages = [...user("one"), { role: "assistant", content: "two" }, ...user("three")];
  const answer = await client.messages.create({ model, max_tokens: 50, system: "be brief", messages });
  assert.equal(textOf(answer), said(wire, "three"));
});

each(
  SDK,
  "thinking comes back",
  async (wire, model) => {
    const thinking = { type: "enabled", budget_tokens: 1024 };
    const ask = { model, max_tokens: 3000, tools: [WEATHER], thinking };
    const question = user("please call weather");
    const first = await client.messages.stream({ ...ask, messages: question }).finalMessage();
    assert.deepEqual(first.content.map((block) => block.type), ["thinking", "tool_use"]);
    const second = await client.messages.create({ ...ask, messages: [...question, ...results(first, "sunny")] });
    assert.equal(textOf(second), read(wire, "sunny"));
  },
  [...WIRES, "gemini3"],
);

each(SDK, "structured output", async (_, model) => {
  const output_config = { format: { type: "json_schema", schema: SCHEMA } };
  const answer = await client.messages.create({ model, max_tokens: 50, messages: user("where?"), output_config });
  assert.deepEqual(JSON.parse(textOf(answer)), { city: "sample" });
});

each(SDK, "errors", async (wire) => {
  const ask = { max_tokens: 50, messages: user("hi") };
  await assert.rejects(client.messages.create({ ...ask, model: `busy-${wire}-tsanthropic` }), (error) => {
    assert.ok(error instanceof Anthropic.RateLimitError);
    return Boolean(error.headers.get("retry-after"));
  });
  await assert.rejects(client.messages.create({ ...ask, model: `broken-${wire}` }), Anthropic.InternalServerError);
  const wrong = { ...ask, model: `on-${wire}`, messages: [{ role: "wizard", content: "hi" }] };
  await assert.rejects(client.messages.create(wrong), Anthropic.BadRequestError);
});

each(SDK, "a broken stream is an error", async (wire) => {
  for (const how of ["cut", "breaks"]) {
    const stream = client.messages.stream({ model: `${how}-${wire}`, max_tokens: 100, messages: user("hello") });
    await assert.rejects(stream.finalMessage());
  }
});

each(SDK, "count tokens", async (_, model) => {
  const count = async (text) => (await client.messages.countTokens({ model, messages: user(text) })).input_tokens;
  const [short, long] = [await count("hi"), await count("many words ".repeat(200))];
  assert.ok(short > 0 && short < long);
});

once(SDK, "rejections", async () => {
  const ask = { max_tokens: 50, messages: user("hi") };
  await assert.rejects(client.messages.create({ ...ask, model: "refused" }), Anthropic.PermissionDeniedError);
  await assert.rejects(client.messages.create({ ...ask, model: "absent" }), Anthropic.NotFoundError);
  const stranger = new Anthropic({ baseURL: base, apiKey: "wrong", maxRetries: 0 });
  await assert.rejects(stranger.messages.create({ ...ask, model: "on-anthropic" }), Anthropic.AuthenticationError);
});

once(SDK, "models", async () => {
  const ids = [];
  for await (const model of client.models.list()) ids.push(model.id);
  assert.ok(["on-anthropic", "on-openai", "on-responses", "on-gemini"].every((id) => ids.includes(id)));
});
