"""Many small writes as one transaction: what comes while one is under way goes together in the next."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from interlock.runs.worker.database import DatabaseThread

Q = TypeVar("Q")
A = TypeVar("A")
MOST = 50  # in one transaction; SQLite's other writers wait for it


class Together(Generic[Q, A]):
    """``call`` answers questions in their order; an exception among the answers is raised there."""

    def __init__(
        self, database: DatabaseThread, call: Callable[[Sequence[Q]], Sequence[A | BaseException]]
    ) -> None:
        self._database, self._call = database, call
        self._waiting: list[tuple[Q, asyncio.Future[A]]] = []
        self._flusher: asyncio.Task[None] | None = None

    async def ask(self, question: Q) -> A:
        answer: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, answer))
        if self._flusher is None or self._flusher.done():
            self._flusher = asyncio.create_task(self._flush())
        return await answer

    async def _flush(self) -> None:
        # Whoever is as far in this turn of the loop joins the first one.
        await asyncio.sleep(0)
        while self._waiting:
            batch, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            questions = [question for question, _ in batch]
            answers: Sequence[A | BaseException]
            try:
                answers = await self._database.run(lambda q=questions: self._call(q))  # type: ignore[misc]
            except BaseException as error:
                answers = [error] * len(batch)
            for (_, future), answer in zip(batch, answers, strict=True):
                if future.done():
                    continue  # whoever asked was cancelled meanwhile
                if isinstance(answer, BaseException):
                    future.set_exception(answer)
                else:
                    future.set_result(answer)
