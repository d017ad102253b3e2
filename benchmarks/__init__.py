"""Measurements that the documentation cites; run them from the top of a checkout.

Every number is taken on one thread. The variables are read when the numerical libraries
load, so they are set here, before anything imports numpy.
"""

import os

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"
