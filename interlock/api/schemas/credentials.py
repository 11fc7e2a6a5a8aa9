"""What the platform signs in at hosts with."""

from typing import Literal

from interlock.api.schemas.pieces import Answered, Asked, Short, Text, When


class NewCredential(Asked):
    """``value``: a private key (OpenSSH or PEM, without passphrase), or a password."""

    name: Short
    kind: Literal["private_key", "password"]
    value: Text


class Credential(Answered):
    id: int
    name: str
    kind: str
    created_at: When
