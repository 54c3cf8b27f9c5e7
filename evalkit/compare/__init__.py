"""Two runs on the same items: differences with intervals, what flipped, and a verdict in words."""
