// The official OpenAI SDK for TypeScript, its Chat Completions, with the upstream in each wire format.

import assert from "node:assert/strict";
import OpenAI from "openai";
import { PDF, PIXEL, SCHEMA, base, each, key, once, read, said } from "./common.mjs";

const SDK = "typescript openai chat";
const client = new OpenAI({ baseURL: `${base}/v1`, apiKey: key, maxRetries: 0, timeout: 20_000 });
const create = (body) => client.chat.completions.create(body);
const tool = (name) => ({ type: "function", function: { name, description: name, parameters: SCHEMA } });
const user = (content) => [{ role: "user", content }];
const results = (message, ...texts) => [
  message,
  ...message.tool_calls.map((call, index) => ({ role: "tool", tool_call_id: call.id, content: texts[index] })),
];

each(SDK, "text and usage", async (wire, model) => {
  const answer = await create({ model, messages: user("hello there") });
  assert.equal(answer.choices[0].message.content, said(wire, "hello there"));
  assert.equal(answer.choices[0].finish_reason, "stop");
  assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
});

each(SDK, "stream", async (wire, model) => {
  const stream = client.chat.completions.stream({
    model,
    messages: user("hello there"),
    stream_options: { include_usage: true },
  });
  const final = await stream.finalChatCompletion();
  assert.equal(final.choices[0].message.content, said(wire, "hello there"));
  assert.ok((await stream.totalUsage()).completion_tokens > 0);
});

each(SDK, "parallel tools in a stream and their results", async (wire, model) => {
  const ask = { model, tools: [tool("weather"), tool("clock")] };
  const question = user("please call weather and clock");
  const final = await client.chat.completions.stream({ ...ask, messages: question }).finalChatCompletion();
  const message = final.choices[0].message;
  assert.deepEqual(message.tool_calls.map((call) => call.function.name), ["weather", "clock"]);
  assert.deepEqual(JSON.parse(message.tool_calls[0].function.arguments), { city: "sample" });
  const calls = message.tool_calls.map(({ id, type, function: { name, arguments: given } }) => ({
    id,
    type,
    function: { name, arguments: given },
  }));
  const said = { role: "assistant", content: message.content, tool_calls: calls };
  const second = await create({ ...ask, messages: [...question, ...results(said, "sunny", "noon")] });
  assert.equal(second.choices[0].message.content, read(wire, "sunny; noon"));
});

each(SDK, "forced tool", async (_, model) => {
  const named = { type: "function", function: { name: "clock" } };
  for (const tool_choice of ["required", named]) {
    const answer = await create({ model, tools: [tool("clock"), tool("weather")], tool_choice, messages: user("hi") });
    assert.deepEqual(answer.choices[0].message.tool_calls.map((call) => call.function.name), ["clock"]);
  }
});

each(SDK, "picture and document", async (wire, model) => {
  const image = { type: "image_url", image_url: { url: `data:image/png;base64,${PIXEL}` } };
  const file = { type: "file", file: { filename: "paper.pdf", file_data: `data:application/pdf;base64,${PDF}` } };
  const answer = await create({ model, messages: user([{ type: "text", text: "what?" }, image, file]) });
  assert.equal(answer.choices[0].message.content, said(wire, "what? (1 image) (1 document)"));
});

each(SDK, "thinking and a second turn", async (wire, model) => {
  const ask = { model, tools: [tool("weather")], reasoning_effort: "low", max_completion_tokens: 8000 };
  const question = user("please call weather");
  const first = (await create({ ...ask, messages: question })).choices[0].message;
  assert.ok(first.reasoning_content);
  const second = await create({ ...ask, messages: [...question, ...results(first, "sunny")] });
  assert.equal(second.choices[0].message.content, read(wire, "sunny"));
});

each(SDK, "structured output", async (_, model) => {
  const response_format = { type: "json_schema", json_schema: { name: "place", strict: true, schema: SCHEMA } };
  const answer = await create({ model, messages: user("where?"), response_format });
  assert.deepEqual(JSON.parse(answer.choices[0].message.content), { city: "sample" });
});

each(SDK, "errors", async (wire) => {
  const messages = user("hi");
  await assert.rejects(create({ model: `busy-${wire}-tschat`, messages }), OpenAI.RateLimitError);
  await assert.rejects(create({ model: `broken-${wire}`, messages }), OpenAI.InternalServerError);
  const wrong = [{ role: "wizard", content: "hi" }];
  await assert.rejects(create({ model: `on-${wire}`, messages: wrong }), OpenAI.BadRequestError);
});

each(SDK, "a broken stream is an error", async (wire) => {
  for (const how of ["cut", "breaks"]) {
    await assert.rejects(async () => {
      const stream = await create({ model: `${how}-${wire}`, messages: user("hello"), stream: true });
      for await (const _ of stream);
    });
  }
});

once(SDK, "rejections", async () => {
  const messages = user("hi");
  await assert.rejects(create({ model: "refused", messages }), OpenAI.PermissionDeniedError);
  await assert.rejects(create({ model: "absent", messages }), OpenAI.NotFoundError);
  const stranger = new OpenAI({ baseURL: `${base}/v1`, apiKey: "wrong", maxRetries: 0 });
  await assert.rejects(stranger.chat.completions.create({ model: "on-openai", messages }), OpenAI.AuthenticationError);
});

once(SDK, "models", async () => {
  const ids = [];
  for await (const model of client.models.list()) ids.push(model.id);
  assert.ok(["on-anthropic", "on-openai", "on-responses", "on-gemini"].every((id) => ids.includes(id)));
});

once(SDK, "embeddings", async () => {
  const answer = await client.embeddings.create({ model: "on-openai", input: ["one", "two", "one"] });
  const vectors = answer.data.map((entry) => entry.embedding);
  assert.deepEqual(vectors[0], vectors[2]);
  assert.notDeepEqual(vectors[0], vectors[1]);
});
