"""The official OpenAI SDK's Responses against the gateway, with the upstream in each wire format."""

import json

import openai
import pytest
from conftest import PDF, PIXEL, UPSTREAM, WIRES, read, said

SDK = "python openai responses"
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False}


def function(name):
    return {"type": "function", "name": name, "description": name, "parameters": SCHEMA, "strict": True}


@pytest.fixture(scope="module")
def client(gateway, key):
    return openai.OpenAI(base_url=gateway + "/v1", api_key=key, max_retries=0, timeout=20)


def user(content):
    return [{"role": "user", "content": content}]


def results(response, *texts):
    """The output as the next input, with the results of its calls behind."""
    kinds = {"function_call": "function_call_output", "custom_tool_call": "custom_tool_call_output"}
    calls = [item for item in response.output if item.type in kinds]
    assert len(calls) == len(texts)
    outputs = [{"type": kinds[call.type], "call_id": call.call_id, "output": text} for call, text in zip(calls, texts)]
    return [item.model_dump(exclude_none=True) for item in response.output] + outputs


def test_text(client, wire, model):
    raw = client.responses.with_raw_response.create(model=model, input="hello there", store=False)
    answer = raw.parse()
    assert answer.object == "response" and answer.status == "completed"
    assert answer.model == (UPSTREAM[wire] if wire == "responses" else model)
    assert answer.output_text == said(wire, "hello there")
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens > 0
    assert raw.headers["x-ccr-model"] == model


def test_stream(client, wire, model):
    with client.responses.stream(model=model, input="hello there", store=False) as stream:
        events = list(stream)
        final = stream.get_final_response()
    assert [event.sequence_number for event in events] == sorted({event.sequence_number for event in events})
    assert events[0].type == "response.created" and events[-1].type == "response.completed"
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert text == final.output_text == said(wire, "hello there")
    assert final.usage.output_tokens > 0


def test_tool_and_its_result(client, wire, model):
    question, tools = user("please call weather"), [function("weather")]
    first = client.responses.create(model=model, input=question, tools=tools, store=False)
    call = next(item for item in first.output if item.type == "function_call")
    assert call.name == "weather" and json.loads(call.arguments) == {"city": "sample"}
    second = client.responses.create(model=model, input=question + results(first, "sunny"), tools=tools, store=False)
    assert second.output_text == read(wire, "sunny")


def test_custom_tool(client, wire, model):
    tools, question = [{"type": "custom", "name": "patch", "description": "free text"}], user("please call patch")
    first = client.responses.create(model=model, input=question, tools=tools, store=False)
    call = next(item for item in first.output if item.type == "custom_tool_call")
    assert call.name == "patch" and isinstance(call.input, str)
    second = client.responses.create(model=model, input=question + results(first, "done"), tools=tools, store=False)
    assert second.output_text == read(wire, "done")


def test_forced_tool(client, model):
    tools = [function("clock"), function("weather")]
    for choice in ("required", {"type": "function", "name": "clock"}):
        answer = client.responses.create(model=model, input="hi", tools=tools, tool_choice=choice, store=False)
        assert [item.name for item in answer.output if item.type == "function_call"] == ["clock"]


def test_parallel_tools_in_a_stream(client, wire, model):
    tools, question = [function("weather"), function("clock")], user("please call weather and clock")
    with client.responses.stream(model=model, input=question, tools=tools, store=False) as stream:
        final = stream.get_final_response()
    assert [item.name for item in final.output if item.type == "function_call"] == ["weather", "clock"]
    turns = question + [
        {key: value for key, value in item.items() if key != "parsed_arguments"} for item in results(final, "sunny", "noon")
    ]
    second = client.responses.create(model=model, input=turns, tools=tools, store=False)
    assert second.output_text == read(wire, "sunny; noon")


def test_picture(client, wire, model):
    image = {"type": "input_image", "image_url": "data:image/png;base64," + PIXEL, "detail": "auto"}
    content = [{"type": "input_text", "text": "what is this?"}, image]
    answer = client.responses.create(model=model, input=user(content), store=False)
    assert answer.output_text == said(wire, "what is this? (1 image)")


