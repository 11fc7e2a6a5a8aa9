"""Hosts, groups, environments, credentials, host keys."""

from django.db import models


class Environment(models.Model):
    name = models.CharField(max_length=64, unique=True)
    position = models.PositiveIntegerField(default=0)
    description = models.CharField(max_length=256, blank=True)
    # Rules of every release to its hosts.
    approvals_required = models.PositiveSmallIntegerField(default=0)  # quorum before the start; 0 = none
    default_batches = models.JSONField(default=list)  # e.g. ["1", "50%", "100%"]


class Grant(models.Model):
    """A project may use the hosts of an environment."""

    project = models.ForeignKey("accounts.Project", on_delete=models.CASCADE, related_name="+")
    environment = models.ForeignKey(Environment, on_delete=models.CASCADE, related_name="grants")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "environment"], name="grant_once")]


class HostGroup(models.Model):
    name = models.CharField(max_length=64, unique=True)
    description = models.CharField(max_length=256, blank=True)


class Credential(models.Model):
    name = models.CharField(max_length=64, unique=True)
    kind = models.CharField(max_length=16)  # private_key | password
    secret = models.ForeignKey("vault.Secret", on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind__in=["private_key", "password"]), name="credential_kind"
            )
        ]


class Host(models.Model):
    name = models.CharField(max_length=64, unique=True)
    address = models.CharField(max_length=255)
    port = models.PositiveIntegerField(default=22)
    user = models.CharField(max_length=64, default="root")
    environment = models.ForeignKey(Environment, on_delete=models.PROTECT, related_name="hosts")
    groups = models.ManyToManyField(HostGroup, related_name="hosts", blank=True)
    labels = models.JSONField(default=dict)
    credential = models.ForeignKey(Credential, null=True, on_delete=models.PROTECT, related_name="hosts")
    bastion = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="+")
    root = models.CharField(max_length=255, default="/srv/interlock")  # where releases are laid out
    state_dir = models.CharField(max_length=255, blank=True)  # "" = the login's own choice
    description = models.CharField(max_length=256, blank=True)
    machine_id = models.CharField(max_length=64, blank=True)  # learnt by the connection check
    facts = models.JSONField(default=dict)  # of the last connection check
    checked_at = models.DateTimeField(null=True)
    # How the last check went, whether it got in or not.
    tried_at = models.DateTimeField(null=True)
    trouble = models.CharField(max_length=64, blank=True)  # a code; "" = all was well
    stages = models.JSONField(default=list)  # of {name, status, code, found}
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            # Two rows for one machine and one tree would each believe they own it.
            models.UniqueConstraint(
                fields=["machine_id", "root"], condition=~models.Q(machine_id=""), name="host_tree_once"
            ),
            models.CheckConstraint(condition=models.Q(port__gte=1, port__lte=65535), name="host_port"),
        ]


class HostKey(models.Model):
    """A public key that a person accepted for a host, or that was given at registration."""

    host = models.ForeignKey(Host, on_delete=models.CASCADE, related_name="keys")
    line = models.TextField()  # "ssh-ed25519 AAAA..."
    fingerprint = models.CharField(max_length=128)
    accepted_by = models.CharField(max_length=150)
    accepted_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["host", "fingerprint"], name="host_key_once")]
