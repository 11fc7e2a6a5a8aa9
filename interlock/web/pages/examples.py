"""The text that a new template begins with: it can be saved as it is, and says what else there is."""

EXAMPLE = """\
# What this does, for those who run it.
help:
  en: Restarts a service, a few hosts at a time
  zh: 分批重启服务

# What is asked at each run. Commands get it as variables: grace is $PARAM_GRACE.
# Types: text, integer, boolean, choice (with choices), secret (the name of a secret of the project).
parameters:
  - name: reason
    required: true
    help: Why it is restarted; goes into the log
  - name: grace
    type: integer
    default: 5

# Stages follow one another. A stage is a step, a rollout over hosts, or "parallel:" with several of both.
stages:
  # Other kinds: command, script, wait, probe.
  - name: May it be restarted?
    kind: approval
    deadline: 3600        # seconds; then it is rejected

  - rollout:
      name: Restart
      batches: [1, 50%, 100%]   # running totals of the hosts
      threshold: 0              # how many may fail before a person is asked
      steps:
        - name: Restart
          kind: command
          command: |
            echo "restarting because of $PARAM_REASON"
            sleep "$PARAM_GRACE"
          timeout: 300
"""
