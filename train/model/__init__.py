"""The models: Llama with the names of its weights as on disk, and an LSTM behind the same interface."""
