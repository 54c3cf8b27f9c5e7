"""Recipes of the stages: what is trained, on what, for how long. Every value has a default that works."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

from train.data.prepare import Options
from train.data.sft import SftData, SftSet
from train.dpo.losses import LossSettings
from train.guard import Policy
from train.lora import LoraSettings
from train.model.config import ModelConfig, Rope
from train.optim import OptimSettings
from train.preferences.load import PreferenceData, PreferenceSet
from train.rewards.cut import WithoutEnd
from train.rewards.settings import RewardSettings
from train.rl.advantages import Whitening
from train.rl.kl import KlSettings
from train.rl.prompts import PromptData
from train.schedule import ScheduleSettings
from workbench.recipes import Section

_TIMES = re.compile(r"(\d+(?:\.\d+)?)\s*x(?:\s*parameters)?")
_COUNT = re.compile(r"(\d+(?:\.\d+)?)\s*([kmbt]?)", re.IGNORECASE)
_SUFFIX = {"": 1, "k": 10**3, "m": 10**6, "b": 10**9, "t": 10**12}


def _amount(value: object) -> object:
    """`20x` and `20 x parameters` stay text in one form, `3M` becomes a number."""
    if not isinstance(value, str):
        return value
    text = value.strip().lower()
    if found := _TIMES.fullmatch(text):
        return f"{float(found[1]):g}x"
    if found := _COUNT.fullmatch(text):
        return round(float(found[1]) * _SUFFIX[found[2].lower()])
    raise ValueError("neither a number of tokens (3000000, 3M) nor a multiple of the parameters (20x)")


Amount = Annotated[PositiveInt | str, BeforeValidator(_amount)]
"""Tokens: a number, or a multiple of the model's parameters."""


def tokens_of(amount: int | str, parameters: int) -> int:
    """An amount as a number of tokens."""
    return round(float(amount[:-1]) * parameters) if isinstance(amount, str) else amount


class Shape(Section):
    """A new model: the preset of a depth, and what differs from it."""

    depth: PositiveInt = 4
    context: PositiveInt = 512
    """Tokens of a row, and the positions that the model is made for."""
    kind: Literal["llama", "lstm"] = "llama"
    hidden_size: PositiveInt | None = None
    intermediate_size: PositiveInt | None = None
    layers: PositiveInt | None = None
    heads: PositiveInt | None = None
    kv_heads: PositiveInt | None = None
    head_dim: PositiveInt | None = None
    tied: bool | None = None
    qk_norm: bool = False
    rope_theta: PositiveFloat = 10000.0

    def config(self, vocab_size: int, bos: int | None, eos: int | None, pad: int | None) -> ModelConfig:
        """The model's config for a tokenizer."""
        preset = ModelConfig.preset(
            self.depth,
            vocab_size,
            max_positions=self.context,
            kind=self.kind,
            tied=self.tied,
            bos=bos,
            eos=eos,
            pad=pad,
        )
        named = ("hidden_size", "intermediate_size", "layers", "heads", "kv_heads", "head_dim")
        changes = {name: getattr(self, name) for name in named if getattr(self, name) is not None}
        return preset.replace(qk_norm=self.qk_norm, rope=Rope(theta=self.rope_theta), **changes)


class PhaseSettings(Section):
    """A share of the training with weights of its own."""

    name: str
    share: PositiveFloat
    """Relative to the other phases."""
    weights: dict[str, float] = Field(default_factory=dict)
    """Rows by part; none: by the tokens that are there."""


class Text(Section):
    """A dataset of documents, and how its parts are mixed."""

    source: str = ""
    """A dataset run, a mix, an export, a `train prepare` run, a file or a folder."""
    prepare: Options = Options()
    weights: dict[str, float] = Field(default_factory=dict)
    """Rows by part; none: by the tokens that are there, and of a mix as it says."""
    phases: list[PhaseSettings] = Field(default_factory=list)


class Rows(Section):
    """How many tokens a step reads, and how many rows a forward pass."""

    tokens: PositiveInt = 16_384
    """Of one optimizer step, over all processes; rounded to whole rows."""
    micro: PositiveInt = 8
    """Rows of a forward pass."""


