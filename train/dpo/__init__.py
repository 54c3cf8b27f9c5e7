"""Learning from preferences without a reward model: DPO and its kin."""
