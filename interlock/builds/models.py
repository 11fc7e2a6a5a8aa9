"""Builds: the making of versions."""

from django.db import models


class Build(models.Model):
    """One making of a version. How it went is the version's status; where, the run's log."""

    version = models.ForeignKey("catalog.Version", on_delete=models.PROTECT, related_name="builds")
    source = models.CharField(max_length=16)
    ref = models.CharField(max_length=255, blank=True)
    run = models.OneToOneField("runs.Run", null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey("accounts.Person", null=True, on_delete=models.SET_NULL, related_name="+")
