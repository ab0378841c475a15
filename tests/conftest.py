"""Set before anything is imported: kernels compile under the product's own settings, and are kept; and no test
fails for being slow on a busy machine."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

from mesh.config.paths import Paths
from mesh.render.cachekey import kernel_environment

# Without this numba would go on running kernels compiled before an edit of a file they inline.
os.environ.update(kernel_environment(Paths.locate({}).kernels))

settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
