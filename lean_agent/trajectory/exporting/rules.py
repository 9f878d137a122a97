"""The formats' own rules: an example that breaks one is not written.

OpenAI: https://platform.openai.com/docs/guides/supervised-fine-tuning and the checks of its
cookbook (chat_finetuning_data_prep). DPO and KTO: the conversational preference and unpaired
preference types of https://huggingface.co/docs/trl/dataset_formats.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

__all__ = ["broken_chat", "broken_dpo", "broken_kto"]

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_ROLES = ("system", "user", "assistant", "tool")
_KEYS = {"role", "content", "name", "tool_calls", "tool_call_id", "weight"}


def broken_chat(example: Mapping[str, Any]) -> str | None:
    """What is wrong with a line of OpenAI's chat format, None if nothing is."""
    if not example.keys() <= {"messages", "tools", "parallel_tool_calls"}:
        return "an example has a key that is not allowed"
    return _broken(
        example.get("messages"), example.get("tools", []), as_text=True, begins=("system", "user")
    )


def broken_dpo(example: Mapping[str, Any]) -> str | None:
    """What is wrong with a pair, None if nothing is."""
    if example.keys() - {"tools"} != {"prompt", "chosen", "rejected"}:
        return "a pair has other keys than prompt, chosen, rejected and tools"
    if example["chosen"] == example["rejected"]:
        return "both of a pair are the same"
    return (
        _broken_prompt(example["prompt"])
        or _broken(example["chosen"], example.get("tools", []))
        or _broken(example["rejected"], example.get("tools", []))
    )


def broken_kto(example: Mapping[str, Any]) -> str | None:
    """What is wrong with a labelled completion, None if nothing is."""
    if example.keys() - {"tools"} != {"prompt", "completion", "label"}:
        return "an example has other keys than prompt, completion, label and tools"
    if not isinstance(example["label"], bool):
        return "a label is neither true nor false"
    return _broken_prompt(example["prompt"]) or _broken(
        example["completion"], example.get("tools", [])
    )


def _broken_prompt(messages: Any) -> str | None:
    if not isinstance(messages, list):
        return "there is no prompt"
    found = cast("list[Mapping[str, Any]]", messages)
    if [message.get("role") for message in found] not in (["user"], ["system", "user"]):
        return "a prompt is not a question, perhaps after instructions"
    if not all(isinstance(message.get("content"), str) for message in found):
        return "a prompt has no text"
    return None


def _broken(
    messages: Any, tools: Any, *, as_text: bool = False, begins: Sequence[str] = ("assistant",)
) -> str | None:
    if not isinstance(messages, list) or not messages:
        return "there are no messages"
    found = cast("list[Mapping[str, Any]]", messages)
    defined = {tool["function"]["name"] for tool in tools}
    open_calls: set[str] = set()
    for message in found:
        wrong = _broken_message(message, defined, open_calls, as_text=as_text)
        if wrong is not None:
            return wrong
    if found[0]["role"] not in begins:
        return f"the first message is of the {found[0]['role']}"
    if found[-1]["role"] != "assistant":
        return "the last message is not the assistant's"
    return None


def _broken_message(
    message: Mapping[str, Any], defined: set[str], open_calls: set[str], *, as_text: bool
) -> str | None:
    """Also keeps account of the calls that have no result yet."""
    role, calls = message.get("role"), message.get("tool_calls", [])
    if role not in _ROLES:
        return "a message has no known role"
    if not message.keys() <= _KEYS:
        return "a message has a key that is not allowed"
    if not isinstance(message.get("content"), str):
        return "a message has no text"
    if role == "tool":
        if message.get("tool_call_id") not in open_calls:
            return "a tool's message answers no call"
        open_calls.remove(message["tool_call_id"])
        return None
    if open_calls:
        return "a call has no result"
    if role != "assistant":
        return "a tool is called by another than the assistant" if calls else None
    if not calls and not message["content"].strip():
        return "the assistant says and does nothing"
    for call in calls:
        wrong = _broken_call(call, defined, as_text=as_text)
        if wrong is not None:
            return wrong
        open_calls.add(call["id"])
    return None if len(open_calls) == len(calls) else "two calls have the same id"


def _broken_call(call: Mapping[str, Any], defined: set[str], *, as_text: bool) -> str | None:
    function = call.get("function", {})
    name, arguments = function.get("name", ""), function.get("arguments")
    if call.get("type") != "function" or not call.get("id"):
        return "a call has no id, or is not of type function"
    if not _NAME.fullmatch(name):
        return "a tool's name is not 1 to 64 letters, digits, _ and -"
    if name not in defined:
        return "a tool is called that is not defined"
    if as_text:
        try:
            arguments = json.loads(arguments)
        except (TypeError, ValueError):
            return "a call's arguments are no JSON text"
    return None if isinstance(arguments, dict) else "a call's arguments are no object"
