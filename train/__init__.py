"""Turns datasets into models."""

import os

# Threads of torch that wait for each other sleep instead of spinning (read when torch is loaded): on cores that are
# shared with anything else a spinning thread takes the time that the one it waits for needs, and a step takes ten times
# as long; on quiet cores nothing is lost that could be measured.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# Large tensors in huge pages: fresh memory is a sixth of a small model's step otherwise (read at the first allocation).
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
