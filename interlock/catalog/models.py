"""Services, versions, instances, locks."""

from django.db import models
from django.db.models import Q

from interlock.lifecycle.instance import InstanceStatus
from interlock.lifecycle.version import VersionStatus

PERSON = "accounts.Person"


class Service(models.Model):
    project = models.ForeignKey("accounts.Project", on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=64, unique=True)  # names directories on hosts
    language = models.CharField(max_length=16)
    build_source = models.CharField(max_length=16)
    build_url = models.CharField(max_length=255, blank=True)
    description = models.CharField(max_length=256, blank=True)
    settings = models.JSONField(default=dict)  # shape and defaults: catalog/settings.py
    lock_scope = models.CharField(max_length=16, default="service")
    last_lock_token = models.BigIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(PERSON, null=True, on_delete=models.SET_NULL, related_name="+")
    updated_at = models.DateTimeField(auto_now=True)
    updated_by = models.ForeignKey(PERSON, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(language__in=["cpp", "go", "python", "java", "node", "other"]),
                name="service_language",
            ),
            models.CheckConstraint(
                condition=Q(build_source__in=["git", "gitlab", "jenkins", "upload"]), name="service_source"
            ),
            models.CheckConstraint(
                condition=Q(lock_scope__in=["service", "instances"]), name="service_lock_scope"
            ),
        ]


class Version(models.Model):
    """One immutable build. Name, commit, package and digest are written once, at success."""

    service = models.ForeignKey(Service, on_delete=models.PROTECT, related_name="versions")
    name = models.CharField(max_length=128, blank=True)
    status = models.CharField(max_length=16, default=VersionStatus.PENDING)
    ref = models.CharField(max_length=255, blank=True)
    commit = models.CharField(max_length=64, blank=True)
    package = models.CharField(max_length=255, blank=True)  # <service>/<build id>/<file>
    digest = models.CharField(max_length=64, blank=True)  # SHA-256, hex
    size = models.BigIntegerField(null=True)  # bytes
    reason = models.CharField(max_length=255, blank=True)  # why it failed, as a code
    description = models.CharField(max_length=256, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(PERSON, null=True, on_delete=models.SET_NULL, related_name="+")
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["service", "name"], condition=~Q(name=""), name="version_name"),
            models.CheckConstraint(
                condition=Q(status__in=[s.value for s in VersionStatus]), name="version_status"
            ),
            models.CheckConstraint(
                condition=~Q(status="success") | (~Q(name="") & ~Q(package="") & ~Q(digest="")),
                name="version_success_whole",
            ),
        ]
        indexes = [models.Index(fields=["service", "status", "id"], name="version_list")]


class Instance(models.Model):
    """One service on one host: what we ordered. A redeploy reuses the row."""

    service = models.ForeignKey(Service, on_delete=models.PROTECT, related_name="instances")
    host = models.ForeignKey("fleet.Host", on_delete=models.PROTECT, related_name="+")
    version = models.ForeignKey(Version, null=True, on_delete=models.PROTECT, related_name="instances")
    # Where a release at work is taking it; empty when none is.
    next_version = models.ForeignKey(Version, null=True, on_delete=models.PROTECT, related_name="+")
    previous_version = models.ForeignKey(Version, null=True, on_delete=models.PROTECT, related_name="+")
    status = models.CharField(max_length=16, default=InstanceStatus.ABSENT)
    port = models.PositiveIntegerField(null=True)
    tag = models.CharField(max_length=64, blank=True)
    weight = models.PositiveIntegerField(default=100)
    description = models.CharField(max_length=256, blank=True)
    maintenance = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(PERSON, null=True, on_delete=models.SET_NULL, related_name="+")
    updated_at = models.DateTimeField(auto_now=True)
    updated_by = models.ForeignKey(PERSON, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["service", "host"], name="instance_once"),
            models.CheckConstraint(
                condition=Q(status__in=[s.value for s in InstanceStatus]), name="instance_status"
            ),
            models.CheckConstraint(
                condition=Q(port__isnull=True) | Q(port__gte=1, port__lte=65535), name="instance_port"
            ),
        ]


class Lock(models.Model):
    """An instance, or with no instance the whole service, reserved by one run. Freed = deleted."""

    service = models.ForeignKey(Service, on_delete=models.PROTECT, related_name="locks")
    instance = models.ForeignKey(Instance, null=True, on_delete=models.PROTECT, related_name="locks")
    run = models.ForeignKey("runs.Run", on_delete=models.PROTECT, related_name="+")
    token = models.BigIntegerField()
    status = models.CharField(max_length=16, default="held")
    holder = models.CharField(max_length=150)
    reason = models.CharField(max_length=255)
    taken_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["instance"], condition=Q(instance__isnull=False), name="lock_instance_once"
            ),
            models.UniqueConstraint(
                fields=["service"], condition=Q(instance__isnull=True), name="lock_service_once"
            ),
            # unproven: the run has ended, but nobody has read back that the host is still.
            models.CheckConstraint(condition=Q(status__in=["held", "unproven"]), name="lock_status"),
        ]
