"""How the kernels of this package write indices in hot loops."""

import numpy as np

# Numba counts a negative index from the end, as Python does, and asks for it at every access; an unsigned index it uses
# as it stands. Over single characters that is a third of the time.
U = np.uint64
