"""Secrets, encrypted and versioned."""

from django.db import models


class Secret(models.Model):
    name = models.CharField(max_length=128)
    project = models.ForeignKey("accounts.Project", null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    current = models.PositiveIntegerField(default=0)  # number of the newest version; 0 = none yet

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "name"], name="secret_once"),
            models.UniqueConstraint(
                fields=["name"], condition=models.Q(project__isnull=True), name="secret_platform_once"
            ),
        ]


class SecretVersion(models.Model):
    secret = models.ForeignKey(Secret, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    ciphertext = models.BinaryField()
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(max_length=150)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["secret", "number"], name="secret_version_once")]
