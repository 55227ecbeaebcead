"""The official Google GenAI SDK against the gateway, with the upstream in each wire format."""

import base64
import json

import pytest
from conftest import PDF, PIXEL, WIRES, read, said
from google import genai
from google.genai import errors, types

SDK = "python google-genai"
PLACE = types.Schema(type="OBJECT", properties={"city": types.Schema(type="STRING")}, required=["city"])
WEATHER = types.FunctionDeclaration(name="weather", description="The weather in a city", parameters=PLACE)
CLOCK = types.FunctionDeclaration(name="clock", description="The time in a city", parameters=PLACE)


def connect(gateway, key):
    return genai.Client(api_key=key, http_options=types.HttpOptions(base_url=gateway, timeout=20_000))


@pytest.fixture(scope="module")
def client(gateway, key):
    return connect(gateway, key)


def config(*declarations, **more):
    tools = [types.Tool(function_declarations=list(declarations))] if declarations else None
    automatic = types.AutomaticFunctionCallingConfig(disable=True)
    return types.GenerateContentConfig(tools=tools, automatic_function_calling=automatic, **more)


def user(text):
    return [types.Content(role="user", parts=[types.Part(text=text)])]


def results(response, *texts):
    calls = response.function_calls
    assert len(calls) == len(texts)
    parts = [
        types.Part(function_response=types.FunctionResponse(id=call.id, name=call.name, response={"output": text}))
        for call, text in zip(calls, texts)
    ]
    return [response.candidates[0].content, types.Content(role="user", parts=parts)]


def text_of(response):
    return "".join(part.text or "" for part in response.candidates[0].content.parts if not part.thought)


def test_text(client, wire, model):
    answer = client.models.generate_content(model=model, contents="hello there")
    assert text_of(answer) == said(wire, "hello there")
    assert answer.candidates[0].finish_reason == types.FinishReason.STOP
    usage = answer.usage_metadata
    assert usage.prompt_token_count > 0 and usage.candidates_token_count > 0
    assert usage.total_token_count == usage.prompt_token_count + usage.candidates_token_count


def test_stream(client, wire, model):
    chunks = list(client.models.generate_content_stream(model=model, contents="hello there"))
    text = "".join(chunk.text or "" for chunk in chunks)
    assert len(chunks) > 1 and text == said(wire, "hello there")
    assert chunks[-1].candidates[0].finish_reason == types.FinishReason.STOP
    assert chunks[-1].usage_metadata.candidates_token_count > 0


def test_tool_and_its_result(client, any_wire):
    model, question = "on-" + any_wire, user("please call weather")
    first = client.models.generate_content(model=model, contents=question, config=config(WEATHER))
    assert [(call.name, call.args) for call in first.function_calls] == [("weather", {"city": "sample"})]
    turns = question + results(first, "sunny")
    second = client.models.generate_content(model=model, contents=turns, config=config(WEATHER))
    assert "read the tool results" in text_of(second) and "sunny" in text_of(second)


def test_forced_tool(client, model):
    mode = types.FunctionCallingConfig(mode="ANY", allowed_function_names=["clock"])
    asked = config(WEATHER, CLOCK, tool_config=types.ToolConfig(function_calling_config=mode))
    answer = client.models.generate_content(model=model, contents="hi", config=asked)
    assert [call.name for call in answer.function_calls] == ["clock"]


def test_parallel_tools_in_a_stream(client, wire, model):
    question = user("please call weather and clock")
    calls, parts = [], []
    for chunk in client.models.generate_content_stream(model=model, contents=question, config=config(WEATHER, CLOCK)):
        calls += chunk.function_calls or []
        content = chunk.candidates[0].content
        parts += [part for part in (content.parts if content else None) or [] if part.function_call]
    assert [call.name for call in calls] == ["weather", "clock"]
    responses = [
        types.Part(function_response=types.FunctionResponse(id=call.id, name=call.name, response={"output": "x"}))
        for call in calls
    ]
    turns = question + [types.Content(role="model", parts=parts), types.Content(role="user", parts=responses)]
    second = client.models.generate_content(model=model, contents=turns, config=config(WEATHER, CLOCK))
    assert "read the tool results" in text_of(second)


