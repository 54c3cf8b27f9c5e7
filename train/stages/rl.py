"""`train pg` and `train ppo`: a policy from rewards for what it says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import nn

from train.checkpoint import Form
from train.data.chat import choose, record
from train.data.tokens import Tokens
from train.distributed import World
from train.evaluate import Evaluation, held_out
from train.loop import Outcome
from train.losses import LanguageModel
from train.model.build import weights_digest
from train.reward.model import load_reward_model
from train.reward.scorer import check_tokenizer, reward_directory
from train.rewards.open import open_reward
from train.rl.advantages import GROUPED
from train.rl.credit import Credit, CriticCredit, GroupCredit
from train.rl.critic import ActorCritic, ActorCriticForm, Critic, critic_from_policy, critic_from_reward
from train.rl.kl import KlSettings
from train.rl.making import Maker, Plan
from train.rl.objectives import POLICIES, PolicyLoss, PolicySettings, ValueLoss, Weighed, ptx
from train.rl.prompts import Prompts, load
from train.rl.rehearsal import Rehearsal, Together
from train.rl.rollout import Rollouts, Telling
from train.stages import text
from train.stages.adapted import Base
from train.stages.run import Stage, Where
from train.stages.settings import Pg, Ppo, Rl
from train.step import Term
from train.tokenizer.tokenizer import Tokenizer
from workbench.console import Screen
from workbench.errors import Exit, UserError, did_you_mean

POLICY, VALUE = "policy", "value"


@dataclass
class _Parts:
    """What both stages put together in the same way."""

    recipe: Rl
    start: Base
    tokenizer: Tokenizer
    prompts: Prompts
    rollouts: Rollouts
    terms: list[Term]
    evaluation: Evaluation | None
    sources: dict[str, str]
    notes: dict[str, Any]
    parents: list[Any]
    steps: int

    def stage(self, kind: str, model: Callable[[], nn.Module], form: Callable[..., Form]) -> Stage:
        """The stage whose model is trained and sampled from."""
        rollouts = self.rollouts
        return Stage(
            kind=kind,
            recipe=self.recipe,
            sources=self.sources,
            parents=self.parents,
            model=lambda: rollouts.attach(model()),
            config=self.start.config,
            tokenizer=self.tokenizer,
            terms=self.terms,
            steps=self.steps,
            evaluation=self.evaluation,
            form=form,
            notes=self.notes,
            after=self.after,
            seen=rollouts.seen,
            prepare=rollouts.open,
            rehearsal=self._rehearsal(),
            rehearsed=f"rollouts of {rollouts.plan.prompts * rollouts.plan.n:,} responses, sampled and learned from,",
            beside=self._beside(),
            effort=self._effort(),
        )

    def _rehearsal(self) -> list[Term]:
        """The same terms over a whole rollout, which nobody judges."""
        own = [term for term in self.terms if term.name in (POLICY, VALUE)]
        played, found = Rehearsal(self.rollouts, len(own)), []
        for term in self.terms:
            if term in own:
                assert isinstance(term.source, Weighed)
                found.append(replace(term, source=term.source.over(played)))
            else:
                found.append(replace(term, source=Together(term.source, self.rollouts.plan.steps_each)))
        return found

    def _beside(self) -> dict[str, int]:
        """Bytes of the other models: the reference's weights; the critic's with gradients and both moments of Adam."""
        weights = 4 * self.start.config.parameters()["total"]
        found = {} if self.rollouts.maker.is_own_reference else {"reference": weights}
        return found | ({"critic": 4 * weights} if self._has_critic else {})

    def _effort(self) -> float:
        """Of a token that is read, in forward and backward passes of one model: policy and critic learn from it; once a
        rollout it is sampled, and measured by policy, reference and critic, which are forward passes, a third each."""
        plan, critic = self.rollouts.plan, float(self._has_critic)
        found = 1 + critic + (3 + critic) / 3 / plan.epochs
        if self.recipe.ptx.text.source:
            tokens = self.rollouts.seen(plan.steps_each)["rollouts"]["tokens"]
            found += self.recipe.ptx.rows.tokens * plan.steps_each / tokens
        return found

    @property
    def _has_critic(self) -> bool:
        return any(term.name == VALUE for term in self.terms)

    def after(self, outcome: Outcome) -> dict[str, Any]:
        """What was told of the first and the last rollouts, and how many groups were dead."""
        self.rollouts.maker.reward.close()
        figures = self.rollouts.figures()
        tenth = max(1, len(figures) // 10)
        names = [name for name in figures[0] if name != "step"]
        return {
            "rollouts": len(figures),
            "first": {name: sum(one[name] for one in figures[:tenth]) / tenth for name in names},
            "last": {name: sum(one[name] for one in figures[-tenth:]) / tenth for name in names},
            "dead_groups": round(sum(one["dead_groups"] for one in figures) * self.recipe.prompts_a_rollout),
        }


def pg(recipe: Pg, world: World, where: Where, screen: Screen, *, base: Path) -> Stage:
    """The prompts and the reward of a recipe (paths relative to `base`) and the checkpoint that learns from them."""
    policy = _policy(recipe, _named(recipe.objective, POLICIES, "objective"))
    _named(recipe.advantage, GROUPED, "advantage")
    if recipe.responses < 2 and recipe.advantage != "reinforce":
        hint = "ask for more --responses, or take the advantage `reinforce`"
        raise UserError(f"'{recipe.advantage}' compares responses to one prompt: one is too few", hint=hint)
    credit = GroupCredit(recipe.advantage, recipe.kl, recipe.whiten)
    start = Base(recipe.checkpoint, where.root)
    parts = _parts(recipe, start, credit, policy, world, where, screen, base, lambda: start.model(recipe))
    return parts.stage("train.pg", lambda: start.model(recipe), start.form(recipe, parts.tokenizer))


def ppo(recipe: Ppo, world: World, where: Where, screen: Screen, *, base: Path) -> Stage:
    """The same with a critic, which learns in the same steps."""
    credit = CriticCredit(recipe.kl, recipe.gamma, recipe.lam, recipe.whiten, recipe.whiten_rewards)
    start = Base(recipe.checkpoint, where.root)

    def model() -> nn.Module:
        learns = start.model(recipe)
        return ActorCritic(learns, _critic(recipe, start, learns, where))

    parts = _parts(recipe, start, credit, _policy(recipe, POLICIES["ppo"]), world, where, screen, base, model)
    value = Term(ValueLoss(recipe.critic.clip), Weighed(parts.rollouts, "tokens"), recipe.critic.coefficient, VALUE)
    parts.terms.insert(1, value)
    if recipe.critic.start:
        directory = reward_directory(recipe.critic.start, where.root)
        check_tokenizer(Tokenizer.open(directory), start.tokenizer, recipe.critic.start)
        parts.sources["critic"] = weights_digest(directory)
    of_policy = start.form(recipe, parts.tokenizer)
    return parts.stage("train.ppo", model, lambda companions: ActorCriticForm(of_policy(companions)))


def _critic(recipe: Ppo, start: Base, policy: nn.Module, where: Where) -> Critic:
    if not recipe.critic.start:
        return critic_from_policy(policy)
    return critic_from_reward(load_reward_model(reward_directory(recipe.critic.start, where.root))[0])


def _parts(
    recipe: Rl,
    start: Base,
    credit: Credit,
    policy: PolicySettings,
    world: World,
    where: Where,
    screen: Screen,
    base: Path,
    model: Callable[[], nn.Module],
) -> _Parts:
    _check(recipe, world)
    tokenizer, width = start.tokenizer, start.width(recipe.context)
    beside = base / (recipe.data.template or "")
    named = str(beside) if recipe.data.template and beside.suffix and beside.exists() else recipe.data.template
    form = choose(tokenizer, named)
    prompts = load(recipe.data, tokenizer, form, base=base, longest=recipe.longest, context=width, seed=recipe.seed)
    _tell(prompts, screen)
    assert recipe.reward is not None
    reward = open_reward(recipe.reward, where.root, base=base)
    other = _reference(recipe, start, where)
    plan = Plan(
        rollouts=recipe.rollouts,
        prompts=recipe.prompts_a_rollout,
        n=recipe.responses,
        longest=recipe.longest,
        epochs=recipe.epochs,
        minibatches=recipe.minibatches,
        temperature=recipe.temperature,
        without_end=recipe.without_end,
        width=width,
        micro_tokens=recipe.rows.micro * width,
        precision=recipe.precision,
        seed=recipe.seed,
    )
    adapted = other is start and recipe.lora is not None
    maker = Maker(plan, prompts, tokenizer, form, reward, credit, None if adapted else other.model)
    rollouts = Rollouts(maker, recipe.kl, model, world)
    terms = [Term(Telling(PolicyLoss(policy)), Weighed(rollouts, policy.average, policy.longest), 1.0, POLICY)]
    sources = {
        "prompts": prompts.digest,
        "reward": reward.digest,
        "reference": other.sources["start"],
        "tokenizer": tokenizer.digest,
        **start.sources,
    }
    parents, evaluation = list(start.parents), None
    if recipe.ptx.text.source:
        tokens = _tokens(recipe, start, world, where, screen)
        rows = max(1, round(recipe.ptx.rows.tokens / width))
        micro = recipe.ptx.rows.micro
        mixed = text.mixture(
            tokens, recipe.ptx.text, rows=rows, micro=micro, width=width, seed=recipe.seed, steps=plan.steps
        )
        terms.append(ptx(mixed, recipe.ptx.gamma, recipe.ptx.average))
        held = held_out(tokens, width=width, micro=micro)
        evaluation = Evaluation(LanguageModel(), held) if held else None
        sources["tokens"] = tokens.digest
        parents.append(tokens.run)
    notes = {
        "data": {"prompts": f"{len(prompts):,} prompts"},
        "responses_a_rollout": plan.prompts * plan.n,
        "left_out": sum(prompts.report.dropped.values()),
    }
    return _Parts(
        recipe,
        start,
        record(tokenizer, form),
        prompts,
        rollouts,
        terms,
        evaluation,
        sources,
        notes,
        parents,
        plan.steps,
    )


def _check(recipe: Rl, world: World) -> None:
    if recipe.reward is None:
        raise UserError("no reward is named", hint="name a file of rewards or a reward model with --reward")
    if world.size > 1 and world.sharding == "fsdp":
        raise UserError("a policy whose weights are shared out cannot be sampled from", hint="choose sharding: ddp")
    if recipe.lora is not None and recipe.lora.dropout:
        hint = "the policy that is trained must be the one that sampled: set lora.dropout to 0"
        raise UserError("adapters that learn from rewards have no dropout", hint=hint)
    if recipe.minibatches > recipe.prompts_a_rollout * recipe.responses:
        hint = "ask more prompts, or take fewer minibatches"
        raise UserError(f"a rollout has fewer responses than {recipe.minibatches} minibatches", hint=hint)
    _check_kl(recipe.kl)


def _check_kl(kl: KlSettings) -> None:
    if kl.where == "reward":
        if kl.corrected:
            hint = "leave it out, or put the penalty in the loss (kl.where: loss)"
            raise UserError("a penalty in the reward has no gradient that could be corrected", hint=hint)
        return
    if kl.target is not None:
        hint = "put the penalty in the reward (kl.where: reward), or leave the target out"
        raise UserError("the coefficient of a penalty in the loss is fixed", hint=hint)
    if kl.estimator == "k1" and kl.coefficient and not kl.corrected:
        hint = "take the estimator k2 or k3, correct it (kl.corrected: true), or put it in the reward"
        raise UserError("k1 in the loss holds nothing back: the mean of its gradient is 0", hint=hint)
    if kl.estimator == "k2" and kl.corrected:
        hint = "take k1 or k3, or leave kl.corrected out: the gradient of k2 is that of the KL already"
        raise UserError("k2 corrected is not the KL", hint=hint)


def _policy(recipe: Rl, named: PolicySettings) -> PolicySettings:
    if recipe.kl.corrected and named.ratio != "token":
        hint = "take an objective whose ratio is of tokens: ppo, grpo, dapo, dr_grpo"
        raise UserError("kl.corrected needs the ratio of every token", hint=hint)
    high = recipe.clip if recipe.clip_high is None else recipe.clip_high
    return named.model_copy(
        update={
            "clip_low": recipe.clip,
            "clip_high": high,
            "longest": recipe.longest,
            "temperature": recipe.temperature,
            "entropy": recipe.entropy,
            "kl": recipe.kl.coefficient if recipe.kl.where == "loss" else 0.0,
            "estimator": recipe.kl.estimator,
            "kl_corrected": recipe.kl.corrected,
        }
    )


def _named(name: str, known: dict[str, Any], what: str) -> Any:
    if name not in known:
        hint = did_you_mean(name, known) or f"there are {', '.join(known)}"
        raise UserError(f"there is no {what} '{name}'", hint=hint)
    return known[name]


def _reference(recipe: Rl, start: Base, where: Where) -> Base:
    if not recipe.reference:
        return start
    other = Base(recipe.reference, where.root)
    if other.tokenizer.digest != start.tokenizer.digest:
        hint = "the reference must be a model with the same tokenizer"
        raise UserError(f"{other.directory} has another tokenizer", hint=hint, code=Exit.INPUT)
    return other


def _tokens(recipe: Rl, start: Base, world: World, where: Where, screen: Screen) -> Tokens:
    """The pretraining text, prepared by the first process."""

    def prepare() -> str:
        made = text.open_tokens(recipe.ptx.text, start.tokenizer, where.root, where.jobs, screen.progress)
        return str(made.run.path)

    tokens = Tokens.open(world.once(prepare), Path())
    if tokens.tokenizer_digest != start.tokenizer.digest:
        hint = "prepare the text with the policy's tokenizer"
        raise UserError("the pretraining text has another tokenizer than the policy", hint=hint, code=Exit.INPUT)
    return tokens


def _tell(prompts: Prompts, screen: Screen) -> None:
    for reason, count in sorted(prompts.report.dropped.items()):
        named = ", ".join(prompts.report.named.get(reason, []))
        screen.warn(f"{count:,} prompts left out ({reason}), such as {named}")
