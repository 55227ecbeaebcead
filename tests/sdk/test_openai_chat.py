"""The official OpenAI SDK's Chat Completions against the gateway, with the upstream in each wire format."""

import json

import openai
import pytest
from conftest import PDF, PIXEL, UPSTREAM, read, said

SDK = "python openai chat"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False}


def function(name):
    return {"type": "function", "function": {"name": name, "description": name, "parameters": SCHEMA}}


@pytest.fixture(scope="module")
def client(gateway, key):
    return openai.OpenAI(base_url=gateway + "/v1", api_key=key, max_retries=0, timeout=20)


def user(content):
    return [{"role": "user", "content": content}]


def results(message, *texts):
    assert len(message.tool_calls) == len(texts)
    tools = [{"role": "tool", "tool_call_id": call.id, "content": text} for call, text in zip(message.tool_calls, texts)]
    return [message, *tools]


def test_text(client, wire, model):
    raw = client.chat.completions.with_raw_response.create(model=model, messages=user("hello there"))
    answer = raw.parse()
    assert answer.object == "chat.completion"
    # What is not translated is passed on as it is, the upstream's name of the model included.
    assert answer.model == (UPSTREAM[wire] if wire == "openai" else model)
    assert answer.choices[0].message.content == said(wire, "hello there")
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0
    assert raw.headers["x-ccr-model"] == model


def test_stream(client, wire, model):
    chunks = list(client.chat.completions.create(model=model, messages=user("hello there"), stream=True))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == said(wire, "hello there")
    reasons = [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices]
    assert reasons[-1] == "stop" and reasons.count("stop") == 1
    assert all(chunk.usage is None for chunk in chunks), "the client did not ask for usage"


def test_stream_with_usage(client, model):
    chunks = list(
        client.chat.completions.create(
            model=model, messages=user("hello"), stream=True, stream_options={"include_usage": True}
        )
    )
    assert chunks[-1].choices == [] and chunks[-1].usage.completion_tokens > 0


def test_tool_and_its_result(client, wire, model):
    question, tools = user("please call weather"), [function("weather")]
    first = client.chat.completions.create(model=model, messages=question, tools=tools).choices[0]
    assert first.finish_reason == "tool_calls"
    call = first.message.tool_calls[0]
    assert call.function.name == "weather" and json.loads(call.function.arguments) == {"city": "sample"}
    turns = question + results(first.message, "sunny")
    second = client.chat.completions.create(model=model, messages=turns, tools=tools).choices[0]
    assert second.finish_reason == "stop" and second.message.content == read(wire, "sunny")


def test_forced_tool(client, model):
    tools = [function("clock"), function("weather")]
    for choice in ("required", {"type": "function", "function": {"name": "clock"}}):
        answer = client.chat.completions.create(model=model, messages=user("hi"), tools=tools, tool_choice=choice)
        assert [call.function.name for call in answer.choices[0].message.tool_calls] == ["clock"]
    never = client.chat.completions.create(model=model, messages=user("call clock"), tools=tools, tool_choice="none")
    assert never.choices[0].finish_reason == "stop"


def test_parallel_tools_in_a_stream(client, wire, model):
    tools, question = [function("weather"), function("clock")], user("please call weather and clock")
    stream = client.chat.completions.create(model=model, messages=question, tools=tools, stream=True)
    calls = {}
    for chunk in stream:
        for call in (chunk.choices[0].delta.tool_calls or []) if chunk.choices else []:
            known = calls.setdefault(call.index, {"id": call.id, "name": call.function.name, "arguments": ""})
            known["arguments"] += call.function.arguments or ""
    assert [call["name"] for call in calls.values()] == ["weather", "clock"]
    assert all(json.loads(call["arguments"]) == {"city": "sample"} for call in calls.values())
    made = [
        {"id": call["id"], "type": "function", "function": {"name": call["name"], "arguments": call["arguments"]}}
        for call in calls.values()
    ]
    turns = question + [{"role": "assistant", "content": None, "tool_calls": made}]
    # In the other order: it is the ids that count.
    turns += [{"role": "tool", "tool_call_id": call["id"], "content": call["function"]["name"]} for call in reversed(made)]
    answer = client.chat.completions.create(model=model, messages=turns, tools=tools).choices[0].message.content
    assert answer in (read(wire, "weather; clock"), read(wire, "clock; weather"))


