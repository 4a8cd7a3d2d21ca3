"""Random conversations for property tests."""

from __future__ import annotations

from hypothesis import strategies as st

from tunewright.core.ports import Message

CONTENT = st.text(
    st.one_of(
        st.sampled_from("ab xyz\n\t .,'é😀中\u00a0\u200b"),
        st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
    ),
    min_size=1,
    max_size=40,
).filter(lambda text: bool(text.strip()))


@st.composite
def conversations(draw: st.DrawFn, *, system: bool = True, weights: bool = False) -> tuple[Message, ...]:
    """User and assistant in turn, the assistant last; perhaps a system turn first."""
    turns: list[Message] = []
    if system and draw(st.booleans()):
        turns.append({"role": "system", "content": draw(CONTENT)})
    for _ in range(draw(st.integers(1, 3))):
        turns.append({"role": "user", "content": draw(CONTENT)})
        answer: Message = {"role": "assistant", "content": draw(CONTENT)}
        if weights and draw(st.booleans()):
            answer["weight"] = draw(st.sampled_from([0.0, 0.5, 1.0]))
        turns.append(answer)
    return tuple(turns)
