"""Tests repeat: hypothesis tries the same examples each time, and no test is judged by the clock."""

import hypothesis

hypothesis.settings.register_profile("dcgan", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("dcgan")
