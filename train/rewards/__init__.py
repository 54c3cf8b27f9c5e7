"""Rewards by one signature: `(prompts, responses) -> Scores`, whoever judges.

    reward = open_reward(read_settings(Path("reward.yaml")), root)
    scores = checked(reward, ["What is 2 + 3?"], ["It is 5."])
    scores.total, scores.parts["correct"]

Whoever uses a reward calls it through `types.checked`: a reward that raises, gives no number, or too few of them is
then a UserError with its name and the first prompt concerned. Nothing is imported here, so that the child in which
code is tested (`runner`) stays small.
"""
