"""Runs and all that is kept of them. Only ``runs/engine`` writes a status here."""

from django.db import models
from django.db.models import Q

from interlock.lifecycle.run.states import LaneStatus, RunStatus, SliceStatus, StepStatus


def _one_of(statuses: type) -> Q:
    return Q(status__in=[status.value for status in statuses])  # type: ignore[attr-defined]


class Run(models.Model):
    project = models.ForeignKey("accounts.Project", on_delete=models.PROTECT, related_name="+")
    origin = models.CharField(max_length=32)  # who takes part in it: "release", "build", "adhoc" ...
    origin_id = models.BigIntegerField(null=True)
    title = models.CharField(max_length=200)
    status = models.CharField(max_length=16, default=RunStatus.PENDING)
    outcome = models.CharField(max_length=16, blank=True)  # decided, finalizers may still be at work
    hold = models.CharField(max_length=32, blank=True)  # why it waits as a whole: a code
    hold_facts = models.JSONField(default=dict)  # of the code
    plan = models.JSONField()
    plan_hash = models.CharField(max_length=64)
    round = models.PositiveIntegerField(default=1)  # rises when the plan is replaced
    version = models.BigIntegerField(default=0)  # rises under the row's lock with every change
    stage = models.IntegerField(default=-1)
    locked = models.BooleanField(default=False)
    lock_token = models.BigIntegerField(default=0)
    stop_requested = models.BooleanField(default=False)
    halted = models.BooleanField(default=False)  # no further body may start
    paused = models.BooleanField(default=False)  # a person has said so
    parameters = models.JSONField(default=dict)
    secrets = models.JSONField(default=dict)  # parameter name -> [secret id, version number]
    requested_by = models.JSONField(default=dict)  # Actor: kind, id, name
    made_from = models.JSONField(default=dict)  # of a task's run: task, template, number, values, hosts
    rerun_of = models.ForeignKey("self", null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=_one_of(RunStatus), name="run_status")]
        indexes = [
            models.Index(fields=["project", "-id"], name="run_project"),
            # The newest run of each task on a page: without sorting all that it ever had.
            models.Index(fields=["origin", "origin_id", "-id"], name="run_of_origin"),
            models.Index(
                fields=["status"],
                condition=Q(status__in=["pending", "running", "waiting", "paused", "stopping"]),
                name="run_open",
            ),
        ]


class Claimable(models.Model):
    """What a worker can take: see ``runs/claims.py`` for the one statement that does."""

    epoch = models.BigIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    worker = models.CharField(max_length=36, blank=True)  # uuid of a process start, never a host name
    sent_at = models.DateTimeField(null=True)
    sends = models.PositiveIntegerField(default=0)

    class Meta:
        abstract = True


class Step(Claimable):
    """A branch of the plan ("2.0"), or an inner step of a rollout ("2.0.3")."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="steps", db_index=False)
    parent = models.ForeignKey("self", null=True, on_delete=models.CASCADE, related_name="inner")
    key = models.CharField(max_length=32)
    stage = models.IntegerField()
    position = models.IntegerField(default=-1)  # of an inner step in its rollout's sequence
    kind = models.CharField(max_length=32)  # "rollout" for a rollout's own row
    name = models.CharField(max_length=100)
    status = models.CharField(max_length=16, default=StepStatus.PENDING)
    phase = models.CharField(max_length=16, blank=True)  # of a rollout: work, bake, gate, confirm, held
    batch = models.IntegerField(default=-1)
    try_number = models.PositiveIntegerField(default=0)
    retries_used = models.PositiveIntegerField(default=0)
    wake_at = models.DateTimeField(null=True)
    machine = models.CharField(max_length=64, blank=True)  # where a platform-side body was started
    result = models.JSONField(default=dict)
    error = models.CharField(max_length=64, blank=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "key"], name="step_once"),
            models.CheckConstraint(condition=_one_of(StepStatus), name="step_status"),
        ]
        indexes = [
            models.Index(fields=["sent_at"], condition=Q(status="ready"), name="step_ready"),
            models.Index(fields=["lease_until"], condition=Q(status="running"), name="step_leased"),
            models.Index(fields=["wake_at"], condition=Q(wake_at__isnull=False), name="step_wake"),
            models.Index(fields=["run", "stage"], name="step_stage"),
        ]


class Slice(Claimable):
    """Hosts of one batch that one worker carries out."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="slices")
    step = models.ForeignKey(Step, on_delete=models.CASCADE, related_name="slices")
    batch = models.IntegerField()
    number = models.IntegerField()
    status = models.CharField(max_length=16, default=SliceStatus.READY)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["step", "batch", "number"], name="slice_once"),
            models.CheckConstraint(condition=_one_of(SliceStatus), name="slice_status"),
        ]
        indexes = [
            models.Index(fields=["sent_at"], condition=Q(status="ready"), name="slice_ready"),
            models.Index(fields=["lease_until"], condition=Q(status="running"), name="slice_leased"),
        ]


