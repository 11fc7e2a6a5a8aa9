"""An SSH server where OpenSSH's is not installed: the same protocol, real processes."""

from __future__ import annotations

import asyncio
import os
import pwd
import sys

import asyncssh


async def _serve(process: asyncssh.SSHServerProcess[bytes]) -> None:
    """Run what the client asked for, as the account we run as, with its streams."""
    home = pwd.getpwuid(os.getuid()).pw_dir
    peer = process.get_extra_info("peername") or ("127.0.0.1", 0)
    here = process.get_extra_info("sockname") or ("127.0.0.1", 0)
    environment = {
        "HOME": home,
        "PATH": os.environ.get("PATH", os.defpath),
        "SHELL": "/bin/sh",
        "USER": pwd.getpwuid(os.getuid()).pw_name,
        "LOGNAME": pwd.getpwuid(os.getuid()).pw_name,
        "SSH_CONNECTION": f"{peer[0]} {peer[1]} {here[0]} {here[1]}",
    }
    words = ["sh", "-c", process.command] if process.command else ["sh"]
    child = await asyncio.create_subprocess_exec(
        *words,
        env=environment,
        cwd=home,
        start_new_session=True,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    await process.redirect(stdin=child.stdin, stdout=child.stdout, stderr=child.stderr)
    process.exit(await child.wait())


async def main(folder: str, address: str, port: str, authorized: str) -> None:
    await asyncssh.listen(
        address,
        int(port),
        server_host_keys=[f"{folder}/host_key"],
        authorized_client_keys=authorized,
        process_factory=_serve,
        sftp_factory=True,
        encoding=None,
    )
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
