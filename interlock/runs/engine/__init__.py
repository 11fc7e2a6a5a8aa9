"""The only writer of the statuses of runs, steps, slices, lanes and targets.

``apply`` takes what happened to a run; ``claims`` hands work out; ``lanes`` takes results in. They lock
in one order: run, step, slice, the rest. None of them decides: that is ``interlock.lifecycle.run``.
"""
