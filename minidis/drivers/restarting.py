"""Beginning anew as the same process: DEBUG RESTART and DEBUG CRASH-AND-RECOVER.

`execv` replaces the program in place. Sockets and files that Python opened are closed by it, the number of
the process stays, so whoever watches the process sees only that its connections went.

Mirrors: restartServer in server.c.
Read next: minidis/commands/debugging_process.py.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable

from minidis.drivers.crash_reports import wake_after


def restarter() -> Callable[[int], None]:
    """A function that begins this process anew, after so many milliseconds, in the folder of now."""
    folder, words = os.getcwd(), [sys.executable, *sys.orig_argv[1:]]

    def restart(delay_ms: int) -> None:
        time.sleep(delay_ms / 1000)
        wake_after(0)  # a watchdog's timer would outlive its handler
        os.chdir(folder)
        os.execv(words[0], words)

    return restart
