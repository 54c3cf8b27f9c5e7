"""AI feedback by a constitution (Bai et al. 2022): revisions for `train sft`, preferences for `train dpo`."""