def test_one_tool_at_a_time(client, model):
    tools = [function("weather"), function("clock")]
    raw = client.chat.completions.with_raw_response.create(
        model=model, messages=user("please call weather and clock"), tools=tools, parallel_tool_calls=False
    )
    # Gemini has no such switch: either one call comes, or the client is told.
    assert len(raw.parse().choices[0].message.tool_calls) == 1 or raw.headers["x-ccr-warning"]


def test_picture(client, wire, model):
    url = {"url": "data:image/png;base64," + PIXEL}
    content = [{"type": "text", "text": "what is this?"}, {"type": "image_url", "image_url": url}]
    answer = client.chat.completions.create(model=model, messages=user(content)).choices[0].message.content
    assert answer == said(wire, "what is this? (1 image)")


def test_document(client, model):
    file = {"filename": "paper.pdf", "file_data": "data:application/pdf;base64," + PDF}
    content = [{"type": "text", "text": "what is this?"}, {"type": "file", "file": file}]
    answer = client.chat.completions.create(model=model, messages=user(content)).choices[0].message.content
    assert "(1 document)" in answer


def test_system_and_many_turns(client, wire, model):
    turns = [{"role": "system", "content": "be brief"}, *user("one"), {"role": "assistant", "content": "two"}, *user("three")]
    answer = client.chat.completions.create(model=model, messages=turns, max_tokens=50, temperature=1)
    assert answer.choices[0].message.content == said(wire, "three")


def test_stop(client, wire, model):
    raw = client.chat.completions.with_raw_response.create(model=model, messages=user("one STOP two"), stop=["STOP"])
    if wire == "responses":
        assert "stop" in raw.headers["x-ccr-warning"]
    else:
        assert raw.parse().choices[0].message.content == said(wire, "one ")


def test_length(client, model):
    answer = client.chat.completions.create(model=model, messages=user("many words " * 20), max_tokens=16)
    assert answer.choices[0].finish_reason == "length"


def test_thinking_and_a_second_turn(client, wire, model):
    question, tools = user("please call weather"), [function("weather")]
    ask = {"model": model, "tools": tools, "reasoning_effort": "low", "max_completion_tokens": 8000}
    first = client.chat.completions.create(messages=question, **ask).choices[0].message
    assert first.reasoning_content
    second = client.chat.completions.create(messages=question + results(first, "sunny"), **ask)
    assert second.choices[0].message.content == read(wire, "sunny")


def test_structured_output(client, model):
    schema = {"name": "place", "strict": True, "schema": SCHEMA}
    answer = client.chat.completions.create(
        model=model, messages=user("where?"), response_format={"type": "json_schema", "json_schema": schema}
    )
    assert json.loads(answer.choices[0].message.content) == {"city": "sample"}


def test_rate_limit(client, wire):
    with pytest.raises(openai.RateLimitError) as caught:
        client.chat.completions.create(model=f"busy-{wire}-chat", messages=user("hi"))
    assert caught.value.response.headers["retry-after"] and caught.value.body["message"]


def test_server_error(client, wire):
    with pytest.raises(openai.InternalServerError) as caught:
        client.chat.completions.create(model="broken-" + wire, messages=user("hi"))
    assert caught.value.body["message"]


def test_rejections(client):
    with pytest.raises(openai.PermissionDeniedError):
        client.chat.completions.create(model="refused", messages=user("hi"))
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="absent", messages=user("hi"))


def test_wrong_key(gateway):
    stranger = openai.OpenAI(base_url=gateway + "/v1", api_key="wrong", max_retries=0)
    with pytest.raises(openai.AuthenticationError):
        stranger.chat.completions.create(model="on-openai", messages=user("hi"))


def test_bad_request(client, model):
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model=model, messages=[{"role": "wizard", "content": "hi"}])


@pytest.mark.parametrize("how", ["cut", "breaks"])
def test_a_broken_stream_is_an_error_not_an_end(client, wire, how):
    with pytest.raises(openai.APIError):
        for _ in client.chat.completions.create(model=f"{how}-{wire}", messages=user("hello"), stream=True):
            pass


def test_models(client):
    assert {"on-anthropic", "on-openai", "on-responses", "on-gemini"} <= {entry.id for entry in client.models.list()}


def test_embeddings(client):
    answer = client.embeddings.create(model="on-openai", input=["one", "two", "one"])
    vectors = [entry.embedding for entry in answer.data]
    assert vectors[0] == vectors[2] != vectors[1] and len(vectors[0]) == 8
    assert answer.usage.total_tokens > 0
