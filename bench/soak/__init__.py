"""A company at work for half an hour: ``python -m bench.soak``; shorter by ``--minutes 1``."""
