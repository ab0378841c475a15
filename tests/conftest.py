"""Set before anything is imported: kernels compile under the product's own settings, and are kept."""

from __future__ import annotations

import os

from mesh.config import Paths
from mesh.render.cachekey import kernel_environment

# Without this numba would go on running kernels compiled before an edit of a file they inline.
os.environ.update(kernel_environment(Paths.locate({}).kernels))
