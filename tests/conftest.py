"""Makes the shared fixtures known to every test."""

from course import whole_run  # noqa: F401
from faulty_server import impatient, server  # noqa: F401
