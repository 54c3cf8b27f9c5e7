"""`train generate`, `train chat` and `train serve`: using a model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench.console import Result, Screen, command
from workbench.errors import Exit, UserError, did_you_mean
from workbench.options import DEFAULT_ROOT, Root, Seed
from workbench.render import Block, Facts, count

if TYPE_CHECKING:
    from train.open import Opened

Model = Annotated[
    str, typer.Argument(metavar="MODEL", help="A train run, a checkpoint, an adapter, or a Hugging Face directory.")
]
Best = Annotated[bool, typer.Option("--best", help="A run's best checkpoint instead of its last.")]
Base = Annotated[str | None, typer.Option("--base", metavar="MODEL", help="The model an adapter belongs to.")]
Template = Annotated[
    str | None, typer.Option("--template", metavar="NAME", help="Chat template (default: the tokenizer's own).")
]
Device = Annotated[str, typer.Option("--device", metavar="NAME", help="cpu, cuda, cuda:1 ...")]
Precision = Annotated[str, typer.Option("--precision", metavar="NAME", help="fp32 or bf16.")]
MaxNew = Annotated[int, typer.Option("--max-new", min=0, metavar="N", help="Tokens at most.")]
Temperature = Annotated[float, typer.Option("--temperature", metavar="T", help="0 takes the likeliest token.")]
TopK = Annotated[int, typer.Option("--top-k", min=0, metavar="N", help="From the N likeliest tokens (0: all).")]
TopP = Annotated[float, typer.Option("--top-p", metavar="P", help="From the likeliest that together have P.")]
MinP = Annotated[float, typer.Option("--min-p", metavar="P", help="From those with P of the likeliest's chance.")]
Stop = Annotated[list[str] | None, typer.Option("--stop", metavar="TEXT", help="Ends there; may be repeated.")]


@command("train.generate/1")
def generate(
    screen: Screen,
    model: Model,
    prompts: Annotated[list[str] | None, typer.Argument(metavar="[PROMPT]...", help="Texts to go on from.")] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", metavar="FILE", help="Prompts: JSONL with `prompt`, else a line each; - for stdin."),
    ] = None,
    chat: Annotated[bool, typer.Option("--chat", help="Each prompt is a user's turn in a conversation.")] = False,
    number: Annotated[int, typer.Option("-n", min=1, metavar="N", help="Completions of each prompt.")] = 1,
    max_new: MaxNew = 128,
    temperature: Temperature = 1.0,
    top_k: TopK = 0,
    top_p: TopP = 1.0,
    min_p: MinP = 0.0,
    stop: Stop = None,
    seed: Seed = 0,
    rows: Annotated[int, typer.Option("--batch", min=1, metavar="N", help="Sequences at a time.")] = 64,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write JSONL with tokens here.")] = None,
    best: Best = False,
    base: Base = None,
    template: Template = None,
    device: Device = "cpu",
    precision: Precision = "fp32",
    root: Root = DEFAULT_ROOT,
) -> Result:
    """Go on from texts; without any, from the beginning of a document."""
    import json
    import time
    from dataclasses import asdict

    from train.generate import Sampler
    from train.sampler import Params
    from workbench.files import write_text
    from workbench.visible import visible

    params = Params(max_new, temperature, top_k, top_p, min_p, tuple(stop or ()))
    texts = [*(prompts or []), *(_prompts(file) if file else [])] or [""]
    opened = _open(model, root, device, precision, best, base, template)
    if chat:
        asked = [opened.chat_prompt([{"role": "user", "content": text}]) for text in texts]
        params = Params(max_new, temperature, top_k, top_p, min_p, tuple(stop or ()), opened.chat_ends())
    else:
        asked = [opened.text_prompt(text) for text in texts]
    sampler = Sampler(opened.model, opened.tokenizer, end_ids=opened.end_ids, rows=rows)
    began = time.monotonic()
    found = sampler.generate(asked, params, seed=seed, n=number)
    seconds = time.monotonic() - began
    written = [
        {"prompt": texts[place // number], "index": place % number, "text": done.text, "reason": done.reason}
        for place, done in enumerate(found)
    ]
    if out is not None:
        lines = [
            line | {key: asdict(done)[key] for key in ("ids", "logprobs", "drawn")}
            for line, done in zip(written, found, strict=True)
        ]
        write_text(out, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
    tokens = sum(len(done.ids) for done in found)
    data = {
        "model": str(opened.directory),
        "digest": opened.digest,
        "completions": written,
        "tokens": tokens,
        "tokens_per_second": tokens / max(seconds, 1e-9),
        "out": None if out is None else str(out),
    }
    screen.detail(f"{count(tokens)} tokens in {seconds:.1f} s")
    if out is not None:
        return Result(data, [f"{count(len(found))} completions in {out}"])
    blocks: list[Block] = []
    between = "\n" if chat else ""
    for place, (line, done) in enumerate(zip(written, found, strict=True), 1):
        # Unless there is one alone, a number tells where the next begins.
        mark = "" if len(written) == 1 else f"[{place}] "
        blocks.append(mark + visible(f"{line['prompt']}{between}{done.text}", keep="\n\t"))
    return Result(data, blocks)


@command("train.chat/1")
def chat(
    screen: Screen,
    model: Model,
    system: Annotated[
        str | None, typer.Option("--system", metavar="TEXT", help="What the model is told first.")
    ] = None,
    max_new: MaxNew = 512,
    temperature: Temperature = 0.7,
    top_k: TopK = 0,
    top_p: TopP = 0.95,
    min_p: MinP = 0.0,
    stop: Stop = None,
    seed: Seed = 0,
    best: Best = False,
    base: Base = None,
    template: Template = None,
    device: Device = "cpu",
    precision: Precision = "fp32",
    root: Root = DEFAULT_ROOT,
) -> Result:
    """Talk with a model in the terminal; /help lists what can be said to the program."""
    import sys

    from train.chat import HELP, Conversation, talk
    from train.sampler import Params

    params = Params(max_new, temperature, top_k, top_p, min_p, tuple(stop or ()))
    opened = _open(model, root, device, precision, best, base, template)

    def say(text: str) -> None:
        screen.stdout.write(text)
        screen.stdout.flush()

    conversation = Conversation(opened, params, say, seed=seed, system=system)
    screen.say(HELP)
    talk(conversation, _lines(sys.stdin.isatty()))
    return Result({"messages": conversation.messages}, [])


@command("train.serve/1")
def serve(
    screen: Screen,
    model: Model,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, metavar="N", help="0 takes any free one.")] = 8000,
    name: Annotated[str | None, typer.Option("--name", help="What clients call the model.")] = None,
    unsafe_host: Annotated[
        str | None,
        typer.Option(
            "--unsafe-host",
            metavar="ADDRESS",
            help="Listen there instead of on this machine alone. There is no password: whoever reaches it uses it.",
        ),
    ] = None,
    body_limit: Annotated[int, typer.Option("--body-limit", min=1, metavar="MB", help="Largest request.")] = 16,
    best: Best = False,
    base: Base = None,
    template: Template = None,
    device: Device = "cpu",
    precision: Precision = "fp32",
    root: Root = DEFAULT_ROOT,
) -> Result:
    """Serve a model as OpenAI's API does, until Ctrl-C."""
    from train.serve import Engine, Server
    from train.serve.http import LOOPBACK

    opened = _open(model, root, device, precision, best, base, template)
    engine = Engine(opened, name or Path(model).resolve().name)
    address = unsafe_host or LOOPBACK
    with Server(engine, port=port, host=address, body_limit=body_limit * 1024 * 1024, log=screen.detail) as server:
        if not server.is_local:
            screen.warn(f"anyone who can reach {address} can use this model")
        screen.say(f"{engine.name} at {server.url} (Ctrl-C ends it)")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            screen.say("ended")
    facts = {"model": engine.name, "url": server.url, "requests": engine.answered, "tokens": engine.tokens}
    return Result(facts, [Facts(list(facts.items()))])


