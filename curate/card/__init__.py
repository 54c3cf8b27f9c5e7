"""Cards of a data set: what a run did and holds, and what people say about it, as README.md and Croissant."""
