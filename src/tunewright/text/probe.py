"""Before training: can this chat template be trained at all?"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tunewright.core.errors import UserError
from tunewright.core.ports import Message, RowProblem
from tunewright.text.chat import ChatFormat, after_answer
from tunewright.text.spans import LossOn, render
from tunewright.text.template import FAILURES
from tunewright.text.turns import Conversation, check_nothing_lost

_USER: Message = {"role": "user", "content": "What is seven?"}
_ANSWER: Message = {"role": "assistant", "content": "Seven is a number."}
_SYSTEM: Message = {"role": "system", "content": "Answer in brief."}
_USER_2: Message = {"role": "user", "content": "And eight?"}
_ANSWER_2: Message = {"role": "assistant", "content": "Eight too."}
ONE_TURN: tuple[Message, ...] = (_USER, _ANSWER)
TWO_TURNS: tuple[Message, ...] = (_USER, _ANSWER, _USER_2, _ANSWER_2)
SPACED: tuple[Message, ...] = (
    {"role": "user", "content": "  What?  "},
    {"role": "assistant", "content": "  Seven.  "},
)
THOUGHT: Message = {"role": "assistant", "content": "Seven is a number.", "reasoning_content": "Seven counts things."}
CALL: Message = {
    "role": "assistant",
    "content": "",
    "tool_calls": [
        {"type": "function", "id": "call00001", "function": {"name": "look_up", "arguments": {"word": "seven"}}}
    ],
}
RESULT: Message = {"role": "tool", "content": "A number.", "tool_call_id": "call00001", "name": "look_up"}
WORD = {"type": "object", "properties": {"word": {"type": "string", "description": "A word."}}, "required": ["word"]}
TOOL = {"type": "function", "function": {"name": "look_up", "description": "Looks a word up.", "parameters": WORD}}
_TOKEN = re.compile(r"<[^<>\s]{1,40}>|\[/?[A-Z_]{1,40}\]")


@dataclass(frozen=True)
class Probe:
    """What a template does. `digest` is the template's; `notes` are sentences for the person who trains.

    `prefix_preserving`: earlier answers are written the same when more turns follow; where not, they stay untrained.
    `keeps_space`: white space around a turn's text survives. `takes_system`, `takes_tools`, `takes_reasoning`: system
    turns are accepted, tools with a call and its result, reasoning apart from the text.
    """

    digest: str
    stop_text: str
    prefix_preserving: bool
    keeps_space: bool
    takes_system: bool
    takes_tools: bool = False
    takes_reasoning: bool = False
    notes: tuple[str, ...] = ()


def probe(chat: ChatFormat, *, loss_on: LossOn) -> Probe:
    """Try the template on small conversations.

    Raises UserError that says which token is left out, or what the template does to the text, when one question and one
    answer cannot be trained.
    """
    check_one_turn(chat, loss_on)
    several = keeps_turns(chat)
    spaced = keeps_space(chat)
    system = works(chat, Conversation((_SYSTEM, *ONE_TURN)), loss_on=loss_on)
    said = (
        (several, "The template writes earlier answers otherwise: only the last of a conversation is trained."),
        (spaced, "The template strips white space around a turn's text."),
        (system, "The template takes no system turn."),
    )
    return Probe(
        digest=chat.template_digest,
        stop_text=chat.stop_text,
        prefix_preserving=several,
        keeps_space=spaced,
        takes_system=system,
        takes_tools=works(chat, Conversation((_USER, CALL, RESULT, _ANSWER), (TOOL,)), loss_on=loss_on),
        takes_reasoning=works(chat, Conversation((_USER, THOUGHT)), loss_on=loss_on),
        notes=tuple(text for holds, text in said if not holds),
    )


def check_one_turn(chat: ChatFormat, loss_on: LossOn) -> None:
    """Raise UserError unless one question with one answer can be trained, its stop token included."""
    try:
        talk = Conversation(ONE_TURN)
        check_nothing_lost(render(chat.template, talk), talk)
    except RowProblem as problem:
        raise refusal(chat, problem) from problem
    if not chat.stop_text:
        check_end(chat)
        missing = chat.eos_text or "an end-of-turn token"
        raise UserError(
            f"the chat template leaves out {missing} after an assistant turn, so the model would never learn to stop.",
            where="chat template",
            do=f"Write {missing} after the assistant's content in chat_template.jinja, or take the instruct model.",
        )
    try:
        tokens, weights = chat.encode(ONE_TURN, loss_on=loss_on)
    except RowProblem as problem:
        raise refusal(chat, problem) from problem
    trained = [int(token) for token, weight in zip(tokens, weights, strict=True) if weight > 0]
    if not chat.stop_ids.intersection(trained):
        raise UserError(
            f"the stop token {chat.stop_text} is outside the loss, so the model would never learn to stop.",
            where="chat template",
            do="Report this template: it is read wrongly.",
        )


def check_end(chat: ChatFormat) -> None:
    """Raise UserError when the template ends an answer with what looks like a token and is none of this model."""
    found = _TOKEN.match(after_answer(chat.template))
    if found:
        token = found.group()
        raise UserError(
            f"the chat template ends an answer with {token}, which is not one token of this model.",
            where="chat template",
            do=f'Write model.added_tokens: ["{token}"], or model.template: user_assistant, whose answers end with the '
            "model's own token.",
        )


def refusal(chat: ChatFormat, problem: RowProblem) -> UserError:
    """The user's sentence for a template that cannot be trained."""
    what = {
        "template_refuses": f"the chat template refuses one question with one answer: {problem.detail}.",
        "template_changes_turns": "the chat template writes a prompt that does not begin the finished conversation.",
        "template_drops_text": f"the chat template loses text: {problem.detail}.",
        "token_boundary": "the prompt ends inside a token of the finished conversation, so training and use differ.",
        "no_stop_token": f"the chat template leaves out {chat.stop_text} after the last answer.",
    }.get(problem.reason, f"the chat template cannot be trained: {problem}.")
    return UserError(
        what,
        where="chat template",
        do="Write model.template (chatml or a file of your own), or mend chat_template.jinja in the model's folder.",
    )


def works(chat: ChatFormat, talk: Conversation, *, loss_on: LossOn) -> bool:
    """True when this conversation can be trained."""
    return not isinstance(chat.encode_many([talk], loss_on=loss_on)[0], RowProblem)


def keeps_turns(chat: ChatFormat) -> bool:
    """True when every answer of two can be trained."""
    rewritten: dict[int, int] = {}
    results = chat.encode_many([Conversation(TWO_TURNS)], loss_on="answers", rewritten=rewritten)
    return not isinstance(results[0], RowProblem) and not rewritten


def keeps_space(chat: ChatFormat) -> bool:
    """True when white space around a turn's text is in the rendered text."""
    try:
        text = chat.render(SPACED, generation=False)
    except FAILURES:
        return False
    return all(turn.get("content", "") in text for turn in SPACED)