class Training(Section):
    """What every stage has."""

    seed: NonNegativeInt = 0
    rows: Rows = Rows()
    optim: OptimSettings = OptimSettings()
    precision: Literal["fp32", "bf16"] = "fp32"
    compile: bool = False
    checkpointing: bool = False
    """Recompute what layers computed instead of keeping it: less memory, a third more work."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    sharding: Literal["ddp", "fsdp"] = "ddp"
    """What several processes (torchrun) share: the rows alone, or the weights as well."""
    guard: Policy = "raise"
    guard_limit: NonNegativeInt = 10
    """More steps than these of 100 without a number end the training."""
    save_every: NonNegativeInt = 0
    keep: PositiveInt = 2
    evaluate_every: NonNegativeInt = 0
    sample_every: NonNegativeInt = 0
    prompts: list[str] = Field(default_factory=list)
    """What samples begin with; none: one sample from the beginning of a text."""


class Pretrain(Training):
    """`train pretrain`: a new model on text."""

    text: Text = Text()
    tokenizer: str = ""
    """A `train tokenizer` run or a tokenizer.json; none: one is trained on the text, of `vocab_size`."""
    vocab_size: PositiveInt = 4096
    model: Shape = Shape()
    length: Amount = "20x"
    optim: OptimSettings = OptimSettings(lr=3e-3)


class Anneal(Training):
    """`train anneal`: a checkpoint's last steps, on the best text, with a learning rate that falls to nothing."""

    checkpoint: str = ""
    text: Text = Text()
    length: Amount = "2x"
    optim: OptimSettings = OptimSettings(lr=1e-3, schedule=ScheduleSettings(kind="linear", warmup=0.05))


class Extend(Training):
    """`train extend`: a checkpoint on longer rows, with stretched positions."""

    checkpoint: str = ""
    text: Text = Text()
    context: PositiveInt = 2048
    rope: Literal["yarn", "llama3", "linear", "theta"] = "yarn"
    """How positions are stretched; `theta`: a larger base, `theta` below."""
    theta: PositiveFloat = 500_000.0
    shortest: NonNegativeInt = 0
    """Only documents of so many tokens or more are read (default: half of the context)."""
    length: Amount = "1x"
    optim: OptimSettings = OptimSettings(lr=5e-4)


class Adapted(Training):
    """What every fine-tuning stage has: a checkpoint, of which all weights learn, some of them, or adapters."""

    checkpoint: str = ""
    lora: LoraSettings | None = None
    only: list[str] = Field(default_factory=list)
    """Train only weights with these names: `attention`, `mlp`, `norms`, `head`, or patterns like `*.q_proj.*`."""


class Sft(Adapted):
    """`train sft`: a checkpoint on conversations, of which the answers are learned."""

    data: SftData = SftData(sets=[SftSet.model_validate({"path": ""})])
    context: PositiveInt | None = None
    """Tokens of a row (default: what the model is made for)."""
    epochs: PositiveFloat = 3.0
    held_out: float = Field(default=0.05, ge=0, lt=1)
    """Share of each set's conversations that is not trained on, by a hash of what comes before the first answer."""
    rows: Rows = Rows(tokens=8192)
    optim: OptimSettings = OptimSettings(lr=5e-4, weight_decay=0.0)


class Reward(Adapted):
    """`train reward`: a checkpoint's trunk with a scalar head, on prompts whose responses were compared."""

    data: PreferenceData = PreferenceData(sets=[PreferenceSet.model_validate({"path": ""})])
    context: PositiveInt | None = None
    """Tokens of a prompt with a response, and of a row (default: what the model is made for)."""
    epochs: PositiveFloat = 1.0
    """More than one soon learns the pairs by heart (Ouyang et al. 2022)."""
    held_out: float = Field(default=0.1, ge=0, lt=1)
    """Share of the prompts that is not trained on, by a hash of their text."""
    prompts_a_step: PositiveInt | None = None
    """Of one optimizer step, with all responses of each (default: as many as hold `rows.tokens`)."""
    heads: PositiveInt = 1
    """An ensemble of so many heads on one trunk: its score is their mean, their spread is how unsure it is."""
    margin: float = Field(default=0.0, ge=0)
    """How much of the pairs' margins the scores must differ by."""
    centering: float = Field(default=0.0, ge=0)
    """Coefficient of (winner + loser)^2, which keeps scores around 0."""
    rows: Rows = Rows(tokens=8192)
    optim: OptimSettings = OptimSettings(lr=1e-4, weight_decay=0.0, schedule=ScheduleSettings(final=0.1))


