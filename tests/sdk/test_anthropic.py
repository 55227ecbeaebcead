"""The official Anthropic SDK against the gateway, with the upstream in each wire format."""

import anthropic
import pytest

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
WEATHER = {
    "name": "weather",
    "description": "The weather in a city",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
CLOCK = {"name": "clock", "description": "The time in a city", "input_schema": {"type": "object", "properties": {}}}


@pytest.fixture
def client(gateway, key):
    return anthropic.Anthropic(base_url=gateway, api_key=key, max_retries=0, timeout=20)


def user(content):
    return [{"role": "user", "content": content}]


def test_text(client, model):
    raw = client.messages.with_raw_response.create(model=model, max_tokens=100, messages=user("hello there"))
    message = raw.parse()
    assert message.content[0].type == "text" and message.content[0].text
    assert message.stop_reason == "end_turn"
    assert message.usage.input_tokens > 0 and message.usage.output_tokens > 0
    assert raw.headers["x-ccr-model"] == model
    assert raw.headers["x-ccr-decision"].startswith("main/")
    assert raw.headers["x-ccr-request-id"]


def test_stream(client, model):
    with client.messages.stream(model=model, max_tokens=100, messages=user("hello there")) as stream:
        pieces = list(stream.text_stream)
        final = stream.get_final_message()
    assert len(pieces) > 1
    assert "".join(pieces) == final.content[0].text
    assert final.stop_reason == "end_turn"
    assert final.usage.output_tokens > 0


def test_stream_is_the_same_as_no_stream(client, model):
    whole = client.messages.create(model=model, max_tokens=100, messages=user("say it twice"))
    with client.messages.stream(model=model, max_tokens=100, messages=user("say it twice")) as stream:
        streamed = stream.get_final_message()
    assert whole.content[0].text == streamed.content[0].text


def test_tool_and_its_result(client, model):
    question = user("please call weather")
    first = client.messages.create(model=model, max_tokens=200, tools=[WEATHER], messages=question)
    assert first.stop_reason == "tool_use"
    use = next(block for block in first.content if block.type == "tool_use")
    assert use.name == "weather" and isinstance(use.input, dict)
    result = {"type": "tool_result", "tool_use_id": use.id, "content": "sunny"}
    turns = question + [{"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}]
    second = client.messages.create(model=model, max_tokens=200, tools=[WEATHER], messages=turns)
    assert second.stop_reason == "end_turn" and second.content[0].text


def test_parallel_tools_in_a_stream(client, model):
    tools = [WEATHER, CLOCK]
    with client.messages.stream(
        model=model, max_tokens=200, tools=tools, messages=user("please call weather and clock")
    ) as stream:
        final = stream.get_final_message()
    names = [block.name for block in final.content if block.type == "tool_use"]
    assert names == ["weather", "clock"]
    assert final.stop_reason == "tool_use"


def test_picture(client, model):
    source = {"type": "base64", "media_type": "image/png", "data": PIXEL}
    content = [{"type": "image", "source": source}, {"type": "text", "text": "what is this?"}]
    assert client.messages.create(model=model, max_tokens=50, messages=user(content)).content[0].text


def test_system_and_many_turns(client, model):
    turns = user("one") + [{"role": "assistant", "content": "two"}] + user("three")
    answer = client.messages.create(model=model, max_tokens=50, system="be brief", messages=turns, stop_sequences=["END"])
    assert answer.content[0].text


def test_thinking(client, model):
    answer = client.messages.create(
        model=model, max_tokens=3000, thinking={"type": "enabled", "budget_tokens": 1024}, messages=user("why?")
    )
    assert answer.content[-1].type == "text"


def test_failover(client):
    raw = client.messages.with_raw_response.create(model="failover", max_tokens=50, messages=user("hi"))
    assert raw.headers["x-ccr-model"] == "on-anthropic"
    assert raw.headers["x-ccr-attempts"] == "2"


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("busy", anthropic.RateLimitError),
        ("broken", anthropic.InternalServerError),
        ("refused", anthropic.PermissionDeniedError),
    ],
)
def test_errors_have_their_class(client, name, error):
    with pytest.raises(error) as caught:
        client.messages.create(model=name, max_tokens=50, messages=user("hi"))
    assert caught.value.body["type"] == "error"
    assert caught.value.body["error"]["message"]


def test_wrong_key(gateway):
    stranger = anthropic.Anthropic(base_url=gateway, api_key="wrong", max_retries=0)
    with pytest.raises(anthropic.AuthenticationError):
        stranger.messages.create(model="on-anthropic", max_tokens=5, messages=user("hi"))


def test_bad_request(client, model):
    with pytest.raises(anthropic.BadRequestError):
        client.messages.create(model=model, max_tokens=50, messages=[{"role": "wizard", "content": "hi"}])


def test_a_cut_stream_is_an_error_not_an_end(client):
    with pytest.raises(anthropic.APIError):
        with client.messages.stream(model="cut", max_tokens=100, messages=user("hello")) as stream:
            for _ in stream:
                pass


def test_count_tokens(client, model):
    short = client.messages.count_tokens(model=model, messages=user("hi")).input_tokens
    long = client.messages.count_tokens(model=model, messages=user("many words " * 200)).input_tokens
    assert 0 < short < long


def test_models(client):
    assert {"on-anthropic", "on-openai"} <= {entry.id for entry in client.models.list()}
