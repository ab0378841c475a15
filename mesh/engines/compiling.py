"""Compiles the path tracer's kernel: `python -m mesh.engines.compiling`, beside a renderer that opens its scene.

Most of a first picture's time goes to that one kernel, which needs no scene. Its memory, too, goes with this
process. Ends when its standard input does, so that it does not outlive the renderer.
"""

from __future__ import annotations

import gc
import os
import sys
import threading


def _end_with_the_renderer() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


def main() -> None:
    threading.Thread(target=_end_with_the_renderer, daemon=True).start()
    # Takes a second, and no thread could end it before.
    from mesh.render.blank import compile_paths

    # Compiling makes millions of objects that stay; to look through them again and again takes a sixth of the time.
    gc.set_threshold(100_000, 20, 20)
    compile_paths()
    # An orderly end would wait for the thread.
    os._exit(0)


if __name__ == "__main__":
    main()
