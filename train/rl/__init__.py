"""Learning from rewards: advantages, penalties for leaving the reference, and what policy and critic optimise."""
