"""How well a model predicts text: a token, a word, a byte, by domain and document, each number with its interval."""
