"""Templates: the ids of a conversation, what is learned of it, and the jinja twin."""

from __future__ import annotations

import jinja2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2.sandbox import ImmutableSandboxedEnvironment
from small_tokenizers import small_tokenizer

from train.data import chat
from train.data.foreign import Foreign
from workbench.errors import UserError

NAMES = chat.template_names()
TALK = [
    {"role": "system", "content": "Be short."},
    {"role": "user", "content": "Fox?"},
    {"role": "assistant", "content": "Brown fox.\n"},
    {"role": "user", "content": " 懒狗 '\"{{ bos_token }}\\ 😀\n\n"},
    {"role": "assistant", "content": "über <|im_end|><|eos|> {eos}"},
]
contents = st.text(max_size=12) | st.sampled_from(["<|im_end|>", "<|eos|>a", "{eos}", "{{ 1 }}", " a\n", "<|bos|>\n"])
talks = st.lists(
    st.builds(
        lambda role, said: {"role": role, "content": said}, st.sampled_from(["system", "user", "assistant"]), contents
    ),
    min_size=1,
    max_size=5,
)


def learned(rendered):
    """The text of each stretch of learned ids."""
    tokenizer = small_tokenizer()
    found, run = [], []
    for number, mask in [*zip(rendered.ids, rendered.mask, strict=True), (0, False)]:
        if mask:
            run.append(number)
        elif run:
            found.append(tokenizer.decode(run, skip_special=False))
            run = []
    return found


def in_jinja(source, messages, generation=False):
    """As transformers does it."""
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)

    def refuse(message):
        raise jinja2.TemplateError(message)

    environment.globals["raise_exception"] = refuse
    return environment.from_string(source).render(
        messages=messages, add_generation_prompt=generation, bos_token="<|bos|>", eos_token="<|eos|>"
    )


def test_chatml_is_what_it_is():
    tokenizer = small_tokenizer()
    rendered = chat.render(TALK[:3], tokenizer, chat.load_template("chatml"))
    text = (
        "<|bos|><|im_start|>system\nBe short.<|im_end|>\n<|im_start|>user\nFox?<|im_end|>\n"
        "<|im_start|>assistant\nBrown fox.\n<|im_end|>\n"
    )
    assert tokenizer.decode(rendered.ids, skip_special=False) == text
    assert learned(rendered) == ["Brown fox.\n<|im_end|>"]


def test_open_assistant_is_what_it_is():
    rendered = chat.render(TALK[1:3], small_tokenizer(), chat.load_template("oasst"))
    text = "<|bos|><|prompter|>Fox?<|eos|><|assistant|>Brown fox.\n<|eos|>"
    assert small_tokenizer().decode(rendered.ids, skip_special=False) == text


@pytest.mark.parametrize("name", NAMES)
def test_answers_and_their_ends_are_learned_and_nothing_else(name):
    template = chat.load_template(name)
    end = template.assistant.end.replace("{eos}", "<|eos|>")
    said = [message["content"].strip() if template.trim else message["content"] for message in TALK]
    assert learned(chat.render(TALK, small_tokenizer(), template)) == [said[2] + end, said[4] + end]


@pytest.mark.parametrize("name", NAMES)
@given(talks)
@settings(max_examples=40)
def test_the_ids_spell_what_the_twin_writes(name, messages):
    tokenizer, template = small_tokenizer(), chat.load_template(name)
    rendered = chat.render(messages, tokenizer, template)
    assert tokenizer.decode(rendered.ids, skip_special=False) == in_jinja(template.jinja(), messages)
    prompted = chat.prompt(messages, tokenizer, template)
    assert tokenizer.decode(prompted, skip_special=False) == in_jinja(template.jinja(), messages, True)
    # Special tokens come from the marks alone: as many as with contents that spell none.
    plain = chat.render([{**message, "content": "a"} for message in messages], tokenizer, template)
    special = set(tokenizer.specials.values())
    assert [each for each in rendered.ids if each in special] == [each for each in plain.ids if each in special]


