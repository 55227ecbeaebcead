// What the suites share: the gateway that `suite.py` has started, the wires in turn, and the notes for its table.

import { appendFileSync } from "node:fs";
import { test } from "node:test";

export const base = process.env.CCR_SDK_BASE;
export const key = process.env.CCR_SDK_KEY;
export const WIRES = ["anthropic", "openai", "responses", "gemini"];
const UPSTREAM = {
  anthropic: "claude-sonnet-4-5",
  openai: "mock-chat",
  responses: "gpt-5.2",
  gemini: "gemini-2.5-flash",
  gemini3: "gemini-3-pro-preview",
};
export const PIXEL =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
export const PDF = "JVBERi0xLjQKJSVFT0YK";
export const SCHEMA = {
  type: "object",
  properties: { city: { type: "string" } },
  required: ["city"],
  additionalProperties: false,
};

/** What the fake upstream says when it is asked this. */
export const said = (wire, text) => `${UPSTREAM[wire]} was asked: ${text}`;
/** What the fake upstream says to the results of tools. */
export const read = (wire, results) => `${UPSTREAM[wire]} read the tool results: ${results}`;

/** Runs a feature's test on each wire, and notes what passed. */
export function each(sdk, feature, run, wires = WIRES) {
  for (const wire of wires) {
    test(`${sdk}: ${feature} on ${wire}`, { timeout: 30_000 }, async () => {
      await run(wire, `on-${wire}`);
      appendFileSync(process.env.CCR_SDK_RESULTS, `${sdk}\t${wire}\t${feature}\n`);
    });
  }
}

/** Runs a test that no wire has a part in. */
export const once = (sdk, feature, run) => each(sdk, feature, run, ["-"]);