class Lane(models.Model):
    """One host on its way through a rollout."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="lanes")
    step = models.ForeignKey(Step, on_delete=models.CASCADE, related_name="lanes")
    slice = models.ForeignKey(Slice, null=True, on_delete=models.SET_NULL, related_name="lanes")
    host = models.ForeignKey("fleet.Host", on_delete=models.PROTECT, related_name="+")
    host_name = models.CharField(max_length=64)
    batch = models.IntegerField()
    status = models.CharField(max_length=16, default=LaneStatus.PENDING)
    position = models.IntegerField(default=0)
    seq = models.PositiveIntegerField(default=0)  # the try: one number per decision to run a body here
    retries_used = models.PositiveIntegerField(default=0)
    failed_at = models.IntegerField(default=-1)  # position that failed, while and after putting back
    touched = models.BooleanField(default=False)  # a mutating step was started
    error = models.CharField(max_length=64, blank=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["step", "host"], name="lane_once"),
            models.CheckConstraint(condition=_one_of(LaneStatus), name="lane_status"),
        ]
        indexes = [models.Index(fields=["step", "batch", "status"], name="lane_tally")]


class Target(models.Model):
    """An inner step on one host. The row is made when its first body may start (the launched mark)."""

    lane = models.ForeignKey(Lane, on_delete=models.CASCADE, related_name="targets")
    step = models.ForeignKey(Step, on_delete=models.CASCADE, related_name="targets")
    status = models.CharField(max_length=16, default=StepStatus.RUNNING)
    try_number = models.PositiveIntegerField()
    exit_code = models.IntegerField(null=True)
    error = models.CharField(max_length=64, blank=True)
    history = models.JSONField(default=list)  # of earlier tries: try, status, exit_code, error, times
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["lane", "step"], name="target_once"),
            models.CheckConstraint(condition=_one_of(StepStatus), name="target_status"),
        ]


class Approval(models.Model):
    """A wait for people. ``round`` rises when the plan changed and it had to be asked again."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="approvals")
    step = models.ForeignKey(Step, on_delete=models.CASCADE, related_name="approvals")
    round = models.PositiveIntegerField()
    quorum = models.PositiveSmallIntegerField(default=1)
    people = models.JSONField(default=list)  # usernames; empty = whoever has the right in the project
    not_requester = models.BooleanField(default=False)
    plan_hash = models.CharField(max_length=64)
    status = models.CharField(max_length=16, default="open")
    deadline_at = models.DateTimeField(null=True)
    on_deadline = models.CharField(max_length=16, default="reject")
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["step", "round"], name="approval_once"),
            models.CheckConstraint(
                condition=Q(status__in=["open", "approved", "rejected", "expired", "closed"]),
                name="approval_status",
            ),
        ]
        indexes = [models.Index(fields=["deadline_at"], condition=Q(status="open"), name="approval_open")]


class Vote(models.Model):
    approval = models.ForeignKey(Approval, on_delete=models.CASCADE, related_name="votes")
    person_id = models.CharField(max_length=64)
    name = models.CharField(max_length=150)
    decision = models.CharField(max_length=16)  # approve | reject
    note = models.TextField(blank=True)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["approval", "person_id"], name="vote_once")]


class LogHead(models.Model):
    """Where the log of one try stands; moved by compare-and-swap together with each chunk."""

    run_id = models.BigIntegerField(db_index=True)
    body = models.CharField(max_length=64, unique=True)  # the body's id: "t<target>-<try>", "s<step>-<try>"
    end = models.BigIntegerField(default=0)  # source bytes stored
    cut = models.BooleanField(default=False)  # the source went on, the cap was reached
    ended = models.BooleanField(default=False)
    sealed = models.CharField(max_length=255, blank=True)  # name in the log store


class LogChunk(models.Model):
    head = models.ForeignKey(LogHead, on_delete=models.CASCADE, related_name="chunks")
    start = models.BigIntegerField()
    data = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["head", "start"], name="log_chunk_once")]


class Guard(models.Model):
    """Who does a periodic duty just now; doing it twice would be correct, only wasteful."""

    name = models.CharField(max_length=32, primary_key=True)
    holder = models.CharField(max_length=36)
    until = models.DateTimeField()


class Template(models.Model):
    """An ordered arrangement of steps with parameters; cannot run by itself."""

    project = models.ForeignKey("accounts.Project", on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=100)
    current = models.PositiveIntegerField(default=0)  # number of the newest version
    archived_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=150)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "name"], name="template_once")]


