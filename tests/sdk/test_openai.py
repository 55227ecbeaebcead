"""The official OpenAI SDK against the gateway, with the upstream in each wire format."""

import json

import openai
import pytest

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def function(name):
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    return {"type": "function", "function": {"name": name, "description": name, "parameters": schema}}


@pytest.fixture
def client(gateway, key):
    return openai.OpenAI(base_url=gateway + "/v1", api_key=key, max_retries=0, timeout=20)


def user(content):
    return [{"role": "user", "content": content}]


def test_text(client, model):
    raw = client.chat.completions.with_raw_response.create(model=model, messages=user("hello there"))
    answer = raw.parse()
    assert answer.object == "chat.completion"
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0
    assert raw.headers["x-ccr-model"] == model


def test_stream(client, model):
    chunks = list(client.chat.completions.create(model=model, messages=user("hello there"), stream=True))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert all(chunk.usage is None for chunk in chunks), "the client did not ask for usage"


def test_stream_with_usage(client, model):
    chunks = list(
        client.chat.completions.create(
            model=model, messages=user("hello"), stream=True, stream_options={"include_usage": True}
        )
    )
    assert chunks[-1].choices == [] and chunks[-1].usage.completion_tokens > 0


def test_tool_and_its_result(client, model):
    question = user("please call weather")
    tools = [function("weather")]
    first = client.chat.completions.create(model=model, messages=question, tools=tools)
    choice = first.choices[0]
    assert choice.finish_reason == "tool_calls"
    call = choice.message.tool_calls[0]
    assert call.function.name == "weather" and isinstance(json.loads(call.function.arguments), dict)
    turns = question + [choice.message, {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
    second = client.chat.completions.create(model=model, messages=turns, tools=tools)
    assert second.choices[0].finish_reason == "stop" and second.choices[0].message.content


def test_parallel_tools_in_a_stream(client, model):
    tools = [function("weather"), function("clock")]
    stream = client.chat.completions.create(
        model=model, messages=user("please call weather and clock"), tools=tools, stream=True
    )
    names, arguments = {}, {}
    for chunk in stream:
        for call in (chunk.choices[0].delta.tool_calls or []) if chunk.choices else []:
            names.setdefault(call.index, call.function.name)
            arguments[call.index] = arguments.get(call.index, "") + (call.function.arguments or "")
    assert list(names.values()) == ["weather", "clock"]
    assert all(isinstance(json.loads(text), dict) for text in arguments.values())


def test_picture(client, model):
    url = {"url": "data:image/png;base64," + PIXEL}
    content = [{"type": "text", "text": "what is this?"}, {"type": "image_url", "image_url": url}]
    assert client.chat.completions.create(model=model, messages=user(content)).choices[0].message.content


def test_system_and_many_turns(client, model):
    turns = [{"role": "system", "content": "be brief"}, *user("one"), {"role": "assistant", "content": "two"}, *user("three")]
    assert client.chat.completions.create(model=model, messages=turns, max_tokens=50, temperature=0.2).choices


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("busy", openai.RateLimitError),
        ("broken", openai.InternalServerError),
        ("refused", openai.PermissionDeniedError),
    ],
)
def test_errors_have_their_class(client, name, error):
    with pytest.raises(error) as caught:
        client.chat.completions.create(model=name, messages=user("hi"))
    assert caught.value.body["message"]


def test_wrong_key(gateway):
    stranger = openai.OpenAI(base_url=gateway + "/v1", api_key="wrong", max_retries=0)
    with pytest.raises(openai.AuthenticationError):
        stranger.chat.completions.create(model="on-openai", messages=user("hi"))


def test_bad_request(client, model):
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model=model, messages=[{"role": "wizard", "content": "hi"}])


def test_a_cut_stream_is_an_error_not_an_end(client):
    with pytest.raises(openai.APIError):
        for _ in client.chat.completions.create(model="cut", messages=user("hello"), stream=True):
            pass


def test_models(client):
    assert {"on-anthropic", "on-openai"} <= {entry.id for entry in client.models.list()}
