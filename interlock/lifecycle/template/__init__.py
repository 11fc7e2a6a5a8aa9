"""Templates: what people write in YAML, read into values, and put into a plan with the hosts of a task."""