class Dpo(Adapted):
    """`train dpo`: a checkpoint on prompts whose responses were compared, without a reward model between them."""

    data: PreferenceData = PreferenceData(sets=[PreferenceSet.model_validate({"path": ""})])
    loss: LossSettings = LossSettings()
    reference: str = ""
    """What the policy is compared with: a train run or a model directory (default: the checkpoint itself)."""
    precompute: bool = True
    """Keep the reference's log-probabilities in a table of the run; false: turn the adapters off in each step."""
    context: PositiveInt | None = None
    """Tokens of a prompt with a response, and of a row (default: what the model is made for)."""
    epochs: PositiveFloat = 1.0
    held_out: float = Field(default=0.1, ge=0, lt=1)
    """Share of the prompts that is not trained on, by a hash of their text."""
    prompts_a_step: PositiveInt | None = None
    """Of one optimizer step, with all responses of each (default: as many as hold `rows.tokens`)."""
    rows: Rows = Rows(tokens=8192)
    optim: OptimSettings = OptimSettings(lr=5e-5, weight_decay=0.0, schedule=ScheduleSettings(kind="linear"))


class Ptx(Section):
    """Pretraining text whose gradient goes into the same step (PPO-ptx)."""

    text: Text = Text()
    """None: only rewards are learned from. Its held-out bits per byte are measured too."""
    gamma: NonNegativeFloat = 27.8
    """Coefficient (Ouyang et al. 2022, eq. 2)."""
    average: Literal["mean", "sequence"] = "mean"
    """gamma times the mean over tokens, as public code has it, or over documents of the sum over their tokens."""
    rows: Rows = Rows(tokens=4096)


class Rl(Adapted):
    """What `train pg` and `train ppo` share: prompts, a reward, and how the policy is asked and kept near to what it
    was. Responses are drawn from the whole softmax, so log-probabilities are those of what was drawn from."""

    data: PromptData = PromptData()
    reward: RewardSettings | None = None
    """What responses are worth: named parts and their weights."""
    reference: str = ""
    """What KL is measured to: a train run or a model directory (default: the checkpoint itself)."""
    context: PositiveInt | None = None
    """Tokens of a prompt with a response, and of a row (default: what the model is made for)."""
    rollouts: PositiveInt = 100
    """How often the policy is asked."""
    prompts_a_rollout: PositiveInt = 8
    responses: PositiveInt = 8
    """To each prompt."""
    longest: PositiveInt = 64
    """Tokens of a response, with the one that ends it."""
    temperature: PositiveFloat = 1.0
    epochs: PositiveInt = 1
    """How often a rollout is read."""
    minibatches: PositiveInt = 1
    """Optimizer steps of an epoch."""
    without_end: WithoutEnd = "lowest"
    """Score of a response that did not come to an end within `longest`: a number, `lowest` (of its rollout), or
    `reward` (what the reward says, as if it had ended there)."""
    clip: PositiveFloat = 0.2
    clip_high: PositiveFloat | None = None
    """How far above 1 the ratio counts (default: as below)."""
    entropy: NonNegativeFloat = 0.0
    """Coefficient of the bonus."""
    kl: KlSettings = KlSettings()
    ptx: Ptx = Ptx()
    rows: Rows = Rows(tokens=8192)
    """`tokens` has no meaning here: a step has the responses of a minibatch."""
    optim: OptimSettings = OptimSettings(lr=1e-4, weight_decay=0.0, schedule=ScheduleSettings(kind="linear"))


class Pg(Rl):
    """`train pg`: a policy from rewards of responses that are compared with one another, without a critic."""

    advantage: str = "grpo@trl"
    """reinforce, reinforce_baseline, rloo, grpo@trl, grpo@verl, grpo@openrlhf, grpo@open_instruct, dr_grpo."""
    objective: str = "grpo"
    """What the sum over tokens is divided by, and which ratio is clipped: ppo, grpo, dapo, dr_grpo, rloo@trl, gspo."""
    whiten: Whitening | None = None
    """How advantages are brought to variance 1 over all tokens of a rollout."""
    kl: KlSettings = KlSettings(estimator="k3", where="loss", coefficient=0.04)


class Critic(Section):
    """Who foretells rewards, and how it learns."""

    start: str = ""
    """A `train reward` run or a reward model's directory (default: the policy's trunk, with a head of zeros)."""
    coefficient: PositiveFloat = 0.1
    clip: PositiveFloat = 0.2


class Ppo(Rl):
    """`train ppo`: a policy from rewards with a critic that says what was to be expected of every token."""

    responses: PositiveInt = 1
    prompts_a_rollout: PositiveInt = 64
    epochs: PositiveInt = 4
    gamma: float = Field(default=1.0, ge=0, le=1)
    lam: float = Field(default=0.95, ge=0, le=1)
    whiten: Whitening | None = "openai"
    """How advantages are brought to variance 1 over all tokens of a rollout."""
    whiten_rewards: bool = False
    critic: Critic = Critic()
