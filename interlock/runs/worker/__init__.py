"""The worker of a process: one asyncio loop for all SSH, threads for the database, a keeper, a reconciler.

``process.Worker`` claims what there is room for and hands it to the loop; ``solo`` and ``slices`` carry it
out; ``work`` is what a step kind is given.
"""
