"""The stages of training: each a source of rows and an objective, put on the one loop."""