@pytest.mark.parametrize("name", NAMES)
@given(talks)
@settings(max_examples=40)
def test_a_prompt_is_what_training_saw_before_the_answer(name, messages):
    tokenizer, template = small_tokenizer(), chat.load_template(name)
    answered = [*messages, {"role": "assistant", "content": "Brown fox"}]
    asked = chat.prompt(messages, tokenizer, template)
    rendered = chat.render(answered, tokenizer, template)
    assert rendered.ids[: len(asked)] == asked
    assert all(rendered.mask[len(asked) : len(asked) + 1])


def test_a_system_text_is_said_where_none_is():
    template = chat.load_template("alpaca")
    text = small_tokenizer().decode(chat.render(TALK[1:3], small_tokenizer(), template).ids)
    assert text.startswith("Below is an instruction that describes a task.")
    assert text.count("Below") == 1
    assert "Below" not in small_tokenizer().decode(chat.render(TALK, small_tokenizer(), template).ids)


def test_the_stops_are_the_end_of_an_answer_and_of_text():
    tokenizer = small_tokenizer()
    assert chat.load_template("chatml").stops(tokenizer) == [tokenizer.special("<|im_end|>"), tokenizer.eos]
    assert chat.load_template("plain").stops(tokenizer) == [tokenizer.eos]


@pytest.mark.parametrize(
    ("messages", "message"),
    [
        ([], "the conversation is empty"),
        ([{"role": "usr", "content": "a"}], "template 'chatml' knows no role 'usr'"),
        ([{"content": "a"}], "a message has no role"),
        ([{"role": "user"}], "a message has no content"),
        ([{"role": "user", "content": [{"type": "image"}]}], "a message has content of kind list"),
        (["hello"], "a message has no role"),
    ],
)
def test_what_is_no_conversation_is_refused(messages, message):
    with pytest.raises(UserError, match=message):
        chat.render(messages, small_tokenizer(), chat.load_template("chatml"))


class Bare:
    """A tokenizer without special tokens."""

    bos = eos = template = jinja = None
    specials: dict[str, int] = {}

    def token(self, number):
        return None

    def encode_batch(self, texts):
        return [list(text.encode()) for text in texts]


def test_a_tokenizer_without_the_tokens_is_refused():
    with pytest.raises(UserError, match="needs the special token '<|im_start|>'".replace("|", "\\|")):
        chat.render(TALK, Bare(), chat.load_template("chatml"))
    with pytest.raises(UserError, match="ends turns with the end of text"):
        chat.render(TALK, Bare(), chat.load_template("plain"))
    with pytest.raises(UserError, match="the tokenizer has no chat template"):
        chat.choose(Bare())


