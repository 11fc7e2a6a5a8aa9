"""Releases: requests to move instances of a service."""

from django.db import models
from django.db.models import Q


class Release(models.Model):
    """A request to deploy, upgrade, revert or delete; carried out by its run."""

    project = models.ForeignKey("accounts.Project", on_delete=models.PROTECT, related_name="+")
    service = models.ForeignKey("catalog.Service", on_delete=models.PROTECT, related_name="+")
    action = models.CharField(max_length=16)
    version = models.ForeignKey("catalog.Version", null=True, on_delete=models.PROTECT, related_name="+")
    from_version = models.ForeignKey("catalog.Version", null=True, on_delete=models.PROTECT, related_name="+")
    request = models.JSONField()  # as asked: hosts, batches, rules; shape: releases/request.py
    intent = models.JSONField()  # canonical; what plan_hash is taken of
    plan_hash = models.CharField(max_length=64)
    obstacles = models.JSONField(default=list)
    round = models.PositiveIntegerField(default=1)  # rises when the plan changes
    changes = models.JSONField(default=list)  # what differs from the round before
    former = models.JSONField(default=dict)  # host id -> the instance's status when its lock was taken
    run = models.OneToOneField("runs.Run", null=True, on_delete=models.PROTECT, related_name="+")
    note = models.CharField(max_length=256, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey("accounts.Person", null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(action__in=["deploy", "upgrade", "revert", "delete"]), name="release_action"
            ),
            models.CheckConstraint(
                condition=Q(action="delete") | Q(version__isnull=False), name="release_version"
            ),
        ]
