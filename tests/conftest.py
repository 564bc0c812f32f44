"""Makes the shared fixture known to every test."""

from course import whole_run  # noqa: F401
