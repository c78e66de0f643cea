"""Speed, shown as ratios against floors that are measured in the same run: `python -m tests.bench`, or `make bench`.

Machines are noisy and differ, so no time is a promise here. A measurement and its floor are taken in turn, many times, and the median of
their ratios is what counts.
"""