def test_a_template_of_ones_own_and_its_mistakes(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("roles: {user: {prefix: 'Q: '}}\nassistant: {prefix: \"\\nA: \", end: '{eos}'}\nbos: false\n")
    template = chat.choose(small_tokenizer(), str(path))
    assert small_tokenizer().decode(chat.prompt(TALK[1:2], small_tokenizer(), template)) == "Q: Fox?\nA: "
    path.with_name("other.yaml").write_text("roles: {}\nassistant: {prefx: a, end: b}\n")
    with pytest.raises(UserError, match=r"unknown name 'assistant.prefx'") as error:
        chat.load_template(str(path.with_name("other.yaml")))
    assert error.value.line == 2
    with pytest.raises(UserError, match="no chat template 'chatlm'") as error:
        chat.load_template("chatlm")
    assert "chatml" in error.value.hint


@pytest.mark.parametrize("name", NAMES)
@given(talks)
@settings(max_examples=40)
def test_the_twin_read_as_a_foreign_template_gives_the_same_ids_and_mask(name, messages):
    tokenizer, template = small_tokenizer(), chat.load_template(name)
    messages = [{"role": "user", "content": "a"}, *messages]
    if template.system is not None:  # a foreign template may not change its beginning when messages come
        messages = [{"role": "system", "content": "a"}, *messages]
    foreign = Foreign(template.jinja(), "twin")
    assert chat.render(messages, tokenizer, foreign) == chat.render(messages, tokenizer, template)
    assert chat.prompt(messages, tokenizer, foreign) == chat.prompt(messages, tokenizer, template)
    assert foreign.stops(tokenizer) == template.stops(tokenizer)


TURN = "<|im_start|>{{ message.role }}\n"
THINKING = (
    "{% for message in messages %}" + TURN + "{% if message.role == 'assistant' and loop.last %}<think>\n\n</think>\n\n"
    "{% endif %}{% generation %}{{ message.content }}<|im_end|>{% endgeneration %}\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def test_what_the_template_writes_for_the_assistant_is_learned():
    rendered = chat.render(TALK[:3], small_tokenizer(), Foreign(THINKING, "it"))
    assert learned(rendered) == ["<think>\n\n</think>\n\nBrown fox.\n<|im_end|>"]


def test_a_trimming_template_with_a_blank_before_its_end():
    source = (
        "{{ bos_token }}{% for message in messages %}{% if message.role == 'user' %}[INST] {{ message.content | trim }}"
        " [/INST]{% else %} {{ message.content | trim }} {{ eos_token }}{% endif %}{% endfor %}"
    )
    rendered = chat.render(TALK[1:], small_tokenizer(), Foreign(source, "it"))
    assert learned(rendered) == [" Brown fox. <|eos|>", " über <|im_end|><|eos|> {eos} <|eos|>"]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (THINKING, "writes earlier answers otherwise"),
        ("{% for message in messages %}{{ message.content | upper }}<|eos|>{% endfor %}", "changes what was said"),
        (
            "{% for message in messages[:2] %}{{ message.content }}<|eos|>{% endfor %}",
            "not write each message once",
        ),
        ("{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}", "no special token"),
        ("{{ raise_exception('no system') }}", "cannot write the conversation: no system"),
        ("{{ messages.__class__.__mro__ }}", "cannot write the conversation"),
        ("{% set ns = namespace(a=1) %}{% set ns.__class__ = 1 %}", "cannot write the conversation"),
        ("{{ 1 / 0 }}{{ messages[0].content }}", "cannot write the conversation: division by zero"),
        ("{{ messages[0].role[0] * 4611686018427387904 }}", "cannot write the conversation: MemoryError"),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "cannot write the conversation: maximum recursion"),
        ("{{ none | xmlattr }}", "cannot write the conversation"),
        ("{% if %}", "is no template"),
        ("{{ " + "(" * 5_000 + "1" + ")" * 5_000 + " }}", "is no template"),
        ("{% for a in [] %}" * 40 + "{% endfor %}" * 40, "is no template"),
    ],
)
def test_foreign_templates_that_cannot_be_followed_are_refused(source, message):
    with pytest.raises(UserError, match=f"^it .*{message}"):
        chat.render(TALK, small_tokenizer(), Foreign(source, "it"))


@pytest.mark.oracle
@pytest.mark.parametrize("name", NAMES)
def test_transformers_applies_the_twin_to_the_same_text_and_ids(name, tmp_path):
    transformers = pytest.importorskip("transformers")
    tokenizer, template = small_tokenizer(), chat.load_template(name)
    tokenizer.save(tmp_path)
    theirs = transformers.AutoTokenizer.from_pretrained(str(tmp_path))
    theirs.chat_template = template.jinja()
    more = [
        TALK[:2],
        TALK[1:3],
        [{"role": "user", "content": "fox 狐狸 über\n\n\n  dog 12 "}, {"role": "assistant", "content": "Dog. 😀"}] * 3,
    ]
    for messages in [TALK, *more]:
        rendered = chat.render(messages, tokenizer, template)
        assert theirs.apply_chat_template(messages, tokenize=False) == tokenizer.decode(
            rendered.ids, skip_special=False
        )
    for messages in more:
        asked = theirs.apply_chat_template(messages, add_generation_prompt=True)["input_ids"]
        if name != "plain" or len(messages) < 4:  # there, text follows an answer's text only in `plain`
            assert chat.prompt(messages, tokenizer, template) == asked
        if name != "plain":
            assert chat.render(messages, tokenizer, template).ids == theirs.apply_chat_template(messages)["input_ids"]


def test_the_shipped_special_tokens_are_all_named():
    assert {"<|im_start|>", "<|prompter|>", "<|assistant|>", "<|eot_id|>"} <= set(chat.special_tokens())
    assert chat.special_tokens() == sorted(set(chat.special_tokens()))