def test_picture(client, wire, model):
    image = types.Part.from_bytes(data=base64.b64decode(PIXEL), mime_type="image/png")
    answer = client.models.generate_content(model=model, contents=[image, "what is this?"])
    assert text_of(answer) == said(wire, "what is this? (1 image)")


def test_document(client, model):
    document = types.Part.from_bytes(data=base64.b64decode(PDF), mime_type="application/pdf")
    answer = client.models.generate_content(model=model, contents=[document, "what is this?"])
    assert "(1 document)" in text_of(answer)


def test_system_and_many_turns(client, wire, model):
    turns = user("one") + [types.Content(role="model", parts=[types.Part(text="two")])] + user("three")
    asked = config(system_instruction="be brief", max_output_tokens=50, temperature=1.0)
    assert text_of(client.models.generate_content(model=model, contents=turns, config=asked)) == said(wire, "three")


def test_stop_sequence(client, wire, model):
    asked = config(stop_sequences=["STOP"])
    answer = client.models.generate_content(model=model, contents="one STOP two", config=asked)
    if wire == "responses":
        assert "stop" in answer.sdk_http_response.headers["x-ccr-warning"]
    else:
        assert text_of(answer) == said(wire, "one ")


def test_length(client, model):
    answer = client.models.generate_content(model=model, contents="many words " * 20, config=config(max_output_tokens=16))
    assert answer.candidates[0].finish_reason == types.FinishReason.MAX_TOKENS


def thinking_turns(client, first_model, second_model):
    question = user("please call weather")
    asked = config(
        WEATHER, max_output_tokens=8000, thinking_config=types.ThinkingConfig(include_thoughts=True, thinking_budget=2048)
    )
    first = client.models.generate_content(model=first_model, contents=question, config=asked)
    assert any(part.thought for part in first.candidates[0].content.parts)
    turns = question + results(first, "sunny")
    return text_of(client.models.generate_content(model=second_model, contents=turns, config=asked))


def test_thinking_comes_back(client, wire, model):
    assert "sunny" in thinking_turns(client, model, model)


@pytest.mark.parametrize("other", WIRES)
def test_thinking_of_another_upstream(client, wire, other):
    assert "sunny" in thinking_turns(client, "on-" + other, "on-" + wire)


def test_structured_output(client, model):
    asked = config(response_mime_type="application/json", response_schema=PLACE)
    answer = client.models.generate_content(model=model, contents="where?", config=asked)
    assert json.loads(text_of(answer)) == {"city": "sample"}


def test_rate_limit(client, wire):
    with pytest.raises(errors.ClientError) as caught:
        client.models.generate_content(model=f"busy-{wire}-genai", contents="hi")
    assert caught.value.code == 429 and caught.value.status == "RESOURCE_EXHAUSTED"


def test_server_error(client, wire):
    with pytest.raises(errors.ServerError) as caught:
        client.models.generate_content(model="broken-" + wire, contents="hi")
    assert caught.value.code >= 500 and caught.value.message


def test_rejections_and_wrong_key(client, gateway):
    for asking, model, code in ((client, "refused", 403), (client, "absent", 404), (connect(gateway, "wrong"), "on-gemini", 401)):
        with pytest.raises(errors.ClientError) as caught:
            asking.models.generate_content(model=model, contents="hi")
        assert caught.value.code == code


def test_bad_request(client, model):
    with pytest.raises(errors.ClientError) as caught:
        client.models.generate_content(model=model, contents=[types.Content(role="wizard", parts=[types.Part(text="x")])])
    assert caught.value.code == 400


@pytest.mark.parametrize("how", ["cut", "breaks"])
def test_a_broken_stream_is_an_error_not_an_end(client, wire, how):
    # What the SDK makes of it differs: an error of its own, or of its transport. It is never a clean end.
    reasons = []
    try:
        for chunk in client.models.generate_content_stream(model=f"{how}-{wire}", contents="hello"):
            reasons += [candidate.finish_reason for candidate in chunk.candidates or []]
    except Exception:
        return
    assert False, f"a clean end: {reasons}"


def test_count_tokens(client, model):
    short = client.models.count_tokens(model=model, contents="hi").total_tokens
    long = client.models.count_tokens(model=model, contents="many words " * 200).total_tokens
    assert 0 < short < long


def test_models(client):
    names = {entry.name for entry in client.models.list()}
    assert {"models/on-anthropic", "models/on-openai", "models/on-responses", "models/on-gemini"} <= names
