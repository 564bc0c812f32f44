"""Makes the shared fixtures known to every test."""

import os
import signal

# A shell's job in the background ignores Ctrl-C, and so would all that the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Two workers compute side by side. With two threads each they would wait for one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from course import shared, whole_run  # noqa: E402, F401
from faulty_server import impatient, server  # noqa: E402, F401
