//! The shape of a `generateContent` request, in the names of its JSON form.

use crate::mock::shape::Shape::{Any, Base64, Bool, Integer, List, Map, Number, Object, Text, Texts, Word};
use crate::mock::shape::{COUNT, Shape, may, need};

const I32: i64 = i32::MAX as i64;

const BLOB: Shape = Object(&[need("mimeType", Text), need("data", Base64), may("displayName", Text)]);
const FILE: Shape = Object(&[may("mimeType", Text), need("fileUri", Text), may("displayName", Text)]);

static RESPONSE_PART: Shape = Object(&[may("inlineData", BLOB), may("fileData", FILE)]);

/// A part of a content.
static PART: Shape = Object(&[
    may("text", Text),
    may("thought", Bool),
    may("thoughtSignature", Base64),
    may("inlineData", BLOB),
    may("fileData", FILE),
    may("functionCall", Object(&[may("id", Text), need("name", Text), may("args", Map)])),
    may(
        "functionResponse",
        Object(&[
            may("id", Text),
            need("name", Text),
            need("response", Map),
            may("willContinue", Bool),
            may("scheduling", Text),
            may("parts", List(&RESPONSE_PART)),
        ]),
    ),
    may("executableCode", Object(&[need("language", Text), need("code", Text), may("id", Text)])),
    may("codeExecutionResult", Object(&[need("outcome", Text), may("output", Text), may("id", Text)])),
    may("toolCall", Map),
    may("toolResponse", Map),
    may("videoMetadata", Map),
    may("partMetadata", Map),
    may("mediaResolution", Map),
]);
static CONTENT: Shape = Object(&[may("role", Text), may("parts", List(&PART))]);
const SYSTEM: Shape = Object(&[may("role", Text), may("parts", List(&PART))]);

static DECLARATION: Shape = Object(&[
    need("name", Text),
    may("description", Text),
    // Schemas are looked at apart: their faults are said in other words.
    may("parameters", Map),
    may("parametersJsonSchema", Any),
    may("response", Map),
    may("responseJsonSchema", Any),
    may("behavior", Word(&["UNSPECIFIED", "BLOCKING", "NON_BLOCKING"])),
]);
static TOOL: Shape = Object(&[
    may("functionDeclarations", List(&DECLARATION)),
    may("googleSearch", Map),
    may("googleSearchRetrieval", Map),
    may("codeExecution", Map),
    may("urlContext", Map),
    may("computerUse", Map),
    may("fileSearch", Map),
    may("googleMaps", Map),
    may("mcpServers", List(&Map)),
]);

static STRING: Shape = Text;
const FUNCTION_CALLING: Shape = Object(&[
    may("mode", Word(&["MODE_UNSPECIFIED", "AUTO", "ANY", "NONE", "VALIDATED"])),
    may("allowedFunctionNames", List(&STRING)),
    may("streamFunctionCallArguments", Bool),
]);
const TOOL_CONFIG: Shape = Object(&[
    may("functionCallingConfig", FUNCTION_CALLING),
    may("retrievalConfig", Map),
    may("includeServerSideToolInvocations", Bool),
]);

const GENERATION: Shape = Object(&[
    may("temperature", Number(0.0, 2.0)),
    may("topP", Number(0.0, 1.0)),
    may("topK", Number(1.0, f64::MAX)),
    may("candidateCount", Integer(1, 8)),
    may("maxOutputTokens", Integer(1, I32)),
    may("stopSequences", List(&STRING)),
    may("responseMimeType", Text),
    may("responseSchema", Map),
    may("responseJsonSchema", Any),
    may("_responseJsonSchema", Any),
    may("presencePenalty", Number(-2.0, 2.0)),
    may("frequencyPenalty", Number(-2.0, 2.0)),
    may("seed", Integer(-I32 - 1, I32)),
    may("responseLogprobs", Bool),
    may("logprobs", COUNT),
    may(
        "thinkingConfig",
        Object(&[
            may("includeThoughts", Bool),
            may("thinkingBudget", Integer(-1, I32)),
            may(
                "thinkingLevel",
                Word(&[
                    "THINKING_LEVEL_UNSPECIFIED",
                    "MINIMAL",
                    "LOW",
                    "MEDIUM",
                    "HIGH",
                    "XHIGH",
                    "minimal",
                    "low",
                    "medium",
                    "high",
                ]),
            ),
        ]),
    ),
    may("responseModalities", List(&STRING)),
    may("mediaResolution", Text),
    may("speechConfig", Map),
    may("audioTranscriptionConfig", Map),
    may("imageConfig", Map),
    may("enableEnhancedCivicAnswers", Bool),
]);

/// The body of `:generateContent` and `:streamGenerateContent`.
pub(super) static BODY: Shape = Object(&[
    may("model", Text),
    need("contents", List(&CONTENT)),
    may("systemInstruction", SYSTEM),
    may("tools", List(&TOOL)),
    may("toolConfig", TOOL_CONFIG),
    may("safetySettings", List(&Map)),
    may("generationConfig", GENERATION),
    may("cachedContent", Text),
    may("labels", Texts),
    may("serviceTier", Text),
    may("store", Bool),
]);

/// The body of `:countTokens`: the contents alone, or a whole request.
pub(super) static COUNT_BODY: Shape = Object(&[may("contents", List(&CONTENT)), may("generateContentRequest", Map)]);

/// A schema of the vendor's own kind, one level of it: a part of OpenAPI's.
pub(super) static SCHEMA: Shape = Object(&[
    may("type", Text),
    may("format", Text),
    may("title", Text),
    may("description", Text),
    may("nullable", Bool),
    may("enum", List(&STRING)),
    may("maxItems", COUNT_OR_TEXT),
    may("minItems", COUNT_OR_TEXT),
    may("properties", Map),
    may("required", List(&STRING)),
    may("minProperties", COUNT_OR_TEXT),
    may("maxProperties", COUNT_OR_TEXT),
    may("minLength", COUNT_OR_TEXT),
    may("maxLength", COUNT_OR_TEXT),
    may("pattern", Text),
    may("example", Any),
    may("anyOf", List(&Map)),
    may("propertyOrdering", List(&STRING)),
    may("default", Any),
    may("items", Map),
    may("minimum", Number(f64::MIN, f64::MAX)),
    may("maximum", Number(f64::MIN, f64::MAX)),
]);
/// Numbers of 64 bits may stand as strings in proto's JSON.
const COUNT_OR_TEXT: Shape = Shape::TextOr(&A_COUNT);
static A_COUNT: Shape = COUNT;