def test_document(client, model):
    file = {"type": "input_file", "filename": "paper.pdf", "file_data": "data:application/pdf;base64," + PDF}
    content = [{"type": "input_text", "text": "what is this?"}, file]
    answer = client.responses.create(model=model, input=user(content), store=False)
    assert "(1 document)" in answer.output_text


def test_instructions_and_many_turns(client, wire, model):
    turns = user("one") + [{"role": "assistant", "content": "two"}] + user("three")
    answer = client.responses.create(model=model, instructions="be brief", input=turns, max_output_tokens=50, store=False)
    assert answer.output_text == said(wire, "three")


def test_length(client, model):
    answer = client.responses.create(model=model, input="many words " * 20, max_output_tokens=16, store=False)
    assert answer.status == "incomplete" and answer.incomplete_details.reason == "max_output_tokens"


def thinking_turns(client, first_model, second_model):
    question, tools = user("please call weather"), [function("weather")]
    ask = {
        "tools": tools,
        "store": False,
        "reasoning": {"effort": "low", "summary": "auto"},
        "include": ["reasoning.encrypted_content"],
        "max_output_tokens": 8000,
    }
    first = client.responses.create(model=first_model, input=question, **ask)
    reasoning = next(item for item in first.output if item.type == "reasoning")
    assert reasoning.summary[0].text
    return client.responses.create(model=second_model, input=question + results(first, "sunny"), **ask).output_text


def test_thinking_comes_back(client, any_wire):
    assert thinking_turns(client, "on-" + any_wire, "on-" + any_wire) == read(any_wire, "sunny")


@pytest.mark.parametrize("other", WIRES)
def test_thinking_of_another_upstream(client, wire, other):
    assert thinking_turns(client, "on-" + other, "on-" + wire) == read(wire, "sunny")


def test_structured_output(client, model):
    text = {"format": {"type": "json_schema", "name": "place", "strict": True, "schema": SCHEMA}}
    answer = client.responses.create(model=model, input="where?", text=text, store=False)
    assert json.loads(answer.output_text) == {"city": "sample"}


def test_previous_response_is_refused_clearly(client, model):
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(model=model, input="hi", previous_response_id="resp_1")
    assert "previous" in str(caught.value).lower()


def test_rate_limit(client, wire):
    with pytest.raises(openai.RateLimitError) as caught:
        client.responses.create(model=f"busy-{wire}-responses", input="hi", store=False)
    assert caught.value.response.headers["retry-after"] and caught.value.body["message"]


def test_server_error(client, wire):
    with pytest.raises(openai.InternalServerError) as caught:
        client.responses.create(model="broken-" + wire, input="hi", store=False)
    assert caught.value.body["message"]


def test_rejections_and_wrong_key(client, gateway):
    with pytest.raises(openai.PermissionDeniedError):
        client.responses.create(model="refused", input="hi")
    with pytest.raises(openai.NotFoundError):
        client.responses.create(model="absent", input="hi")
    stranger = openai.OpenAI(base_url=gateway + "/v1", api_key="wrong", max_retries=0)
    with pytest.raises(openai.AuthenticationError):
        stranger.responses.create(model="on-responses", input="hi")


def test_bad_request(client, model):
    with pytest.raises(openai.BadRequestError):
        client.responses.create(model=model, input=[{"role": "wizard", "content": "hi"}])


@pytest.mark.parametrize("how", ["cut", "breaks"])
def test_a_broken_stream_is_an_error_not_an_end(client, wire, how):
    kinds = []
    try:
        for event in client.responses.create(model=f"{how}-{wire}", input="hello", stream=True, store=False):
            kinds.append(event.type)
    except openai.APIError:
        return
    assert kinds[-1] in ("error", "response.failed"), kinds


def test_count_tokens(client, model):
    short = client.responses.input_tokens.count(model=model, input="hi").input_tokens
    long = client.responses.input_tokens.count(model=model, input="many words " * 200).input_tokens
    assert 0 < short < long