def _open(
    model: str, root: Path, device: str, precision: str, best: bool, base: str | None, template: str | None
) -> Opened:
    from train.open import PRECISIONS, open_model

    if precision not in PRECISIONS:
        raise UserError(f"no precision '{precision}'", hint=did_you_mean(precision, PRECISIONS))
    return open_model(model, root, device=device, precision=precision, best=best, base=base, template=template)


def _prompts(path: Path) -> list[str]:
    """The prompts of a file: the field `prompt` of JSON lines where its first line is an object, else its lines."""
    import json
    import sys

    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        what = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UserError(f"cannot read {path}: {what}", hint="name a file of prompts", code=Exit.INPUT) from None
    lines = [line for line in text.split("\n") if line.strip()]
    if not lines or not lines[0].lstrip().startswith("{"):
        return lines
    found = []
    for number, line in enumerate(lines, 1):
        try:
            found.append(json.loads(line)["prompt"])
        except (ValueError, KeyError, TypeError):
            found.append(None)
        if not isinstance(found[-1], str):
            hint = 'a line is an object with a text: {"prompt": "..."}'
            raise UserError("no `prompt` here", hint=hint, code=Exit.INPUT, file=path, line=number)
    return found


def _lines(is_terminal: bool) -> Iterator[str]:
    """What a person types, or what is piped in."""
    import contextlib
    import sys

    if not is_terminal:
        yield from sys.stdin
        return
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401  (gives `input` its history and its keys)
    while True:
        try:
            line = input("> ")
        except EOFError:
            return
        yield line
