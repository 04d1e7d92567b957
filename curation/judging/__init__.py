"""The judgement of all uploads, on one process or on Dask."""

import os

# Tables that came over Dask's network or from its disk may begin at any byte. Acero, Arrow's engine of joins and
# aggregations, copies these then, where it would write two lines for each of them to the terminal and go on.
os.environ.setdefault("ACERO_ALIGNMENT_HANDLING", "reallocate")