class TemplateVersion(models.Model):
    """What was saved once, as it was written; never changed."""

    template = models.ForeignKey(Template, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    text = models.TextField()
    note = models.CharField(max_length=256, blank=True)
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=150)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["template", "number"], name="template_version_once"),
            models.CheckConstraint(condition=Q(number__gte=1), name="template_version_number"),
        ]


class Task(models.Model):
    """A template with values and hosts; can be run."""

    project = models.ForeignKey("accounts.Project", on_delete=models.PROTECT, related_name="+")
    template = models.ForeignKey(Template, on_delete=models.PROTECT, related_name="tasks")
    name = models.CharField(max_length=100)
    description = models.CharField(max_length=256, blank=True)
    values = models.JSONField(default=dict)  # parameter -> value; of a secret its name
    hosts = models.JSONField(null=True)  # a selector; null = it works on no hosts
    disabled = models.CharField(max_length=256, blank=True)  # why it cannot be run
    version = models.PositiveIntegerField(default=1)  # rises with every change
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=150)
    updated_at = models.DateTimeField()
    updated_by = models.CharField(max_length=150)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "name"], name="task_once")]


class Schedule(models.Model):
    """When a task runs by itself. It runs as its owner, with the owner's rights of that moment."""

    project = models.ForeignKey("accounts.Project", on_delete=models.PROTECT, related_name="+")
    task = models.ForeignKey(Task, on_delete=models.CASCADE, related_name="schedules")
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=8)
    at = models.DateTimeField(null=True)
    cron = models.CharField(max_length=100, blank=True)
    zone = models.CharField(max_length=64)
    starts_at = models.DateTimeField(null=True)
    ends_at = models.DateTimeField(null=True)
    values = models.JSONField(default=dict)  # over the task's own
    hosts = models.JSONField(null=True)  # instead of the task's own
    misfire = models.CharField(max_length=8)
    grace = models.PositiveIntegerField()  # seconds
    overlap = models.CharField(max_length=8)
    status = models.CharField(max_length=16, default="active")
    reason = models.CharField(max_length=256, blank=True)  # why a person has paused it
    code = models.CharField(max_length=64, blank=True)  # why it has stopped itself
    facts = models.JSONField(default=dict)
    owner = models.ForeignKey("accounts.Person", null=True, on_delete=models.SET_NULL, related_name="+")
    owner_name = models.CharField(max_length=150)
    next_at = models.DateTimeField(null=True)  # the next tick
    planned_at = models.DateTimeField(null=True)  # what time it was when that was computed
    look_at = models.DateTimeField(null=True)  # when the reconciler looks at it
    failures = models.PositiveIntegerField(default=0)  # looks in a row that broke
    version = models.PositiveIntegerField(default=1)  # rises with every change by a person
    created_at = models.DateTimeField()
    created_by = models.CharField(max_length=150)
    updated_at = models.DateTimeField()
    updated_by = models.CharField(max_length=150)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["task", "name"], name="schedule_once"),
            models.CheckConstraint(condition=Q(kind__in=["once", "cron"]), name="schedule_kind"),
            models.CheckConstraint(condition=Q(misfire__in=["skip", "once"]), name="schedule_misfire"),
            models.CheckConstraint(
                condition=Q(overlap__in=["allow", "skip", "queue"]), name="schedule_overlap"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["active", "paused", "stopped", "ended"]), name="schedule_status"
            ),
            models.CheckConstraint(
                condition=Q(status="active") | Q(next_at__isnull=True), name="schedule_next"
            ),
        ]
        indexes = [
            models.Index(fields=["look_at"], condition=Q(look_at__isnull=False), name="schedule_due"),
            models.Index(
                fields=["planned_at"], condition=Q(planned_at__isnull=False), name="schedule_planned"
            ),
            models.Index(fields=["project", "-id"], name="schedule_project"),
        ]


class Tick(models.Model):
    """A moment of a schedule that has come: its run, or why there is none."""

    schedule = models.ForeignKey(Schedule, on_delete=models.CASCADE, related_name="ticks", db_index=False)
    at = models.DateTimeField()
    status = models.CharField(max_length=16)
    run = models.OneToOneField(Run, null=True, on_delete=models.SET_NULL, related_name="tick")
    open = models.BooleanField(default=False)  # its run has not ended
    code = models.CharField(max_length=64, blank=True)
    facts = models.JSONField(default=dict)
    decided_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["schedule", "at"], name="tick_once"),
            models.UniqueConstraint(
                fields=["schedule"], condition=Q(status="waiting"), name="tick_waits_alone"
            ),
            models.CheckConstraint(
                condition=Q(status__in=["started", "waiting", "skipped"]), name="tick_status"
            ),
        ]
        indexes = [models.Index(fields=["schedule"], condition=Q(open=True), name="tick_open")]
