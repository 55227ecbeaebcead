"""The official Anthropic SDK against the gateway, with the upstream in each wire format."""

import json

import anthropic
import pytest
from conftest import PDF, PIXEL, UPSTREAM, WIRES, read, said

SDK = "python anthropic"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False}
WEATHER = {"name": "weather", "description": "The weather in a city", "input_schema": SCHEMA}
CLOCK = {"name": "clock", "description": "The time in a city", "input_schema": {"type": "object", "properties": {}}}


@pytest.fixture(scope="module")
def client(gateway, key):
    return anthropic.Anthropic(base_url=gateway, api_key=key, max_retries=0, timeout=20)


def user(content):
    return [{"role": "user", "content": content}]


def results(message, *texts):
    uses = [block for block in message.content if block.type == "tool_use"]
    assert len(uses) == len(texts)
    blocks = [{"type": "tool_result", "tool_use_id": use.id, "content": text} for use, text in zip(uses, texts)]
    return [{"role": "assistant", "content": message.content}, {"role": "user", "content": blocks}]


def text_of(message):
    return "".join(block.text for block in message.content if block.type == "text")


def test_text(client, wire, model):
    raw = client.messages.with_raw_response.create(model=model, max_tokens=100, messages=user("hello there"))
    message = raw.parse()
    assert text_of(message) == said(wire, "hello there")
    assert message.id.startswith("msg_") and message.role == "assistant"
    # What is not translated is passed on as it is, the upstream's name of the model included.
    assert message.model == (UPSTREAM[wire] if wire == "anthropic" else model)
    assert message.stop_reason == "end_turn" and message.stop_sequence is None
    assert raw.headers["x-ccr-model"] == model
    assert raw.headers["x-ccr-decision"].startswith("main/")
    assert raw.headers["x-ccr-request-id"]


def test_usage(client, model):
    short = client.messages.create(model=model, max_tokens=100, messages=user("hello")).usage
    long = client.messages.create(model=model, max_tokens=900, messages=user("many words " * 600)).usage
    assert 0 < short.output_tokens < 100
    total = long.input_tokens + (long.cache_read_input_tokens or 0)
    assert total > short.input_tokens + (short.cache_read_input_tokens or 0) > 0


def test_stream(client, wire, model):
    with client.messages.stream(model=model, max_tokens=100, messages=user("hello there")) as stream:
        pieces = list(stream.text_stream)
        final = stream.get_final_message()
    assert len(pieces) > 1
    assert "".join(pieces) == text_of(final) == said(wire, "hello there")
    assert final.stop_reason == "end_turn"
    assert final.usage.output_tokens > 0


def test_stream_events_in_order(client, model):
    stream = client.messages.create(model=model, max_tokens=100, messages=user("hello"), stream=True)
    kinds = [event.type for event in stream if event.type != "ping"]
    assert kinds[0] == "message_start" and kinds[-2:] == ["message_delta", "message_stop"]
    assert kinds[1] == "content_block_start" and kinds[-3] == "content_block_stop"


def test_tool_and_its_result(client, wire, model):
    question = user("please call weather")
    first = client.messages.create(model=model, max_tokens=200, tools=[WEATHER], messages=question)
    assert first.stop_reason == "tool_use"
    use = next(block for block in first.content if block.type == "tool_use")
    assert use.name == "weather" and use.input == {"city": "sample"}
    turns = question + results(first, "sunny")
    second = client.messages.create(model=model, max_tokens=200, tools=[WEATHER], messages=turns)
    assert second.stop_reason == "end_turn" and text_of(second) == read(wire, "sunny")


def test_failed_tool(client, wire, model):
    question = user("please call weather")
    first = client.messages.create(model=model, max_tokens=200, tools=[WEATHER], messages=question)
    turns = question + results(first, "no network")
    turns[-1]["content"][0]["is_error"] = True
    second = client.messages.create(model=model, max_tokens=200, tools=[WEATHER], messages=turns)
    assert "no network" in text_of(second)


def test_forced_tool(client, model):
    for choice in ({"type": "any"}, {"type": "tool", "name": "clock"}):
        answer = client.messages.create(
            model=model, max_tokens=200, tools=[CLOCK, WEATHER], tool_choice=choice, messages=user("hi")
        )
        assert [block.name for block in answer.content if block.type == "tool_use"] == ["clock"]
    never = client.messages.create(
        model=model, max_tokens=200, tools=[CLOCK], tool_choice={"type": "none"}, messages=user("please call clock")
    )
    assert never.stop_reason == "end_turn"


def test_parallel_tools_in_a_stream(client, wire, model):
    tools, question = [WEATHER, CLOCK], user("please call weather and clock")
    with client.messages.stream(model=model, max_tokens=200, tools=tools, messages=question) as stream:
        final = stream.get_final_message()
    uses = [block for block in final.content if block.type == "tool_use"]
    assert [use.name for use in uses] == ["weather", "clock"] and uses[0].input == {"city": "sample"}
    assert len({use.id for use in uses}) == 2
    assert final.stop_reason == "tool_use"
    turns = question + results(final, "sunny", "noon")
    second = client.messages.create(model=model, max_tokens=200, tools=tools, messages=turns)
    assert text_of(second) == read(wire, "sunny; noon")


def test_picture(client, wire, model):
    source = {"type": "base64", "media_type": "image/png", "data": PIXEL}
    content = [{"type": "image", "source": source}, {"type": "text", "text": "what is this?"}]
    answer = client.messages.create(model=model, max_tokens=50, messages=user(content))
    assert text_of(answer) == said(wire, "what is this? (1 image)")


def test_document(client, wire, model):
    source = {"type": "base64", "media_type": "application/pdf", "data": PDF}
    content = [{"type": "document", "source": source, "title": "paper.pdf"}, {"type": "text", "text": "what is this?"}]
    answer = client.messages.create(model=model, max_tokens=50, messages=user(content))
    assert "(1 document)" in text_of(answer)


def test_system_and_many_turns(client, wire, model):
    turns = user("one") + [{"role": "assistant", "content": "two"}] + user("three")
    system = [{"type": "text", "text": "be brief", "cache_control": {"type": "ephemeral"}}]
    answer = client.messages.create(
        model=model, max_tokens=50, system=system, messages=turns, metadata={"user_id": "u"}
    )
    assert text_of(answer) == said(wire, "three")


def test_stop_sequence(client, wire, model):
    raw = client.messages.with_raw_response.create(
        model=model, max_tokens=50, messages=user("one STOP two"), stop_sequences=["STOP"]
    )
    answer = raw.parse()
    if wire == "responses":
        # That wire has no stop sequences: the client is told so.
        assert "stop" in raw.headers["x-ccr-warning"]
    else:
        assert text_of(answer) == said(wire, "one ") and answer.stop_reason in ("stop_sequence", "end_turn")
    if wire == "anthropic":
        assert answer.stop_sequence == "STOP"


def test_max_tokens(client, model):
    answer = client.messages.create(model=model, max_tokens=16, messages=user("many words " * 20))
    assert answer.stop_reason == "max_tokens"


def test_thinking(client, model):
    answer = client.messages.create(
        model=model, max_tokens=3000, thinking={"type": "enabled", "budget_tokens": 1024}, messages=user("why?")
    )
    assert [block.type for block in answer.content] == ["thinking", "text"]
    assert answer.content[0].thinking


def test_thinking_comes_back(client, any_wire):
    question = user("please call weather")
    ask = {"model": "on-" + any_wire, "max_tokens": 3000, "tools": [WEATHER], "thinking": {"type": "enabled", "budget_tokens": 1024}}
    with client.messages.stream(messages=question, **ask) as stream:
        first = stream.get_final_message()
    assert [block.type for block in first.content] == ["thinking", "tool_use"]
    # Chat has no proof of thinking; all others give one, and refuse any that is not their own.
    assert bool(first.content[0].signature) == (any_wire != "openai")
    turns = question + results(first, "sunny")
    second = client.messages.create(messages=turns, **ask)
    assert text_of(second) == read(any_wire, "sunny")
    turns += [{"role": "assistant", "content": second.content}, *user("and now?")]
    assert text_of(client.messages.create(messages=turns, **ask)) == said(any_wire, "and now?")


@pytest.mark.parametrize("other", WIRES)
def test_thinking_of_another_upstream(client, wire, other):
    ask = {"max_tokens": 3000, "tools": [WEATHER], "thinking": {"type": "enabled", "budget_tokens": 1024}}
    question = user("please call weather")
    first = client.messages.create(model="on-" + other, messages=question, **ask)
    turns = question + results(first, "sunny")
    second = client.messages.create(model="on-" + wire, messages=turns, **ask)
    assert text_of(second) == read(wire, "sunny")


def test_structured_output(client, model):
    answer = client.messages.create(
        model=model,
        max_tokens=50,
        messages=user("where?"),
        output_config={"format": {"type": "json_schema", "schema": SCHEMA}},
    )
    assert json.loads(text_of(answer)) == {"city": "sample"}


def test_failover(client):
    raw = client.messages.with_raw_response.create(model="failover", max_tokens=50, messages=user("hi"))
    assert raw.headers["x-ccr-model"] == "on-anthropic"
    assert raw.headers["x-ccr-attempts"] == "2"


def test_rate_limit(client, wire):
    with pytest.raises(anthropic.RateLimitError) as caught:
        client.messages.create(model=f"busy-{wire}-anthropic", max_tokens=50, messages=user("hi"))
    assert caught.value.response.headers["retry-after"]
    assert caught.value.body["error"]["type"] == "rate_limit_error"


def test_server_error(client, wire):
    with pytest.raises(anthropic.InternalServerError) as caught:
        client.messages.create(model="broken-" + wire, max_tokens=50, messages=user("hi"))
    assert caught.value.body["type"] == "error" and caught.value.body["error"]["message"]


def test_rejections(client):
    with pytest.raises(anthropic.PermissionDeniedError):
        client.messages.create(model="refused", max_tokens=50, messages=user("hi"))
    with pytest.raises(anthropic.NotFoundError):
        client.messages.create(model="absent", max_tokens=50, messages=user("hi"))


def test_wrong_key(gateway):
    stranger = anthropic.Anthropic(base_url=gateway, api_key="wrong", max_retries=0)
    with pytest.raises(anthropic.AuthenticationError):
        stranger.messages.create(model="on-anthropic", max_tokens=5, messages=user("hi"))


def test_bad_request(client, model):
    with pytest.raises(anthropic.BadRequestError):
        client.messages.create(model=model, max_tokens=50, messages=[{"role": "wizard", "content": "hi"}])


@pytest.mark.parametrize("how", ["cut", "breaks"])
def test_a_broken_stream_is_an_error_not_an_end(client, wire, how):
    with pytest.raises(anthropic.APIError):
        with client.messages.stream(model=f"{how}-{wire}", max_tokens=100, messages=user("hello")) as stream:
            for _ in stream:
                pass


def test_count_tokens(client, model):
    short = client.messages.count_tokens(model=model, messages=user("hi")).input_tokens
    long = client.messages.count_tokens(model=model, messages=user("many words " * 200)).input_tokens
    assert 0 < short < long


def test_models(client):
    assert {"on-anthropic", "on-openai", "on-responses", "on-gemini"} <= {entry.id for entry in client.models.list()}
